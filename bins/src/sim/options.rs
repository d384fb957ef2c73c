//! From the command line to the simulator's options.

use clockwork_simulator::{Calibration, Options};
use clockwork_wire::Span;

use super::Arguments;
use crate::{Failure, knobs};

/// The options that the arguments ask for.
///
/// # Errors
/// If a number is out of its range, or a name is unknown.
pub(super) fn of(arguments: &Arguments) -> Result<Options, Failure> {
    let calibration = arguments.calibration.as_deref().map(|name| {
        Calibration::named(name).ok_or_else(|| {
            Failure::usage(format!("there is no calibration `{name}`; valid are network, loopback"))
        })
    });
    Ok(Options {
        calibration: calibration.transpose()?,
        // A real client measures from its first request on.
        warmup: arguments.arrivals.map(|_| Span::ZERO),
        duration: positive("seconds", arguments.seconds)?.map(|s| Span::from_f64(s * 1e9)),
        arrivals: arguments.arrivals,
        scheduler: knobs::scheduler(&arguments.knobs)?,
        kind: arguments.scheduler,
        load: positive("load", arguments.load)?,
        shards: at_most("shards", arguments.shards, 0, 64)?,
        devices: at_most("devices", arguments.devices, 1, 10_000)?,
        ..Options::default()
    })
}

/// The seeds behind each figure of a table.
///
/// # Errors
/// If there are none, or more than are run beside each other.
pub(super) fn seeds(arguments: &Arguments) -> Result<Vec<u64>, Failure> {
    let count = at_most("seeds", Some(arguments.seeds), 1, 16)?.unwrap_or(1);
    Ok((arguments.seed..).take(count).collect())
}

fn positive(name: &str, value: Option<f64>) -> Result<Option<f64>, Failure> {
    match value {
        Some(v) if !(v > 0.0 && v.is_finite()) => {
            Err(Failure::usage(format!("--{name} must be above 0")))
        }
        value => Ok(value),
    }
}

fn at_most(
    name: &str,
    value: Option<usize>,
    least: usize,
    most: usize,
) -> Result<Option<usize>, Failure> {
    match value {
        Some(v) if !(least..=most).contains(&v) => {
            Err(Failure::usage(format!("--{name} must be {least} to {most}")))
        }
        value => Ok(value),
    }
}
