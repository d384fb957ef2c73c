//! The load core: a thread that maps pages of the weights cache and copies weights into them, beside
//! whatever executes.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::ops::Range;
use std::sync::Arc;
use std::thread;

use clockwork_wire::{ActionId, Interval, ModelId, Nanos, Pages, Span, Status};
use rtrb::{Consumer, Producer};

use super::driver::{Context, Event, Stream};
use super::error::CudaError;
use super::memory::Pinned;
use super::memory_driver::page_bytes;
use super::pages::PagePool;
use super::setup::Instance;
use super::wait::pause;
use super::weights_cache::{Part, WeightsCache};
use crate::Completion;
use crate::cpu::{Host, guarded};

/// What the load core is told, in the order in which it is done.
pub(super) enum Transfer {
    /// Copy weights, or a part of them, into pages.
    Load { id: ActionId, model: ModelId, instance: Arc<Instance>, part: Part, span: Span },
    /// Forget weights from page `keep` on.
    Evict { model: ModelId, keep: Pages },
    /// Forget a model altogether: its graphs and addresses.
    Forget { model: ModelId, instance: Arc<Instance> },
}

/// The load core's own state.
pub(super) struct Loader {
    host: Host,
    context: Arc<Context>,
    cache: WeightsCache,
    stream: Stream,
    over: Event,
    /// For weights that are read from their file: one page is read while another is copied.
    staging: Option<[(Pinned, Event); 2]>,
}

impl Loader {
    pub(super) fn new(
        host: Host,
        context: &Arc<Context>,
        pool: PagePool,
    ) -> Result<Self, CudaError> {
        let (stream, over) = (Stream::new(context)?, Event::new(context)?);
        let (context, cache) = (Arc::clone(context), WeightsCache::new(pool));
        Ok(Self { host, context, cache, stream, over, staging: None })
    }

    /// Does what it is told until the other end is gone.
    pub(super) fn serve(
        mut self,
        mut transfers: Consumer<Transfer>,
        mut completions: Producer<Completion>,
    ) {
        (self.host.place)();
        // Without a context everything fails, in words that a completion cannot carry.
        let _ = self.context.enter();
        loop {
            match transfers.pop() {
                Ok(Transfer::Load { id, model, instance, part, span }) => {
                    let begin = self.host.now();
                    let loaded = guarded(|| self.load(model, &instance, &part, begin + span));
                    let failed = !matches!(loaded, Ok(Ok(())));
                    if failed {
                        // Copies that were enqueued before it failed end before their pages go.
                        let _ = self.stream.synchronize();
                        self.cache.cut(model, part.first);
                    }
                    let end = self.host.now();
                    let status = if failed { Status::RUNTIME_ERROR } else { Status::OK };
                    let exec = Interval { begin, end, duration: end - begin };
                    let completion = Completion { exec, ..Completion::bare(id, status) };
                    let room = "a device has fewer operations under way than its ring slots";
                    completions.push(completion).expect(room);
                    (self.host.wake)();
                }
                Ok(Transfer::Evict { model, keep }) => self.cache.cut(model, keep.get()),
                Ok(Transfer::Forget { model, instance }) => {
                    self.cache.cut(model, 0);
                    drop(instance);
                }
                Err(_) if transfers.is_abandoned() => return self.cache.clear(),
                Err(_) => thread::park(),
            }
        }
    }

    fn load(
        &mut self,
        model: ModelId,
        instance: &Arc<Instance>,
        part: &Part,
        due: Nanos,
    ) -> Result<(), CudaError> {
        let (context, stream, staging) = (&self.context, &self.stream, &mut self.staging);
        let copy = |places| copy(context, stream, staging, instance, places);
        self.cache.load(model, instance.range(), part, copy)?;
        self.over.record(&self.stream)?;
        while !self.over.is_past()? {
            pause(&self.host, due);
        }
        Ok(())
    }
}

/// Enqueues the copy of some pages' weights; of the last page, of what is used.
fn copy(
    context: &Arc<Context>,
    stream: &Stream,
    staging: &mut Option<[(Pinned, Event); 2]>,
    instance: &Instance,
    places: Range<u32>,
) -> Result<(), CudaError> {
    let host = instance.program().host();
    if places.is_empty() {
        return Ok(());
    }
    if let Some(bytes) = host.bytes() {
        let to = instance.range().at(places.start)?;
        // SAFETY: the pages are mapped there; host weights stay while the instance does, which is longer
        // than this copy.
        return unsafe { stream.copy_in(to, &bytes[used(bytes.len(), places)]) };
    }
    if staging.is_none() {
        let page = || -> Result<_, CudaError> {
            Ok((Pinned::new(context, page_bytes())?, Event::new(context)?))
        };
        *staging = Some([page()?, page()?]);
    }
    let staging = staging.as_mut().expect("it was just taken");
    for place in places {
        let used = used(host.weights().len(), place..place + 1);
        let (buffer, copied) = &mut staging[usize::from(place % 2 == 1)];
        copied.synchronize()?;
        let bytes = &mut buffer.bytes_mut()[..used.len().next_multiple_of(4096).min(page_bytes())];
        let failed = |error| CudaError::new("reading weights", &error);
        host.weights().copy_to(used.start, bytes).map_err(failed)?;
        let to = instance.range().at(place)?;
        // SAFETY: the page is mapped there; the buffer is not written before this copy is done.
        unsafe { stream.copy_in(to, &buffer.bytes()[..used.len()])? };
        copied.record(stream)?;
    }
    Ok(())
}

/// Which of so many bytes lie in some pages.
fn used(len: usize, places: Range<u32>) -> Range<usize> {
    let begin = |place: u32| {
        let place = usize::try_from(place).expect("a page number fits the address space");
        (place * page_bytes()).min(len)
    };
    begin(places.start)..begin(places.end)
}
