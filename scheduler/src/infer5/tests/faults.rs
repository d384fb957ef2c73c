//! What is decided when things get lost, fail, come and go.

use super::*;

#[test]
fn a_lost_infer_answers_its_requests_and_a_late_result_changes_nothing() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    let order = bench.orders[0].clone();
    // latest (11 ms) + expected (2.73 ms) + grace (100 ms)
    bench.turn(warm + 113.0);
    assert!(bench.responses.is_empty());
    bench.turn(warm + 113.8);
    assert_eq!(bench.responses[0].status, Status::EXPIRED);
    let late = bench.done(&order, warm + 120.0);
    bench.turn(late);
    assert!(bench.responses.is_empty());
    assert_eq!(bench.scheduler.in_flight(), 0);
}

#[test]
fn cold_models_with_long_slos_are_all_loaded_in_the_end() {
    let mut bench = Bench::new(1, 1376, 20);
    for model in 0..20 {
        bench.request(0.0, model, 10_000);
    }
    let (mut now, mut answered) = (0.0, 0);
    while answered < 20 {
        bench.turn(now);
        answered += bench.responses.iter().filter(|r| r.status == Status::OK).count();
        let orders = std::mem::take(&mut bench.orders);
        for order in &orders {
            now = bench.done(order, now + 1.0);
        }
        let wake = bench.scheduler.next_wakeup();
        assert!(!orders.is_empty() || answered == 20 || wake.is_some(), "nothing is left to do");
        if orders.is_empty() {
            let wait = wake.map_or(0.0, |at_| (at_ - at(now)).as_millis_f64());
            now += wait;
            assert!(now < 10_000.0, "only {answered} of 20 were served");
        }
    }
}

#[test]
fn a_failed_load_is_tried_again_for_a_patient_request() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 10_000);
    bench.turn(0.0);
    bench.turn(40.0);
    let lost = bench.orders.first().cloned();
    assert!(lost.is_none(), "the first LOAD is still on its way");
    bench.turn(130.0);
    let evict = bench.orders[0].clone();
    assert_eq!(evict.action.kind, ActionKind::Evict);
    bench.fail(&evict, 131.0, Status::EVICT_ABSENT);
    bench.turn(131.0);
    assert_eq!(bench.orders[0].action.kind, ActionKind::Load);
}

#[test]
fn a_lost_load_is_settled_by_an_evict_before_its_pages_are_given_away() {
    let mut bench = Bench::new(1, 7, 1);
    bench.request(0.0, 0, 130);
    bench.turn(0.0);
    bench.turn(120.0);
    let evict = bench.orders[0].clone();
    assert_eq!(evict.action.kind, ActionKind::Evict);
    assert_eq!(bench.scheduler.devices[0].pages_free, Pages::ZERO);
    bench.fail(&evict, 121.0, Status::EVICT_ABSENT);
    bench.turn(121.0);
    assert_eq!(bench.scheduler.devices[0].pages_free, Pages::new(7));
}

#[test]
fn a_stale_load_failure_does_not_touch_a_newer_load() {
    let mut bench = Bench::new(1, 7, 1);
    bench.request(0.0, 0, 1_000);
    bench.turn(0.0);
    let first = bench.orders[0].clone();
    bench.fail(&first, 1.0, Status::LOAD_LATE);
    // A second request: its demand orders the second load.
    bench.request(2.0, 0, 1_000);
    bench.turn(2.0);
    let second = bench.orders[0].clone();
    assert_eq!(second.action.kind, ActionKind::Load);
    bench.fail(&first, 3.0, Status::LOAD_LATE);
    let loaded = bench.done(&second, 3.0);
    bench.turn(loaded);
    assert!(bench.orders.iter().any(|o| matches!(o.action.kind, ActionKind::Infer { .. })));
}

#[test]
fn a_lost_workers_requests_are_answered_and_the_others_serve_on() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.worker(W1, 1, 1376);
    bench.model(W1, 0, resnet50());
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    assert_eq!(bench.orders[0].worker, W0);
    bench.scheduler.handle(at(warm), Input::WorkerDown { worker: W0 });
    bench.turn(warm);
    assert_eq!(bench.responses[0].status, Status::WORKER_LOST);
    bench.request(warm + 1.0, 0, 0);
    bench.turn(warm + 1.0);
    assert_eq!((bench.orders[0].worker, bench.orders[0].action.kind), (W1, ActionKind::Load));
}

#[test]
fn a_returning_worker_is_used_with_its_cache_as_it_is() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.warm();
    bench.scheduler.handle(at(20.0), Input::WorkerDown { worker: W0 });
    let device = DeviceState {
        class: "v100".to_owned(),
        pages: Pages::new(1376),
        loaded: vec![ModelId::new(0)],
        ..DeviceState::default()
    };
    bench.scheduler.handle(at(30.0), Input::WorkerUp { worker: W0, devices: vec![device] });
    bench.model(W0, 0, resnet50());
    bench.request(31.0, 0, 0);
    bench.turn(31.0);
    assert_eq!(bench.orders[0].action.kind, infer(1), "no LOAD is needed");
}

#[test]
fn workers_may_differ_in_models_and_batch_sizes() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.worker(W1, 1, 1376);
    let single = ModelProfile { batches: resnet50().batches[..1].to_vec(), ..resnet50() };
    bench.model(W1, 1, single);
    for _ in 0..4 {
        bench.request(0.0, 1, 0);
    }
    bench.turn(0.0);
    let load = bench.orders[0].clone();
    assert_eq!(load.worker, W1, "model 1 is only there");
    let loaded = bench.done(&load, 1.0);
    bench.turn(loaded);
    assert!(bench.orders.iter().all(|o| o.action.kind == infer(1)), "{:?}", bench.orders);
}

#[test]
fn a_model_announced_later_is_served() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.warm();
    bench.model(W0, 1, resnet50());
    bench.request(50.0, 1, 0);
    bench.turn(50.0);
    assert_eq!(bench.orders[0].action.model, ModelId::new(1));
}

#[test]
fn a_withdrawn_request_is_answered_once_and_not_executed() {
    let mut bench = Bench::new(1, 1376, 1);
    let request = bench.request(0.0, 0, 0);
    let model = ModelId::new(0);
    bench.scheduler.handle(at(0.0), Input::Withdraw { request, model });
    bench.scheduler.handle(at(0.0), Input::Withdraw { request, model });
    bench.turn(0.0);
    assert_eq!(bench.responses.len(), 1);
    assert_eq!(bench.responses[0].status, Status::CANCELLED);
    assert_eq!(bench.scheduler.unanswered(), 0);
}

#[test]
fn an_unloaded_model_leaves_when_its_last_action_is_over_and_its_requests_are_answered() {
    let mut bench = Bench::new(1, 1376, 2);
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    let running = bench.orders[0].clone();
    let waiting = bench.request(warm, 0, 0);
    let (worker, model) = (W0, ModelId::new(0));
    bench.scheduler.handle(at(warm), Input::ModelDown { worker, model });
    let refused = bench.request(warm, 0, 0);
    bench.turn(warm);
    assert!(bench.orders.is_empty(), "an INFER is still on its way");
    let answers: Vec<_> = bench.responses.iter().map(|r| (r.request, r.status)).collect();
    let unknown = Status::UNKNOWN_MODEL;
    assert_eq!(answers, [(waiting, unknown), (refused, unknown)]);

    let end = bench.done(&running, warm + 1.0);
    bench.turn(end);
    assert_eq!(bench.responses[0].status, Status::OK);
    assert_eq!(bench.orders[0].action.kind, ActionKind::Evict);

    bench.model(W0, 0, resnet50());
    bench.request(end, 0, 0);
    bench.turn(end);
    assert_eq!(bench.orders[0].action.kind, ActionKind::Load, "it is back, without weights");
}

#[test]
fn a_model_that_is_unloaded_while_it_loads_is_evicted_once_it_is_there() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 0);
    bench.turn(0.0);
    let load = bench.orders[0].clone();
    bench.scheduler.handle(at(1.0), Input::ModelDown { worker: W0, model: ModelId::new(0) });
    bench.turn(1.0);
    assert_eq!(bench.responses[0].status, Status::UNKNOWN_MODEL);
    assert!(bench.orders.is_empty());
    let loaded = bench.done(&load, 1.0);
    bench.turn(loaded);
    assert_eq!(bench.orders[0].action.kind, ActionKind::Evict);
}
