//! A notification inside one core.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Wakes the one task that waits. Many notifications before it runs are one.
#[derive(Clone, Debug, Default)]
pub struct Notify(Rc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    set: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Notify {
    /// Not notified.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, or lets the next wait return at once.
    pub fn notify(&self) {
        if !self.0.set.replace(true)
            && let Some(waker) = self.0.waiter.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Waits for a notification and takes it. One task may wait at a time.
    pub async fn wait(&self) {
        poll_fn(|cx| self.poll_wait(cx)).await;
    }

    /// Takes a notification if there is one.
    pub(super) fn take(&self) -> bool {
        self.0.set.take()
    }

    pub(super) fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        let mut waiter = self.0.waiter.borrow_mut();
        if !waiter.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waiter = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run, spawn, yield_now};

    #[test]
    fn many_notifications_are_one() {
        run(&Options::default(), async {
            let notify = Notify::new();
            let woken = Rc::new(Cell::new(0));
            let task = spawn({
                let (notify, woken) = (notify.clone(), Rc::clone(&woken));
                async move {
                    loop {
                        notify.wait().await;
                        woken.set(woken.get() + 1);
                    }
                }
            });
            notify.notify();
            notify.notify();
            for _ in 0..4 {
                yield_now().await;
            }
            assert_eq!(woken.get(), 1);
            notify.notify();
            for _ in 0..4 {
                yield_now().await;
            }
            assert_eq!(woken.get(), 2);
            task.cancel().await;
        })
        .unwrap();
    }
}
