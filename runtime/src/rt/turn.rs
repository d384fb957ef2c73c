//! What makes a core take its next turn.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use clockwork_wire::{Nanos, Span};

use super::guard::Guard;
use super::task::{look_around, yield_now};
use super::{Doorbell, Notify, pace, sleep_until, spinner};
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
    /// no time ends it. Takes every notification made so far. On a core that was started so
    /// ([`Options::spin`](super::Options::spin)) it spins first, looking at the core's sockets itself. On
    /// a busy core at least an interval passes between two turns ([`Options::tick`](super::Options::tick)).
    ///
    /// However late its owner is, the core's other tasks run in between, and its sockets are looked at.
    pub async fn wait(&self, until: Option<Nanos>) {
        let until = until.unwrap_or(Nanos::MAX);
        let span = spinner::span();
        if span.is_zero() {
            let looked = pace::interval().await;
            if until <= clock::now() && !looked {
                look_around().await;
            }
            self.sleep(until).await;
            return;
        }
        while !self.spin(until, span).await {
            spinner::rest();
            let before = if until == Nanos::MAX { until } else { until - span };
            if self.sleep(before).await {
                return;
            }
        }
    }

    /// Asks the core's sockets until there is a turn to take; gives up, `false`, when nothing has come for
    /// `span` and no turn is due within.
    async fn spin(&self, until: Nanos, span: Span) -> bool {
        spinner::ask();
        yield_now().await;
        let mut patience = clock::now() + span;
        loop {
            let now = clock::now();
            if spinner::is_look_due(now) {
                self.look().await;
            }
            // Before all else: an owner that is always late must hear, too.
            if spinner::wake_readers() {
                // They run, and may ring.
                yield_now().await;
                patience = now + span;
            }
            if self.is_rung() || until <= now {
                return true;
            }
            if patience <= now && until.since(now) > span {
                return false;
            }
        }
    }

    /// Gives the core to the library once, and keeps it from sleeping through that.
    async fn look(&self) {
        let mut around = pin!(look_around());
        poll_fn(|cx| {
            self.guard.borrow_mut().active(cx);
            around.as_mut().poll(cx)
        })
        .await;
        spinner::looked();
    }

    /// Whether somebody has asked for a turn; takes it.
    fn is_rung(&self) -> bool {
        // Both are taken.
        let (local, foreign) = (self.local.take(), self.foreign.take());
        local || foreign
    }

    /// Sleeps until somebody asks for a turn, or until a time; gives whether somebody asked.
    async fn sleep(&self, until: Nanos) -> bool {
        let mut timer = pin!(sleep_until(until));
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
            if local || foreign || wanted {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(cx).map(|()| false)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::num::NonZero;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::rt::{Options, Stream, listen, run, spawn};

    /// Both ends of a connection: ours, and the peer's.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, theirs)
    }

    #[test]
    fn an_owner_that_is_always_late_does_not_starve_its_readers() {
        late_owner(&Options::default());
        late_owner(&Options { spin: SPINNING, ..Options::default() });
    }

    fn late_owner(options: &Options) {
        run(options, async {
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

    const SPINNING: Span = Span::from_millis(1);

    #[test]
    fn a_spinning_core_comes_by_notification_ring_or_time_and_never_early() {
        let spinning = Options { spin: SPINNING, ..Options::default() };
        run(&spinning, async {
            let bell = TurnBell::new();
            bell.notify();
            bell.wait(Some(Nanos::MAX)).await;
            bell.foreign().ring();
            bell.wait(None).await;
            // Less than it spins, and so much more that it sleeps in between.
            for ahead in [SPINNING.scale(0.5), SPINNING.times(5)] {
                let at = clock::now() + ahead;
                bell.wait(Some(at)).await;
                assert!(clock::now() >= at);
            }
        })
        .unwrap();
    }

    #[test]
    fn a_spinning_core_reads_whether_it_spins_sleeps_or_waits_for_something_else() {
        const MESSAGES: usize = 3_000;
        let spinning = Options { spin: SPINNING, ..Options::default() };
        let (ours, theirs) = connection();
        let peer = thread::spawn(move || echo(&theirs));
        run(&spinning, async {
            let ours = Stream::adopt(ours).unwrap();
            let bell = TurnBell::new();
            let (reader, local) = (ours.clone(), bell.local());
            let reading = spawn(async move {
                let mut read = 0;
                while read < MESSAGES {
                    read += reader.read(&mut [0; 8]).await.unwrap();
                    local.notify();
                }
            });
            for message in 1..=MESSAGES {
                ours.write_all(&[0]).await.unwrap();
                if message == MESSAGES {
                    // No bell asks for the last answer.
                    reading.await;
                    break;
                }
                if message % 3 == 0 {
                    spinner::rest();
                    bell.sleep(Nanos::MAX).await;
                } else {
                    bell.wait(None).await;
                }
            }
        })
        .unwrap();
        peer.join().unwrap();
    }

    /// Sends back what comes, until it ends.
    fn echo(mut stream: &TcpStream) {
        let mut byte = [0; 1];
        while stream.read(&mut byte).is_ok_and(|read| read > 0) {
            if stream.write_all(&byte).is_err() {
                break;
            }
        }
    }
}
