//! Figure 11: goodput as devices are added, the median of several trials.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clockwork_analysis::RequestBucket;

use super::{Figure, Measured};
use crate::chart::{Axis, Chart, Line};

/// Both figures, and both as CSV.
pub(super) fn figures(runs: &[Measured]) -> (Vec<Figure>, Vec<(&'static str, String)>) {
    let mut by_devices: BTreeMap<u32, Vec<&Measured>> = BTreeMap::new();
    for run in runs {
        let devices = run.named.number.unwrap_or(1).saturating_mul(DEVICES_PER_RUN);
        by_devices.entry(devices).or_default().push(run);
    }
    let forty = by_devices.get(&SHOWN).map_or(Vec::new(), |trials| minutes(trials));
    let peaks: Vec<Peak> =
        by_devices.iter().map(|(devices, runs)| Peak::of(*devices, runs)).collect();
    let csv = vec![(OVER_TIME, csv_of_minutes(&forty)), (AGGREGATE, csv_of_peaks(&peaks))];
    (vec![over_time(&forty), batches(&forty), aggregate(&peaks)], csv)
}

/// One bucket of the run with forty devices: medians of the trials.
struct Minute {
    at: f64,
    goodput: f64,
    offered: f64,
    batch: f64,
}

fn minutes(trials: &[&Measured]) -> Vec<Minute> {
    let length = |run: &&&Measured| run.analysis.series.requests.len();
    let longest =
        trials.iter().max_by_key(length).map_or(0, |run| run.analysis.series.requests.len());
    let minute = |at: usize| {
        let buckets = trials.iter().filter_map(|run| run.analysis.series.requests.get(at));
        let buckets: Vec<&RequestBucket> = buckets.collect();
        let batches = trials.iter().filter_map(|run| run.analysis.series.actions.get(at));
        Minute {
            at: buckets[0].at,
            goodput: median(buckets.iter().map(|bucket| bucket.goodput())),
            offered: median(buckets.iter().map(|bucket| bucket.offered())),
            batch: median(batches.map(|bucket| bucket.work.batch_size)),
        }
    };
    (0..longest).map(minute).collect()
}

fn over_time(minutes: &[Minute]) -> Figure {
    let of = |value: fn(&Minute) -> f64| minutes.iter().map(|m| (m.at, value(m))).collect();
    let chart = Chart {
        title: "11a: 40 devices".into(),
        x: Axis::new("time (s)"),
        y: Axis::new("requests/s"),
        lines: vec![
            Line::new("goodput", of(|minute| minute.goodput)),
            Line::new("offered", of(|minute| minute.offered)),
        ],
        ..Chart::default()
    };
    Figure::new(OVER_TIME, chart)
}

fn batches(minutes: &[Minute]) -> Figure {
    let points = minutes.iter().map(|minute| (minute.at, minute.batch)).collect();
    let chart = Chart {
        title: "11a: batch size that requests see, 40 devices".into(),
        x: Axis::new("time (s)"),
        y: Axis::new("inputs"),
        lines: vec![Line::new("", points)],
        ..Chart::default()
    };
    Figure::new("11a_batch_median_40_workers", chart)
}

/// Peak goodput of so many devices: medians of the trials.
struct Peak {
    devices: u32,
    trials: usize,
    goodput: f64,
    padded: [f64; 3],
    offered: f64,
}

impl Peak {
    fn of(devices: u32, trials: &[&Measured]) -> Self {
        let padded = |fraction: f64| {
            median(trials.iter().map(|run| {
                let whole = whole(run);
                let padded = |b: &&RequestBucket| b.counts.padded(fraction) / b.seconds;
                whole.iter().map(padded).fold(0.0, f64::max)
            }))
        };
        let peak = |run: &&&Measured| run.analysis.summary.peak;
        Self {
            devices,
            trials: trials.len(),
            goodput: median(trials.iter().map(|run| peak(&run).goodput)),
            padded: PARTS.map(padded),
            offered: median(trials.iter().map(|run| peak(&run).offered)),
        }
    }
}

/// The buckets of full width; all if there is none.
fn whole(run: &Measured) -> Vec<&RequestBucket> {
    let width = run.analysis.summary.window.bucket_seconds;
    let buckets = &run.analysis.series.requests;
    let whole: Vec<_> = buckets.iter().filter(|bucket| bucket.seconds >= width).collect();
    if whole.is_empty() { buckets.iter().collect() } else { whole }
}

fn aggregate(peaks: &[Peak]) -> Figure {
    let of = |value: &dyn Fn(&Peak) -> f64| {
        peaks.iter().map(|peak| (f64::from(peak.devices), value(peak))).collect()
    };
    let chart = Chart {
        title: "11b: peak goodput (one minute)".into(),
        x: Axis::new("devices"),
        y: Axis::new("requests/s"),
        lines: vec![
            Line::new("goodput", of(&|peak| peak.goodput)),
            Line::new("99 % in time", of(&|peak| peak.padded[0])),
            Line::new("95 %", of(&|peak| peak.padded[1])),
            Line::new("90 %", of(&|peak| peak.padded[2])),
        ],
        ..Chart::default()
    };
    Figure::new(AGGREGATE, chart)
}

fn csv_of_minutes(minutes: &[Minute]) -> String {
    let mut text = "t,goodput,throughput,batch_size\n".to_owned();
    for Minute { at, goodput, offered, batch } in minutes {
        writeln!(text, "{at},{goodput},{offered},{batch}").expect("a string takes every character");
    }
    text
}

fn csv_of_peaks(peaks: &[Peak]) -> String {
    let mut text =
        "workers,trials,goodput,goodput_p99,goodput_p95,goodput_p90,throughput\n".to_owned();
    for Peak { devices, trials, goodput, padded: [p99, p95, p90], offered } in peaks {
        writeln!(text, "{devices},{trials},{goodput},{p99},{p95},{p90},{offered}")
            .expect("a string takes every character");
    }
    text
}

/// The middle value; the mean of both middle ones of an even number; 0 of none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

const OVER_TIME: &str = "11a_goodput_median_40_workers";
const AGGREGATE: &str = "11b_goodput_median_aggregate";

/// Run I has ten times I devices.
const DEVICES_PER_RUN: u32 = 10;

/// Devices of the run that is shown over time.
const SHOWN: u32 = 40;

/// Parts of the answers that are in time.
const PARTS: [f64; 3] = [0.99, 0.95, 0.9];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_trials_is_the_middle_one() {
        let near = |got: f64, wanted: f64| assert!((got - wanted).abs() < 1e-9, "{got}");
        near(median([3.0, 1.0, 9.0].into_iter()), 3.0);
        near(median([3.0, 1.0].into_iter()), 2.0);
        near(median(std::iter::empty()), 0.0);
    }
}
