//! A thread that does one task after the other, with a ring to it and one back.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use crate::Completion;

/// A device's thread as its worker's core has it: neither side ever waits for the other. The thread
/// parks when it has nothing to do; whoever sends a task unparks it.
pub(crate) struct DeviceThread<T> {
    tasks: Option<Producer<T>>,
    /// What the ring had no room for.
    backlog: VecDeque<T>,
    completions: Consumer<Completion>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> DeviceThread<T> {
    /// Starts the thread, which serves until the other end of its tasks is gone.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(crate) fn start(
        name: String,
        serve: impl FnOnce(Consumer<T>, Producer<Completion>) + Send + 'static,
    ) -> io::Result<Self> {
        let (told, tasks) = RingBuffer::new(RING);
        let (done, completions) = RingBuffer::new(RING);
        let thread = thread::Builder::new().name(name).spawn(|| serve(tasks, done))?;
        let (tasks, thread) = (Some(told), Some(thread));
        Ok(Self { tasks, backlog: VecDeque::new(), completions, thread })
    }

    /// Hands over a task, at the latest with the next flush.
    pub(crate) fn send(&mut self, task: T) {
        self.backlog.push_back(task);
        self.flush();
    }

    /// Hands over what the ring has room for.
    pub(crate) fn flush(&mut self) {
        let Some(tasks) = &mut self.tasks else { return };
        let mut pushed = false;
        while let Some(task) = self.backlog.pop_front() {
            if let Err(PushError::Full(task)) = tasks.push(task) {
                self.backlog.push_front(task);
                break;
            }
            pushed = true;
        }
        if let Some(thread) = self.thread.as_ref().filter(|_| pushed) {
            thread.thread().unpark();
        }
    }

    /// The next completion, if there is one.
    pub(crate) fn next(&mut self) -> Option<Completion> {
        self.completions.pop().ok()
    }
}

/// Waits until the thread has done what it was told.
impl<T> Drop for DeviceThread<T> {
    fn drop(&mut self) {
        self.tasks = None;
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        // A panic has been reported by the panic itself.
        let _ = thread.join();
    }
}

impl<T> fmt::Debug for DeviceThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceThread").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Slots of each ring; far more than the operations that can be under way.
pub(crate) const RING: usize = 64;
