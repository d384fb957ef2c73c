//! What a hub's links have heard and its owner has not taken out: bounded, so that a flood waits in
//! the senders' sockets and not here, and no turn of the owner takes long.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// A queue whose writers wait while it is full. Those that wait take turns.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    events: RefCell<VecDeque<T>>,
    room: usize,
    waiting: RefCell<VecDeque<Waker>>,
    /// Of the waiting, those in front that were woken in vain and go first the next time.
    passed_over: Cell<usize>,
}

impl<T> Inbox<T> {
    /// Empty; full with `room` events.
    pub(super) fn new(room: usize) -> Self {
        Self {
            events: RefCell::default(),
            room,
            waiting: RefCell::default(),
            passed_over: Cell::default(),
        }
    }

    /// Puts an event in, full or not: a frame's messages stay together.
    pub(super) fn push(&self, event: T) {
        self.events.borrow_mut().push_back(event);
    }

    /// Takes the next event out. The last one lets those go on that wait for room.
    pub(super) fn pop(&self) -> Option<T> {
        let mut events = self.events.borrow_mut();
        let event = events.pop_front();
        if events.is_empty() {
            drop(events);
            self.passed_over.set(0);
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
        event
    }

    /// Waits while the inbox is full.
    pub(super) async fn room(&self) {
        let mut woken = false;
        poll_fn(|cx| self.poll_room(cx, std::mem::replace(&mut woken, true))).await;
    }

    fn poll_room(&self, cx: &Context<'_>, again: bool) -> Poll<()> {
        if self.events.borrow().len() < self.room {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        // One that was woken and found the room taken waits before those that took it.
        let behind = waiting.len();
        let place = if again { self.passed_over.get().min(behind) } else { behind };
        self.passed_over.set(self.passed_over.get() + usize::from(again));
        waiting.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::rt::{Options, run, spawn, yield_now};

    #[test]
    fn writers_of_a_full_inbox_take_turns() {
        run(&Options::default(), async {
            let inbox = Rc::new(Inbox::new(2));
            let writers: Vec<_> = (0..5)
                .map(|writer| {
                    let inbox = Rc::clone(&inbox);
                    spawn(async move {
                        loop {
                            inbox.room().await;
                            inbox.push(writer);
                        }
                    })
                })
                .collect();
            let mut counts = [0; 5];
            for _ in 0..100 {
                // Enough for every task to run.
                for _ in 0..8 {
                    yield_now().await;
                }
                let mut taken = 0;
                while let Some(writer) = inbox.pop() {
                    counts[writer] += 1;
                    taken += 1;
                }
                assert!(taken <= 2, "{taken} events in one turn");
            }
            assert!(counts.iter().all(|count| (30..=50).contains(count)), "{counts:?}");
            for writer in writers {
                writer.cancel().await;
            }
        })
        .unwrap();
    }
}
