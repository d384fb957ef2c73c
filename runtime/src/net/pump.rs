//! Gets bytes into a socket: at once where it takes them, by a waiting task where it does not.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};

use clockwork_wire::codec::Chain;

use super::counters::Counters;
use crate::rt::Stream;

/// Something with bytes to write.
pub(super) trait Source {
    /// Writes as much as the socket takes. `Ready(Ok)` means that nothing is left; `Pending` means
    /// that `cx` is woken when the socket takes more.
    fn pump(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// The waiting task of a [`Source`], and whether it waits.
#[derive(Debug, Default)]
pub(super) struct Pump {
    waker: RefCell<Option<Waker>>,
    blocked: Cell<bool>,
}

impl Pump {
    /// Writes now, if the socket was not full the last time. This is the whole cost of a flush in
    /// the common case: one system call, no other task.
    pub(super) fn flush(&self, source: &impl Source) {
        if self.blocked.get() {
            return;
        }
        // Before the waiting task has run for the first time it will look by itself.
        let Some(waker) = self.waker.borrow().clone() else { return };
        match source.pump(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(())) => {}
            Poll::Pending => self.blocked.set(true),
            // The waiting task meets the same error and ends with it.
            Poll::Ready(Err(_)) => waker.wake(),
        }
    }

    /// Whether the socket was full the last time.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// The waiting task: writes whenever the socket takes more; ends with its error.
    pub(super) async fn run(&self, source: &impl Source) -> io::Error {
        poll_fn(|cx| {
            let mut waker = self.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            drop(waker);
            let pumped = source.pump(cx);
            self.blocked.set(pumped.is_pending());
            match pumped {
                Poll::Ready(Err(error)) => Poll::Ready(error),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// Writes all of `chain` from where its bytes lie, as far as the socket takes it.
pub(super) fn poll_write(
    chain: &mut Chain,
    stream: &Stream,
    counters: &Counters,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !chain.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = chain.fill(&mut slices);
        let n = ready!(stream.poll_write_vectored(cx, &slices[..filled]))?;
        chain.advance(n);
        counters.add_sent(n, 0);
    }
    Poll::Ready(Ok(()))
}

/// Slices of one write: a batch of sixteen with its inputs takes at most eighteen, a turn some.
const SLICES: usize = 128;
