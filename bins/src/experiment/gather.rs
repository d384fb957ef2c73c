//! How an experiment's runs are cut and measured, and what their devices could have done.

use std::sync::Arc;

use clockwork_analysis::{self as analysis, CellAccumulator, CellOptions, Cells, CutBy};
use clockwork_config::SchedulerConfig;
use clockwork_config::experiment::{self, Run};
use clockwork_executor::zoo;
use clockwork_wire::{ModelProfile, Span};

use super::cell::Cell;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gathered {
    /// All classes from the end of the warm-up on.
    pub(super) whole: Cell,
    /// Its cells, by key and class.
    pub(super) cells: Vec<Cell>,
}

/// What takes in the run's rows.
pub(super) fn accumulator(run: &Run) -> CellAccumulator {
    CellAccumulator::new(CellOptions {
        warm_up: run.warmup,
        duration: run.duration,
        cut: match run.cells {
            experiment::Cells::None => CutBy::Nothing,
            experiment::Cells::Interval => CutBy::Time(run.interval),
            experiment::Cells::SloFactor => CutBy::SloFactor,
        },
        foreground: (run.foreground > 0).then_some(run.foreground),
        gpus: run.devices(),
    })
}

/// What they came to, beside what the devices could have done.
pub(super) fn gathered(run: &Run, measured: CellAccumulator) -> Gathered {
    let Cells { whole, cells } = measured.finish();
    let bound = Bound::of(run);
    let devices = f64::from(run.devices());
    let of_cell = |cell: &analysis::Cell| {
        let Some(bound) = &bound else { return 0.0 };
        if cell.class == 0 {
            let factor = if run.cells == experiment::Cells::SloFactor { cell.key } else { 0.0 };
            return bound.rate(bound.slo_of(factor)) * devices;
        }
        // The background can have what the foreground leaves.
        let same = |c: &&analysis::Cell| c.class == 0 && c.key.total_cmp(&cell.key).is_eq();
        let taken = cells.iter().find(same).map_or(0.0, |cell| cell.work.gpu_utilisation);
        bound.rate(bound.slo) * devices * (1.0 - taken).max(0.0)
    };
    Gathered {
        whole: Cell::new(&whole, bound.as_ref().map_or(0.0, |b| b.rate(b.slo) * devices)),
        cells: cells.iter().map(|cell| Cell::new(cell, of_cell(cell))).collect(),
    }
}

/// What one device can do of a model.
struct Bound {
    profile: Arc<ModelProfile>,
    slo: Span,
    scheduler: SchedulerConfig,
}

impl Bound {
    fn of(run: &Run) -> Option<Self> {
        let (profile, scheduler) = (zoo::profile(&run.bound)?, run.scheduler().ok()?);
        Some(Self { profile, slo: scheduler.default_slo, scheduler })
    }

    /// The SLO that a factor gives; 0 is the default.
    fn slo_of(&self, factor: f64) -> Span {
        let unit = self.profile.batches.first().map_or(Span::ZERO, |entry| entry.exec);
        if factor > 0.0 { unit.scale(factor) } else { self.slo }
    }

    /// The most requests per second over the batch sizes whose execution fits the SLO.
    fn rate(&self, slo: Span) -> f64 {
        let most = self.scheduler.max_batch;
        let fitting = self.profile.batches.iter().filter(|b| b.batch <= most && b.exec <= slo);
        fitting.map(|b| f64::from(b.batch.get()) / b.exec.as_secs_f64()).fold(0.0, f64::max)
    }
}
