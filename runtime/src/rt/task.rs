//! Tasks of a core.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::FutureExt;
use glommio::timer::Timer;

use super::executor::panic_message;

/// A task on this core; awaiting it gives its result.
///
/// Dropping it ends the task the next time it would run; [`Task::cancel`] also waits for that. A
/// core that returns does *not* end tasks that nobody holds: keep them and cancel them.
#[must_use = "a dropped task ends; detach it if it is to go on"]
pub struct Task<T>(glommio::Task<T>);

impl<T> Task<T> {
    /// Ends the task and waits until everything that it owned is dropped. Gives its result if it
    /// had one already.
    pub async fn cancel(self) -> Option<T> {
        self.0.cancel().await
    }
}

impl<T: 'static> Task<T> {
    /// Lets the task go on alone. It must end by itself before its core does.
    pub fn detach(self) {
        drop(self.0.detach());
    }
}

impl<T> Future for Task<T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// Starts a task on the calling core. A panic in it ends the core, unless it is [`guarded`].
///
/// # Panics
/// If the caller is not on a core.
pub fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
    Task(glommio::spawn_local(async move {
        let mut future = pin!(future);
        poll_fn(|cx| {
            RUN.set(RUN.get().wrapping_add(1));
            future.as_mut().poll(cx)
        })
        .await
    }))
}

thread_local! {
    /// How often tasks of this core have run.
    static RUN: Cell<u64> = const { Cell::new(0) };
}

/// Lets the core's other tasks run until all of them wait. Does not look at timers and sockets.
pub(super) async fn settle() {
    loop {
        let before = RUN.get();
        yield_now().await;
        // Tasks take turns: where none has run before this one, none was ready.
        if RUN.get() == before {
            return;
        }
    }
}

/// Lets the core's other tasks run.
pub async fn yield_now() {
    futures_lite::future::yield_now().await;
}

/// Lets the core's other tasks run, if this one has been running for a millisecond. For loops that
/// may always have more to do.
pub async fn yield_if_due() {
    glommio::yield_if_needed().await;
}

/// Lets the core's other tasks run until all of them wait, and the core look at its timers and sockets,
/// once. Yielding does neither: the library looks around when nothing is ready any more, or after
/// [`PREEMPT`](super::executor::PREEMPT).
pub(super) async fn look_around() {
    // The library takes the way past its sockets to get to a timer, and this one is due by then.
    Timer::new(MOMENT).await;
}

/// Longer than a timer takes to be set, and shorter than the library takes to come to it.
const MOMENT: Duration = Duration::from_nanos(500);

/// A task panicked; the text is the panic's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(pub String);

/// Turns a panic inside `future` into a value, so that it ends one connection and not the core.
///
/// # Errors
/// [`Panicked`], if it did.
pub async fn guarded<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .map_err(|panic| Panicked(panic_message(panic.as_ref())))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::rt::{Notify, Options, run};

    #[test]
    fn a_cancelled_task_has_dropped_what_it_owned() {
        struct OnDrop(Rc<Cell<bool>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = Rc::new(Cell::new(false));
        let owned = OnDrop(Rc::clone(&dropped));
        run(&Options::default(), async move {
            let task = spawn(async move {
                let _owned = owned;
                Notify::new().wait().await;
            });
            yield_now().await;
            assert_eq!(task.cancel().await, None);
            assert!(dropped.get());
        })
        .unwrap();
    }

    #[test]
    fn all_tasks_wait_when_a_core_has_settled() {
        run(&Options::default(), async {
            let (first, second) = (Notify::new(), Notify::new());
            let done = Rc::new(Cell::new(false));
            let (bells, at_end) = ((first.clone(), second.clone()), Rc::clone(&done));
            let tasks = [
                spawn(async move {
                    second.wait().await;
                    yield_now().await;
                    at_end.set(true);
                }),
                spawn(async move {
                    bells.0.wait().await;
                    yield_now().await;
                    bells.1.notify();
                }),
            ];
            settle().await;
            assert!(!done.get());
            first.notify();
            settle().await;
            assert!(done.get(), "a task that was woken by a task that was woken has run");
            for task in tasks {
                task.await;
            }
        })
        .unwrap();
    }

    #[test]
    fn a_guarded_panic_is_a_value() {
        let result = run(&Options::default(), guarded(async { panic!("on purpose") })).unwrap();
        assert_eq!(result.map(|()| 0), Err(Panicked("on purpose".into())));
    }
}
