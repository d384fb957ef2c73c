//! The shared sample of the real trace, where it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clockwork_wire::Span;
use clockwork_workload::Context;
use clockwork_workload::generator::{RATE, Rows};
use clockwork_workload::trace::{Files, Folder, Trace};

use crate::virtual_time::{START, Setting, plan_in, run};

#[test]
fn both_samples_are_read_whole() {
    let Some(folder) = shared() else { return };
    let (name, trace) = day(&folder, "invitro_azure2019_1350_inv.csv.zst");
    assert_eq!(name, "invitro_azure2019_1350_inv.csv.zst");
    assert_eq!((trace.functions(), trace.minutes(), trace.total()), (1_350, 1_440, 927_272));
    assert!(trace.is_sampled());
    let (_, trace) = day(&folder, "dirigent_azure2019_500_min480-959_inv.csv.zst");
    assert_eq!((trace.functions(), trace.minutes(), trace.is_sampled()), (500, 480, false));
    let durations = folder.join("dirigent_azure2019_500_durations.csv.zst");
    let error =
        Folder { days: None, file: Some(durations) }.day(1).expect_err("no trace").to_string();
    assert!(error.contains("line 1: no column is a minute"), "{error}");
}

#[test]
fn resampled_rows_have_the_samples_calls_as_often_as_they_stand_for_it() {
    let Some(folder) = shared() else { return };
    let (_, trace) = day(&folder, "invitro_azure2019_1350_inv.csv.zst");
    let whole = Rows::of(&trace);
    assert!((whole.rate() - 927_272.0 / 86_400.0).abs() < 1e-9);
    for minute in 0..trace.minutes() {
        let calls = f64::from(u32::try_from(whole.calls(minute)).expect("a minute's calls"));
        let expected: f64 = trace.calls(minute, 1).iter().sum();
        assert!((calls - expected).abs() < 0.5, "minute {minute}: {calls} of {expected}");
    }
    // Twelve copies of each function are exactly twelve times its calls.
    let twelve = Rows::resampled(&trace, 12 * 1_350);
    assert!((twelve.rate() / whole.rate() - 12.0).abs() < 1e-9);
    // Where a number does not divide evenly, it is nearly so.
    let many = Rows::resampled(&trace, 17_000);
    assert!((many.rate() / whole.rate() / (17_000.0 / 1_350.0) - 1.0).abs() < 0.01);
}

#[test]
fn load_factor_8_is_the_published_rate() {
    let Some(folder) = shared() else { return };
    let file = folder.join("invitro_azure2019_1350_inv.csv.zst");
    let files = Arc::new(Folder { days: None, file: Some(file) });
    let models = (0..61).map(|model| format!("m{model:02}")).collect();
    let context = Context { models, files, ..Context::default() };
    let azure = plan_in(&context, "azure", &["1", "1", "8"]);
    assert_eq!(azure.models(), 4_026);
    assert!(azure.notes()[0].contains("9638 requests/s at scale 1"), "{:?}", azure.notes());
    // A minute of the trace every 10 ms: a day in 14.4 s, at its mean rate.
    let fast = plan_in(&context, "azure", &["1", "1", "8", "4", "0.01"]);
    let trace = run(fast, 1, Setting::PROMPT, Span::from_millis(14_400));
    let seconds = trace.submits.last().map_or(0.0, |s| (s.intended - START).as_secs_f64());
    let count = f64::from(u32::try_from(trace.submits.len()).expect("a short run"));
    // 138,787 expected: five standard deviations are 1.4 %.
    assert!((count / seconds / RATE - 1.0).abs() < 0.014, "{count} in {seconds} s");
}

fn day(folder: &Path, file: &str) -> (String, Arc<Trace>) {
    let file = folder.join(file);
    Folder { days: None, file: Some(file) }.day(1).expect("the shared trace")
}

/// The folder of shared traces, if it is there.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("CLOCKWORK_SHARED_DATA").map_or_else(beside, PathBuf::from);
    let traces = data.join("traces");
    if !traces.is_dir() {
        println!("skipped: no shared data (CLOCKWORK_SHARED_DATA, ../shared/data)");
        return None;
    }
    Some(traces)
}
