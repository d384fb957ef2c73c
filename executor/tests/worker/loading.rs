//! LOADMODEL: from a name to a servable model.

use clockwork_executor::{Input, ModelSource, Output, Unprepared, Wanted};
use clockwork_wire::{ActionKind, BatchSize, ModelLoaded, Span, Status, Window};

use crate::rig::{INFER, Rig, at, batch, profile};

fn loaded(outputs: Vec<Output>) -> ModelLoaded {
    outputs
        .into_iter()
        .find_map(
            |output| if let Output::ModelLoaded(loaded) = output { Some(loaded) } else { None },
        )
        .expect("a LOADMODEL has one result")
}

#[test]
fn a_model_is_resolved_by_name_and_prepared_for_every_copy() {
    let mut rig = Rig::empty(2, 8);
    let load = rig.load_model_action(4, 3, "resnet");
    let id = load.id;
    rig.handle(Input::LoadModel(load));
    let outputs = rig.outputs();
    assert!(matches!(&outputs[..], [Output::Resolve { id: asked, name, copies: 3, wanted }]
        if *asked == id && name == "resnet"
            && *wanted == Wanted { max_batch: batch(8), max_exec: Span::MAX }));
    rig.now = 7;
    rig.handle(Input::Resolved { id, source: Ok(ModelSource::Profile(profile("resnet", 2))) });
    let loaded = loaded(rig.outputs());
    assert_eq!((loaded.status, loaded.copies, loaded.duration), (Status::OK, 3, Span::new(7)));
    let models = rig.worker.state().models;
    assert_eq!(models.iter().map(|m| m.model.get()).collect::<Vec<_>>(), [4, 5, 6]);
}

#[test]
fn batch_sizes_that_are_too_large_or_too_slow_are_left_out_but_never_one() {
    for (max_batch, max_exec, kept) in [(2, 99, vec![1, 2]), (8, 15, vec![1, 2]), (8, 3, vec![1])] {
        let mut rig = Rig::empty(1, 8);
        let mut load = rig.load_model_action(0, 1, "m");
        load.max_batch = BatchSize::new(max_batch).unwrap();
        load.max_exec = Span::new(max_exec);
        let id = load.id;
        rig.handle(Input::LoadModel(load));
        rig.handle(Input::Resolved { id, source: Ok(ModelSource::Profile(profile("m", 2))) });
        let profile = loaded(rig.outputs()).profile.unwrap();
        assert_eq!(profile.batches.iter().map(|b| b.batch.get()).collect::<Vec<_>>(), kept);
        rig.send(ActionKind::Infer { batch: batch(4) }, 0, Window::ALWAYS);
        assert_eq!(rig.finish()[0].status, Status::BAD_BATCH_SIZE, "it was not asked for");
    }
}

#[test]
fn a_taken_id_is_refused_even_while_its_owner_is_being_resolved() {
    let mut rig = Rig::empty(1, 8);
    let first = rig.load_model_action(0, 2, "m");
    let second = rig.load_model_action(1, 2, "m");
    let id = first.id;
    rig.handle(Input::LoadModel(first));
    rig.handle(Input::LoadModel(second));
    let refused = loaded(rig.outputs());
    assert_eq!(refused.status, Status::MODEL_EXISTS);
    assert!(refused.message.contains("taken"), "{}", refused.message);
    rig.handle(Input::Resolved { id, source: Ok(ModelSource::Profile(profile("m", 2))) });
    assert_eq!(loaded(rig.outputs()).status, Status::OK);
}

#[test]
fn an_unknown_name_is_answered_with_the_resolvers_words_and_frees_the_ids() {
    let mut rig = Rig::empty(1, 8);
    let load = rig.load_model_action(0, 1, "nope");
    let id = load.id;
    rig.handle(Input::LoadModel(load));
    rig.handle(Input::Resolved { id, source: Err("no model `nope`".to_owned().into()) });
    let refused = loaded(rig.outputs());
    assert_eq!((refused.status, &*refused.message), (Status::BAD_MODEL_PATH, "no model `nope`"));
    rig.load_model(0, 1, profile("m", 2));
}

#[test]
fn a_device_without_room_refuses_in_its_own_words_and_frees_the_ids() {
    let mut rig = Rig::empty(1, 8);
    let load = rig.load_model_action(0, 1, "m");
    let id = load.id;
    rig.handle(Input::LoadModel(load));
    let full = Unprepared { status: Status::DEVICE_MEMORY, reason: "7 more fit".to_owned() };
    rig.handle(Input::Resolved { id, source: Err(full) });
    let refused = loaded(rig.outputs());
    assert_eq!((refused.status, &*refused.message), (Status::DEVICE_MEMORY, "7 more fit"));
    rig.load_model(0, 1, profile("m", 2));
}

#[test]
fn no_copies_and_ids_out_of_range_are_refused() {
    for (model, copies) in [(0, 0), (u32::MAX, 1), (0, u32::MAX)] {
        let mut rig = Rig::empty(1, 8);
        let load = rig.load_model_action(model, copies, "m");
        rig.handle(Input::LoadModel(load));
        assert_eq!(loaded(rig.outputs()).status, Status::INVALID_ACTION);
    }
}

#[test]
fn models_can_be_loaded_while_others_are_served() {
    let mut rig = Rig::new(1, 8).loaded(&[0]);
    rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(rig.now);
    let load = rig.load_model_action(3, 1, "m");
    let id = load.id;
    rig.handle(Input::LoadModel(load));
    rig.handle(Input::Resolved { id, source: Ok(ModelSource::Profile(profile("m", 2))) });
    assert_eq!(loaded(rig.outputs()).status, Status::OK);
    assert_eq!(rig.finish().len(), 1);
}

#[test]
fn shutdown_answers_a_model_that_is_being_resolved() {
    let mut rig = Rig::empty(1, 8);
    let load = rig.load_model_action(0, 1, "m");
    let id = load.id;
    rig.handle(Input::LoadModel(load));
    rig.outputs();
    rig.worker.shutdown(at(0));
    assert_eq!(loaded(rig.outputs()).status, Status::CANCELLED);
    rig.handle(Input::Resolved { id, source: Err(String::new().into()) });
    assert!(rig.outputs().is_empty());
    assert_eq!(rig.worker.counters().pending(), 0);
}

#[test]
fn thousands_of_models_are_taken_one_by_one() {
    let mut rig = Rig::empty(4, 8);
    let profile = profile("m", 2);
    for model in 0..4_026 {
        rig.load_model(model, 1, profile.clone());
    }
    assert_eq!(rig.worker.state().models.len(), 4_026);
}
