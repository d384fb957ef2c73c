//! How a process is asked to end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{io, process, thread};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The wish that the process ends, seen by all of its cores. Clones are the same wish.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    wanted: AtomicBool,
    signal: AtomicI32,
    waiters: Mutex<Vec<Option<Waker>>>,
}

impl Shutdown {
    /// Nobody wants the process to end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends on SIGINT and SIGTERM: the first asks, a second one ends the process at once with exit
    /// code 130.
    ///
    /// # Errors
    /// If the signals cannot be taken over or there is no thread to wait for them.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let wish = shutdown.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                if wish.is_wanted() {
                    process::exit(EXIT_INTERRUPTED);
                }
                wish.0.signal.store(signal, Ordering::Release);
                wish.trigger();
            }
        })?;
        Ok(shutdown)
    }

    /// Asks the process to end.
    pub fn trigger(&self) {
        self.0.wanted.store(true, Ordering::Release);
        for waker in self.waiters().drain(..).flatten() {
            waker.wake();
        }
    }

    /// Whether the process is to end.
    pub fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Acquire)
    }

    /// The signal that asked, if it was one.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Waits, on any core, until the process is to end. Any number of tasks may wait.
    pub fn wait(&self) -> impl Future<Output = ()> + use<> {
        Wait { shutdown: self.clone(), slot: None }
    }

    fn waiters(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        // A list of wakers is whole at every step; a panic elsewhere cannot have torn it.
        self.0.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One waiter, with its place in the list.
struct Wait {
    shutdown: Shutdown,
    slot: Option<usize>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shutdown = self.shutdown.clone();
        let mut waiters = shutdown.waiters();
        // Looked at under the lock: a trigger from here on finds the waker in the list.
        if shutdown.is_wanted() {
            self.slot = None;
            return Poll::Ready(());
        }
        let slot = *self.slot.get_or_insert_with(|| free_slot(&mut waiters));
        waiters[slot] = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(slot) = self.slot
            && let Some(waiter) = self.shutdown.waiters().get_mut(slot)
        {
            *waiter = None;
        }
    }
}

fn free_slot(waiters: &mut Vec<Option<Waker>>) -> usize {
    waiters.iter().position(Option::is_none).unwrap_or_else(|| {
        waiters.push(None);
        waiters.len() - 1
    })
}

/// What shells report for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run, spawn, yield_now};

    #[test]
    fn every_waiter_hears_of_it() {
        run(&Options::default(), async {
            let shutdown = Shutdown::new();
            let waiters = [spawn(shutdown.wait()), spawn(shutdown.wait())];
            yield_now().await;
            assert!(!shutdown.is_wanted());
            let foreign = shutdown.clone();
            thread::spawn(move || foreign.trigger()).join().unwrap();
            for waiter in waiters {
                waiter.await;
            }
            shutdown.wait().await;
            assert!(shutdown.is_wanted() && shutdown.signal().is_none());
        })
        .unwrap();
    }

    #[test]
    fn a_waiter_that_leaves_gives_its_place_back() {
        run(&Options::default(), async {
            let shutdown = Shutdown::new();
            for _ in 0..100 {
                futures_lite::future::or(shutdown.wait(), async {}).await;
            }
            assert!(shutdown.waiters().len() <= 1);
        })
        .unwrap();
    }
}
