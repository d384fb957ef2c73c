//! How often a busy core takes a turn.
//!
//! An idle core reacts to each event at once. Waking up costs 10 to 100 us of CPU time, however little
//! there is to do, so that under load a core that reacts to each event does little else, and so do its
//! peers, who are woken by each of its answers. A core that has become busy therefore takes turns
//! at intervals: its readers read nothing in between, what comes gathers in the kernel's buffers, and
//! no event wakes it but its timer. The interval is the shortest that keeps the core from being busy
//! with waking up; it grows and shrinks by factors of two, as the thread's own CPU time says.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clockwork_wire::{Nanos, Span};
use glommio::timer::Timer;
use rustix::time::{ClockId, clock_gettime};

use super::task::yield_now;
use crate::clock;

/// The turns of a core.
#[derive(Debug, Default)]
struct Pace {
    /// The longest interval; zero reacts to each event for ever.
    most: Cell<Span>,
    interval: Cell<Span>,
    /// When the readers could read last.
    opened: Cell<Nanos>,
    /// How often that was.
    openings: Cell<u64>,
    /// Readers that wait for the next time.
    waiting: RefCell<Vec<Waker>>,
    /// The turn task, while it waits for something to do.
    turn: RefCell<Option<Waker>>,
    /// Clock and CPU time when the interval was last looked at.
    looked: Cell<(Nanos, Span)>,
    /// CPU time since then that was spent waiting.
    idle: Cell<Span>,
}

thread_local! {
    /// A core is a thread.
    static PACE: Pace = Pace::default();
}

/// Sets the longest interval of this core's turns.
pub(super) fn limit(most: Span) {
    PACE.with(|pace| {
        pace.most.set(most);
        pace.interval.set(Span::ZERO);
        pace.looked.set((clock::now(), cpu_time()));
    });
}

/// Waits until the next turn is due, then lets the readers read. At once on a core that is not busy.
/// Gives whether the core has looked at its timers and sockets meanwhile.
pub(super) async fn interval() -> bool {
    let now = clock::now();
    let (due, gated) = PACE.with(|pace| {
        pace.look(now);
        (pace.due(), !pace.interval.get().is_zero() || !pace.waiting.borrow().is_empty())
    });
    if !gated {
        return false;
    }
    let left = due.since(now);
    if !left.is_zero() {
        Timer::new(clock::duration(left)).await;
    }
    PACE.with(Pace::open);
    yield_now().await;
    !left.is_zero()
}

/// Whether this core takes its turns at intervals.
pub(super) fn is_paced() -> bool {
    PACE.with(|pace| !pace.interval.get().is_zero() || !pace.waiting.borrow().is_empty())
}

/// The core has been awake so long only to hear something sooner, which does not count as being busy.
pub(super) fn waited_awake(span: Span) {
    PACE.with(|pace| pace.idle.set(pace.idle.get() + span));
}

/// Whether readers wait for a turn, which it is the caller's to take; wakes it when one does.
pub(super) fn is_wanted(cx: &Context<'_>) -> bool {
    PACE.with(|pace| {
        let wanted = !pace.waiting.borrow().is_empty();
        *pace.turn.borrow_mut() = (!wanted).then(|| cx.waker().clone());
        wanted
    })
}

/// Waits until it is time to read again: at once on a core that is not busy, else at the beginning
/// of the next turn.
pub async fn until_turn() {
    let (entered, due) = PACE.with(|pace| (pace.openings.get(), pace.due()));
    if due <= clock::now() {
        return;
    }
    poll_fn(|cx| {
        PACE.with(|pace| {
            if pace.openings.get() != entered {
                return Poll::Ready(());
            }
            pace.waiting.borrow_mut().push(cx.waker().clone());
            if let Some(turn) = pace.turn.take() {
                turn.wake();
            }
            Poll::Pending
        })
    })
    .await;
}

impl Pace {
    /// When the next turn is due.
    fn due(&self) -> Nanos {
        self.opened.get() + self.interval.get()
    }

    fn open(&self) {
        self.opened.set(clock::now());
        self.openings.set(self.openings.get() + 1);
        // What is woken runs later: the list is not touched meanwhile, and keeps its memory.
        self.waiting.borrow_mut().drain(..).for_each(Waker::wake);
    }

    /// Now and then, follows how busy the core is.
    fn look(&self, now: Nanos) {
        let (then, used) = self.looked.get();
        let passed = now.since(then);
        if passed < LOOK || self.most.get().is_zero() {
            return;
        }
        let cpu = cpu_time();
        self.looked.set((now, cpu));
        let busy = (cpu - used - self.idle.take()).as_f64() / passed.as_f64();
        self.interval.set(follow(self.interval.get(), busy, self.most.get()));
    }
}

/// The next interval of a core that was busy for such a part of the last one.
fn follow(interval: Span, busy: f64, most: Span) -> Span {
    if busy > BUSY {
        interval.times(2).max(LEAST).min(most)
    } else if busy < IDLE {
        let half = interval.scale(0.5);
        if half < LEAST { Span::ZERO } else { half }
    } else {
        interval
    }
}

/// The CPU time that this thread has used.
fn cpu_time() -> Span {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    clock::span(Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0)))
}

/// How often the interval is looked at.
const LOOK: Span = Span::from_millis(4);
/// A core that is busy for more than this part of the time takes its turns less often,
const BUSY: f64 = 0.3;
/// and one that is for less than this part, more often. The two are more than a factor of two apart,
/// so that one step does not call for its opposite.
const IDLE: f64 = 0.1;
/// The first interval: below it there is nothing to gain.
const LEAST: Span = Span::from_micros(60);

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::rt::{Options, TurnBell, run, spawn};

    #[test]
    fn the_interval_follows_the_load_between_its_bounds() {
        let most = Span::from_micros(500);
        let after = |interval, busy: &[f64]| {
            busy.iter().fold(interval, |interval, &busy| follow(interval, busy, most))
        };
        assert_eq!(after(Span::ZERO, &[0.2]), Span::ZERO, "a core that is not busy reacts at once");
        assert_eq!(after(Span::ZERO, &[0.5]), LEAST);
        assert_eq!(after(LEAST, &[0.5, 0.2, 0.5]), LEAST.times(4));
        assert_eq!(after(LEAST, &[0.9; 9]), most);
        assert_eq!(after(most, &[0.0; 9]), Span::ZERO);
        assert_eq!(follow(LEAST, 0.9, Span::ZERO), Span::ZERO, "zero reacts at once for ever");
    }

    #[test]
    fn a_reader_that_waits_for_a_turn_gets_one_although_nothing_happens() {
        run(&Options::default(), async {
            let begin = clock::now();
            let interval = Span::from_millis(2);
            PACE.with(|pace| {
                pace.opened.set(begin);
                pace.interval.set(interval);
            });
            let read = Rc::new(Cell::new(None));
            let reader = Rc::clone(&read);
            let reading = spawn(async move {
                // The turn task is waiting by now.
                yield_now().await;
                until_turn().await;
                reader.set(Some(clock::now()));
            });
            let bell = TurnBell::new();
            bell.notify();
            while read.get().is_none() {
                bell.wait(None).await;
            }
            reading.await;
            assert!(read.get().is_some_and(|at| at >= begin + interval));
        })
        .unwrap();
    }
}
