//! What LOAD and EVICT do to a device.

use clockwork_wire::{ActionKind, ActionResult, Status, Window};

use crate::rig::{EXEC, INFER, LOAD, Rig, at, from_to};

fn statuses(results: &[ActionResult]) -> Vec<u16> {
    results.iter().map(|result| result.status.get()).collect()
}

#[test]
fn an_infer_needs_weights_when_it_starts() {
    let mut rig = Rig::new(1, 8);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.send(INFER, 0, from_to(LOAD - 1, LOAD - 1));
    rig.send(INFER, 0, from_to(LOAD, LOAD));
    assert_eq!(statuses(&rig.finish()), [82, 0, 0], "missing, loaded, executed");
}

#[test]
fn pages_are_taken_by_load_and_freed_by_evict() {
    let mut rig = Rig::new(1, 5);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.send(ActionKind::Load, 1, Window::ALWAYS);
    rig.send(ActionKind::Load, 2, Window::ALWAYS);
    assert_eq!(statuses(&rig.finish()), [0, 0, 53]);
    assert_eq!((rig.free_pages(), rig.resident()), (1, vec![0, 1]));
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    rig.send(ActionKind::Load, 2, Window::ALWAYS);
    assert_eq!(statuses(&rig.finish()), [0, 63, 0]);
    assert_eq!((rig.free_pages(), rig.resident()), (1, vec![1, 2]));
}

#[test]
fn a_second_load_copies_again_into_the_same_pages() {
    let mut rig = Rig::new(1, 2).loaded(&[0]);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.turn(150);
    assert_eq!(rig.resident(), [0; 0], "not usable while it is copied");
    rig.send(INFER, 0, Window::ALWAYS);
    assert_eq!(statuses(&rig.finish()), [82, 0]);
    assert_eq!((rig.free_pages(), rig.resident()), (0, vec![0]));
}

#[test]
fn an_evict_waits_for_the_running_infer_and_stops_further_ones() {
    let mut rig = Rig::new(1, 2).loaded(&[0]);
    rig.now = 200;
    let running = rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(200);
    rig.now = 203;
    let evict = rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    let load = rig.send(ActionKind::Load, 1, Window::ALWAYS);
    let refused = rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(204);
    assert_eq!(rig.free_pages(), 0, "the pages are in use");
    let results = rig.finish();
    let order: Vec<_> = results.iter().map(|result| result.id).collect();
    assert_eq!(order, [running, evict, refused, load]);
    assert_eq!(statuses(&results), [0, 0, 82, 0]);
    assert_eq!(results[1].exec.begin, at(200 + EXEC), "freed when the INFER ended");
    assert_eq!(results[3].exec.begin, at(200 + EXEC), "and at once used by the LOAD behind it");
}

#[test]
fn an_evict_that_cannot_wait_long_enough_is_late_and_changes_nothing() {
    let mut rig = Rig::new(1, 2).loaded(&[0]);
    rig.now = 200;
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(ActionKind::Evict, 0, from_to(0, 200 + EXEC - 1));
    assert_eq!(statuses(&rig.finish()), [0, 61]);
    assert_eq!((rig.free_pages(), rig.resident()), (0, vec![0]));
}

#[test]
fn loads_and_evicts_never_overtake_each_other() {
    let mut rig = Rig::new(1, 2);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.turn(1);
    rig.now = 2;
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    let results = rig.finish();
    assert_eq!(statuses(&results), [0, 0], "the load is not overtaken: no 54");
    assert_eq!(results[1].exec.begin, at(LOAD));
    assert_eq!((rig.free_pages(), rig.resident()), (2, vec![]));
}

#[test]
fn infer_after_evict_finds_no_weights() {
    let mut rig = Rig::new(1, 2).loaded(&[0]);
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    rig.turn(rig.now);
    rig.send(INFER, 0, Window::ALWAYS);
    assert_eq!(rig.finish()[0].status, Status::WEIGHTS_MISSING);
}
