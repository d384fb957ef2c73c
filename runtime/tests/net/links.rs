//! What a link is for: messages and bodies arrive, acknowledged, or their loss is told.

use clockwork_runtime::clock;
use clockwork_runtime::net::{
    Answer, Batch, ClientSide, Command, ControllerSide, Event, HandshakeError, Hub, Report,
    Settings, WorkerSide, hello, is_acknowledged,
};
use clockwork_runtime::rt::{self, Listener};
use clockwork_wire::codec::BodyId;
use clockwork_wire::{
    Action, ActionId, ActionKind, BatchSize, BootId, ClockOffset, GpuId, Hello, ModelId, Nanos,
    PageRange, Payload, Role, SessionId, Span, Window,
};

use crate::support::{Echo, End, client, infer, input, on_core};

#[test]
fn payloads_of_every_kind_come_back_as_they_were() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let (end, link) = client(echo.address).await;
        let lens = [0, 3, 16 << 10, (16 << 10) + 1, 602_112, 5 << 20];
        for (id, len) in (0..).zip(lens) {
            end.hub.send(link, infer(id, len)).unwrap();
        }
        let mut answered = [false; 6];
        while answered.contains(&false) {
            let Answer::Infer { response, output } = end.hear().await else {
                panic!("only inferences were asked for");
            };
            let id = response.id.get();
            let index = usize::try_from(id).unwrap();
            assert!(output == input(id, lens[index]), "the output of request {id} differs");
            assert!(!std::mem::replace(&mut answered[index], true), "request {id} came twice");
        }
        let (sent, received) = (end.hub.counters().sent(), end.hub.counters().received());
        assert_eq!((sent.messages, received.messages), (6, 6));
        assert!(sent.bytes > 5 << 20 && received.bytes > 5 << 20);
        end.hub.shutdown(Span::from_secs(1)).await;
        assert_eq!(echo.end().await, "the peer closed the connection");
        echo.stop().await;
    });
}

#[test]
fn links_through_one_door_are_spread_over_cores_with_both_of_their_connections() {
    on_core(async {
        let echoes = Echo::behind_one_door(3);
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(client(echoes[0].address).await);
        }
        for (end, link) in &clients {
            end.hub.send(*link, infer(1, 602_112)).unwrap();
            let Answer::Infer { output, .. } = end.hear().await else { panic!("not asked for") };
            assert!(output == input(1, 602_112), "the bulk connection is of another link");
        }
        for (end, _) in clients {
            end.hub.shutdown(Span::from_secs(1)).await;
        }
        for echo in echoes {
            assert_eq!(echo.hub.counters().received().messages, 1, "one link each");
            assert_eq!(echo.end().await, "the peer closed the connection");
            echo.stop().await;
        }
    });
}

#[test]
fn a_thousand_requests_of_one_turn_are_all_answered() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let (end, link) = client(echo.address).await;
        for id in 0..1_000 {
            end.hub.send(link, infer(id, 100)).unwrap();
        }
        let mut ids = Vec::new();
        while ids.len() < 1_000 {
            let Answer::Infer { response, .. } = end.hear().await else { panic!("not asked for") };
            ids.push(response.id.get());
        }
        assert!(ids.into_iter().eq(0..1_000), "small messages keep their order");
        end.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn what_was_sent_is_acknowledged_in_the_end() {
    on_core(async {
        let settings = Settings { ping: Span::from_millis(5), ..Settings::default() };
        let echo = Echo::start(settings);
        let (end, link) = client(echo.address).await;
        let frame = end.hub.send(link, infer(1, 10)).unwrap();
        end.hear().await;
        while !is_acknowledged(frame, end.hub.acknowledged(link).unwrap()) {
            rt::sleep(Span::from_millis(1)).await;
        }
        assert!(!is_acknowledged(frame + 1_000, end.hub.acknowledged(link).unwrap()));
        end.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn two_processes_of_one_boot_share_a_clock() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let (end, link) = client(echo.address).await;
        let offset = end.hub.skew(link).unwrap().offset().unwrap();
        assert_eq!(offset, ClockOffset::SAME);
        end.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn clocks_of_two_boots_are_compared_before_the_first_message() {
    on_core(async {
        let other = BootId::new(1);
        let answer = move |_: &Hello, _| Ok(Hello { boot: other, ..hello(Role::Controller) });
        let echo = Echo::admitting(Settings::default(), answer);
        let (end, link) = client(echo.address).await;
        let offset = end.hub.skew(link).unwrap().offset().expect("an Up link knows the offset");
        // It is one clock in truth, so the estimate must cover zero.
        assert!(offset.ahead.unsigned_abs() <= offset.error.get(), "{offset:?}");
        end.hub.shutdown(Span::from_secs(1)).await;
        echo.stop().await;
    });
}

#[test]
fn a_refused_peer_is_told_why() {
    on_core(async {
        let echo = Echo::admitting(Settings::default(), |_, _| Err("no room today".into()));
        let end = End::<ClientSide>::new(Settings::default());
        let error = end.hub.dial(echo.address, hello(Role::Client)).await.unwrap_err();
        assert!(matches!(error, HandshakeError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("no room today"), "{error}");
        echo.stop().await;
    });
}

#[test]
fn a_peer_of_the_wrong_role_is_refused() {
    on_core(async {
        let echo = Echo::start(Settings::default());
        let end = End::<ControllerSide>::new(Settings::default());
        let error = end.hub.dial(echo.address, hello(Role::Controller)).await.unwrap_err();
        assert!(error.to_string().contains("serves a Client, not a Controller"), "{error}");
        echo.stop().await;
    });
}

#[test]
fn nobody_there_is_an_error_that_names_the_address() {
    on_core(async {
        let address = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        let end = End::<ControllerSide>::new(Settings::default());
        let error = end.hub.dial(address, hello(Role::Controller)).await.unwrap_err();
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    });
}

#[test]
fn a_taken_port_is_an_error_that_says_what_to_do() {
    let first = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = first.local_addr().unwrap();
    let error = rt::listen(address).unwrap_err().to_string();
    assert!(error.contains(&format!("port {} is in use", address.port())), "{error}");
    assert!(error.contains("--port"), "{error}");
}

/// A worker's end and a controller's end of one link.
async fn worker_link() -> (End<WorkerSide>, End<ControllerSide>, rt::Task<()>) {
    let worker = End::<WorkerSide>::new(Settings {
        pairing: Span::from_millis(20),
        ping: Span::from_millis(5),
        ..Settings::default()
    });
    let listener = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = Listener::adopt(listener).unwrap();
    let address = listener.address();
    let accepting = worker.hub.accept(listener, |_, _| Ok(hello(Role::Worker)));
    let controller = End::<ControllerSide>::new(Settings::default());
    let session = Hello { session: SessionId::new(9), ..hello(Role::Controller) };
    controller.hub.dial(address, session).await.unwrap();
    (worker, controller, accepting)
}

fn action(counter: u64, batch: u16) -> Action {
    let batch = BatchSize::new(batch).unwrap();
    Action {
        id: ActionId { counter, ..ActionId::default() },
        kind: ActionKind::Infer { batch },
        model: ModelId::new(0),
        gpu: GpuId::new(0),
        window: Window::ALWAYS,
        expected: Span::from_millis(1),
        pages: PageRange::WHOLE,
    }
}

async fn stop(hubs: (Hub<WorkerSide>, Hub<ControllerSide>), accepting: rt::Task<()>) {
    accepting.cancel().await;
    hubs.0.shutdown(Span::from_secs(1)).await;
    hubs.1.shutdown(Span::from_secs(1)).await;
}

#[test]
fn a_batch_of_large_inputs_arrives_as_one_body() {
    on_core(async {
        let (worker, controller, accepting) = worker_link().await;
        let link = controller.up().await;
        worker.up().await;
        let whole = input(0, 100_000);
        let parts = vec![whole.clone(), whole.slice(500..20_500).unwrap()];
        let inputs = Batch { parts, send_by: Nanos::MAX, ..Batch::default() };
        controller.hub.send(link, Command::Action { action: action(1, 2), inputs });
        controller.hub.flush();
        let Command::Action { action, inputs } = worker.hear().await else {
            panic!("an action was sent")
        };
        assert_eq!(action.id.counter, 1);
        assert_eq!(inputs.sizes, [100_000, 20_000]);
        assert_eq!(&inputs.body[..100_000], &*whole);
        assert_eq!(&inputs.body[100_000..], &whole[500..20_500]);
        stop((worker.hub, controller.hub), accepting).await;
    });
}

#[test]
fn an_input_past_its_send_by_time_is_dropped_and_both_sides_know() {
    on_core(async {
        let (worker, controller, accepting) = worker_link().await;
        let link = controller.up().await;
        let worker_link = worker.up().await;
        let parts = vec![input(0, 100_000)];
        let send_by = clock::now() - Span::from_millis(1);
        let inputs = Batch { parts, send_by, ..Batch::default() };
        controller.hub.send(link, Command::Action { action: action(1, 1), inputs });
        controller.hub.flush();
        let Event::Dropped { id, .. } = controller.next().await else { panic!("it was too late") };
        assert_eq!(id, BodyId::Action(action(1, 1).id));
        let Command::Action { inputs, .. } = worker.hear().await else { panic!("it was sent") };
        assert_eq!((inputs.sizes.as_slice(), inputs.body.len()), ([100_000].as_slice(), 0));
        let report = Report::CancelReply { id: action(1, 1).id, cancelled: false };
        worker.hub.send(worker_link, report);
        worker.hub.flush();
        assert!(matches!(controller.hear().await, Report::CancelReply { .. }));
        stop((worker.hub, controller.hub), accepting).await;
    });
}

#[test]
fn absent_inputs_are_announced_as_zero_bytes_each() {
    on_core(async {
        let (worker, controller, accepting) = worker_link().await;
        let link = controller.up().await;
        let inputs = Batch::default();
        controller.hub.send(link, Command::Action { action: action(3, 4), inputs });
        controller.hub.flush();
        let Command::Action { inputs, .. } = worker.hear().await else { panic!("it was sent") };
        assert_eq!(inputs.sizes, [0; 4]);
        assert!(inputs.body == Payload::EMPTY);
        stop((worker.hub, controller.hub), accepting).await;
    });
}
