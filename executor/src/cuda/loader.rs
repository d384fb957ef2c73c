//! The load core: a thread that maps pages of the weights cache and copies weights into them, beside
//! whatever executes.
//!
//! The first page is copied while the others are mapped, so that the copy engine waits for one page only.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use clockwork_wire::{ActionId, Interval, ModelId, Nanos, PAGE_BYTES, Pages, Span, Status};
use rtrb::{Consumer, Producer};

use super::driver::{Context, Event, Stream};
use super::error::CudaError;
use super::memory::Pinned;
use super::pages::PagePool;
use super::setup::Instance;
use super::wait::pause;
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

/// Some or all of a model's pages.
pub(super) struct Part {
    /// The first of them.
    pub(super) first: u32,
    /// Which pages of the cache they are.
    pub(super) pages: Vec<u32>,
    /// How many pages the model has.
    pub(super) total: Pages,
}

/// The load core's own state.
pub(super) struct Loader {
    host: Host,
    context: Arc<Context>,
    pool: PagePool,
    stream: Stream,
    over: Event,
    /// For weights that are read from their file: one page is read while another is copied.
    staging: Option<[(Pinned, Event); 2]>,
    /// Which models have pages, and how many: always the first ones.
    resident: BTreeMap<ModelId, (Arc<Instance>, u32)>,
}

impl Loader {
    pub(super) fn new(
        host: Host,
        context: &Arc<Context>,
        pool: PagePool,
    ) -> Result<Self, CudaError> {
        let (stream, over) = (Stream::new(context)?, Event::new(context)?);
        let (context, resident) = (Arc::clone(context), BTreeMap::new());
        Ok(Self { host, context, pool, stream, over, staging: None, resident })
    }

    /// Does what it is told until the other end is gone.
    pub(super) fn serve(
        mut self,
        mut transfers: Consumer<Transfer>,
        mut completions: Producer<Completion>,
    ) {
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
                        self.cut(model, part.first);
                    }
                    let end = self.host.now();
                    let status = if failed { Status::RUNTIME_ERROR } else { Status::OK };
                    let exec = Interval { begin, end, duration: end - begin };
                    let completion = Completion { exec, ..Completion::bare(id, status) };
                    let room = "a device has fewer operations under way than its ring slots";
                    completions.push(completion).expect(room);
                    (self.host.wake)();
                }
                Ok(Transfer::Evict { model, keep }) => self.cut(model, keep.get()),
                Ok(Transfer::Forget { model, instance }) => {
                    self.cut(model, 0);
                    drop(instance);
                }
                Err(_) if transfers.is_abandoned() => return self.cut_all(),
                Err(_) => thread::park(),
            }
        }
    }

    /// All of a model is loaded anew; a part joins what is there.
    fn load(
        &mut self,
        model: ModelId,
        instance: &Arc<Instance>,
        part: &Part,
        due: Nanos,
    ) -> Result<(), CudaError> {
        let have = self.resident.get(&model).map_or(0, |&(_, pages)| pages);
        if have > part.first {
            self.cut(model, part.first);
        } else if have < part.first {
            return Err(CudaError::new("loading weights", "the pages before them are not there"));
        }
        let held = self.resident.entry(model).or_insert_with(|| (Arc::clone(instance), 0));
        let (head, rest) = part.pages.split_at(part.pages.len().min(1));
        for pages in [head, rest] {
            let first = held.1;
            let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
            if count > part.total.get() - first {
                return Err(CudaError::new("loading weights", "they have fewer pages"));
            }
            self.pool.map(pages, instance.range(), first)?;
            held.1 = first + count;
            let places = first..held.1;
            copy(&self.context, &self.stream, &mut self.staging, instance, places)?;
        }
        self.over.record(&self.stream)?;
        while !self.over.is_past()? {
            pause(&self.host, due);
        }
        Ok(())
    }

    /// Takes all models' pages: addresses can only be given back without.
    fn cut_all(&mut self) {
        while let Some(&model) = self.resident.keys().next() {
            self.cut(model, 0);
        }
    }

    /// Takes a model's pages from `keep` on.
    fn cut(&mut self, model: ModelId, keep: u32) {
        let Some((instance, pages)) = self.resident.get_mut(&model) else { return };
        if keep < *pages {
            // What cannot be unmapped cannot be mapped to another model either: its LOAD fails.
            let _ = instance.range().unmap(keep..*pages);
            *pages = keep;
        }
        if *pages == 0 {
            self.resident.remove(&model);
        }
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

fn page_bytes() -> usize {
    usize::try_from(PAGE_BYTES).expect("a page fits the address space")
}
