//! A controller takes over what its workers have.

use clockwork_wire::Status;

use super::serving;

#[test]
fn models_are_taken_over_and_loaded_together_where_they_are_lost() {
    for shards in [1, 2] {
        let mut world = serving(shards, 2, 5);
        world.unload(1, 1);
        world.settle();
        world.restart();
        world.load(2);
        world.settle();
        assert_eq!(world.listing(), [0, 2, 3, 4, 5, 6]);
        let asked = [0, 4, 6].map(|model| world.infer(model));
        world.settle();
        assert!(asked.iter().all(|&id| world.status(id) == Some(Status::OK)), "{shards} shards");
        world.lose(1, true);
        world.come_back(1);
        world.settle();
        assert_eq!(world.workers[1].models(), [0, 2, 3, 4, 5, 6]);
        assert_eq!(world.workers[1].worker.counters().load_models, 3, "one order for each run");
    }
}
