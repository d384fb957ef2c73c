//! A worker's process with emulated devices, and controllers that dial it over loopback.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use clockwork_runtime::clock;
use clockwork_runtime::net::{Batch, Command, HandshakeError, Part, Report};
use clockwork_runtime::rt;
use clockwork_wire::{
    Action, ActionId, ActionKind, BatchSize, GpuId, LoadModel, ModelId, Nanos, PageRange, Payload,
    Span, Status, UnloadModel, Window,
};

use support::{Controller, Served, on_core};

fn id(counter: u64) -> ActionId {
    ActionId { epoch: 1, shard: 0, counter }
}

fn load_model(counter: u64, name: &str) -> Command<Batch> {
    Command::LoadModel(LoadModel {
        id: id(counter),
        model: ModelId::new(0),
        copies: 2,
        name: name.into(),
        max_batch: BatchSize::new(8).unwrap(),
        max_exec: Span::from_millis(250),
        shown: ModelId::new(0),
    })
}

fn action(counter: u64, kind: ActionKind, window: Window) -> Action {
    Action {
        id: id(counter),
        kind,
        model: ModelId::new(0),
        gpu: GpuId::new(0),
        window,
        expected: Span::from_millis(1),
        pages: PageRange::WHOLE,
    }
}

fn infer(counter: u64, window: Window, parts: Vec<Part>) -> Command<Batch> {
    let kind = ActionKind::Infer { batch: BatchSize::ONE };
    let inputs = Batch { parts, send_by: Nanos::MAX, ..Batch::default() };
    Command::Action { action: action(counter, kind, window), inputs }
}

fn load(counter: u64) -> Command<Batch> {
    let action = action(counter, ActionKind::Load, Window::ALWAYS);
    Command::Action { action, inputs: Batch::default() }
}

/// Makes the model servable and loads it: actions 1 and 2.
async fn prepare(controller: &Controller) {
    controller.say(load_model(1, "resnet50_v2"));
    let Report::ModelLoaded(loaded) = controller.hear().await else { panic!("it was ordered") };
    assert_eq!((loaded.status, loaded.copies), (Status::OK, 2));
    controller.say(load(2));
    let Report::Result { result, .. } = controller.hear().await else { panic!("it was ordered") };
    assert_eq!((result.id, result.status), (id(2), Status::OK));
    assert_eq!(result.exec.duration, Span::new(8_372_000));
}

#[test]
fn an_unloaded_model_is_unknown_and_its_name_can_be_loaded_again() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        let models = UnloadModel { id: id(3), model: ModelId::new(0), copies: 2 };
        controller.say(Command::UnloadModel(models));
        let Report::ModelUnloaded(gone) = controller.hear().await else { panic!("it was ordered") };
        assert_eq!((gone.id, gone.status, gone.model), (id(3), Status::OK, ModelId::new(0)));
        controller.say(infer(4, Window::ALWAYS, Vec::new()));
        let Report::Result { result, .. } = controller.hear().await else {
            panic!("it was ordered")
        };
        assert_eq!((result.id, result.status), (id(4), Status::INFER_UNKNOWN_MODEL));
        let mut again = load_model(5, "resnet50_v2");
        if let Command::LoadModel(load) = &mut again {
            load.model = ModelId::new(2);
        }
        controller.say(again);
        let Report::ModelLoaded(loaded) = controller.hear().await else { panic!("it was ordered") };
        assert_eq!((loaded.status, loaded.model), (Status::OK, ModelId::new(2)));
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn an_inference_takes_exactly_its_profiled_time_and_returns_its_output() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        let input = Payload::new(vec![7; 602_112]);
        controller.say(infer(3, Window::ALWAYS, vec![input]));
        let Report::Result { result, output } = controller.hear().await else {
            panic!("it was ordered")
        };
        assert_eq!((result.id, result.status), (id(3), Status::OK));
        assert_eq!(result.exec.duration, Span::new(3_322_000));
        assert_eq!((result.output_len, output.len()), (4_000, 4_000));
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn the_processor_is_a_device_that_wakes_its_worker() {
    let served = Served::on_cpu();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        controller.say(load_model(1, "digits"));
        let Report::ModelLoaded(loaded) = controller.hear().await else { panic!("ordered") };
        assert_eq!((loaded.status, loaded.message.as_str()), (Status::OK, ""));
        let profile = loaded.profile.unwrap();
        controller.say(load(2));
        let Report::Result { result, .. } = controller.hear().await else { panic!("ordered") };
        assert_eq!((result.id, result.status), (id(2), Status::OK));
        let input = vec![0; usize::try_from(profile.input_size).unwrap()];
        controller.say(infer(3, Window::ALWAYS, vec![Payload::new(input)]));
        let Report::Result { result, output } = controller.hear().await else { panic!("ordered") };
        assert_eq!((result.id, result.status), (id(3), Status::OK));
        assert_eq!(output.len(), usize::try_from(profile.output_size).unwrap());
        assert!(result.exec.end >= result.exec.begin && !result.exec.duration.is_zero());
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn a_controller_of_the_same_epoch_may_number_its_actions_as_the_one_before() {
    let served = Served::start();
    on_core(async move {
        let first = Controller::dial(served.address, 1).await.unwrap();
        prepare(&first).await;
        first.leave().await;
        // Until the worker has noticed that the first one left, it refuses the second.
        let second = loop {
            match Controller::dial(served.address, 2).await {
                Ok(second) => break second,
                Err(_) => rt::yield_now().await,
            }
        };
        second.say(infer(2, Window::ALWAYS, Vec::new()));
        let Report::Result { result, .. } = second.hear().await else { panic!("it was ordered") };
        assert_eq!((result.id, result.status), (id(2), Status::OK));
        second.leave().await;
        served.stop();
    });
}

#[test]
fn an_action_past_its_window_is_refused() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        let over = Window::new(Nanos::ZERO, clock::now() - Span::from_millis(1));
        controller.say(infer(3, over, Vec::new()));
        let Report::Result { result, .. } = controller.hear().await else { panic!("ordered") };
        assert_eq!((result.id, result.status), (id(3), Status::EXEC_LATE));
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn an_unknown_model_is_answered_with_names_that_exist() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        controller.say(load_model(1, "resnet50_v9"));
        let Report::ModelLoaded(loaded) = controller.hear().await else { panic!("ordered") };
        assert_eq!(loaded.status, Status::BAD_MODEL_PATH);
        assert!(loaded.message.contains("resnet50_v2"), "{}", loaded.message);
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn a_second_controller_is_refused_with_the_holders_address_and_let_in_afterwards() {
    let served = Served::start();
    on_core(async move {
        let first = Controller::dial(served.address, 1).await.unwrap();
        // Once it answers, the worker knows whose it is.
        first.say(Command::Query(id(8)));
        assert!(matches!(first.hear().await, Report::State { query, .. } if query == id(8)));
        let refused = Controller::dial(served.address, 2).await.unwrap_err();
        assert!(matches!(refused, HandshakeError::Refused { .. }), "{refused}");
        let text = refused.to_string();
        assert!(text.contains("held by the controller at 127.0.0.1:"), "{text}");
        first.leave().await;
        let second = loop {
            // The worker may not have noticed yet that the first has left.
            match Controller::dial(served.address, 2).await {
                Ok(second) => break second,
                Err(error) => assert!(error.to_string().contains("held by"), "{error}"),
            }
        };
        second.say(Command::Query(id(9)));
        assert!(matches!(second.hear().await, Report::State { query, .. } if query == id(9)));
        second.leave().await;
        served.stop();
    });
}

#[test]
fn a_controller_that_comes_back_gets_the_result_that_it_missed() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        controller.say(infer(3, Window::ALWAYS, Vec::new()));
        // Wait until the worker has the action: it answers in order.
        controller.say(Command::Query(id(4)));
        assert!(matches!(controller.hear().await, Report::State { .. }));
        let last_applied = controller.break_off().await;
        let again = Controller::resume(served.address, 1, last_applied).await;
        let Report::Result { result, .. } = again.hear().await else { panic!("it was missed") };
        assert_eq!((result.id, result.status), (id(3), Status::OK));
        again.leave().await;
        served.stop();
    });
}

#[test]
fn an_action_that_comes_twice_is_done_once() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        controller.say(infer(3, Window::ALWAYS, Vec::new()));
        controller.say(infer(3, Window::ALWAYS, Vec::new()));
        controller.say(infer(4, Window::ALWAYS, Vec::new()));
        let mut ids = Vec::new();
        while ids.len() < 2 {
            let Report::Result { result, .. } = controller.hear().await else { panic!("ordered") };
            ids.push(result.id);
        }
        assert_eq!(ids, [id(3), id(4)]);
        controller.leave().await;
        served.stop();
    });
}

#[test]
fn a_worker_that_ends_answers_what_waits() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        prepare(&controller).await;
        let later = Window::new(clock::now() + Span::from_secs(60), Nanos::MAX);
        controller.say(infer(3, later, Vec::new()));
        controller.say(Command::Query(id(4)));
        assert!(matches!(controller.hear().await, Report::State { .. }));
        let worker = served.ask_to_stop();
        let Report::Result { result, .. } = controller.hear().await else { panic!("it waits") };
        assert_eq!((result.id, result.status), (id(3), Status::CANCELLED));
        assert!(controller.down().await.contains("closed the connection"));
        worker.join().unwrap().unwrap();
    });
}

#[test]
fn the_documented_lines_are_printed() {
    let served = Served::start();
    on_core(async move {
        let controller = Controller::dial(served.address, 1).await.unwrap();
        controller.say(Command::Query(id(0)));
        controller.hear().await;
        controller.say(load_model(0, "resnet50_v2"));
        controller.hear().await;
        controller.leave().await;
        let port = served.address.port();
        let printed = served.stop();
        let lines = [
            &format!("IO service thread listening on 127.0.0.1:{port}"),
            "Clock Skew=0  RTT=0  LdWts=0  Inf=0  Evct=0  || Total Pending=0  Errors=0",
            "Received A0:GetWorkerState",
            "Sending R0:GetWorkerState:",
            " page_size=16777216",
            "gpus=",
            " GPU-0 weights_cache=21.5GB (1376 pages) io_pool=512.0MB workspace_pool=512.0MB \
             0 models currently on GPU",
            "models=",
            "Received A0:LoadModelFromDisk model=0 [0.0, 18446744073709.6] resnet50_v2",
        ];
        for line in lines {
            assert!(
                printed.lines().any(|printed| printed == line),
                "{line}\n--- in ---\n{printed}"
            );
        }
        let sent = "Sending R0:LoadModelFromDisk input=602112 output=4000 weights=112.0 MB \
                    (7 pages) xfer=8.4 b1=3.3 b2=5.3 b4=7.5 b8=12.4 duration=";
        assert!(printed.lines().any(|printed| printed.starts_with(sent)), "{printed}");
    });
}
