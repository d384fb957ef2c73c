//! UNLOADMODEL: what was accepted ends, what comes later is refused, and nothing is left.

use clockwork_executor::{Input, Output};
use clockwork_wire::{ActionKind, ModelId, ModelUnloaded, Status, UnloadModel, Window};

use crate::rig::{INFER, LOAD, Rig, profile};

fn unload(rig: &mut Rig, model: u32, copies: u32) -> UnloadModel {
    let unload = UnloadModel { id: rig.id(), model: ModelId::new(model), copies };
    rig.handle(Input::UnloadModel(unload));
    unload
}

/// The outputs at this wake-up or later ones, until nothing is left to do.
fn finish(rig: &mut Rig) -> Vec<Output> {
    let mut outputs = rig.outputs();
    while let Some(wakeup) = rig.worker.next_wakeup() {
        rig.now = rig.now.max(wakeup.get());
        outputs.extend(rig.outputs());
    }
    outputs
}

fn unloaded(outputs: &[Output]) -> Vec<&ModelUnloaded> {
    let mut unloaded = Vec::new();
    for output in outputs {
        if let Output::ModelUnloaded(one) = output {
            unloaded.push(one);
        }
    }
    unloaded
}

fn statuses(outputs: &[Output]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for output in outputs {
        if let Output::Result { result, .. } = output {
            statuses.push(result.status.get());
        }
    }
    statuses
}

#[test]
fn idle_models_go_at_once_with_their_pages() {
    let mut rig = Rig::new(2, 8).loaded(&[0, 1, 2]);
    let order = unload(&mut rig, 0, 2);
    let outputs = rig.outputs();
    let [done] = &unloaded(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((done.id, done.status, done.model), (order.id, Status::OK, order.model));
    assert_eq!((rig.free_pages(), rig.resident()), (6, vec![2]));
    let models = rig.worker.state().models;
    assert_eq!(models.iter().map(|m| m.model.get()).collect::<Vec<_>>(), [2]);
    assert_eq!(rig.worker.counters().pending(), 0);
}

#[test]
fn what_was_accepted_ends_before_the_model_goes_and_what_comes_later_is_refused() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.outputs();
    unload(&mut rig, 0, 1);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    let refused = rig.outputs();
    assert_eq!(statuses(&refused), [72, 52], "unknown to what arrives");
    assert!(unloaded(&refused).is_empty() && rig.resident() == [0], "two INFERs go on");
    let outputs = finish(&mut rig);
    assert_eq!(statuses(&outputs), [0, 0]);
    assert!(matches!(outputs.last(), Some(Output::ModelUnloaded(it)) if it.status.is_ok()));
    assert_eq!(rig.free_pages(), 8);
}

#[test]
fn the_idle_ones_of_an_order_go_at_once_and_the_busy_ones_follow() {
    let mut rig = Rig::new(2, 8).loaded(&[0, 1, 2]);
    rig.send(INFER, 1, Window::ALWAYS);
    rig.outputs();
    unload(&mut rig, 0, 3);
    assert!(rig.outputs().is_empty());
    assert_eq!((rig.free_pages(), rig.resident()), (6, vec![1]));
    let outputs = finish(&mut rig);
    assert_eq!((statuses(&outputs), unloaded(&outputs).len()), (vec![0], 1));
    assert_eq!((rig.free_pages(), rig.worker.counters().pending()), (8, 0));
}

#[test]
fn an_order_of_nothing_or_of_ids_out_of_range_harms_nobody() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    unload(&mut rig, 0, 0);
    unload(&mut rig, u32::MAX, u32::MAX);
    let status: Vec<_> = unloaded(&rig.outputs()).iter().map(|it| it.status).collect();
    assert_eq!(status, [Status::OK, Status::UNKNOWN_MODEL]);
    assert_eq!(rig.resident(), [0]);
}

#[test]
fn an_evict_is_done_whether_its_model_leaves_or_is_gone() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.outputs();
    unload(&mut rig, 0, 1);
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    assert_eq!(statuses(&finish(&mut rig)), [0, 0]);
    rig.send(ActionKind::Evict, 0, Window::ALWAYS);
    assert_eq!((statuses(&finish(&mut rig)), rig.free_pages()), (vec![0], 8));
    rig.send(ActionKind::Evict, 9, Window::ALWAYS);
    assert_eq!(statuses(&finish(&mut rig)), [62], "this one was never here");
}

#[test]
fn a_load_under_way_ends_and_its_pages_are_free_again() {
    let mut rig = Rig::new(1, 8);
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    rig.outputs();
    unload(&mut rig, 0, 3);
    let outputs = finish(&mut rig);
    assert_eq!((statuses(&outputs), unloaded(&outputs).len()), (vec![0], 1));
    assert_eq!((rig.now, rig.free_pages()), (LOAD, 8));
}

#[test]
fn all_of_an_order_must_be_here_and_it_counts_once() {
    let mut rig = Rig::new(1, 8);
    unload(&mut rig, 1, 3);
    let outputs = rig.outputs();
    let [refused] = &unloaded(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(refused.status, Status::UNKNOWN_MODEL);
    assert_eq!(refused.message, "of 3 models from 1 on, 3 is not here");
    assert_eq!(rig.worker.state().models.len(), 3, "nothing happened to the other two");
    let order = unload(&mut rig, 0, 3);
    rig.handle(Input::UnloadModel(order));
    assert_eq!(unloaded(&rig.outputs()).len(), 1);
    assert_eq!(rig.worker.counters().duplicates, 1);
}

#[test]
fn ids_come_back_with_another_controller_only() {
    let mut rig = Rig::new(1, 8);
    unload(&mut rig, 0, 3);
    rig.outputs();
    let load = rig.load_model_action(0, 3, "m");
    rig.handle(Input::LoadModel(load));
    let outputs = rig.outputs();
    assert!(matches!(&outputs[..], [Output::ModelLoaded(l)] if l.status == Status::MODEL_EXISTS));
    rig.handle(Input::NewController);
    rig.load_model(0, 3, profile("m", 2));
}
