//! A notification from any thread to one core.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

use super::alarm::Alarm;
use super::spinner;

/// Wakes one task of one core from any thread. Many rings before it runs are one.
///
/// Ringing costs some atomic swaps while the core is awake anyway, and a write to the core's event
/// descriptor when it sleeps. Ringing after the core has ended does nothing.
#[derive(Clone, Debug, Default)]
pub struct Doorbell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: AtomicBool,
    waker: AtomicWaker,
    /// The alarm of the core that waits, if it may sleep without the library that wakes tasks.
    alarm: OnceLock<Arc<Alarm>>,
}

impl Doorbell {
    /// Not rung.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, or lets the next wait return at once. What was written before is visible
    /// to the waiter.
    pub fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            self.0.waker.wake();
            if let Some(alarm) = self.0.alarm.get() {
                alarm.ring();
            }
        }
    }

    /// [`Doorbell::ring`] as a function, for code that knows no cores.
    pub fn ringer(&self) -> Arc<dyn Fn() + Send + Sync> {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }

    /// Waits for a ring and takes it. One task may wait at a time.
    pub async fn wait(&self) {
        poll_fn(|cx| self.poll_wait(cx)).await;
    }

    pub(super) fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        self.is_heard_here();
        self.0.waker.register(cx.waker());
        // A ring between the first look and the registration woke nobody: look again.
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whoever waits does so on this core.
    pub(super) fn is_heard_here(&self) {
        if self.0.alarm.get().is_none()
            && let Some(alarm) = spinner::alarm()
        {
            // Another one is there only if another core waited before: that is told in vain.
            let _ = self.0.alarm.set(alarm);
        }
    }

    /// Whether there is a ring to take.
    pub(super) fn is_rung(&self) -> bool {
        self.0.rung.load(Ordering::Acquire)
    }

    /// Takes a ring if there is one.
    pub(super) fn take(&self) -> bool {
        self.0.rung.load(Ordering::Acquire) && self.0.rung.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn a_foreign_thread_wakes_a_sleeping_core() {
        let bell = Doorbell::new();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let ringer = bell.ringer();
        let foreign = thread::spawn(move || {
            for _ in 0..100 {
                gone.recv().unwrap();
                ringer();
            }
        });
        run(&Options::default(), async {
            for _ in 0..100 {
                go.send(()).unwrap();
                bell.wait().await;
            }
        })
        .unwrap();
        foreign.join().unwrap();
        bell.ring();
    }
}
