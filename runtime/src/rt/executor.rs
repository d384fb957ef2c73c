//! Starts and runs a core.

use std::any::Any;
use std::future::Future;
use std::num::NonZeroU64;
use std::thread;
use std::time::Duration;

use clockwork_wire::Span;
use glommio::timer::Timer;
use glommio::{LocalExecutorBuilder, Placement};
use rustix::thread::set_current_timer_slack;

use super::spinner::Patience;
use super::{pace, spawn, spinner};
use crate::clock;

/// How a core is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The thread's name, for people who look at the process.
    pub name: String,
    /// The CPU to run on; `None` leaves it to the kernel. Choose from
    /// [`placement`](crate::placement), which knows what this process may use.
    pub pin: Option<usize>,
    /// Entries of the I/O ring: 128 for some hundred connections, 1,024 for thousands.
    pub ring_depth: usize,
    /// How long a [`TurnBell`](super::TurnBell) of this core with nothing to do asks for what comes before
    /// the core sleeps, and how long before a due time it stops sleeping: it is then punctual to a
    /// microsecond, and takes a message within some. Zero, the default, never spins.
    pub spin: Span,
    /// How long after it last heard something a core sleeps by listening to its sockets itself, which wakes
    /// it sooner and for less than the library does. Zero, the default, never does.
    pub warm: Span,
    /// How long before something foreseen, or due, a core stops sleeping, and how long after it it sleeps
    /// again. Zero, the default, sleeps through to whatever comes.
    pub foreseen: Span,
    /// The longest that a busy core lets events gather between two turns; zero, the default, reacts to
    /// each at once.
    pub tick: Span,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "core".into(),
            pin: None,
            ring_depth: 128,
            spin: Span::ZERO,
            warm: Span::ZERO,
            foreseen: Span::ZERO,
            tick: Span::ZERO,
        }
    }
}

impl Options {
    /// The defaults, with a name.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A core that cannot start, or that ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The kernel refuses what the core needs. [`preflight`](crate::preflight) says it in clearer
    /// words if it is asked first.
    #[error("core `{name}` cannot start: {reason}")]
    Start {
        /// The core.
        name: String,
        /// The library's words.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("core `{name}` got no thread")]
    Thread {
        /// The core.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// A task of the core panicked: a bug of ours. The process should end.
    #[error("core `{name}` panicked: {message}")]
    Panicked {
        /// The core.
        name: String,
        /// The panic's message.
        message: String,
    },
}

/// Runs `future` to its end on a core on this thread.
///
/// # Errors
/// If the kernel refuses the core its rings.
///
/// # Panics
/// If a task that is not [`guarded`](super::guarded) panics.
pub fn run<T>(options: &Options, future: impl Future<Output = T>) -> Result<T, ExecutorError> {
    let placement = options.pin.map_or(Placement::Unbound, Placement::Fixed);
    let mut builder = LocalExecutorBuilder::new(placement)
        .name(&options.name)
        .io_memory(IO_MEMORY)
        .ring_depth(options.ring_depth)
        .preempt_timer(clock::duration(PREEMPT));
    if !options.spin.is_zero() {
        builder = builder.spin_before_park(clock::duration(LINGER));
    }
    let executor = builder
        .make()
        .map_err(|e| ExecutorError::Start { name: options.name.clone(), reason: e.to_string() })?;
    pace::limit(options.tick);
    let patience =
        Patience { awake: options.spin, asleep: options.warm, foreseen: options.foreseen };
    if !options.warm.is_zero() {
        // Sleeps are to end when they should; where the kernel does not allow that, they are measured.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
    }
    Ok(executor.run(async move {
        // The library's first timer of a process fires tens of milliseconds late.
        Timer::new(Duration::from_micros(1)).await;
        let keeper = spawn(keep());
        let result = spinner::with(patience, future).await;
        keeper.cancel().await;
        result
    }))
}

/// Wakes the core now and then: the library may sleep although tasks are ready (see
/// [`guard`](super::guard)), and a future without a [`TurnBell`](super::TurnBell) has no other guard.
async fn keep() {
    loop {
        Timer::new(clock::duration(KEPT_EVERY)).await;
    }
}

/// A core on a thread of its own.
#[derive(Debug)]
pub struct Core<T> {
    name: String,
    thread: thread::JoinHandle<Result<T, ExecutorError>>,
}

impl<T> Core<T> {
    /// Waits for the core's end. Blocks the calling thread.
    ///
    /// # Errors
    /// If the core could not start or panicked.
    pub fn join(self) -> Result<T, ExecutorError> {
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => Err(ExecutorError::Panicked {
                name: self.name,
                message: panic_message(panic.as_ref()),
            }),
        }
    }

    /// Whether the core has ended, well or badly.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Starts a core on a new thread; `make` runs there and gives the future that the core drives to
/// its end.
///
/// # Errors
/// If the operating system gives no thread. A core that cannot start says so in [`Core::join`].
pub fn spawn_core<T, F, M>(options: Options, make: M) -> Result<Core<T>, ExecutorError>
where
    T: Send + 'static,
    F: Future<Output = T>,
    M: FnOnce() -> F + Send + 'static,
{
    let name = options.name.clone();
    thread::Builder::new()
        .name(name.clone())
        .spawn(move || run(&options, async move { make().await }))
        .map(|thread| Core { name: name.clone(), thread })
        .map_err(|source| ExecutorError::Thread { name, source })
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

/// Registered I/O memory serves files and datagrams only; streams do without, so take the least.
const IO_MEMORY: usize = 64 << 10;
/// The longest that a core without a bell may sleep through work.
const KEPT_EVERY: Span = Span::from_secs(1);
/// A core that spins gives itself to the library for a moment at a time, in which it is not to sleep.
const LINGER: Span = Span::from_micros(5);
/// How long a task may run before the core looks at its timers again, where tasks yield. A thread
/// that loses its CPU for so long may strand ready tasks (see [`guard`](super::guard)), so it is
/// not shorter than the turn of a busy neighbour.
pub(super) const PREEMPT: Span = Span::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_returns_what_its_future_returns() {
        let core = spawn_core(Options::named("test"), || async { 7 }).unwrap();
        assert_eq!(core.join().unwrap(), 7);
    }

    #[test]
    fn a_panic_of_a_core_is_an_error_of_its_join() {
        let core = spawn_core(Options::named("test"), || async { panic!("on purpose") }).unwrap();
        let error = core.join().map(|()| 0).unwrap_err();
        assert!(error.to_string().contains("core `test` panicked"), "{error}");
    }
}
