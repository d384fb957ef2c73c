//! A run cut into cells, by time or by SLO factor, and into a foreground and a background.
//!
//! Here rows belong to the instant at which they *began*: a request to its arrival, an action to its
//! begin on the device. So an answer that comes late counts under the load that it was asked under,
//! where the buckets of an [`Accumulator`](crate::Accumulator) tell what left in their time. What is
//! measured of a cell is defined as for a bucket.

use std::collections::BTreeMap;

use clockwork_wire::{ModelId, Nanos, Span};

use crate::actions::{Actions, Work};
use crate::distribution::Spread;
use crate::requests::Requests;
use crate::series::{OPEN_MAX, Series, Tally};
use crate::summary::WorkSummary;
use crate::window::BUCKETS_MAX;
use crate::{ActionRow, RequestBucket, RequestRow};

/// What is measured, and how it is cut.
#[derive(Clone, Copy, Debug)]
pub struct CellOptions {
    /// From the first request to the beginning of what is measured as a whole. Cells begin at once.
    pub warm_up: Span,
    /// How long is measured as a whole, at most.
    pub duration: Span,
    /// What the run is cut by.
    pub cut: CutBy,
    /// Requests for models below this are class 0, the foreground, and those for the others class 1;
    /// `None`: all are class 0.
    pub foreground: Option<u32>,
    /// Devices there are.
    pub gpus: u32,
}

/// What a run is cut by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutBy {
    /// Nothing: it is one.
    Nothing,
    /// Intervals of this length, counted from the first request.
    Time(Span),
    /// The SLO factor that class 0 asks for; what else happens belongs to the factor that was asked
    /// for last.
    SloFactor,
}

/// What was measured of one class in one part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// Seconds since the first request, or an SLO factor; 0 for the run as a whole.
    pub key: f64,
    /// 0, or 1 for the background.
    pub class: u32,
    /// Its requests, by arrival, with the cell's place in the run and its length.
    pub requests: RequestBucket,
    /// What was done for its models, by begin on the device.
    pub work: WorkSummary,
    /// |measured − predicted| of INFERs that were done.
    pub prediction_error_ms: Spread,
}

/// A run that was cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    /// Both classes, from the end of the warm-up on.
    pub whole: Cell,
    /// Cells in which something happened, by key and class.
    pub cells: Vec<Cell>,
}

/// Adds up rows by cell in one pass, in memory that depends on the number of cells only: the latest 64
/// keep distributions, and a row that comes for an older one counts but is not in its quantiles.
///
/// Requests come before the actions that were done for them, or in order of time with them: what is
/// done before the first request is left out.
#[derive(Debug)]
pub struct CellAccumulator {
    options: CellOptions,
    /// When the first request came, to which everything relates.
    first: Option<Nanos>,
    /// When the last answer was given.
    last: Nanos,
    requests: Requests,
    actions: Actions,
    classes: [Class; 2],
    factors: Factors,
}

/// The cells of a class.
#[derive(Debug)]
struct Class {
    requests: Series<Requests>,
    actions: Series<Actions>,
}

impl Class {
    const fn new() -> Self {
        Self { requests: Series::keeping(OPEN_MAX), actions: Series::keeping(OPEN_MAX) }
    }
}

impl CellAccumulator {
    /// An accumulator of nothing.
    ///
    /// # Panics
    /// If intervals have no length.
    pub fn new(options: CellOptions) -> Self {
        assert!(options.cut != CutBy::Time(Span::ZERO), "an interval has a length");
        Self {
            options,
            first: None,
            last: Nanos::ZERO,
            requests: Requests::default(),
            actions: Actions::default(),
            classes: [Class::new(), Class::new()],
            factors: Factors::default(),
        }
    }

    /// Takes in an answered request.
    pub fn request(&mut self, row: &RequestRow) {
        let arrived = row.arrived();
        let first = *self.first.get_or_insert(arrived);
        self.last = self.last.max(row.t);
        if self.measures(first, arrived) {
            self.requests.count(row);
        }
        let class = self.class(row.model_id);
        if class == 0 && self.options.cut == CutBy::SloFactor {
            self.factors.note(arrived, row.slo_factor);
        }
        if let Some(cell) = self.cell(first, arrived) {
            self.classes[class].requests.count(cell, row);
        }
    }

    /// Takes in an action that is over.
    pub fn action(&mut self, row: &ActionRow) {
        let Some(first) = self.first else { return };
        let begun = row.begun();
        if self.measures(first, begun) {
            self.actions.count(row);
        }
        let class = self.class(row.model_id);
        if let Some(cell) = self.cell(first, begun) {
            self.classes[class].actions.count(cell, row);
        }
    }

    /// What it all comes to.
    pub fn finish(self) -> Cells {
        let Some(first) = self.first else { return Cells::default() };
        let begin = first + self.options.warm_up;
        let end = self.last.min(begin + self.options.duration);
        let gpus = f64::from(self.options.gpus);
        let whole = Part { key: 0.0, begin, length: end - begin };
        let whole = whole.cell(first, 0, gpus, (self.requests.close(), self.actions.close()));
        let [foreground, background] = self.classes.map(|Class { requests, actions }| {
            let (requests, actions) = (requests.close(), actions.close());
            move |cell: usize| {
                let requests = requests.get(cell).copied().unwrap_or_default();
                (requests, actions.get(cell).copied().unwrap_or_default())
            }
        });
        let mut cells = Vec::new();
        for (at, part) in parts(self.options.cut, &self.factors, first, end) {
            cells.push(part.cell(first, 0, gpus, foreground(at)));
            cells.push(part.cell(first, 1, gpus, background(at)));
        }
        cells.retain(Cell::has_something);
        Cells { whole, cells }
    }

    fn measures(&self, first: Nanos, at: Nanos) -> bool {
        let CellOptions { warm_up, duration, .. } = self.options;
        let passed = at.since(first);
        at >= first && passed >= warm_up && passed < warm_up + duration
    }

    fn class(&self, model: ModelId) -> usize {
        let foreground = self.options.foreground;
        usize::from(foreground.is_some_and(|models| model.get() >= models))
    }

    /// The cell of an instant.
    fn cell(&mut self, first: Nanos, at: Nanos) -> Option<usize> {
        match self.options.cut {
            CutBy::Nothing => None,
            CutBy::Time(interval) => {
                let cell = at.since(first).get() / interval.get();
                usize::try_from(cell).ok().filter(|_| cell < BUCKETS_MAX)
            }
            CutBy::SloFactor => self.factors.cell_at(at),
        }
    }
}

impl Cell {
    fn has_something(&self) -> bool {
        let work = self.work;
        self.requests.counts.all > 0 || work.infers + work.loads + work.evictions > 0
    }
}

/// Where a cell is.
#[derive(Clone, Copy, Debug)]
struct Part {
    key: f64,
    begin: Nanos,
    length: Span,
}

impl Part {
    fn cell(
        self,
        first: Nanos,
        class: u32,
        gpus: f64,
        (requests, (work, prediction_error_ms)): (RequestBucket, (Work, Spread)),
    ) -> Cell {
        let (at, seconds) = ((self.begin - first).as_secs_f64(), self.length.as_secs_f64());
        let requests = RequestBucket { at, seconds, ..requests };
        let work = work.summary(seconds * gpus);
        Cell { key: self.key, class, requests, work, prediction_error_ms }
    }
}

/// The cells by key; none of what came after the last answer.
fn parts(cut: CutBy, factors: &Factors, first: Nanos, end: Nanos) -> Vec<(usize, Part)> {
    match cut {
        CutBy::Nothing => Vec::new(),
        CutBy::Time(interval) => {
            let count = (end - first).get().div_ceil(interval.get()).min(BUCKETS_MAX);
            let part = |(at, number)| {
                let since = interval.times(number);
                let begin = first + since;
                let length = (end - begin).min(interval);
                (at, Part { key: since.as_secs_f64(), begin, length })
            };
            (0..).zip(0..count).map(part).collect()
        }
        CutBy::SloFactor => {
            let part = |(&bits, seen): (&u32, &Seen)| {
                let key = f64::from(f32::from_bits(bits));
                (seen.cell, Part { key, begin: seen.first, length: seen.last - seen.first })
            };
            factors.seen.iter().map(part).collect()
        }
    }
}

/// The SLO factors of class 0, by their bits: those of positive numbers are in the numbers' order.
#[derive(Debug, Default)]
struct Factors {
    /// By the arrival from which on they held.
    held: BTreeMap<Nanos, u32>,
    seen: BTreeMap<u32, Seen>,
}

/// Where a factor was.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Its cell: its place in the order of appearance.
    cell: usize,
    /// The first arrival of class 0 with it.
    first: Nanos,
    /// The last one.
    last: Nanos,
}

impl Factors {
    /// Notes the factor of a request of class 0.
    fn note(&mut self, at: Nanos, factor: f32) {
        let bits = factor.max(0.0).to_bits();
        if self.at(at) != bits {
            self.held.insert(at, bits);
            if self.held.len() > HELD_MAX {
                self.held.pop_first();
            }
        }
        if let Some(seen) = self.seen(bits) {
            (seen.first, seen.last) = (seen.first.min(at), seen.last.max(at));
        }
    }

    /// The factor that held at an instant; 0 before the first.
    fn at(&self, at: Nanos) -> u32 {
        self.held.range(..=at).next_back().map_or(0, |(_, bits)| *bits)
    }

    fn cell_at(&mut self, at: Nanos) -> Option<usize> {
        let bits = self.at(at);
        self.seen(bits).map(|seen| seen.cell)
    }

    /// Where a factor was; `None` if there are too many.
    fn seen(&mut self, bits: u32) -> Option<&mut Seen> {
        let cell = self.seen.len();
        if cell >= HELD_MAX && !self.seen.contains_key(&bits) {
            return None;
        }
        let new = Seen { cell, first: Nanos::MAX, last: Nanos::ZERO };
        Some(self.seen.entry(bits).or_insert(new))
    }
}

/// Factors, and changes of factors, that are kept: no sweep has so many.
const HELD_MAX: usize = 10_000;
