//! The device core: a thread that hands batches to the GPU and sees them through.
//!
//! Inputs are copied, the graph is run and outputs are copied back on three streams, so that the copies
//! of one batch go on beside the execution of another. At most one batch executes at a time; a second may
//! be enqueued behind it, so that the device does not wait for the host.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::collections::VecDeque;
use std::fmt;
use std::hint;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use clockwork_wire::{ActionId, BatchSize, Interval, Nanos, Payload, Span, Status};
use rtrb::{Consumer, Producer};

use super::clock::DeviceClock;
use super::driver::{Context, Event, Stream};
use super::error::CudaError;
use super::health::LastClock;
use super::memory::Buffer;
use super::reservation::IoMemory;
use super::setup::Instance;
use super::wait::pause;
use crate::cpu::{Host, copy_inputs, guarded};
use crate::{Completion, Inputs};

/// A batch to be run.
pub(super) struct Job {
    pub(super) id: ActionId,
    pub(super) instance: Arc<Instance>,
    pub(super) batch: BatchSize,
    pub(super) inputs: Inputs,
    /// Bytes from the begin of the io memories to the inputs, which the outputs follow.
    pub(super) io: usize,
    /// How long it should execute.
    pub(super) exec: Span,
}

/// The device core's own state.
pub(super) struct Core {
    host: Host,
    context: Arc<Context>,
    clock: DeviceClock,
    io: IoMemory,
    /// What the descriptor will say when all that is enqueued is done.
    described: [u64; 2],
    copy_in: Stream,
    exec: Stream,
    copy_out: Stream,
    under_way: VecDeque<Running>,
    /// Moments that no batch uses.
    spare: Vec<Moments>,
    /// When what is under way should have been executed.
    free_at: Nanos,
    /// For how long it looks for the next job before it sleeps.
    spin: Span,
    /// The device's clock, as somebody else sees it.
    mhz: LastClock,
}

/// A batch that the device has.
struct Running {
    job: Job,
    moments: Moments,
    /// Where its outputs are in the io memories.
    outputs: Range<usize>,
    /// When it should be over.
    due: Nanos,
    /// The device's clock when it was handed over, in MHz.
    mhz: u32,
}

/// When a batch's parts begin and end.
struct Moments {
    copying: Event,
    copied: Event,
    begun: Event,
    executed: Event,
    over: Event,
}

impl Core {
    /// Takes over the memory for inputs and outputs.
    pub(super) fn new(
        host: Host,
        context: &Arc<Context>,
        io: IoMemory,
        spin: Span,
        mhz: LastClock,
    ) -> Result<Self, CudaError> {
        let stream = || Stream::new(context);
        Ok(Self {
            clock: DeviceClock::new(&host, context)?,
            host,
            io,
            described: [0; 2],
            copy_in: stream()?,
            exec: stream()?,
            copy_out: stream()?,
            under_way: VecDeque::new(),
            spare: Vec::new(),
            free_at: Nanos::ZERO,
            spin,
            mhz,
            context: Arc::clone(context),
        })
    }

    /// Does what it is told until the other end is gone. Sleeps while there is nothing to do, and until
    /// shortly before something should end: whoever sends a job unparks this thread.
    pub(super) fn serve(mut self, mut jobs: Consumer<Job>, mut completions: Producer<Completion>) {
        (self.host.place)();
        // Without a context every job fails, in words that its completion cannot carry.
        let _ = self.context.enter();
        let mut complete = |host: &Host, completion| {
            let room = "a device has fewer operations under way than its ring slots";
            completions.push(completion).expect(room);
            (host.wake)();
        };
        let mut idle_since = self.host.now();
        loop {
            if let Ok(job) = jobs.pop() {
                let id = job.id;
                let started = guarded(|| self.start(job));
                if let Err(status) = started.unwrap_or(Err(Status::RUNTIME_ERROR)) {
                    complete(&self.host, Completion::bare(id, status));
                }
            } else if let Some(running) = self.under_way.front() {
                match running.moments.over.is_past() {
                    Ok(false) => pause(&self.host, running.due),
                    Ok(true) => {
                        let completion = self.finish();
                        complete(&self.host, completion);
                        idle_since = self.host.now();
                    }
                    Err(_) => {
                        let running = self.under_way.pop_front().expect("it was just there");
                        complete(&self.host, Completion::bare(running.job.id, FAILED));
                    }
                }
            } else if jobs.is_abandoned() {
                return;
            } else if self.host.now() - idle_since < self.spin {
                hint::spin_loop();
            } else {
                thread::park();
            }
        }
    }

    /// Hands a batch to the device.
    fn start(&mut self, job: Job) -> Result<(), Status> {
        let (plan, _) = job.instance.batch(job.batch).ok_or(Status::INVALID_ACTION)?;
        let bytes = |elements: usize| elements * size_of::<f32>();
        let (inputs, outputs) = (bytes(plan.sizes().input), bytes(plan.sizes().output));
        let begin = job.io + inputs;
        let end = begin + outputs;
        let memory = self.io.host.bytes_mut().get_mut(job.io..begin);
        let memory =
            memory.filter(|_| end <= self.io.device.len()).ok_or(Status::INVALID_ACTION)?;
        if !job.is_absent() {
            copy_inputs(&job.inputs, job.batch.count(), bytemuck::cast_slice_mut(memory))?;
        }
        let moments = match self.spare.pop() {
            Some(moments) => moments,
            None => Moments::new(&self.context).map_err(|_| FAILED)?,
        };
        let copied = if job.is_absent() { outputs } else { inputs + outputs };
        let outputs = begin..end;
        self.enqueue(&job, &moments, &outputs).map_err(|_| FAILED)?;
        let copies = Span::from_micros(20) + Span::from_f64(float(copied) / COPIED_PER_NS);
        self.free_at = self.free_at.max(self.host.now() + copies) + job.exec;
        let due = self.free_at;
        let mhz = self.mhz.mhz();
        self.under_way.push_back(Running { job, moments, outputs, due, mhz });
        Ok(())
    }

    /// Gives the device all parts of a batch at once. What costs the host time stands before the launch
    /// only if it must.
    fn enqueue(
        &mut self,
        job: &Job,
        moments: &Moments,
        outputs: &Range<usize>,
    ) -> Result<(), CudaError> {
        let (_, prepared) = job
            .instance
            .batch(job.batch)
            .ok_or_else(|| CudaError::new("running a batch", "it is not prepared"))?;
        let inputs = self.enqueue_inputs(job, moments, job.io..outputs.start)?;
        self.describe([inputs, at(&self.io.device, outputs.start)])?;
        moments.begun.record(&self.exec)?;
        // SAFETY: the device has the sites for life and runs graphs on this thread only; the worker runs
        // models whose weights are loaded.
        unsafe { prepared.run(&self.exec)? };
        moments.executed.record(&self.exec)?;
        self.copy_out.wait(&moments.executed)?;
        let answers = &mut self.io.host.bytes_mut()[outputs.clone()];
        // SAFETY: the io memories have these bytes, which the worker gives to this batch alone until its
        // completion.
        unsafe { self.copy_out.copy_out(answers, at(&self.io.device, outputs.start))? };
        moments.over.record(&self.copy_out)
    }

    /// Brings inputs to the device, and lets the execution wait for them; where they will be. Zeros are
    /// there.
    fn enqueue_inputs(
        &self,
        job: &Job,
        moments: &Moments,
        inputs: Range<usize>,
    ) -> Result<u64, CudaError> {
        if job.is_absent() && inputs.len() <= self.io.zeros.len() {
            return Ok(self.io.zeros.address());
        }
        let to = at(&self.io.device, inputs.start);
        moments.copying.record(&self.copy_in)?;
        if job.is_absent() {
            // SAFETY: the io memories have these bytes, which the worker gives to this batch alone until
            // its completion.
            unsafe { self.copy_in.clear(to, inputs.len())? };
        } else {
            // SAFETY: as above.
            unsafe { self.copy_in.copy_in(to, &self.io.host.bytes()[inputs])? };
        }
        moments.copied.record(&self.copy_in)?;
        self.exec.wait(&moments.copied)?;
        Ok(to)
    }

    /// Lets the graphs that follow read and write at these addresses.
    fn describe(&mut self, addresses: [u64; 2]) -> Result<(), CudaError> {
        for (offset, address) in (0..).step_by(8).zip(addresses) {
            let word = self.io.descriptor.address() + offset;
            let known = &mut self.described[usize::from(offset > 0)];
            if *known != address {
                // SAFETY: the descriptor has sixteen bytes; the graphs that read it are on this stream.
                unsafe { self.exec.write(word, address)? };
                *known = address;
            }
        }
        Ok(())
    }

    /// The completion of the oldest batch, which is over.
    fn finish(&mut self) -> Completion {
        let running = self.under_way.pop_front().expect("the caller has seen it");
        let completion = self.completion(&running);
        let Running { job, moments, .. } = running;
        self.spare.push(moments);
        let mut completion = completion.unwrap_or_else(|_| Completion::bare(job.id, FAILED));
        // What was predicted wrongly is not wrong for those behind it.
        let rest: Span = self.under_way.iter().map(|running| running.job.exec).sum();
        self.free_at = completion.exec.end.max(self.host.now()) + rest;
        let _ = self.clock.keep(&self.host);
        if completion.status.is_ok() && completion.output.is_empty() {
            completion.output = job.inputs.body;
        }
        completion
    }

    fn completion(&self, running: &Running) -> Result<Completion, CudaError> {
        let Moments { copying, copied, begun, executed, over } = &running.moments;
        let interval = |begin: &Event, end: &Event| -> Result<Interval, CudaError> {
            let (from, to) = (self.clock.moment(begin)?, self.clock.moment(end)?);
            let duration = Span::from_f64(end.nanoseconds_since(begin)?.max(0.0));
            Ok(Interval { begin: from, end: to.max(from), duration })
        };
        let answers = &self.io.host.bytes()[running.outputs.clone()];
        let exec = interval(begun, executed)?;
        let (copy_input, output) = if running.job.is_absent() {
            let nothing = Interval { begin: exec.begin, end: exec.begin, duration: Span::ZERO };
            (nothing, Payload::EMPTY)
        } else {
            (interval(copying, copied)?, Payload::new(answers.to_vec()))
        };
        Ok(Completion {
            copy_input,
            exec,
            copy_output: interval(executed, over)?,
            output,
            clock_before: running.mhz,
            clock_after: self.mhz.mhz(),
            ..Completion::bare(running.job.id, Status::OK)
        })
    }
}

impl Job {
    /// Whether the client sent no inputs, to measure all else.
    fn is_absent(&self) -> bool {
        self.inputs.body.is_empty()
    }
}

impl Moments {
    fn new(context: &Arc<Context>) -> Result<Self, CudaError> {
        let event = || Event::new(context);
        Ok(Self {
            copying: event()?,
            copied: event()?,
            begun: event()?,
            executed: event()?,
            over: event()?,
        })
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}

/// Where a byte of a memory is.
fn at(memory: &Buffer, offset: usize) -> u64 {
    memory.address() + u64::try_from(offset).expect("an offset fits 64 bits")
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "an estimate")]
const fn float(bytes: usize) -> f64 {
    bytes as f64
}

const FAILED: Status = Status::RUNTIME_ERROR;

/// Bytes that are copied in a nanosecond, at least.
const COPIED_PER_NS: f64 = 20.0;
