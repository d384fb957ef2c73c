//! The client against a controller that answers by a script, over real sockets.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use clockwork_config::{ClientConfig, Compression, CoresConfig, NetworkConfig};
use clockwork_runtime::client::{ClientError, Options, Progress, Report, run_on_core};
use clockwork_runtime::net::{Answer, Ask, Event, Hub, LinkId, Part, ServiceSide, Settings, hello};
use clockwork_runtime::rt::{self, Listener, TurnBell};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_wire::codec::Listing;
use clockwork_wire::{
    Credits, Encoding, Home, InferRequest, InferResponse, LoadRequest, LoadResponse, ModelId,
    Payload, ReplaceResponse, Role, Span, Status, UnloadResponse, UploadResponse,
};
use clockwork_workload::{Context, registry};

/// What the controller does, and what it saw.
#[derive(Default)]
struct Script {
    /// Lists that it bounces before it serves.
    bounces: u32,
    /// Grants this many requests; 0 means no limit.
    credits: u32,
    /// Answers the nth inference (from 1) with these; all others are fine.
    statuses: Vec<(usize, Status)>,
    /// Leaves after this many inferences.
    leaves_after: Option<usize>,
    /// Never answers an inference.
    silent: bool,
    loads: Vec<LoadRequest>,
    infers: Vec<(InferRequest, Payload)>,
    /// Which connection each inference came on, and its model.
    ways: Vec<(LinkId, ModelId)>,
    /// Says that it has so many cores; 0 is one.
    cores: u32,
}

#[test]
fn a_finite_workload_loads_waits_runs_and_reports() {
    let script = Script { bounces: 2, ..Script::default() };
    let (result, lines, script) = play(script, "simple-parametric", &["4", "2", "3", "50"], |_| {});
    let report = result.unwrap();
    assert_eq!((report.requests, report.unanswered, report.errors.len()), (100, 0, 0));
    assert!((report.in_slo - 1.0).abs() < 1e-9 && report.p50_ms > 0.0, "{report:?}");
    assert_eq!((script.loads[0].name.as_str(), script.loads[0].copies), ("resnet50_v2", 4));
    assert_eq!(lines[0], "Running workload `simple-parametric` on the test");
    let bounced = "Clockwork initializing, retrying Controller initializing";
    assert_eq!(lines.iter().filter(|line| *line == bounced).count(), 2);
    assert!(lines.contains(&"Connection established".into()));
    assert!(lines.contains(&"Found 61 models in <built-in>".into()));
    assert_eq!(lines.last().map(String::as_str), Some("Terminating engine"));
}

#[test]
fn inputs_travel_as_they_are_by_default() {
    let (_, _, script) =
        play(Script::default(), "simple-parametric", &["1", "1", "1", "5"], |_| {});
    for (request, input) in &script.infers {
        assert_eq!((request.input.encoding, request.input.len), (Encoding::Raw, INPUT));
        assert_eq!(u32::try_from(input.len()), Ok(INPUT));
    }
}

#[test]
fn inputs_travel_as_lz4_blocks_if_told() {
    let lz4 = |options: &mut Options| options.client.compress = Compression::Lz4;
    let (_, _, script) = play(Script::default(), "simple-parametric", &["1", "1", "1", "5"], lz4);
    for (request, input) in &script.infers {
        assert_eq!(request.input.encoding, Encoding::Lz4);
        let size = usize::try_from(INPUT).unwrap();
        assert_eq!(lz4_flex::block::decompress(input, size).unwrap().len(), size);
    }
}

#[test]
fn inputs_are_absent_if_disabled() {
    let absent = |options: &mut Options| options.client.disable_inputs = true;
    let (_, lines, script) =
        play(Script::default(), "simple-parametric", &["1", "1", "1", "5"], absent);
    assert!(
        script.infers.iter().all(|(request, input)| request.input.len == 0 && input.is_empty())
    );
    assert!(lines[1].starts_with("Client is not sending inputs"));
}

#[test]
fn errors_are_counted_by_status_and_a_loop_goes_on() {
    let statuses = vec![(1, Status::TIMEOUT), (4, Status::REFUSED), (5, Status::TIMEOUT)];
    let script = Script { statuses, ..Script::default() };
    let (result, _, _) = play(script, "simple-parametric", &["1", "1", "2", "20"], |_| {});
    let report = result.unwrap();
    assert_eq!((report.errors["4 (timeout)"], report.errors["8 (refused early)"]), (2, 1));
    assert!((report.in_slo - 0.85).abs() < 1e-9);
}

#[test]
fn requests_beyond_the_granted_credits_are_answered_without_being_sent() {
    let script = Script { credits: 3, silent: true, ..Script::default() };
    let brief = |options: &mut Options| {
        options.length = Some(Span::from_millis(20));
        options.client.drain = Span::ZERO;
    };
    let (result, _, script) = play(script, "simple-parametric", &["1", "1", "5", "1000"], brief);
    let report = result.unwrap();
    assert_eq!((report.unanswered, script.infers.len()), (3, 3));
    assert!(report.errors["14 (overloaded)"] >= 2);
}

#[test]
fn a_timed_run_ends_with_every_answer_that_came() {
    let timed = |options: &mut Options| {
        options.length = Some(Span::from_millis(100));
        options.client.report_interval = Span::from_millis(30);
    };
    let (result, lines, _) = play(Script::default(), "poisson-open-loop", &["3", "1000"], timed);
    let report = result.unwrap();
    assert!(report.requests > 0 && report.unanswered == 0, "{report:?}");
    assert!(report.seconds >= 0.1);
    let interval = lines.iter().find(|line| line.starts_with("total=")).unwrap();
    assert!(interval.contains("throughput=") && interval.contains("\nClient->Controller: "));
}

#[test]
fn a_model_that_cannot_be_loaded_ends_the_run_with_the_controllers_words() {
    let (result, _, _) = play(Script::default(), "spam", &["no_such_model"], |_| {});
    let error = result.unwrap_err().to_string();
    assert!(error.contains("`no_such_model`") && error.contains("41"), "{error}");
    assert!(error.contains("allowed is one of"), "{error}");
}

#[test]
fn a_controller_that_leaves_ends_the_run_with_an_error() {
    let script = Script { leaves_after: Some(10), ..Script::default() };
    let for_good = |options: &mut Options| options.client.reconnect = false;
    let (result, _, _) = play(script, "simple", &[], for_good);
    assert!(matches!(result, Err(ClientError::Lost(_))), "{result:?}");
}

#[test]
fn a_controller_that_comes_back_is_served_again_and_what_was_lost_is_counted() {
    let script = Script { leaves_after: Some(10), ..Script::default() };
    let hasty = |options: &mut Options| {
        options.network.reconnect_min = Span::from_millis(1);
        options.network.handshake = Span::from_millis(50);
    };
    let (result, _, script) = play(script, "simple-parametric", &["1", "1", "3", "200"], hasty);
    let report = result.unwrap();
    assert_eq!((report.requests, report.unanswered), (200, 0));
    assert!((1..=3).contains(&report.lost), "{report:?}");
    let lost_or_unsent = report.errors["17 (no connection to the controller)"];
    assert_eq!(lost_or_unsent, report.lost + report.refused_locally);
    let sent = 200 - report.refused_locally;
    let arrived = u64::try_from(script.infers.len()).unwrap();
    assert!((sent - report.lost..=sent).contains(&arrived), "{arrived} of {sent}");
}

#[test]
fn a_request_goes_to_the_core_that_the_last_answer_named_as_its_models_home() {
    let script = Script { cores: 3, ..Script::default() };
    let (result, _, script) = play(script, "simple-parametric", &["6", "1", "1", "60"], |_| {});
    assert_eq!(result.unwrap().requests, 60);
    // Links are numbered as they were accepted, and so are the cores of this controller.
    let links: BTreeSet<_> = script.ways.iter().map(|(link, _)| *link).collect();
    let links: Vec<_> = links.into_iter().collect();
    assert_eq!(links.len(), 3);
    for (number, (link, model)) in script.ways.iter().enumerate() {
        let core = if number < 6 { model.index() % 3 } else { home(*model, 3) };
        assert_eq!(*link, links[core], "request {number} of model {model}");
    }
}

#[test]
fn several_cores_of_the_client_do_one_workload_together() {
    let socket = rt::listen(LOCALHOST.into()).expect("a free port");
    let mut options = options(
        socket.local_addr().expect("an address"),
        "simple-parametric",
        &["6", "3", "2", "40"],
        Shutdown::new(),
    );
    options.client.threads = 3;
    let over = Shutdown::new();
    let wish = over.clone();
    let controller = rt::spawn_core(rt::Options::named("controller"), move || async move {
        let script = Rc::new(RefCell::new(Script::default()));
        let listener = Listener::adopt(socket).expect("an open socket");
        let bell = TurnBell::new();
        let hub = Hub::<ServiceSide>::new(bell.local(), Settings::default());
        let accepting = hub.accept(listener, |_, _| Ok(hello(Role::Controller)));
        let serving = rt::spawn(serve(hub.clone(), bell, Rc::clone(&script)));
        wish.wait().await;
        serving.cancel().await;
        accepting.cancel().await;
        hub.shutdown(Span::ZERO).await;
        let script = script.borrow();
        let links: BTreeSet<_> = script.ways.iter().map(|(link, _)| *link).collect();
        (script.loads.len(), script.infers.len(), links.len())
    });
    let mut lines = Vec::new();
    let mut tell = |progress: Progress| lines.push(progress.to_string());
    let result = clockwork_runtime::client::run(options, &CoresConfig::default(), &mut tell);
    over.trigger();
    let seen = controller.expect("a thread").join().expect("a controller");
    let report = result.expect("cores").expect("a run");
    assert_eq!((report.requests, report.unanswered), (120, 0));
    assert_eq!(seen, (1, 120, 3), "loaded once, and sent by three");
    let connected = lines.iter().filter(|line| *line == "Connection established").count();
    assert_eq!(connected, 1, "what all of them do is told once: {lines:?}");
}

#[test]
fn a_shutdown_before_the_controller_is_there_ends_the_run_empty() {
    rt::run(&rt::Options::default(), async {
        // Nobody listens on a port that was just given back.
        let address = rt::listen(LOCALHOST.into()).unwrap().local_addr().unwrap();
        let shutdown = Shutdown::new();
        let options = options(address, "simple", &[], shutdown.clone());
        let mut told = Vec::new();
        let mut tell = |progress: Progress| {
            let line = progress.to_string();
            if line.contains("trying again in 100ms") {
                shutdown.trigger();
            }
            told.push(line);
        };
        assert_eq!(run_on_core(options, &mut tell).await.unwrap(), Report::default());
        assert!(told.iter().any(|line| line.contains("cannot connect to 127.0.0.1")), "{told:?}");
    })
    .unwrap();
}

#[test]
fn an_address_without_a_port_is_named() {
    rt::run(&rt::Options::default(), async {
        let mut options = options(LOCALHOST.into(), "simple", &[], Shutdown::new());
        options.address = "localhost".into();
        let error = run_on_core(options, &mut |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("`localhost`") && error.contains("HOST:PORT"), "{error}");
    })
    .unwrap();
}

/// Runs a workload against a scripted controller; gives the report, the lines and the script.
fn play(
    script: Script,
    workload: &str,
    arguments: &[&str],
    adjust: impl FnOnce(&mut Options),
) -> (Result<Report, ClientError>, Vec<String>, Script) {
    let script = Rc::new(RefCell::new(script));
    let mut lines = Vec::new();
    let result = rt::run(&rt::Options::default(), async {
        let socket = rt::listen(LOCALHOST.into()).expect("a free port");
        let listener = Listener::adopt(socket).expect("an open socket");
        let address = listener.address();
        let bell = TurnBell::new();
        let hub = Hub::<ServiceSide>::new(bell.local(), Settings::default());
        let cores = script.borrow().cores.max(1);
        let credits = match script.borrow().credits {
            0 => Credits::UNLIMITED,
            requests => Credits { requests, ..Credits::UNLIMITED },
        };
        let mut sessions = Vec::new();
        let accepting = hub.accept(listener, move |theirs, _| {
            let mut ours = hello(Role::Controller);
            ours.credits = credits;
            let session = theirs.session;
            if !sessions.contains(&session) {
                sessions.push(session);
            }
            let core = sessions.iter().position(|known| *known == session).expect("just added");
            ours.cores = cores;
            ours.core = u32::try_from(core).expect("few sessions") % cores;
            Ok(ours)
        });
        let serving = rt::spawn(serve(hub.clone(), bell, Rc::clone(&script)));
        let mut options = options(address, workload, arguments, Shutdown::new());
        adjust(&mut options);
        let mut tell = |progress: Progress| lines.push(progress.to_string());
        let result = run_on_core(options, &mut tell).await;
        serving.cancel().await;
        accepting.cancel().await;
        hub.shutdown(Span::ZERO).await;
        result
    });
    let lines = lines.into_iter().map(|line: String| hide_port(&line)).collect();
    let result = result.expect("a core");
    (result, lines, Rc::into_inner(script).expect("the controller is gone").into_inner())
}

async fn serve(hub: Hub<ServiceSide>, bell: TurnBell, script: Rc<RefCell<Script>>) {
    loop {
        bell.wait(None).await;
        while let Some(event) = hub.next() {
            if let Event::Heard { link, message, .. } = event {
                answer(&hub, link, message, &mut script.borrow_mut());
            }
        }
        hub.flush();
    }
}

fn answer(hub: &Hub<ServiceSide>, link: LinkId, ask: Ask<Payload>, script: &mut Script) {
    match ask {
        Ask::Load(request) => {
            hub.send(link, Answer::Load(loaded(&request)));
            script.loads.push(request);
        }
        Ask::List(id) => {
            let status = if script.bounces > 0 { Status::INITIALIZING } else { Status::OK };
            script.bounces = script.bounces.saturating_sub(1);
            hub.send(link, Answer::Listing(Listing { id, status, models: Vec::new(), gpus: 1 }));
        }
        Ask::Unload(request) => {
            let known = request.model.get() < 10;
            let status = if known { Status::OK } else { Status::UNKNOWN_MODEL };
            let message = if known { String::new() } else { "no such models".to_owned() };
            hub.send(link, Answer::Unload(UnloadResponse { id: request.id, status, message }));
        }
        Ask::Replace(request) => {
            let status = Status::UNKNOWN_MODEL;
            let response = ReplaceResponse { id: request.id, status, ..Default::default() };
            hub.send(link, Answer::Replace(response));
        }
        Ask::Upload(request) => {
            let status = Status::INVALID_REQUEST;
            let response = UploadResponse { id: request.id, status, ..Default::default() };
            hub.send(link, Answer::Upload(response));
        }
        Ask::Infer { request, input } => {
            script.ways.push((link, request.model));
            script.infers.push((request, input));
            let number = script.infers.len();
            if script.leaves_after == Some(number) {
                hub.close(link, "as the script says");
            } else if !script.silent {
                let scripted = script.statuses.iter().find(|(n, _)| *n == number);
                let status = scripted.map_or(Status::OK, |(_, status)| *status);
                let InferRequest { id, model, .. } = request;
                let cores = usize::try_from(script.cores.max(1)).expect("few cores");
                let home = Home::of(u32::try_from(home(model, cores)).expect("few cores"));
                let response =
                    InferResponse { id, model, status, home, ..InferResponse::default() };
                hub.send(link, Answer::Infer { response, output: Part::empty() });
            }
        }
    }
}

/// The core that is home to a model: not the one that a client takes at first.
fn home(model: ModelId, cores: usize) -> usize {
    (model.index() + 1) % cores
}

fn loaded(request: &LoadRequest) -> LoadResponse {
    let LoadRequest { id, copies, .. } = *request;
    if request.name != "resnet50_v2" {
        let message = "allowed is one of resnet50_v2".to_owned();
        return LoadResponse {
            id,
            status: Status::BAD_MODEL_PATH,
            message,
            ..LoadResponse::default()
        };
    }
    let status = Status::OK;
    let message = String::new();
    LoadResponse {
        id,
        status,
        message,
        model: ModelId::new(0),
        copies,
        input_size: INPUT,
        output_size: 4,
    }
}

fn options(address: SocketAddr, name: &str, arguments: &[&str], shutdown: Shutdown) -> Options {
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let workload = registry::find(name).expect("a workload of the registry");
    Options {
        address: address.to_string(),
        workload: name.into(),
        plan: workload.plan(&arguments, &Context::default()).expect("arguments that fit"),
        length: None,
        catalogue: "61 models in <built-in>".into(),
        client: ClientConfig {
            list_retry: Span::from_millis(1),
            samples: 2,
            ..ClientConfig::default()
        },
        network: NetworkConfig::default(),
        requests: None,
        shutdown,
    }
}

/// The port differs from run to run.
fn hide_port(line: &str) -> String {
    line.find("127.0.0.1:").map_or_else(|| line.into(), |at| format!("{}the test", &line[..at]))
}

const LOCALHOST: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
/// More than fits into a control message, so that inputs travel apart.
const INPUT: u32 = 20_000;
