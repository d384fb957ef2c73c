//! The one module that knows the executor library (glommio 0.9).
//!
//! Everything else speaks of cores, tasks, notifications, timers and streams. Swapping the library
//! means rewriting this folder.
//!
//! What it guards against, because the library does not: a port that is taken is an error; names
//! are never resolved on a core; the first sleep of a process is not late; detached tasks are
//! ended before their core returns if their owner keeps the [`Task`]; work that blocks runs on a
//! thread of its own, and its panic is a value.

mod alarm;
mod blocking;
mod doorbell;
mod executor;
mod guard;
mod lateness;
mod notify;
mod pace;
mod spinner;
mod task;
mod tcp;
mod timer;
mod turn;
mod vigil;

pub use blocking::{Blocking, blocking};
pub use doorbell::Doorbell;
pub use executor::{Core, ExecutorError, Options, run, spawn_core};
pub use notify::Notify;
pub use pace::until_turn;
pub use spinner::margin;
pub use task::{Panicked, Task, guarded, spawn, yield_if_due, yield_now};
pub use tcp::{ListenError, Listener, Stream, connect, listen};
pub use timer::{sleep, sleep_until};
pub use turn::TurnBell;
