//! Work that blocks, away from the core.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::{io, thread};

use super::executor::panic_message;
use super::{Doorbell, Panicked};

/// A piece of blocking work on a thread of its own.
pub struct Blocking<T> {
    done: mpsc::Receiver<Result<T, Panicked>>,
    bell: Doorbell,
}

impl<T> Blocking<T> {
    /// Waits for the result without blocking the core.
    ///
    /// # Errors
    /// [`Panicked`], if the work did.
    pub async fn finish(self) -> Result<T, Panicked> {
        loop {
            match self.done.try_recv() {
                Ok(result) => return result,
                Err(mpsc::TryRecvError::Empty) => self.bell.wait().await,
                Err(mpsc::TryRecvError::Disconnected) => {
                    return Err(Panicked("the thread ended without a result".into()));
                }
            }
        }
    }
}

impl<T> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking")
    }
}

/// Runs `work` on a new thread named `name`. For what happens seldom: resolving names, reading
/// models. It begins at once; dropping the handle lets it run to its end unheard.
///
/// # Errors
/// If the operating system gives no thread.
pub fn blocking<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Blocking<T>> {
    let (tell, done) = mpsc::channel();
    let bell = Doorbell::new();
    let ring = bell.clone();
    thread::Builder::new().name(name.into()).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work))
            .map_err(|panic| Panicked(panic_message(panic.as_ref())));
        // Nobody listens any longer: then nobody needs the result.
        let _ = tell.send(result);
        ring.ring();
    })?;
    Ok(Blocking { done, bell })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn blocking_work_gives_its_result_or_its_panic() {
        run(&Options::default(), async {
            assert_eq!(blocking("test", || 7).unwrap().finish().await, Ok(7));
            let panicked = blocking("test", || panic!("on purpose")).unwrap().finish().await;
            assert_eq!(panicked.map(|()| 0), Err(Panicked("on purpose".into())));
        })
        .unwrap();
    }
}
