//! Reaches a core that sleeps in its own list of sockets.

use std::cell::OnceCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io;

/// Wakes one core from any thread while it listens to its sockets itself, where the library that wakes
/// tasks does not know that it sleeps.
///
/// Ringing costs two atomic swaps while the core is awake anyway, and a write to its event descriptor
/// when it sleeps.
#[derive(Debug)]
pub(super) struct Alarm {
    /// Somebody has rung since the core last lay down.
    rung: AtomicBool,
    /// The core sleeps, or is about to.
    asleep: AtomicBool,
    descriptor: OwnedFd,
}

thread_local! {
    /// A core is a thread; `None` if the process had no descriptor to spare.
    static ALARM: OnceCell<Option<Arc<Alarm>>> = const { OnceCell::new() };
}

/// This core's alarm.
pub(super) fn here() -> Option<Arc<Alarm>> {
    ALARM.with(|alarm| alarm.get_or_init(|| Alarm::new().map(Arc::new).ok()).clone())
}

impl Alarm {
    fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { rung: AtomicBool::new(false), asleep: AtomicBool::new(false), descriptor })
    }

    /// Wakes the core, or keeps it from going to sleep.
    pub(super) fn ring(&self) {
        // Either this sees that the core lies down, or that sees the ring.
        self.rung.store(true, Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::SeqCst) {
            // It can only be refused when it is full of unread rings.
            let _ = io::write(&self.descriptor, &1_u64.to_ne_bytes());
        }
    }

    /// The core is about to sleep on the descriptor; `false` if somebody has rung, and it must not.
    pub(super) fn lie_down(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let quiet = !self.rung.swap(false, Ordering::SeqCst);
        if !quiet {
            self.get_up();
        }
        quiet
    }

    /// The core sleeps no more.
    pub(super) fn get_up(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// The ring was heard without it: the core need not stay up for it.
    pub(super) fn heed(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }

    /// The descriptor was readable.
    pub(super) fn silence(&self) {
        self.heed();
        // It fails if there is nothing to read, which is as well.
        let _ = io::read(&self.descriptor, &mut [0; 8]);
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_written(alarm: &Alarm) -> bool {
        io::read(&alarm.descriptor, &mut [0; 8]).is_ok()
    }

    #[test]
    fn a_ring_before_the_core_lies_down_keeps_it_up_and_costs_no_write() {
        let alarm = Alarm::new().unwrap();
        alarm.ring();
        assert!(!alarm.lie_down() && !is_written(&alarm));
        assert!(alarm.lie_down(), "the ring was taken");
        alarm.get_up();
        alarm.ring();
        assert!(!is_written(&alarm), "it was up");
    }

    #[test]
    fn many_rings_wake_a_sleeping_core_once() {
        let alarm = Alarm::new().unwrap();
        assert!(alarm.lie_down());
        alarm.ring();
        alarm.ring();
        let mut rings = [0; 8];
        assert_eq!(io::read(&alarm.descriptor, &mut rings), Ok(8));
        assert_eq!(u64::from_ne_bytes(rings), 1);
        alarm.silence();
        assert!(alarm.lie_down());
    }
}
