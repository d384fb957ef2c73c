//! Peers that send nonsense, leave or come uninvited harm nobody else.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use clockwork_runtime::net::hello;
use clockwork_wire::codec::encode_hello;
use clockwork_wire::{Role, Status};

use crate::bench::{Bench, Server};
use crate::logs::Log;
use crate::session;

#[test]
fn garbage_and_cut_off_frames_harm_neither_worker_nor_controller() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    for (address, role) in [(worker.address, Role::Controller), (controller.address, Role::Client)]
    {
        let mut whole = Vec::new();
        encode_hello(&hello(role), &mut whole);
        let garbage_after_hello = [&whole[..], &[0xa5; 4096]].concat();
        let long = vec![0xff; 100_000];
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &long, &garbage_after_hello] {
            offend(address, bytes);
        }
        for cut in [1, 31, whole.len() - 1] {
            offend(address, &whole[..cut]);
        }
    }
    serves(&bench, &controller);
    assert_eq!(controller.process.interrupt().code, Some(0));
    assert_eq!(worker.process.interrupt().code, Some(0));
}

#[test]
fn a_client_that_disconnects_mid_request_is_accounted_for() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let under_way = 16;
    session::talk(controller.address, async |leaving| {
        let model = session::load(leaving, "resnet50_v2").await;
        // The model is cold: none of them can be answered before the client is gone.
        (0..under_way).for_each(|id| session::submit(leaving, id, model.model, 0));
        leaving.flush();
    });
    serves(&bench, &controller);
    assert_eq!(controller.process.interrupt().code, Some(0));
    let requests = Log::requests(&bench.logs());
    // Only what is asked in talks has so much time; one was served.
    let slo = session::PATIENCE.as_f64();
    let left = requests.column("deadline").iter().filter(|deadline| **deadline >= slo).count();
    assert_eq!(u64::try_from(left), Ok(under_way + 1));
}

#[test]
fn a_client_that_is_killed_leaves_the_others_served() {
    let mut bench = Bench::new();
    bench.set("CLOCKWORK_CLIENT_REPORT_INTERVAL", "100ms");
    let worker = bench.worker(&["-n", "2"]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let mut killed = bench.client(&controller, &["simple"]);
    killed.hear("total=");
    session::talk(controller.address, async |good| {
        let model = session::load(good, "resnet18_v2").await;
        let before = session::ask(good, 1, model.model, model.input_size).await;
        killed.kill();
        let after = session::ask(good, 2, model.model, model.input_size).await;
        let statuses = [before, after].map(|answer| answer.response.status);
        assert!(statuses.iter().all(|status| status.has_output()), "{statuses:?}");
    });
    assert_eq!(controller.process.interrupt().code, Some(0));
    assert!(Log::requests(&bench.logs()).len() > 2);
}

#[test]
fn a_second_controller_is_told_who_holds_the_worker_and_gets_in_when_that_one_leaves() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let mut first = bench.controller("INFER5", worker.address, &[]);
    first.process.hear("(Startup-3)");
    let mut second = bench.controller("INFER5", worker.address, &[]);
    let refusal = second.process.hear("held by the controller at 127.0.0.1:");
    assert!(refusal.contains("trying again in"), "{refusal}");
    serves(&bench, &first);
    assert_eq!(first.process.interrupt().code, Some(0));
    second.process.hear("(Startup-3)");
    serves(&bench, &second);
}

/// Sends bytes and waits until the other side, too, has closed.
fn offend(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time above zero");
    // The other side may hang up in the middle of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{address} does not hang up: {error}"),
    }
}

/// Checks that a new client is served.
fn serves(bench: &Bench, controller: &Server) {
    let client = bench.client(controller, &["simple-parametric", "1", "1", "2", "20"]).end();
    assert_eq!(client.code, Some(0), "{}", client.err);
    session::talk(controller.address, async |session| {
        let model = session::load(session, "resnet50_v2").await;
        let answer = session::ask(session, 1, model.model, model.input_size).await;
        assert_eq!(answer.response.status, Status::OK);
    });
}

const PATIENCE: Duration = Duration::from_mins(1);
