//! What the azure workloads share: functions of a trace as models.

use std::sync::Arc;

use clockwork_wire::{Span, UserId};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generator::{Load, RATE, ROWS, Rows, TraceReplay, shuffled};
use crate::text::significant;
use crate::{Arguments, Context, Parameter, Plan, Target, UsageError};

/// How a trace is replayed.
pub(crate) struct Replay {
    /// Models to load, with their copies, in order.
    pub(crate) loads: Vec<(String, u32)>,
    /// How functions become models.
    pub(crate) spread: Spread,
    /// Of 14 days, which one.
    pub(crate) day: u32,
    /// How much of the trace's rates.
    pub(crate) load: Load,
    /// How long the rate of a minute holds.
    pub(crate) interval: Span,
    /// Whether each function begins at a random minute of its own, instead of the first.
    pub(crate) random_start: bool,
}

/// How functions become models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The most called functions go to the first models, in blocks.
    Blocks,
    /// One after the other goes to the next model.
    Striped,
    /// There is only the most called one.
    First,
}

impl Replay {
    /// The first day of the trace as it is, from its first minute on.
    pub(crate) const fn first_day(
        loads: Vec<(String, u32)>,
        spread: Spread,
        interval: Span,
    ) -> Self {
        let load = Load { value: 1.0, unit: 1.0, per_gpu: false };
        Self { loads, spread, day: 1, load, interval, random_start: false }
    }

    /// The same for few models, 3 copies of each, over which functions take turns.
    ///
    /// # Errors
    /// If there are no models.
    pub(crate) fn striped(arguments: &Arguments<'_>, interval: Span) -> Result<Self, UsageError> {
        let loads = copies_of_all(arguments, |models| 3 * models)?;
        Ok(Self::first_day(loads, Spread::Striped, interval))
    }

    /// The plan, with what it says of the trace.
    pub(crate) fn plan(
        self,
        arguments: &Arguments<'_>,
        generator: impl FnOnce(&mut Plan, TraceReplay),
    ) -> Result<Plan, UsageError> {
        let context = arguments.context();
        let mut plan = Plan::default();
        plan.announce_loads();
        let (rows, rate) = self.rows(arguments, &mut plan)?;
        for (name, copies) in &self.loads {
            plan.load(name, *copies);
        }
        if plan.models() > MODELS_WARN {
            plan.note(format!("Warning: {} models need much host memory", plan.models()));
        }
        let targets = self.targets(rows.count(), plan.models(), context);
        let replay = TraceReplay::new(Arc::new(rows), targets, self.load, self.interval);
        generator(&mut plan, replay.scaled(rate).begun(self.offset(context.seed)));
        Ok(plan)
    }

    /// The rows, and the factor on their rates; notes how they came about.
    fn rows(&self, arguments: &Arguments<'_>, plan: &mut Plan) -> Result<(Rows, f64), UsageError> {
        let Context { scale_rows, scale_rate, seed, files, .. } = arguments.context();
        let failed = |source| UsageError::File { workload: arguments.workload(), source };
        let (name, trace) = files.day(self.day).map_err(failed)?;
        let sampled = trace.is_sampled();
        let rows = match scale_rows.unwrap_or(if sampled { ROWS } else { 0 }) {
            0 => Rows::of(&trace),
            count => Rows::resampled(&trace, count),
        };
        let rate = scale_rate.unwrap_or(if sampled { RATE / rows.rate() } else { 1.0 });
        let (functions, minutes) = (trace.functions(), trace.minutes());
        let resampled = if *scale_rows == Some(0) || (scale_rows.is_none() && !sampled) {
            "not resampled".into()
        } else {
            format!("resampled to {} with time rotation", rows.count())
        };
        plan.note(format!(
            "Trace {name}: {functions} functions x {minutes} minutes, {resampled} (--scale-rows), rates x {} (--scale-rate): {} requests/s at scale 1",
            significant(rate),
            significant(rows.rate() * rate)
        ));
        let rows = if self.spread == Spread::First { rows.first() } else { rows };
        let rows = if self.random_start { rows.rotated(*seed) } else { rows };
        Ok((rows, rate))
    }

    /// Whom each row asks for, as the user with its number.
    fn targets(&self, rows: u32, models: u32, context: &Context) -> Arc<[Target]> {
        let order = if context.shuffle { shuffled(models, context.seed) } else { Vec::new() };
        let target = |row: u32| {
            let model = match self.spread {
                Spread::Blocks => scaled(row, models, rows),
                Spread::Striped => row % models,
                Spread::First => 0,
            };
            let model =
                order.get(usize::try_from(model).expect("a u32 fits usize")).unwrap_or(&model);
            Target::new(UserId::new(row), *model)
        };
        (0..rows).map(target).collect()
    }

    /// How far into its first minute a replay with a random start begins.
    fn offset(&self, seed: u64) -> Span {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let length = if self.random_start { self.interval.get() } else { 1 };
        Span::new(random.random_range(0..length))
    }
}

/// `copies` of all models together, spread evenly over them; the first ones take what is left over.
pub(crate) fn copies_of_all(
    arguments: &Arguments<'_>,
    copies: impl Fn(u32) -> u32,
) -> Result<Vec<(String, u32)>, UsageError> {
    let models = &arguments.context().models;
    let count = u32::try_from(models.len()).expect("a list of names is short");
    if count == 0 {
        return Err(UsageError::NoModels { workload: arguments.workload() });
    }
    let copies = copies(count);
    let share = |place: u32| copies / count + u32::from(place < copies % count);
    let shares = (0..).zip(models).map(|(place, name)| (name.clone(), share(place)));
    Ok(shares.filter(|(_, copies)| *copies > 0).collect())
}

/// The copies that fill the memory of workers to a degree of 1 to 4.
pub(crate) fn copies_by_memory(
    arguments: &Arguments<'_>,
    use_all_models: bool,
) -> Result<Vec<(String, u32)>, UsageError> {
    let degree = usize::try_from(arguments.count("memory_load_factor", 1..=4)?).unwrap_or(4) - 1;
    if use_all_models {
        copies_of_all(arguments, |models| models * [3, 13, 29, 66][degree])
    } else {
        Ok(vec![("resnet50_v2".into(), [200, 800, 1_800, 3_600][degree])])
    }
}

/// The parameter of [`copies_by_memory`].
pub(crate) const MEMORY_LOAD_FACTOR: Parameter = Parameter::optional(
    "memory_load_factor",
    "int",
    "4",
    "1 to 4: 3, 13, 29 or 66 copies of every model, or 200, 800, 1800 or 3600 of resnet50_v2",
);

/// How long the rates of a trace's minute hold.
pub(crate) const INTERVAL: Parameter =
    Parameter::optional("interval", "float", "60", "seconds for which the rates of a minute hold");

/// Which of the dataset's days is replayed.
pub(crate) const DAY: Parameter =
    Parameter::optional("trace", "int", "1", "day of the dataset, 1 to 14");

/// The factor on a trace's rates at load factor 1, for each worker.
pub(crate) const SCALE_PER_LOAD: f64 = 0.125;

/// Load factors that can be asked for.
pub(crate) const LOADS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// `models * row / rows`, rounded down.
fn scaled(row: u32, models: u32, rows: u32) -> u32 {
    let place = u64::from(models) * u64::from(row) / u64::from(rows);
    u32::try_from(place).expect("it is below the number of models")
}

/// With more models than this, the original warned of memory.
const MODELS_WARN: u32 = 3_100;
