//! One pass over the rows gives what keeping them all would.

use std::collections::BTreeSet;

use clockwork_analysis::{
    Accumulator, ActionRow, ActionType, Analysis, Options, RequestRow, Window,
};
use clockwork_wire::{GpuId, ModelId, Span, Status};
use proptest::prelude::*;

use crate::rows::{at, infer, request};

const SECONDS: u64 = 60;

fn requests() -> impl Strategy<Value = Vec<RequestRow>> {
    let row = (0..SECONDS * 1_000, 0_u16..3, 0_u64..400, any::<bool>(), 0_u32..20, any::<bool>());
    let row = row.prop_map(|(ms, status, latency, in_time, model, cold)| RequestRow {
        result: Status::new(status * 2),
        latency: Span::from_millis(latency),
        deadline_met: status == 0 && in_time,
        model_id: ModelId::new(model),
        is_coldstart: cold,
        ..request(ms)
    });
    prop::collection::vec(row, 0..300).prop_map(sorted(|row: &RequestRow| row.t))
}

fn actions() -> impl Strategy<Value = Vec<ActionRow>> {
    let row = (0..SECONDS * 1_000, 1_u64..=3, 0_u64..10_000_000, 0_u64..10_000_000, 1_u32..=16);
    let row = (row, 0_u32..4, any::<bool>());
    let row = row.prop_map(|((ms, kind, took, expected, batch), gpu, done)| ActionRow {
        action_type: ActionType::from_number(kind).expect("it is valid"),
        status: if done { Status::OK } else { Status::new(81) },
        worker_exec_duration: Span::new(if done { took } else { 0 }),
        expected_exec_duration: Span::new(expected),
        batch_size: batch,
        gpu_id: GpuId::new(gpu),
        goodput: Span::new(if done { took / 2 } else { 0 }),
        ..infer(ms)
    });
    prop::collection::vec(row, 0..300).prop_map(sorted(|row: &ActionRow| row.t))
}

fn sorted<T, K: Ord>(key: impl Fn(&T) -> K + Copy) -> impl Fn(Vec<T>) -> Vec<T> {
    move |mut rows| {
        rows.sort_by_key(key);
        rows
    }
}

/// numpy's linear quantile.
fn quantile(mut values: Vec<f64>, fraction: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let place = fraction * float(last);
    let below = (0..=last).rev().find(|&i| float(i) <= place);
    let Some((below, low)) = below.and_then(|i| Some((i, *values.get(i)?))) else { return 0.0 };
    let high = values.get(below + 1).copied().unwrap_or(low);
    low + (high - low) * (place - float(below))
}

fn near(got: f64, wanted: f64) -> Result<(), TestCaseError> {
    let close = (got - wanted).abs() <= wanted.abs() * 1e-3 + 1e-6;
    prop_assert!(close, "{} is not {}", got, wanted);
    Ok(())
}

fn float(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("tests are small"))
}

fn count<T>(rows: &[T], fits: impl Fn(&&T) -> bool) -> f64 {
    float(rows.iter().filter(fits).count())
}

proptest! {
    #[test]
    fn requests_are_counted_and_ranked(rows in requests(), width in 1_u64..30) {
        let window = Window { from: at(0), until: at(SECONDS * 1_000) };
        let options = Options { bucket: Span::from_secs(width), ..Options::new(window) };
        let mut run = Accumulator::new(options).expect("it is valid");
        for row in &rows {
            run.request(row);
        }
        let analysis = run.finish();
        let got = &analysis.summary.requests;
        near(got.goodput * 60.0, count(&rows, |r| r.result.is_ok() && r.deadline_met))?;
        near(got.offered * 60.0, count(&rows, |_| true))?;
        near(got.cold_starts * 60.0, count(&rows, |r| r.result.is_ok() && r.is_coldstart))?;
        let cold = rows.iter().filter(|r| r.result.is_ok() && r.is_coldstart);
        let cold: BTreeSet<_> = cold.map(|r| r.model_id).collect();
        prop_assert_eq!(usize::try_from(got.cold_models).expect("it is valid"), cold.len());
        let latencies = |rows: &[&RequestRow]| rows.iter().map(|r| r.latency.as_millis_f64()).collect::<Vec<_>>();
        let all: Vec<&RequestRow> = rows.iter().collect();
        near(got.latency_ms.p50, quantile(latencies(&all), 0.5))?;
        near(got.latency_ms.p99, quantile(latencies(&all), 0.99))?;
        near(got.latency_ms.p9999, quantile(latencies(&all), 0.9999))?;
        let successes: Vec<&RequestRow> = rows.iter().filter(|r| r.result.is_ok()).collect();
        near(got.success_latency_ms.p90, quantile(latencies(&successes), 0.9))?;
        for (number, bucket) in (0..).zip(&analysis.series.requests) {
            let (from, until) = (at(number * width * 1_000), at((number + 1) * width * 1_000));
            let within: Vec<&RequestRow> = rows.iter().filter(|r| from <= r.t && r.t < until).collect();
            prop_assert_eq!(usize::try_from(bucket.counts.all).expect("it is valid"), within.len());
            near(bucket.latency_ms.p50, quantile(latencies(&within), 0.5))?;
            near(bucket.latency_ms.max, latencies(&within).into_iter().fold(0.0, f64::max))?;
        }
    }

    #[test]
    fn actions_are_added_up(rows in actions()) {
        let window = Window { from: at(0), until: at(SECONDS * 1_000) };
        let options = Options { gpus: Some(4), ..Options::new(window) };
        let mut run = Accumulator::new(options).expect("it is valid");
        for row in &rows {
            run.action(row);
        }
        let Analysis { summary, series, .. } = run.finish();
        let got = summary.actions;
        let infers: Vec<&ActionRow> = of(&rows, ActionType::Infer);
        let total = |rows: &[&ActionRow], value: fn(&ActionRow) -> f64| rows.iter().map(|r| value(r)).sum::<f64>();
        let busy = |rows: &[&ActionRow]| total(rows, |r| r.worker_exec_duration.as_secs_f64());
        near(got.work.gpu_utilisation, busy(&infers) / 240.0)?;
        near(got.work.pci_utilisation, busy(&of(&rows, ActionType::Load)) / 240.0)?;
        let squares = total(&infers, |r| f64::from(r.batch_size).powi(2));
        let inputs = total(&infers, |r| f64::from(r.batch_size));
        near(got.work.batch_size, if infers.is_empty() { 0.0 } else { squares / inputs })?;
        let error = |r: &ActionRow| r.worker_exec_duration.as_millis_f64() - r.expected_exec_duration.as_millis_f64();
        let done = infers.iter().filter(|r| r.status.is_ok());
        let errors: Vec<f64> = done.map(|r| error(r)).collect();
        let over: Vec<f64> = errors.iter().copied().filter(|e| *e >= 0.0).collect();
        let under: Vec<f64> = errors.iter().filter(|e| **e <= 0.0).map(|e| -e).collect();
        near(got.infer.prediction_error_ms.over.p99, quantile(over, 0.99))?;
        near(got.infer.prediction_error_ms.under.p50, quantile(under, 0.5))?;
        let by_device: f64 = got.devices.iter().map(|d| d.work.gpu_utilisation).sum();
        near(by_device / 4.0, got.work.gpu_utilisation)?;
        let by_bucket: f64 = series.actions.iter().map(|b| b.work.gpu_utilisation).sum();
        near(by_bucket / 6.0, got.work.gpu_utilisation)?;
    }
}

fn of(rows: &[ActionRow], kind: ActionType) -> Vec<&ActionRow> {
    rows.iter().filter(|row| row.action_type == kind).collect()
}
