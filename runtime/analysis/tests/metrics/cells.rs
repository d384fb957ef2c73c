//! Cells: what belongs to which, and that they are measured as everything else.

use clockwork_analysis::{
    ActionRow, ActionType, Cell, CellAccumulator, CellOptions, Cells, CutBy, RequestRow,
};
use clockwork_wire::{ModelId, Span};

use crate::rows::{infer, late, load, refused, request, timeout};

/// A whole from the first second to the eleventh on two devices; models from 10 on are background.
fn options(cut: CutBy) -> CellOptions {
    CellOptions {
        warm_up: Span::from_secs(1),
        duration: Span::from_secs(10),
        cut,
        foreground: Some(10),
        gpus: 2,
    }
}

fn cut(cut: CutBy, requests: &[RequestRow], actions: &[ActionRow]) -> Cells {
    let mut run = CellAccumulator::new(options(cut));
    for row in requests {
        run.request(row);
    }
    for row in actions {
        run.action(row);
    }
    run.finish()
}

/// A request that came at `ms` and was answered in time after 4 ms.
fn came(ms: u64) -> RequestRow {
    request(ms + 4)
}

/// An INFER that began at `ms` and took 500 ms, 100 ms more than expected.
fn began(ms: u64) -> ActionRow {
    let span = Span::from_millis;
    ActionRow {
        worker_exec_duration: span(500),
        expected_exec_duration: span(400),
        worker_exec_complete: span(502),
        controller_result_enqueue: span(600),
        batch_size: 4,
        ..infer(ms + 598)
    }
}

fn background<T>(row: T, of: impl Fn(T, ModelId) -> T) -> T {
    of(row, ModelId::new(10))
}

#[track_caller]
fn near(got: f64, wanted: f64) {
    assert!((got - wanted).abs() <= wanted.abs() * 1e-3 + 1e-9, "{got} is not {wanted}");
}

fn keys(cells: &[Cell]) -> Vec<(f64, u32)> {
    cells.iter().map(|cell| (cell.key, cell.class)).collect()
}

#[test]
fn requests_belong_to_their_arrival_and_actions_to_their_begin() {
    // Answered after 5 s but asked for before; begun before 5 s but done after.
    let slow = RequestRow { latency: Span::from_millis(900), ..request(5_500) };
    let requests = [came(0), slow, came(5_000), came(9_000)];
    let Cells { cells, .. } =
        cut(CutBy::Time(Span::from_secs(5)), &requests, &[began(4_900), began(5_000)]);
    assert_eq!(keys(&cells), [(0.0, 0), (5.0, 0)]);
    let [first, second] = cells[..] else { panic!() };
    assert_eq!((first.requests.counts.all, second.requests.counts.all), (2, 2));
    assert_eq!((first.work.infers, second.work.infers), (1, 1));
    near(first.requests.success_latency_ms.max, 900.0);
    // The last cell ends with the last answer: 4.004 s. Two devices.
    near(second.requests.seconds, 4.004);
    near(second.work.gpu_utilisation, 0.5 / 8.008);
    near(second.requests.offered(), 2.0 / 4.004);
    near(second.prediction_error_ms.p99, 100.0);
}

#[test]
fn the_whole_is_both_classes_after_the_warm_up_and_within_the_duration() {
    let other = background(came(2_000), |row, model_id| RequestRow { model_id, ..row });
    let requests = [came(0), came(999), came(1_000), other, late(3_150), timeout(4_095)];
    let requests: Vec<_> = requests.into_iter().chain([came(10_999), came(11_000)]).collect();
    let actions = [began(999), began(1_000), load(2_000), refused(infer(3_000))];
    let Cells { whole, cells } = cut(CutBy::Nothing, &requests, &actions);
    assert!(cells.is_empty());
    let counts = whole.requests.counts;
    assert_eq!((counts.all, counts.successes, counts.in_time), (5, 4, 3));
    near(whole.requests.seconds, 10.0);
    near(whole.requests.counts.satisfaction(), 0.6);
    // Successes only: 4, 4, 4 and 150 ms.
    near(whole.requests.success_latency_ms.p50, 4.0);
    near(whole.requests.success_latency_ms.max, 150.0);
    assert_eq!((whole.work.infers, whole.work.loads, whole.work.failed), (2, 1, 1));
    near(whole.work.gpu_utilisation, 0.5 / 20.0);
    near(whole.work.pci_utilisation, 0.008 / 20.0);
    // A batch of 4, and one of 1 that was refused: 17 / 5.
    near(whole.work.batch_size, 3.4);
}

#[test]
fn classes_are_told_apart_by_model() {
    let other = background(came(100), |row, model_id| RequestRow { model_id, ..row });
    let action = background(began(200), |row, model_id| ActionRow { model_id, ..row });
    let requests = [came(0), other, came(6_000)];
    let cells = cut(CutBy::Time(Span::from_secs(5)), &requests, &[action]).cells;
    assert_eq!(keys(&cells), [(0.0, 0), (0.0, 1), (5.0, 0)]);
    assert_eq!((cells[0].work.infers, cells[1].work.infers), (0, 1));
    assert_eq!((cells[0].requests.counts.all, cells[1].requests.counts.all), (1, 1));
}

#[test]
fn a_factor_lasts_from_its_first_request_to_its_last() {
    let with = |ms, slo_factor| RequestRow { slo_factor, ..came(ms) };
    let other = background(came(2_000), |row, model_id| RequestRow { model_id, ..row });
    let requests = [with(0, 4.0), with(1_500, 4.0), with(1_800, 1.5), other, with(2_800, 1.5)];
    let cells = cut(CutBy::SloFactor, &requests, &[began(1_600), began(1_900)]).cells;
    assert_eq!(keys(&cells), [(1.5, 0), (1.5, 1), (4.0, 0)]);
    assert_eq!(cells.iter().map(|c| c.requests.seconds).collect::<Vec<_>>(), [1.0, 1.0, 1.5]);
    assert_eq!((cells[0].work.infers, cells[2].work.infers), (1, 1));
    near(cells[2].requests.slo_factor, 4.0);
}

#[test]
fn what_happens_before_the_first_request_is_left_out() {
    assert_eq!(cut(CutBy::Nothing, &[], &[began(0)]), Cells::default());
    let mut run = CellAccumulator::new(options(CutBy::Time(Span::from_secs(5))));
    run.action(&began(0));
    run.request(&came(2_000));
    assert_eq!(run.finish().cells[0].work.infers, 0);
}

#[test]
fn an_eviction_is_counted_when_it_was_sent() {
    let garbage = Span::new(u64::MAX / 3);
    let evict = ActionRow {
        action_type: ActionType::Evict,
        worker_exec_complete: garbage,
        worker_exec_duration: Span::ZERO,
        ..load(6_000)
    };
    let cells = cut(CutBy::Time(Span::from_secs(5)), &[came(0), came(9_000)], &[evict]).cells;
    assert_eq!((cells[1].key, cells[1].work.evictions), (5.0, 1));
}

#[test]
fn old_cells_give_up_their_quantiles_but_not_their_counts() {
    let requests: Vec<_> = (0..100).map(|s| came(s * 1_000)).chain([late(1_160)]).collect();
    let cut = CutBy::Time(Span::from_secs(1));
    let mut run =
        CellAccumulator::new(CellOptions { duration: Span::from_secs(200), ..options(cut) });
    for row in &requests {
        run.request(row);
    }
    let cells = run.finish().cells;
    assert_eq!(cells.len(), 100);
    // It came at 1.01 s, and is told of after 99 s.
    assert_eq!(cells[1].requests.counts.all, 2);
    near(cells[1].requests.success_latency_ms.max, 4.0);
    near(cells[99].requests.success_latency_ms.max, 4.0);
}

#[test]
fn factors_without_end_are_bounded() {
    let rows = (0..11_000_u32).map(|i| RequestRow {
        slo_factor: f32::from_bits(1.0_f32.to_bits() + i),
        ..came(u64::from(i))
    });
    let cells = cut(CutBy::SloFactor, &rows.collect::<Vec<_>>(), &[]).cells;
    assert_eq!(cells.len(), 10_000);
}
