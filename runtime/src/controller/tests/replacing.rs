//! New versions take over while models are served.

use std::sync::Arc;

use clockwork_wire::{ModelProfile, RequestId, Status};

use super::{Controller, World, profile, serving};

/// A replacement of `m` that has succeeded for so many ids.
fn replace(world: &mut World, models: u32) {
    let id = world.replace("m");
    world.settle();
    let response = &world.replaced[&id];
    assert_eq!((response.status, response.models), (Status::OK, models), "{}", response.message);
}

/// One that is refused with a word in the reason.
fn assert_refused(world: &mut World, id: RequestId, status: Status, word: &str) {
    let response = &world.replaced[&id];
    assert_eq!((response.status, response.models), (status, 0));
    assert!(response.message.contains(word), "{}", response.message);
}

/// Everything that was asked was answered OK by the model that was asked.
fn assert_served(world: &World, asked: &[(u32, RequestId)]) {
    for (model, id) in asked {
        let (answered, status) = world.inferred[id];
        assert_eq!((answered.get(), status), (*model, Status::OK), "request {id:?}");
    }
}

/// A request for each of the models.
fn ask(world: &mut World, models: std::ops::Range<u32>) -> Vec<(u32, RequestId)> {
    models.map(|model| (model, world.infer(model))).collect()
}

fn unanswered(world: &World) -> usize {
    world.machines.iter().map(Controller::unanswered).sum()
}

#[test]
fn every_request_is_answered_through_two_replacements_and_the_ids_stay() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 3);
        let mut asked = Vec::new();
        for round in 1..=2 {
            for _ in 0..10 {
                asked.extend(ask(&mut world, 0..3));
            }
            world.run();
            let id = world.replace("m");
            asked.extend(ask(&mut world, 0..3));
            let response = world.until_replaced(id);
            assert_eq!(response.models, 3, "{}", response.message);
            asked.extend(ask(&mut world, 0..3));
            let both: Vec<u32> = (round * 3 - 3..round * 3 + 3).collect();
            assert_eq!(world.workers[0].models(), both, "what waits for the old ones is not lost");
            assert_eq!(world.listing(), [0, 1, 2]);
            world.settle();
            assert_eq!(world.workers[0].models(), both[3..]);
            assert_eq!(world.workers[1].models(), both[3..]);
        }
        assert_served(&world, &asked);
        assert_eq!((unanswered(&world), asked.len()), (0, 72));
        assert!(world.machines.iter().all(|machine| machine.draining.is_empty()));
    }
}

#[test]
fn a_new_version_is_where_the_old_one_was_before_it_serves() {
    let mut world = serving(1, 2, 3);
    let asked: Vec<_> = (0..20).flat_map(|_| ask(&mut world, 0..3)).collect();
    world.settle();
    assert_served(&world, &asked);
    let cold = world.loads;
    assert!(cold >= 3, "{cold}");
    let id = world.replace("m");
    let during = ask(&mut world, 0..3);
    assert_eq!(world.until_replaced(id).models, 3);
    let warm = world.loads;
    assert!(warm > cold, "new versions were copied before they were asked for");
    let after = ask(&mut world, 0..3);
    world.settle();
    assert_served(&world, &[during, after].concat());
    assert_eq!(world.loads, warm, "nobody waited for a LOAD");
}

#[test]
fn what_is_unloaded_while_its_new_version_is_copied_stays_away() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 3);
        let asked = ask(&mut world, 0..3);
        world.settle();
        assert_served(&world, &asked);
        for (unloaded, models) in [(1, 2), (0, 1), (2, 0)] {
            let id = world.replace("m");
            world.run();
            assert!(!world.replaced.contains_key(&id), "it is being copied");
            let again = world.replace("m");
            world.unload(unloaded, 1);
            world.settle();
            assert_refused(&mut world, again, Status::INVALID_REQUEST, "is being replaced");
            assert_eq!(world.replaced[&id].models, models);
            assert_eq!(world.listing().len(), world.workers[0].models().len());
            let asked: Vec<_> =
                world.listing().into_iter().flat_map(|m| ask(&mut world, m..m + 1)).collect();
            world.settle();
            assert_served(&world, &asked);
        }
        assert!(world.workers[1].models().is_empty());
    }
}

#[test]
fn the_old_version_answers_until_all_workers_have_the_new_one() {
    let mut world = serving(2, 2, 2);
    world.searches = true;
    let id = world.replace("m");
    world.settle();
    assert!(!world.replaced.contains_key(&id), "the workers are still at work");
    let asked = ask(&mut world, 0..2);
    world.settle();
    assert_served(&world, &asked);
    assert_eq!(world.workers[0].models(), [0, 1]);
    world.find();
    world.settle();
    assert_eq!(world.replaced[&id].status, Status::OK);
    assert_eq!(world.workers[0].models(), [2, 3]);
}

#[test]
fn what_does_not_fit_is_refused_and_all_stays_as_it_was() {
    let larger = Arc::new(ModelProfile { output_size: 8, ..(*profile()).clone() });
    for (found, status, word) in [
        (Ok(larger), Status::INVALID_REQUEST, "8 and 8 bytes, the old one's 8 and 4"),
        (Err("weights.bin is damaged".to_owned()), Status::BAD_MODEL_PATH, "worker 0: weights.bin"),
    ] {
        for shards in [1, 2] {
            let mut world = serving(shards, 2, 2);
            world.found = found.clone();
            let id = world.replace("m");
            world.settle();
            assert_refused(&mut world, id, status, word);
            let asked = ask(&mut world, 0..2);
            world.settle();
            assert_served(&world, &asked);
            assert_eq!(world.workers[1].models(), [0, 1]);
            world.found = Ok(profile());
            replace(&mut world, 2);
            assert_eq!(world.workers[1].models(), [4, 5], "ids are given once");
        }
    }
}

#[test]
fn one_replacement_of_a_name_is_under_way_at_a_time() {
    let mut world = serving(1, 1, 2);
    world.searches = true;
    let first = world.replace("m");
    let second = world.replace("some/path/m/model");
    let unknown = world.replace("n");
    world.run();
    assert_refused(&mut world, second, Status::INVALID_REQUEST, "is being replaced");
    assert_refused(&mut world, unknown, Status::UNKNOWN_MODEL, "no model `n`");
    world.find();
    assert_eq!(world.replaced[&first].status, Status::OK);
    replace(&mut world, 2);
    let mut early = World::new(1, 1);
    let id = early.replace("m");
    early.run();
    assert_refused(&mut early, id, Status::INITIALIZING, "start-up");
}

#[test]
fn ids_of_versions_mean_nothing_to_clients() {
    let mut world = serving(1, 1, 2);
    replace(&mut world, 2);
    let hidden = world.infer(2);
    let unload = world.unload(2, 1);
    world.settle();
    assert_eq!(world.status(hidden), Some(Status::UNKNOWN_MODEL));
    assert_eq!(world.unloaded[&unload].status, Status::UNKNOWN_MODEL);
    assert_eq!(world.workers[0].models(), [2, 3]);
}

#[test]
fn nothing_is_left_of_a_replaced_model_that_is_unloaded() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 3);
        replace(&mut world, 3);
        let asked: Vec<_> = (0..20).flat_map(|_| ask(&mut world, 0..3)).collect();
        world.run();
        let id = world.replace("m");
        assert_eq!(world.until_replaced(id).models, 3);
        let unload = world.unload(1, 2);
        let late = world.infer(1);
        world.settle();
        assert_eq!(world.unloaded[&unload].status, Status::OK);
        assert_eq!(world.status(late), Some(Status::UNKNOWN_MODEL));
        assert!(asked.iter().all(|(_, id)| world.status(*id).is_some()));
        assert_served(
            &world,
            &asked.into_iter().filter(|(model, _)| *model == 0).collect::<Vec<_>>(),
        );
        assert_eq!((world.workers[0].models(), world.listing()), (vec![6], vec![0]));
        assert_eq!(unanswered(&world), 0);
    }
}

#[test]
fn what_is_unloaded_while_its_new_version_loads_stays_away() {
    let mut world = serving(2, 2, 3);
    world.searches = true;
    let id = world.replace("m");
    world.run();
    world.unload(1, 1);
    world.run();
    world.find();
    world.settle();
    assert_eq!(world.replaced[&id].models, 2);
    assert_eq!((world.workers[1].models(), world.listing()), (vec![3, 5], vec![0, 2]));
    world.searches = true;
    let id = world.replace("m");
    world.run();
    world.unload(0, 1);
    world.unload(2, 1);
    world.run();
    world.find();
    world.settle();
    assert_refused(&mut world, id, Status::UNKNOWN_MODEL, "unloaded meanwhile");
    assert!(world.workers[1].models().is_empty());
}

#[test]
fn a_worker_that_is_lost_meanwhile_gets_the_new_version_when_it_is_back() {
    for (shards, dies, early) in [(1, false, true), (2, false, false), (2, true, true)] {
        let mut world = serving(shards, 2, 2);
        world.searches = true;
        let id = world.replace("m");
        world.run();
        world.lose(1, dies);
        world.searching.retain(|&(worker, _)| worker == 0 || !dies);
        if early {
            world.come_back(1);
            world.run();
        }
        world.find();
        world.settle();
        assert_eq!(world.replaced[&id].models, 2, "{}", world.replaced[&id].message);
        if !early {
            world.come_back(1);
            world.settle();
        }
        let asked = ask(&mut world, 0..2);
        world.settle();
        assert_served(&world, &asked);
        assert_eq!(world.workers[0].models(), [2, 3]);
        assert_eq!(world.workers[1].models(), [2, 3], "{shards} {dies} {early}");
        assert_eq!(world.listing(), [0, 1]);
        if shards == 1 {
            // One shard has all devices, so that the other worker alone will do.
            world.lose(0, true);
            let asked = ask(&mut world, 0..2);
            world.settle();
            assert_served(&world, &asked);
        }
    }
}

#[test]
fn a_worker_that_comes_back_with_the_new_version_before_the_others_have_it_serves_it() {
    let mut world = serving(1, 2, 2);
    world.searches = true;
    let id = world.replace("m");
    world.run();
    world.lose(1, false);
    let slow = world.searching.iter().position(|&(worker, _)| worker == 0).unwrap();
    let slow = world.searching.remove(slow);
    world.find();
    world.come_back(1);
    world.run();
    assert_eq!(world.workers[1].models(), [0, 1, 2, 3]);
    assert_eq!(world.listing(), [0, 1]);
    world.searching = vec![slow];
    world.find();
    world.settle();
    assert_eq!(world.replaced[&id].status, Status::OK);
    assert_eq!((world.workers[0].models(), world.workers[1].models()), (vec![2, 3], vec![2, 3]));
    world.lose(0, true);
    let asked = ask(&mut world, 0..2);
    world.settle();
    assert_served(&world, &asked);
}

#[test]
fn without_a_worker_nothing_is_replaced() {
    let mut world = serving(1, 1, 2);
    world.searches = true;
    let id = world.replace("m");
    world.run();
    world.lose(0, true);
    assert_refused(&mut world, id, Status::WORKER_LOST, "every worker");
    let id = world.replace("m");
    world.run();
    assert_refused(&mut world, id, Status::WORKER_LOST, "no worker");
    world.searching.clear();
    world.searches = false;
    world.come_back(0);
    world.settle();
    assert_eq!(world.workers[0].models(), [0, 1]);
    replace(&mut world, 2);
}

#[test]
fn a_controller_that_comes_after_knows_which_version_serves_which_id() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 3);
        replace(&mut world, 3);
        replace(&mut world, 3);
        world.restart();
        world.load(1);
        world.settle();
        assert_eq!(world.listing(), [0, 1, 2, 9]);
        let asked = [ask(&mut world, 0..3), ask(&mut world, 9..10)].concat();
        world.settle();
        assert_served(&world, &asked);
        replace(&mut world, 4);
        assert_eq!(world.listing(), [0, 1, 2, 9]);
    }
}

#[test]
fn a_controller_that_finds_two_versions_takes_the_newer_one_everywhere() {
    for shards in [1, 2] {
        let mut world = serving(shards, 3, 2);
        world.lose(2, false);
        world.searches = true;
        world.replace("m");
        world.run();
        // One worker has loaded when the controller ends.
        world.searching.retain(|&(worker, _)| worker == 1);
        world.find();
        assert_eq!(world.workers[1].models(), [0, 1, 2, 3]);
        world.lose(0, true);
        for process in &mut world.workers {
            process.linked = true;
        }
        world.restart();
        world.load(1);
        world.settle();
        for process in &world.workers {
            assert_eq!(process.models(), [2, 3, 4], "{shards} shards");
        }
        assert_eq!(world.listing(), [0, 1, 4]);
        let asked = [ask(&mut world, 0..2), ask(&mut world, 4..5)].concat();
        world.settle();
        assert_served(&world, &asked);
    }
}
