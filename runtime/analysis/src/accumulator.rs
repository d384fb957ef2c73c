//! Takes in rows one by one and says in the end what they come to.

use clockwork_wire::{Nanos, Span};

use crate::actions::ActionTally;
use crate::group::Group;
use crate::requests::{RequestBucket, RequestTally};
use crate::summary::{
    Analysis, GroupSeries, GroupSummary, Peak, Series, Summary, Tails, WindowSummary,
};
use crate::window::{Buckets, Window, WindowError};
use crate::{ActionRow, RequestRow};

/// What is measured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which part of the run.
    pub window: Window,
    /// Width of a bucket: wide ones hide what happens within, narrow ones are noisy, and at most
    /// 100,000 are kept. The papers take 10 s (Clockwork's figure 6) and 60 s (figures 9 and 11).
    pub bucket: Span,
    /// Devices there are; `None` counts those that did something.
    pub gpus: Option<u32>,
    /// Parts of the requests to look at by themselves.
    pub groups: Vec<Group>,
}

impl Options {
    /// This window in buckets of 10 s.
    pub fn new(window: Window) -> Self {
        Self { window, bucket: Span::from_secs(10), gpus: None, groups: Vec::new() }
    }
}

/// Adds up rows in one pass, in memory that depends on neither their number nor their values: on the
/// number of buckets, devices and models only.
///
/// Requests and actions may come in any order between each other; among themselves roughly in order
/// of time, as logs have them.
#[derive(Debug)]
pub struct Accumulator {
    buckets: Buckets,
    gpus: Option<u32>,
    last: Nanos,
    outside: u64,
    requests: RequestTally,
    groups: Vec<(Group, RequestTally)>,
    actions: ActionTally,
}

impl Accumulator {
    /// An accumulator of nothing.
    ///
    /// # Errors
    /// If the window is empty or the buckets are too narrow for it.
    pub fn new(options: Options) -> Result<Self, WindowError> {
        let Options { window, bucket, gpus, groups } = options;
        let buckets = Buckets::new(window, bucket)?;
        let tally = || RequestTally::new(bucket);
        Ok(Self {
            buckets,
            gpus,
            last: Nanos::ZERO,
            outside: 0,
            requests: tally(),
            groups: groups.into_iter().map(|group| (group, tally())).collect(),
            actions: ActionTally::default(),
        })
    }

    /// Takes in an answered request.
    pub fn request(&mut self, row: &RequestRow) {
        let Some(bucket) = self.bucket(row.t) else { return };
        self.requests.count(bucket, row);
        for (group, tally) in &mut self.groups {
            if group.contains(row) {
                tally.count(bucket, row);
            }
        }
    }

    /// Takes in an action that is over.
    pub fn action(&mut self, row: &ActionRow) {
        if let Some(bucket) = self.bucket(row.t) {
            self.actions.count(bucket, row);
        }
    }

    /// What it all comes to.
    pub fn finish(self) -> Analysis {
        let (buckets, end) = (self.buckets, self.buckets.end(self.last));
        let seconds = (end - buckets.from()).as_secs_f64();
        let gpus = self.gpus.unwrap_or_else(|| self.actions.devices());
        let window = WindowSummary {
            from_ns: buckets.from().get(),
            seconds,
            bucket_seconds: buckets.width().as_secs_f64(),
            rows_outside: self.outside,
        };
        let (requests, over_time, tails) = self.requests.finish(&buckets, end);
        let mut summary = Summary {
            window,
            peak: peak(&over_time, window.bucket_seconds),
            requests,
            groups: Vec::new(),
            actions: self.actions.summary(seconds, gpus),
        };
        let actions = self.actions.series(&buckets, end, gpus);
        let mut series = Series { requests: over_time, groups: Vec::new(), actions };
        for (Group { name, .. }, tally) in self.groups {
            let (requests, over_time, _) = tally.finish(&buckets, end);
            summary.groups.push(GroupSummary { name: name.clone(), requests });
            series.groups.push(GroupSeries { name, requests: over_time });
        }
        let (infer, load) = self.actions.tails();
        Analysis { summary, series, tails: Tails { requests: tails, infer, load } }
    }

    fn bucket(&mut self, t: Nanos) -> Option<usize> {
        let bucket = self.buckets.of(t);
        match bucket {
            Some(_) => self.last = self.last.max(t),
            None => self.outside += 1,
        }
        bucket
    }
}

fn peak(buckets: &[RequestBucket], width: f64) -> Peak {
    let whole = |bucket: &&RequestBucket| bucket.seconds >= width;
    let best = |best: Option<RequestBucket>, bucket: &RequestBucket| match best {
        Some(best) if best.goodput() >= bucket.goodput() => Some(best),
        _ => Some(*bucket),
    };
    let found = buckets.iter().filter(whole).fold(None, best);
    let found = found.or_else(|| buckets.iter().fold(None, best)).unwrap_or_default();
    Peak { at: found.at, goodput: found.goodput(), offered: found.offered() }
}
