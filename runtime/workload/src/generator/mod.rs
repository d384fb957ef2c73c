//! When the next request comes: loops that wait for answers, and streams that do not.

mod closed_loop;
mod fixed_rate;
mod poisson;

pub use closed_loop::{BACK_OFF, BACK_OFF_OVERLOADED, ClosedLoop};
pub use fixed_rate::FixedRate;
pub use poisson::PoissonOpenLoop;

use clockwork_wire::Status;

use crate::Turn;

/// One part of a workload. It acts through its [`Turn`]: submits requests, asks for timers.
pub trait Generator: std::fmt::Debug {
    /// The workload begins.
    fn start(&mut self, turn: &mut Turn<'_>);

    /// A timer that it asked for is due; `turn.now` is the time it asked for.
    fn due(&mut self, turn: &mut Turn<'_>);

    /// One of its requests is answered. An open loop does not care.
    fn answered(&mut self, _turn: &mut Turn<'_>, _status: Status) {}

    /// Whether it will never submit again. A stream goes on for ever.
    fn is_finished(&self) -> bool {
        false
    }
}
