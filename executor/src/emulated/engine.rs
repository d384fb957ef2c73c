//! One engine of an emulated device: jobs run one after the other, in device time.

use std::cell::RefCell;
use std::collections::VecDeque;

use clockwork_wire::{ActionId, Interval, Nanos, Payload, Span, Status};

use crate::Completion;

/// What an engine is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) id: ActionId,
    /// Time to copy the inputs.
    pub(super) input: Span,
    /// Time of the work itself.
    pub(super) exec: Span,
    /// Time to copy the outputs.
    pub(super) output: Span,
    /// Bytes of the outputs.
    pub(super) output_len: usize,
}

/// An engine and the jobs that it was given.
#[derive(Debug, Default)]
pub(super) struct Engine {
    jobs: VecDeque<Timed>,
    /// When every input that it was given will be there.
    inputs_at: Nanos,
    free_at: Nanos,
    copied_at: Nanos,
}

/// A job with its times.
#[derive(Debug)]
struct Timed {
    job: Job,
    /// When its input copy begins.
    at: Nanos,
    exec_begin: Nanos,
    exec_end: Nanos,
    copied_at: Nanos,
}

impl Engine {
    /// When everything that it was given will have been executed.
    pub(super) const fn free_at(&self) -> Nanos {
        self.free_at
    }

    /// When the oldest job will be complete.
    pub(super) fn due(&self) -> Option<Nanos> {
        self.jobs.front().map(|timed| timed.copied_at)
    }

    /// When a job that is given at `at` would be executed, if copying its inputs takes so long.
    pub(super) fn start_of(&self, at: Nanos, input: Span) -> Nanos {
        self.free_at.max(at.max(self.inputs_at) + input)
    }

    /// Takes a job that may begin at `at`. Copies of inputs, executions and copies of outputs each go
    /// one after the other; those of one job follow each other.
    pub(super) fn begin(&mut self, at: Nanos, job: Job) {
        let exec_begin = self.start_of(at, job.input);
        let at = at.max(self.inputs_at);
        self.inputs_at = at + job.input;
        let exec_end = exec_begin + job.exec;
        let copied_at = exec_end.max(self.copied_at) + job.output;
        self.free_at = exec_end;
        self.copied_at = copied_at;
        self.jobs.push_back(Timed { job, at, exec_begin, exec_end, copied_at });
    }

    /// Takes the oldest job out.
    pub(super) fn pop(&mut self) -> Option<Completion> {
        self.jobs.pop_front().map(Timed::complete)
    }

    /// Goes on after nothing moved from `since` until `now`: what was under way has as much left as
    /// it had. What was given to the idle engine meanwhile began then, and has everything left: a
    /// start in its window does not move out of it.
    pub(super) fn resume(&mut self, since: Nanos, now: Nanos) {
        let (mut free_at, mut copied_at) = (Nanos::ZERO, now);
        for timed in &mut self.jobs {
            timed.resume(since, now, free_at, copied_at);
            free_at = free_at.max(timed.exec_end);
            copied_at = copied_at.max(timed.copied_at);
        }
        if !self.jobs.is_empty() {
            (self.free_at, self.copied_at) = (free_at, copied_at);
        }
    }
}

impl Timed {
    /// Moves what did not happen between `since` and `now` behind `now` and the predecessor.
    fn resume(&mut self, since: Nanos, now: Nanos, free_at: Nanos, copied_before: Nanos) {
        let pause = now - since;
        if self.exec_end < since {
            if self.copied_at >= since {
                self.copied_at += pause;
            }
            return;
        }
        if self.exec_begin < since {
            self.exec_end += pause;
        } else {
            self.exec_begin = self.exec_begin.max(free_at);
            self.exec_end = self.exec_begin.max(now) + self.job.exec;
        }
        self.copied_at = self.exec_end.max(copied_before) + self.job.output;
    }

    fn complete(self) -> Completion {
        let Self { job, at, exec_begin, exec_end, copied_at } = self;
        Completion {
            id: job.id,
            status: Status::OK,
            copy_input: copy(at, at + job.input),
            exec: Interval { begin: exec_begin, end: exec_end, duration: exec_end - exec_begin },
            copy_output: copy(copied_at - job.output, copied_at),
            clock_before: CLOCK_MHZ,
            clock_after: CLOCK_MHZ,
            output: zeros(job.output_len),
        }
    }
}

/// A copy that took no time did not happen.
fn copy(begin: Nanos, end: Nanos) -> Interval {
    if begin == end {
        return Interval::default();
    }
    Interval { begin, end, duration: end - begin }
}

/// What an emulated device computes. All outputs are views of the same memory: a real device's are copied
/// into memory that is there already.
fn zeros(len: usize) -> Payload {
    ZEROS.with_borrow_mut(|zeros| {
        if zeros.len() < len {
            *zeros = Payload::new(vec![0; len.next_power_of_two()]);
        }
        zeros.slice(0..len).expect("there are as many")
    })
}

thread_local! {
    /// As many as the largest output so far.
    static ZEROS: RefCell<Payload> = const { RefCell::new(Payload::EMPTY) };
}

/// What the original's emulated worker reports: a V100's default clock.
const CLOCK_MHZ: u32 = 1_380;
