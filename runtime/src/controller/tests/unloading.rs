//! Models are unloaded while others are served.

use clockwork_wire::Status;

use super::{Controller, PAGES, World, serving};

#[test]
fn what_is_asked_is_answered_and_nothing_is_left_of_the_models() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 4);
        let asked: Vec<_> = (0..40).map(|n| (n % 4, world.infer(n % 4))).collect();
        world.run();
        let unload = world.unload(0, 3);
        assert!(!world.unloaded.contains_key(&unload), "the workers are at work");
        let late = world.infer(1);
        world.settle();
        assert_eq!(world.unloaded[&unload].status, Status::OK);
        assert_eq!(world.status(late), Some(Status::UNKNOWN_MODEL));
        for (model, id) in asked {
            let status = world.status(id).expect("every request is answered");
            let gone = model < 3 && status == Status::UNKNOWN_MODEL;
            assert!(gone || status == Status::OK, "{shards} shards, model {model}: {status}");
        }
        let stays = world.infer(3);
        world.settle();
        assert_eq!(world.status(stays), Some(Status::OK));
        assert_eq!(world.listing(), [3]);
        for process in &world.workers {
            assert_eq!(process.models(), [3]);
            assert_eq!(process.worker.counters().pending(), 0);
        }
        assert_eq!(world.machines.iter().map(Controller::unanswered).sum::<usize>(), 0);
    }
}

#[test]
fn the_pages_of_unloaded_models_serve_others() {
    let mut world = serving(1, 1, 8);
    let first: Vec<_> = (0..8).map(|model| world.infer(model)).collect();
    world.settle();
    assert_eq!(world.workers[0].free_pages(), 0, "eight models fill two devices");
    world.unload(0, 8);
    world.settle();
    assert_eq!(world.workers[0].free_pages(), 2 * PAGES);
    world.load(8);
    world.settle();
    let second: Vec<_> = (8..16).map(|model| world.infer(model)).collect();
    world.settle();
    assert!(first.iter().chain(&second).all(|&id| world.status(id) == Some(Status::OK)));
    assert_eq!(world.listing(), (8..16).collect::<Vec<_>>());
}

#[test]
fn what_is_not_loaded_is_refused_and_nothing_happens() {
    let mut world = World::new(1, 1);
    let early = world.unload(0, 1);
    world.run();
    assert_eq!(world.unloaded[&early].status, Status::INITIALIZING);
    world.load(3);
    world.settle();
    for (model, copies, status) in [
        (2, 2, Status::UNKNOWN_MODEL),
        (u32::MAX, u32::MAX, Status::UNKNOWN_MODEL),
        (0, 0, Status::INVALID_REQUEST),
    ] {
        let refused = world.unload(model, copies);
        world.run();
        assert_eq!(world.unloaded[&refused].status, status);
        assert!(!world.unloaded[&refused].message.is_empty());
    }
    let (once, twice) = (world.unload(1, 1), world.unload(1, 1));
    world.settle();
    assert_eq!(world.unloaded[&once].status, Status::OK);
    assert_eq!(world.unloaded[&twice].status, Status::UNKNOWN_MODEL);
    assert_eq!(world.listing(), [0, 2]);
}

#[test]
fn a_worker_that_is_away_is_not_waited_for_and_is_told_when_it_is_back() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 4);
        let busy: Vec<_> = (0..8).map(|n| world.infer(n % 4)).collect();
        world.run();
        let unload = world.unload(0, 2);
        // The link breaks before the order is carried out.
        world.lose(1, false);
        world.settle();
        assert_eq!(world.unloaded[&unload].status, Status::OK);
        assert!(busy.iter().all(|&id| world.status(id).is_some()));
        assert_eq!(world.workers[1].models(), [0, 1, 2, 3], "it knows of nothing");
        world.come_back(1);
        world.settle();
        assert_eq!(world.workers[1].models(), [2, 3]);
        assert_eq!(world.listing(), [2, 3]);
    }
}

#[test]
fn a_worker_that_lost_its_models_loads_only_those_that_are_left() {
    let mut world = serving(1, 2, 6);
    world.unload(1, 1);
    world.settle();
    world.lose(1, true);
    world.unload(4, 1);
    world.settle();
    world.come_back(1);
    world.settle();
    assert_eq!(world.workers[1].models(), [0, 2, 3, 5]);
}

#[test]
fn what_is_unloaded_while_a_worker_loads_it_again_does_not_stay_there() {
    let mut world = serving(1, 2, 6);
    world.lose(1, true);
    world.come_back(1);
    // Its state has come, the order to load goes out in the same turn as the unload comes in.
    let unload = world.unload(2, 3);
    world.settle();
    assert_eq!(world.unloaded[&unload].status, Status::OK);
    assert_eq!(world.workers[1].models(), [0, 1, 5]);
    let served = [0, 1, 5].map(|model| world.infer(model));
    world.settle();
    assert!(served.iter().all(|&id| world.status(id) == Some(Status::OK)));
}
