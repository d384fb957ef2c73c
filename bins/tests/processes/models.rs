//! Models that come and go while a controller serves.

use clockwork_wire::{Status, UserId};

use crate::bench::Bench;
use crate::session::{answer, ask, load, submit, talk};

#[test]
fn a_model_is_unloaded_while_another_one_is_served() {
    let bench = Bench::new();
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let user = UserId::new(0);
    talk(controller.address, async |session| {
        let stays = load(session, "resnet50_v2").await.model;
        let goes = session.load("resnet50_v2", 3, user).await.expect("it can be loaded").model;
        assert_eq!(ask(session, 0, goes, 0).await.response.status, Status::OK);
        // What is under way ends; what waits is answered: nothing is forgotten.
        for id in 0..40 {
            submit(session, id, if id % 2 == 0 { goes } else { stays }, 0);
        }
        session.flush();
        session.unload(goes, 3, user).await.expect("the controller knows them");
        for _ in 0..40 {
            let response = answer(session).await.response;
            let gone = response.model == goes && response.status == Status::UNKNOWN_MODEL;
            assert!(gone || response.status == Status::OK, "{response:?}");
        }
        assert_eq!(ask(session, 41, goes, 0).await.response.status, Status::UNKNOWN_MODEL);
        assert_eq!(ask(session, 42, stays, 0).await.response.status, Status::OK);
        let again = session.load("resnet50_v2", 1, user).await.expect("there is room").model;
        assert_eq!(ask(session, 43, again, 0).await.response.status, Status::OK);
        let refused = session.unload(goes, 1, user).await.unwrap_err().to_string();
        assert!(refused.contains("status 10 (unknown model)"), "{refused}");
    });
}

#[test]
fn models_are_listed_loaded_and_unloaded_from_the_command_line() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let address = controller.address.to_string();
    let model = |arguments: &[&str]| {
        let [wish, rest @ ..] = arguments else { panic!("a wish is needed") };
        bench.start("clockwork", &[&["model", wish, &address], rest].concat()).end()
    };
    let loaded = model(&["load", "resnet50_v2", "3"]);
    assert_eq!((loaded.code, loaded.err.as_str()), (Some(0), ""));
    talk(controller.address, async |session| drop(load(session, "googlenet").await));
    assert_eq!(model(&["unload", "1", "1"]).code, Some(0));
    let listed = model(&["list"]).out;
    let ids: Vec<_> = listed.iter().filter_map(|line| line.split_once('\t')).collect();
    let (image, class) = ("602112", "4000");
    let resnet = format!("resnet50_v2\t{image}\t{class}");
    let google = format!("googlenet\t{image}\t{class}");
    assert_eq!(ids, [("0", &*resnet), ("2", &*resnet), ("3", &*google)]);
    let refused = model(&["unload", "1"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("1 is not loaded"), "{}", refused.err);
}
