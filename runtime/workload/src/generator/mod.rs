//! When the next request comes: loops that wait for answers, and streams that do not.

mod alias;
mod bursty_closed_loop;
mod bursty_open_loop;
mod closed_loop;
mod fixed_rate;
mod log_replay;
mod open_loop;
mod poisson;
mod popularity;
mod ramp;
mod rows;
mod stepped;
mod trace_replay;

pub use bursty_closed_loop::BurstyClosedLoop;
pub use bursty_open_loop::BurstyOpenLoop;
pub use closed_loop::{BACK_OFF, BACK_OFF_OVERLOADED, ClosedLoop};
pub use fixed_rate::FixedRate;
pub use log_replay::{Arrival, LogReplay};
pub use open_loop::{OpenLoop, Step};
pub use poisson::PoissonOpenLoop;
pub use popularity::Popularity;
pub use ramp::{AtEnd, Change, Ramp};
pub(crate) use rows::shuffled;
pub use rows::{RATE, ROWS, Rows};
pub use stepped::Stepped;
pub use trace_replay::{Load, TraceReplay};

use clockwork_wire::Status;

use crate::Turn;

/// One part of a workload. It acts through its [`Turn`]: submits requests, asks for timers.
pub trait Generator: std::fmt::Debug + Send {
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

    /// The same before its start at one `parts`-th of its rate, as part number `part` from 0, if that
    /// many of them together are what one was. A loop cannot be divided so.
    fn share(&self, _part: u32, _parts: u32) -> Option<Box<dyn Generator>> {
        None
    }

    /// From now on its requests have this SLO, as a multiple of their model's batch-1 time.
    fn set_slo_factor(&mut self, _factor: f32) {}
}
