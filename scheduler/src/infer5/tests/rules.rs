//! What is decided when nothing goes wrong.

use super::*;

#[test]
fn the_worked_example_of_the_reference() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 0);
    let model = &bench.scheduler.models[0];
    // Step 2: E = 2.73 · 100 / 95, L = 2.73 · 100 / 25 (in ms).
    assert!((model.exec_demand / 1e6 - 2.874).abs() < 0.001, "{}", model.exec_demand);
    assert!((model.load_demand / 1e6 - 10.92).abs() < 0.001, "{}", model.load_demand);

    // Step 3: the LOAD, with a copy engine that can be reached in 1 ms.
    bench.turn(0.0);
    let load = bench.orders[0].clone();
    assert_eq!(bench.orders.len(), 1);
    assert_eq!(load.action.kind, ActionKind::Load);
    assert_eq!((load.action.window.earliest, load.action.window.latest), (at(0.0), at(11.0)));
    assert_eq!(load.action.expected, us(8_320));
    assert!((bench.scheduler.devices[0].demand / 1e6 - 3.874).abs() < 0.001);

    // Step 4: loaded; a lonely request is sent at once, as a batch of one.
    let loaded = bench.done(&load, 1.0);
    assert!((loaded - 9.32).abs() < 1e-9);
    bench.turn(loaded);
    let order = bench.orders[0].clone();
    assert_eq!(order.action.kind, infer(1));
    // Step 5: the window and the send-by time.
    assert_eq!(order.action.expected, us(2_730));
    assert_eq!(order.action.window.earliest, at(loaded));
    assert_eq!(order.action.window.latest, at(loaded + 11.0));
    assert_eq!(order.send_by, at(loaded + 6.0));

    let end = bench.done(&order, loaded + 1.0);
    bench.turn(end);
    assert_eq!(bench.responses[0].status, Status::OK);
    assert_eq!(bench.scheduler.unanswered(), 0);
    assert_eq!(bench.scheduler.in_flight(), 0);
    assert!(bench.scheduler.models[0].exec_demand.abs() < f64::EPSILON);
}

#[test]
fn overload_keeps_the_device_scheduled_ahead_and_batches_by_eight() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    for _ in 0..40 {
        bench.request(warm, 0, 0);
    }
    bench.turn(warm);
    // Step 6: within 10 ms of look-ahead only one batch of eight (9.93 ms) starts before the horizon.
    let kinds: Vec<_> = bench.orders.iter().map(|order| order.action.kind).collect();
    assert_eq!(kinds, [infer(8), infer(8)]);
}

#[test]
fn a_tight_slo_is_attempted_up_to_the_floor_and_reported_late() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    // Step 7: slo 3 ms; tried within schedule_ahead + 5 ms = 15 ms.
    bench.request(warm, 0, 3);
    bench.turn(warm);
    let order = bench.orders[0].clone();
    let end = bench.done(&order, warm + 1.0);
    bench.turn(end);
    assert_eq!(bench.responses[0].status, Status::LATE);
    assert!(bench.responses[0].output.is_some(), "a late answer carries its output");
}

#[test]
fn a_request_that_cannot_be_served_times_out_before_its_deadline() {
    let mut bench = Bench::new(1, 1376, 1);
    bench.request(0.0, 0, 100);
    bench.turn(0.0);
    bench.turn(94.999);
    assert!(bench.responses.is_empty());
    bench.turn(95.0);
    assert_eq!(bench.responses[0].status, Status::TIMEOUT);
}

#[test]
fn a_batch_skips_heads_that_it_cannot_save_and_the_skipped_stay() {
    let mut bench = Bench::new(1, 1376, 1);
    let warm = bench.warm();
    // The first could be served alone (2.73 ms after 1 ms) but not by a batch of eight (9.93 ms).
    let tight = bench.request(warm - 6.0, 0, 15);
    for _ in 0..8 {
        bench.request(warm, 0, 100);
    }
    bench.turn(warm);
    assert_eq!(bench.orders[0].action.kind, infer(8));
    assert!(!bench.orders[0].requests.contains(&tight));
    let waiting = bench.scheduler.models[0].queue.len();
    assert_eq!(waiting, 1, "the skipped request is still queued");
}

#[test]
fn an_unknown_model_is_refused_at_once_the_id_after_the_last_included() {
    let mut bench = Bench::new(1, 1376, 2);
    bench.request(0.0, 2, 0);
    bench.turn(0.0);
    assert_eq!(bench.responses[0].status, Status::UNKNOWN_MODEL);
}

#[test]
fn first_copies_go_to_the_device_with_the_least_outstanding_work() {
    let mut bench = Bench::new(2, 1376, 2);
    bench.request(0.0, 0, 0);
    bench.request(0.0, 1, 0);
    bench.turn(0.0);
    let gpus: Vec<_> = bench.orders.iter().map(|o| o.action.gpu.get()).collect();
    assert_eq!(gpus, [0, 1]);
}

#[test]
fn served_demand_makes_no_further_copies() {
    let mut bench = Bench::new(4, 1376, 1);
    let warm = bench.warm();
    bench.request(warm, 0, 0);
    bench.turn(warm);
    assert_eq!(bench.orders.len(), 1, "one INFER and no LOAD on the other three devices");
    assert_eq!(bench.orders[0].action.kind, infer(1));
}

#[test]
fn an_idle_device_takes_a_copy_when_that_shortens_queued_requests() {
    let mut bench = Bench::new(2, 1376, 1);
    let warm = bench.warm();
    for _ in 0..40 {
        bench.request(warm, 0, 0);
    }
    bench.turn(warm);
    let loads: Vec<_> = bench.orders.iter().filter(|o| o.action.kind == ActionKind::Load).collect();
    assert_eq!(loads.len(), 1);
    assert_eq!(loads[0].action.gpu, GpuId::new(1));
}

#[test]
fn eviction_takes_the_least_recently_used_and_never_a_copy_in_use() {
    let mut bench = Bench::new(1, 14, 3);
    let mut now = 0.0;
    for model in [0, 1] {
        bench.request(now, model, 0);
        bench.turn(now);
        let load = bench.orders[0].clone();
        now = bench.done(&load, now + 1.0);
        bench.turn(now);
        let infer = bench.orders[0].clone();
        now = bench.done(&infer, now + 1.0);
        bench.turn(now);
    }
    // Model 0 is the older copy, but it is in use.
    bench.request(now, 0, 0);
    bench.turn(now);
    bench.request(now, 2, 0);
    bench.turn(now);
    let evicted: Vec<_> = bench.orders.iter().map(|o| (o.action.kind, o.action.model)).collect();
    assert_eq!(
        evicted,
        [(ActionKind::Evict, ModelId::new(1)), (ActionKind::Load, ModelId::new(2))]
    );
}

#[test]
fn the_next_wakeup_is_never_in_the_past_of_a_finished_turn() {
    let mut bench = Bench::new(1, 7, 3);
    for model in 0..3 {
        for _ in 0..20 {
            bench.request(0.0, model, 50);
        }
    }
    // Nothing answers: every timer must still move forward until all is over.
    let mut now = at(0.0);
    for _ in 0..10_000 {
        while bench.scheduler.poll(now).is_some() {}
        match bench.scheduler.next_wakeup() {
            None => break,
            Some(next) => {
                assert!(next > now, "a wake-up at {next:?} does not advance from {now:?}");
                now = next;
            }
        }
        if bench.scheduler.unanswered() == 0 {
            return;
        }
    }
    panic!("{} requests are still unanswered at {now:?}", bench.scheduler.unanswered());
}
