//! What makes a core take its next turn.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use clockwork_wire::Nanos;

use super::executor::spin;
use super::guard::Guard;
use super::pace;
use super::task::look_around;
use super::{Doorbell, Notify, spin_until};
use crate::clock;

/// Wakes a core's turn task: something arrived on this core, another thread has something, or a
/// timer is due.
#[derive(Clone, Debug, Default)]
pub struct TurnBell {
    local: Notify,
    foreign: Doorbell,
    guard: Rc<RefCell<Guard>>,
}

impl TurnBell {
    /// Not rung.
    pub fn new() -> Self {
        Self::default()
    }

    /// Not rung; `foreign` is the bell that other threads have.
    pub fn rung_by(foreign: Doorbell) -> Self {
        Self { foreign, ..Self::default() }
    }

    /// Asks for a turn, from a task of the same core.
    pub fn notify(&self) {
        self.local.notify();
    }

    /// The bell for readers on the same core.
    pub fn local(&self) -> Notify {
        self.local.clone()
    }

    /// The bell for other threads and cores.
    pub fn foreign(&self) -> Doorbell {
        self.foreign.clone()
    }

    /// Waits until somebody asks for a turn or `until` has come, whichever is first. With `None`
    /// no time ends it. Takes every notification made so far. Spins at the end if the core was
    /// started so ([`Options::spin`](super::Options::spin)). On a busy core at least an interval passes
    /// between two turns ([`Options::tick`](super::Options::tick)).
    ///
    /// However late its owner is, the core's other tasks run in between, and its sockets are looked at.
    pub async fn wait(&self, until: Option<Nanos>) {
        let until = until.unwrap_or(Nanos::MAX);
        let looked = pace::interval().await;
        if until <= clock::now() && !looked {
            look_around().await;
        }
        self.sleep(until).await;
    }

    async fn sleep(&self, until: Nanos) {
        let mut timer = pin!(spin_until(until, spin()));
        let mut woken = false;
        poll_fn(|cx| {
            let mut guard = self.guard.borrow_mut();
            if std::mem::replace(&mut woken, true) {
                guard.quiet(cx);
            } else {
                guard.active(cx);
            }
            drop(guard);
            let local = self.local.poll_wait(cx).is_ready();
            let foreign = self.foreign.poll_wait(cx).is_ready();
            let wanted = pace::is_wanted(cx);
            if local || foreign || wanted { Poll::Ready(()) } else { timer.as_mut().poll(cx) }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;
    use std::net::{SocketAddr, TcpStream};
    use std::num::NonZero;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use clockwork_wire::Span;

    use super::*;
    use crate::rt::{Options, Stream, listen, run, spawn, yield_now};

    /// Both ends of a connection: ours, and the peer's.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, theirs)
    }

    #[test]
    fn an_owner_that_is_always_late_does_not_starve_its_readers() {
        run(&Options::default(), async {
            let (ours, mut theirs) = connection();
            let ours = Stream::adopt(ours).unwrap();
            let read = Rc::new(Cell::new(0));
            let reader = Rc::clone(&read);
            let reading = spawn(async move { reader.set(ours.read(&mut [0; 8]).await.unwrap()) });
            yield_now().await;
            theirs.write_all(&[7; 4]).unwrap();
            let bell = TurnBell::new();
            for _ in 0..100 {
                bell.wait(Some(Nanos::ZERO)).await;
            }
            assert_eq!(read.get(), 4);
            reading.await;
        })
        .unwrap();
    }

    #[test]
    fn a_turn_comes_by_notification_ring_or_time() {
        run(&Options::default(), async {
            let bell = TurnBell::new();
            bell.notify();
            bell.wait(None).await;
            bell.foreign().ring();
            bell.wait(None).await;
            let at = clock::now() + Span::from_millis(1);
            bell.wait(Some(at)).await;
            assert!(clock::now() >= at);
        })
        .unwrap();
    }

    /// Without the guard this hangs within some ten thousand waits.
    #[test]
    fn a_core_whose_thread_must_share_its_cpu_does_not_sleep_through_its_turns() {
        let done = Arc::new(AtomicBool::new(false));
        let hogs = thread::available_parallelism().map_or(2, NonZero::get) * 2;
        let hogs: Vec<_> = (0..hogs)
            .map(|_| {
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        run(&Options::default(), async {
            let bell = TurnBell::new();
            for _ in 0..10_000 {
                bell.wait(Some(clock::now() + Span::from_micros(30))).await;
            }
        })
        .unwrap();
        done.store(true, Ordering::Relaxed);
        for hog in hogs {
            hog.join().unwrap();
        }
    }

    #[test]
    fn a_spinning_core_comes_by_notification_and_never_early() {
        let spinning = Options { spin: Span::from_millis(1), ..Options::default() };
        run(&spinning, async {
            let bell = TurnBell::new();
            bell.notify();
            bell.wait(Some(Nanos::MAX)).await;
            let at = clock::now() + Span::from_millis(2);
            bell.wait(Some(at)).await;
            assert!(clock::now() >= at);
        })
        .unwrap();
    }
}
