//! The figures of one run, under the papers' numbers.

use clockwork_analysis::summary::{ErrorTails, KindSummary, KindTails, WorkSummary};
use clockwork_analysis::{Analysis, RequestBucket, TailPoint};

use super::Figure;
use crate::chart::{Axis, Chart, Line};

/// Every figure; those that show nothing are empty.
pub(super) fn of(analysis: &Analysis) -> Vec<Figure> {
    let mut figures = vec![latency_tail(analysis)];
    figures.extend(mixed(analysis));
    figures.extend(groups(analysis));
    figures.extend(over_time(analysis));
    figures.extend(errors(analysis));
    figures.push(breakdown(analysis));
    figures
}

fn latency_tail(analysis: &Analysis) -> Figure {
    let tails = &analysis.tails.requests;
    let lines = vec![
        Line::new("successes", tail(&tails.success_latency)),
        Line::new("all requests", tail(&tails.latency)),
    ];
    Figure::new("5_latency_tail", tail_chart("5: latency", "latency (ms)", lines))
}

/// Figure 6: many models, of which more and more are asked for.
fn mixed(analysis: &Analysis) -> [Figure; 4] {
    let of = |value: fn(&RequestBucket) -> f64| requests(analysis, value);
    let cold = |bucket: &RequestBucket| 100.0 * bucket.cold_starts() / bucket.throughput();
    let mut goodput = vec![Line::new("all", of(RequestBucket::goodput))];
    goodput.extend(by_group(analysis, RequestBucket::goodput));
    let utilisation = vec![
        Line::new("GPU", actions(analysis, |work| 100.0 * work.gpu_utilisation)),
        Line::new("GPU, for requests in time", actions(analysis, |work| 100.0 * work.gpu_goodput)),
        Line::new("PCI", actions(analysis, |work| 100.0 * work.pci_utilisation)),
    ];
    let latency = vec![
        Line::new("median", of(|bucket| bucket.success_latency_ms.p50)),
        Line::new("maximum", of(|bucket| bucket.success_latency_ms.max)),
    ];
    let percent = |label: &str| Axis { at_least: Some(100.0), ..Axis::new(label) };
    let cold = vec![Line::new("", requests(analysis, cold))];
    [
        Figure::new("6_goodput", time("6: goodput", Axis::new("requests/s"), goodput)),
        Figure::new("6_latency", time("6: latency of successes", Axis::log("ms"), latency)),
        Figure::new("6_cold_starts", time("6: cold starts", percent("% of successes"), cold)),
        Figure::new("6_utilisation", time("6: utilisation", percent("% of the time"), utilisation)),
    ]
}

/// Figures 7 and 8: the part of the requests in time while SLOs widen, and what runs beside it.
fn groups(analysis: &Analysis) -> [Figure; 2] {
    let satisfaction = |bucket: &RequestBucket| 100.0 * bucket.counts.satisfaction();
    let mut lines = vec![Line::new("all", requests(analysis, satisfaction))];
    lines.extend(by_group(analysis, satisfaction));
    let percent = Axis { at_least: Some(100.0), ..Axis::new("% of requests in time") };
    let marks = slo_factors(&analysis.series.requests);
    let shift = if marks.is_empty() { "" } else { " (upright lines: SLO multiplier)" };
    let title = format!("7: workload satisfaction{shift}");
    let satisfaction = Chart { marks, ..time(&title, percent, lines) };
    let throughput = by_group(analysis, RequestBucket::throughput);
    let throughput = time("8: throughput by group", Axis::new("requests/s"), throughput);
    [Figure::new("7_satisfaction", satisfaction), Figure::new("8_throughput", throughput)]
}

/// Figure 9: a production trace over hours.
fn over_time(analysis: &Analysis) -> [Figure; 5] {
    let of = |value: fn(&RequestBucket) -> f64| requests(analysis, value);
    let load = vec![
        Line::new("goodput", of(RequestBucket::goodput)),
        Line::new("throughput (offered)", of(RequestBucket::offered)),
    ];
    let latency = vec![
        Line::new("median", of(|bucket| bucket.latency_ms.p50)),
        Line::new("p99", of(|bucket| bucket.latency_ms.p99)),
        Line::new("maximum", of(|bucket| bucket.latency_ms.max)),
    ];
    let batch = vec![Line::new("", actions(analysis, |work| work.batch_size))];
    let models = vec![Line::new("", of(|bucket| float(bucket.cold_models)))];
    let cold = vec![Line::new("", of(RequestBucket::cold_starts))];
    let width = analysis.summary.window.bucket_seconds;
    let models_axis = Axis::new(&format!("models per {width} s"));
    [
        Figure::new("9a_throughput", time("9a: load", Axis::new("requests/s"), load)),
        Figure::new("9b_latency", time("9b: latency of all requests", Axis::log("ms"), latency)),
        Figure::new(
            "9c_batch_size",
            time("9c: batch size that requests see", Axis::new("inputs"), batch),
        ),
        Figure::new("9d_cold_models", time("9d: models with a cold start", models_axis, models)),
        Figure::new("9e_cold_starts", time("9e: cold starts", Axis::new("requests/s"), cold)),
    ]
}

/// Figure 10: how well time was predicted.
fn errors(analysis: &Analysis) -> Vec<Figure> {
    let kinds = [("infer", &analysis.tails.infer), ("load", &analysis.tails.load)];
    let of = |(kind, tails): (&str, &KindTails)| {
        let upper = kind.to_uppercase();
        let figure = |what: &str, tails: &ErrorTails, [over, under]: [&str; 2]| {
            let lines = vec![
                Line::new(over, visible(tail(&tails.over))),
                Line::new(under, visible(tail(&tails.under))),
            ];
            let chart = tail_chart(
                &format!("10: {what} error of {upper}s"),
                "error (ms; at least 1 us)",
                lines,
            );
            Figure::new(&format!("10_{what}_error_{kind}"), chart)
        };
        let longer = ["longer than predicted", "shorter than predicted"];
        let later = ["later than predicted", "earlier than predicted"];
        [
            figure("prediction", &tails.prediction_error, longer),
            figure("completion", &tails.completion_error, later),
        ]
    };
    kinds.into_iter().flat_map(of).collect()
}

/// Errors with a place on a logarithmic axis: emulated devices make none at all.
fn visible(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    for (ms, _) in &mut points {
        *ms = ms.max(1e-3);
    }
    points
}

/// Where the time of an action goes, on average.
fn breakdown(analysis: &Analysis) -> Figure {
    let actions = &analysis.summary.actions;
    let kinds = [("INFER", &actions.infer), ("LOAD", &actions.load)];
    let kinds = kinds.iter().filter(|(_, kind)| kind.duration_ms.count > 0);
    let (names, bars): (Vec<String>, Vec<Vec<f64>>) =
        kinds.map(|(name, kind)| ((*name).to_owned(), times(kind))).unzip();
    let parts = [
        "network out",
        "before exec",
        "exec",
        "output",
        "handing over",
        "network back",
        "controller",
    ];
    let chart = Chart {
        title: "Where an action's time goes (means)".into(),
        x: Axis::names("", names),
        y: Axis::new("ms"),
        bars,
        parts: parts.map(str::to_owned).to_vec(),
        ..Chart::default()
    };
    Figure::new("time_breakdown", chart)
}

fn times(kind: &KindSummary) -> Vec<f64> {
    let b = &kind.breakdown_ms;
    let parts = [
        b.network_out,
        b.before_exec,
        b.exec,
        b.output,
        b.handing_over,
        b.network_back,
        b.controller,
    ];
    parts.map(|part| part.mean).to_vec()
}

/// Where the largest SLO factor of a bucket changes, and what it becomes.
fn slo_factors(buckets: &[RequestBucket]) -> Vec<(f64, String)> {
    let mut last = 0.0;
    let mut marks = Vec::new();
    for bucket in buckets.iter().filter(|bucket| bucket.counts.all > 0) {
        if (bucket.slo_factor - last).abs() > f64::EPSILON {
            last = bucket.slo_factor;
            marks.push((bucket.at, format!("{last:.1}")));
        }
    }
    marks
}

fn requests(analysis: &Analysis, value: impl Fn(&RequestBucket) -> f64) -> Vec<(f64, f64)> {
    analysis.series.requests.iter().map(|bucket| (bucket.at, value(bucket))).collect()
}

fn actions(analysis: &Analysis, value: impl Fn(&WorkSummary) -> f64) -> Vec<(f64, f64)> {
    // Without an action log there is nothing to show.
    let all = &analysis.summary.actions.work;
    let buckets = analysis.series.actions.iter().filter(|_| all.infers + all.loads > 0);
    buckets.map(|bucket| (bucket.at, value(&bucket.work))).collect()
}

fn by_group(analysis: &Analysis, value: impl Fn(&RequestBucket) -> f64) -> Vec<Line> {
    let groups = analysis.series.groups.iter();
    let points = |buckets: &[RequestBucket]| buckets.iter().map(|b| (b.at, value(b))).collect();
    groups.map(|group| Line::new(&group.name, points(&group.requests))).collect()
}

fn time(title: &str, y: Axis, lines: Vec<Line>) -> Chart {
    Chart { title: title.to_owned(), x: Axis::new("time (s)"), y, lines, ..Chart::default() }
}

/// Tails lie on their side: durations along the bottom, the part within them along the side.
pub(super) fn tail_chart(title: &str, x: &str, lines: Vec<Line>) -> Chart {
    let y = Axis::tail("% of values within");
    Chart { title: title.to_owned(), x: Axis::log(x), y, lines, ..Chart::default() }
}

pub(super) fn tail(points: &[TailPoint]) -> Vec<(f64, f64)> {
    points.iter().map(|point| (point.ms, point.quantile)).collect()
}

pub(super) fn float(count: u64) -> f64 {
    clockwork_wire::Span::new(count).as_f64()
}
