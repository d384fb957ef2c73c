//! A turn may come late; what is due on a device does not.

use clockwork_executor::Fault;
use clockwork_wire::{ActionKind, GpuId, Status, Window};

use crate::rig::{EXEC, INFER, LOAD, Rig, at, from_to};

#[test]
fn lateness_of_the_caller_never_adds_up() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    for _ in 0..5 {
        rig.send(INFER, 0, Window::ALWAYS);
    }
    rig.turn(200);
    let results = rig.turn(237);
    let ends: Vec<_> = results.iter().map(|result| result.exec.end.get()).collect();
    assert_eq!(ends, [210, 220, 230], "three were due, however late the turn");
    assert_eq!(rig.worker.next_wakeup(), Some(at(240)));
    let ends: Vec<_> = rig.turn(900).iter().map(|result| result.exec.end.get()).collect();
    assert_eq!(ends, [240, 250]);
}

#[test]
fn latest_is_checked_against_the_start_in_device_time() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(INFER, 0, from_to(0, 210));
    rig.send(INFER, 0, from_to(0, 219));
    rig.turn(200);
    let statuses: Vec<_> = rig.turn(5_000).iter().map(|result| result.status.get()).collect();
    assert_eq!(statuses, [0, 0, 81], "the second started at 210, the third could not at 220");
}

#[test]
fn what_arrives_late_does_not_overtake_what_was_due() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    rig.send(INFER, 0, Window::ALWAYS); // until 210
    let due = rig.send(INFER, 0, from_to(205, 999)); // from 210
    rig.turn(200);
    rig.now = 250; // the turn of 210 comes only now, and with it an action of older `earliest`
    let newcomer = rig.send(INFER, 0, from_to(0, 999));
    let results = rig.finish();
    let begin = |id| results.iter().find(|result| result.id == id).unwrap().exec.begin;
    assert_eq!(begin(due), at(210));
    assert_eq!(begin(newcomer), at(250));
}

#[test]
fn weights_that_arrived_in_time_count_although_nobody_looked() {
    let mut rig = Rig::new(1, 8);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.send(INFER, 0, from_to(LOAD, LOAD));
    rig.send(INFER, 0, from_to(LOAD + 1, LOAD + EXEC));
    rig.turn(0);
    let results = rig.turn(10_000);
    assert!(results.iter().all(|result| result.status.is_ok()), "{results:?}");
    assert_eq!(results[2].exec.end, at(LOAD + 2 * EXEC));
}

#[test]
fn an_action_cannot_be_cancelled_after_it_was_due_to_start() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    let id = rig.send(INFER, 0, from_to(210, 999));
    rig.turn(200);
    rig.now = 215;
    rig.handle(clockwork_executor::Input::Cancel { id });
    assert_eq!(rig.finish()[0].status, Status::OK);
}

#[test]
fn a_slow_device_takes_longer_and_a_hung_one_goes_on_where_it_stopped() {
    let gpu = GpuId::new(0);
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.now = 200;
    rig.worker.inject(at(200), gpu, Fault::Slow(3.0));
    rig.send(INFER, 0, Window::ALWAYS);
    assert_eq!(rig.finish()[0].exec.duration.get(), 3 * EXEC);

    rig.worker.inject(at(300), gpu, Fault::None);
    rig.now = 300;
    rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(300);
    rig.worker.inject(at(304), gpu, Fault::Hang);
    assert_eq!(rig.worker.next_wakeup(), None);
    assert!(rig.turn(1_000).is_empty());
    rig.worker.inject(at(1_000), gpu, Fault::None);
    let result = rig.one(2_000);
    assert_eq!(result.exec.end, at(1_006), "6 were left when it stopped");
}
