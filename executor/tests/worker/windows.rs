//! When an action may start.

use clockwork_executor::emulated::{Deviation, Emulated};
use clockwork_executor::{DeviceSpec, Input, Inputs, Output, Worker, WorkerConfig};
use clockwork_wire::{Action, ActionId, ActionKind, GpuId, ModelId, PageRange, Status, Window};

use crate::rig::{EXEC, INFER, INPUT, LOAD, Rig, at, batch, from_to, profile, spec, zeros};

#[test]
fn nothing_starts_before_earliest_and_the_wakeup_is_exact() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.send(INFER, 0, from_to(500, 600));
    assert!(rig.turn(499).is_empty());
    assert_eq!(rig.worker.next_wakeup(), Some(at(500)));
    assert!(rig.turn(500).is_empty());
    assert_eq!(rig.worker.next_wakeup(), Some(at(500 + EXEC)));
    let result = rig.one(500 + EXEC);
    assert_eq!(result.status, Status::OK);
    assert_eq!((result.exec.begin, result.exec.end), (at(500), at(510)));
    assert_eq!(result.exec.duration.get(), EXEC);
    assert_eq!((result.clock_before, result.clock_after), (1_380, 1_380));
    assert_eq!(rig.worker.next_wakeup(), None);
}

#[test]
fn an_infer_starts_at_its_latest_and_is_refused_a_nanosecond_later() {
    for (latest, status) in [(210, Status::OK), (209, Status::EXEC_LATE)] {
        let mut rig = Rig::new(1, 8).loaded(&[0]);
        rig.now = 200;
        rig.send(INFER, 0, Window::ALWAYS); // until 210
        let second = rig.send(INFER, 0, from_to(0, latest));
        let result = rig.finish().into_iter().find(|result| result.id == second).unwrap();
        assert_eq!(result.status, status, "latest {latest}");
    }
}

#[test]
fn an_input_that_must_be_copied_counts_before_latest() {
    for (latest, status) in [(208, Status::OK), (207, Status::EXEC_LATE)] {
        // A nanosecond a byte.
        let copying = Deviation { copy_bandwidth: Some(1_000_000_000), ..Deviation::default() };
        let device = Emulated::deviating(DeviceSpec { depth: 2, ..spec(8) }, copying);
        let mut rig = Rig::of(std::iter::once(device));
        rig.load_model(0, 1, profile("m", 2));
        let mut rig = rig.loaded(&[0]);
        rig.now = 200;
        let action = rig.action(INFER, 0, from_to(0, latest));
        let inputs = Inputs { body: zeros(&[INPUT]), sizes: vec![INPUT], ..Inputs::default() };
        rig.handle(Input::Action { action, inputs });
        let result = rig.finish().remove(0);
        assert_eq!((result.id, result.status), (action.id, status), "latest {latest}");
    }
}

#[test]
fn late_loads_and_evicts_have_statuses_of_their_own() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    rig.send(ActionKind::Load, 1, Window::ALWAYS); // until 300
    let load = rig.send(ActionKind::Load, 2, from_to(0, 299));
    let evict = rig.send(ActionKind::Evict, 0, from_to(0, 299));
    let results = rig.finish();
    let status = |id| results.iter().find(|result| result.id == id).unwrap().status;
    assert_eq!(status(load), Status::LOAD_LATE);
    assert_eq!(status(evict), Status::EVICT_LATE);
    assert_eq!(rig.resident(), [0, 1]);
}

#[test]
fn a_refused_action_has_no_intervals_and_says_when_it_came_and_went() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    rig.send(INFER, 0, from_to(0, 199));
    let result = rig.one(230);
    assert_eq!(result.status, Status::EXEC_LATE);
    assert_eq!(result.exec.end, at(0));
    assert_eq!((result.received, result.sent), (at(200), at(230)));
}

#[test]
fn actions_start_in_order_of_earliest_and_ties_in_order_of_arrival() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    let ids: Vec<_> =
        [220, 210, 220, 210].map(|earliest| rig.send(INFER, 0, from_to(earliest, 999))).into();
    let order: Vec<_> = rig.finish().into_iter().map(|result| result.id).collect();
    assert_eq!(order, [ids[1], ids[3], ids[0], ids[2]]);
}

#[test]
fn infers_and_loads_run_side_by_side_and_so_do_devices() {
    let mut rig = Rig::new(2, 8).loaded(&[0]);
    rig.now = 200;
    let mut elsewhere = rig.action(ActionKind::Load, 0, Window::ALWAYS);
    elsewhere.gpu = GpuId::new(1);
    rig.send_action(elsewhere);
    rig.send(ActionKind::Load, 1, Window::ALWAYS);
    rig.send(INFER, 0, Window::ALWAYS);
    let mut ends: Vec<_> = rig.finish().iter().map(|result| result.exec.end.get()).collect();
    ends.sort_unstable();
    assert_eq!(ends, [200 + EXEC, 200 + LOAD, 200 + LOAD]);
}

#[test]
fn a_batch_takes_its_own_time_and_one_that_is_not_prepared_is_refused() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    for (size, duration) in [(1, 10), (2, 15), (4, 25)] {
        let batch = batch(size);
        rig.send(ActionKind::Infer { batch }, 0, Window::ALWAYS);
        assert_eq!(rig.finish()[0].exec.duration.get(), duration);
    }
    for batch in [batch(3), batch(5)] {
        rig.send(ActionKind::Infer { batch }, 0, Window::ALWAYS);
        assert_eq!(rig.finish()[0].status, Status::BAD_BATCH_SIZE);
    }
}

#[test]
fn an_action_for_something_that_does_not_exist_is_refused() {
    let mut rig = Rig::new(1, 8);
    let mut elsewhere = rig.action(INFER, 0, Window::ALWAYS);
    elsewhere.gpu = GpuId::new(1);
    rig.send_action(elsewhere);
    rig.send(INFER, 99, Window::ALWAYS);
    rig.send(ActionKind::Load, 99, Window::ALWAYS);
    rig.send(ActionKind::Evict, 99, Window::ALWAYS);
    let mut inverted = rig.action(INFER, 0, Window::ALWAYS);
    inverted.window = Window { earliest: at(2), latest: at(1) };
    rig.send_action(inverted);
    let statuses: Vec<_> = rig.turn(0).iter().map(|result| result.status.get()).collect();
    assert_eq!(statuses, [13, 72, 52, 62, 12]);
}

#[test]
fn an_action_that_was_seen_before_is_ignored() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    let action = rig.action(INFER, 0, Window::ALWAYS);
    rig.send_action(action);
    rig.send_action(action);
    assert_eq!(rig.finish().len(), 1);
    rig.send_action(action);
    assert_eq!(rig.finish().len(), 0);
    assert_eq!(rig.worker.counters().duplicates, 2);
}

#[test]
fn an_action_of_an_earlier_epoch_is_refused() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    let mut newer = rig.action(INFER, 0, Window::ALWAYS);
    newer.id.epoch = 2;
    rig.send_action(newer);
    let older = rig.send(INFER, 0, Window::ALWAYS);
    let results = rig.finish();
    let refused: Vec<_> = results.iter().filter(|result| !result.status.is_ok()).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].id, refused[0].status), (older, Status::INVALID_ACTION));
}

#[test]
fn what_waits_can_be_cancelled_and_what_started_cannot() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    let running = rig.send(INFER, 0, Window::ALWAYS);
    let waiting = rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(205);
    rig.handle(Input::Cancel { id: running });
    rig.handle(Input::Cancel { id: waiting });
    let outputs = rig.outputs();
    assert!(matches!(&outputs[..], [
        Output::CancelReply { cancelled: false, .. },
        Output::CancelReply { cancelled: true, id },
        Output::Result { result, .. },
    ] if *id == waiting && result.id == waiting && result.status == Status::CANCELLED));
    assert_eq!(rig.finish().len(), 1, "the running one still ends");
}

#[test]
fn shutdown_cancels_what_waits_and_lets_the_rest_end() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    let running = rig.send(INFER, 0, Window::ALWAYS);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(ActionKind::Evict, 0, from_to(900, 999));
    rig.turn(205);
    rig.worker.shutdown(at(205));
    rig.send(INFER, 0, Window::ALWAYS);
    let results = rig.finish();
    let statuses: Vec<_> = results.iter().map(|result| result.status.get()).collect();
    assert_eq!(statuses, [1, 1, 3, 0]);
    assert_eq!(results[3].id, running);
    assert_eq!(rig.worker.counters().pending(), 0);
}

#[test]
fn a_full_queue_refuses_instead_of_growing() {
    let mut rig = Rig::new(1, 8);
    let config = WorkerConfig { queue_max: 2, ..WorkerConfig::default() };
    rig.worker = Worker::new(config, vec![Box::new(Emulated::new(spec(8)))]);
    rig.load_model(0, 1, profile("m", 1));
    for _ in 0..3 {
        rig.send(INFER, 0, from_to(900, 999));
    }
    assert_eq!(rig.one(0).status, Status::OVERLOADED);
}

#[test]
fn counters_say_what_came_and_what_is_pending() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(INFER, 1, Window::ALWAYS);
    rig.send(ActionKind::Evict, 1, Window::ALWAYS);
    rig.turn(rig.now);
    let counters = rig.worker.counters();
    assert_eq!((counters.loads, counters.infers, counters.evicts), (1, 2, 1));
    assert_eq!((counters.pending(), counters.errors), (2, 1), "two INFERs wait, one EVICT failed");
    rig.finish();
    assert_eq!(rig.worker.counters().pending(), 0);
}

#[test]
fn inputs_that_do_not_fit_are_refused_on_arrival() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    let id = ActionId { epoch: 1, shard: 1, counter: 0 };
    let gpu = GpuId::new(0);
    let model = ModelId::new(0);
    let (window, expected) = (from_to(900, 999), clockwork_wire::Span::ZERO);
    let pages = PageRange::WHOLE;
    let action = Action { id, kind: INFER, model, gpu, window, expected, pages };
    let inputs = Inputs { body: vec![0; 9].into(), sizes: vec![9], ..Inputs::default() };
    rig.handle(Input::Action { action, inputs });
    assert_eq!(rig.one(rig.now).status, Status::BAD_INPUT_SIZE);
}

#[test]
fn outputs_have_the_models_size_and_absent_inputs_have_no_outputs() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    let batch = batch(2);
    for (sizes, len) in [(vec![8, 8], 8), (vec![0, 0], 0)] {
        let action = rig.action(ActionKind::Infer { batch }, 0, Window::ALWAYS);
        let body = zeros(&sizes);
        rig.handle(Input::Action { action, inputs: Inputs { body, sizes, ..Inputs::default() } });
        rig.outputs();
        rig.now += 15;
        let outputs = rig.outputs();
        assert!(matches!(&outputs[..], [Output::Result { result, output }]
            if result.output_len == len && output.len() == usize::try_from(len).unwrap()));
    }
}
