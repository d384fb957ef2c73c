//! Puts the shared words into the text of the original's start-up output.
//!
//! Each wrapper borrows a word and prints it; none ends with a newline. Sizes are binary: `GB` and
//! `MB` are 2^30 and 2^20 bytes, times are milliseconds with one decimal.

mod loading;
mod state;
mod status;

use std::fmt::{Display, Formatter, Result};

use clockwork_wire::ModelProfile;

pub use loading::{
    ListRequestText, LoadActionText, LoadRequestText, LoadResponseText, LoadResultText, RefusalText,
};
pub use state::{CapacityText, ClusterText, WorkerText};
pub use status::{ControllerNetworkText, InputSource, LinkText, SchedulerText, WorkerNetworkText};

/// What one model is: `input=602112 output=4000 weights=112.0 MB (7 pages) xfer=8.4 b1=3.3`.
#[derive(Clone, Copy, Debug)]
pub struct ModelText<'a>(pub &'a ModelProfile);

impl Display for ModelText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(profile) = self;
        write!(
            f,
            "input={} output={} weights={:.1} MB ({} pages) xfer={:.1}",
            profile.input_size,
            profile.output_size,
            megabytes(profile.pages.bytes()),
            profile.pages,
            profile.load.as_millis_f64()
        )?;
        profile
            .batches
            .iter()
            .try_for_each(|b| write!(f, " b{}={:.1}", b.batch, b.exec.as_millis_f64()))
    }
}

/// Bytes in units of 2^30.
fn gigabytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1_u32 << 30)
}

/// Bytes in units of 2^20.
fn megabytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1_u32 << 20)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "printed with one decimal: 2^53 bytes are exact enough"
)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod fixture {
    use clockwork_wire::{BatchProfile, BatchSize, ModelProfile, Pages, Span};

    pub(super) const RESNET50: &str = "input=602112 output=4000 weights=112.0 MB (7 pages) xfer=8.4 b1=3.3 \
                            b2=5.3 b4=7.5 b8=12.4";

    pub(super) fn resnet50() -> ModelProfile {
        let exec = [(1, 3_322_000), (2, 5_271_340), (4, 7_495_000), (8, 12_439_000)];
        ModelProfile {
            name: "resnet50_v2".into(),
            input_size: 602_112,
            output_size: 4_000,
            weights_size: 102_160_300,
            pages: Pages::new(7),
            load: Span::new(8_372_000),
            batches: exec
                .map(|(batch, ns)| BatchProfile {
                    batch: BatchSize::new(batch).unwrap(),
                    exec: Span::new(ns),
                })
                .to_vec(),
        }
    }
}
