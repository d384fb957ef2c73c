//! Bad input gets a clear answer, and nothing else is lost.

use clockwork_wire::{Encoding, InputSpec, ModelId, Status};

use crate::bench::Bench;
use crate::process::Ended;
use crate::session;

#[test]
fn every_program_explains_itself() {
    let bench = Bench::new();
    for (program, words) in [
        ("worker", "--models"),
        ("worker_dummy", "--num_gpus"),
        ("controller", "controller [TYPE] [WORKERS] [OPTIONS]"),
        ("client", "poisson-open-loop"),
        ("clockwork", "demo"),
        ("check_model", "--golden"),
        ("profile", "[check]"),
        ("simpleclient", "HOST:PORT"),
    ] {
        let Ended { code, out, .. } = bench.start(program, &["-h"]).end();
        assert_eq!(code, Some(0), "{program}");
        assert!(out.iter().any(|line| line.contains(words)), "{program}: {out:?}");
    }
}

#[test]
fn a_bad_number_on_a_command_line_is_refused_by_its_name() {
    let bench = Bench::new();
    let nobody = "127.0.0.1:9";
    for (program, arguments, named) in [
        ("worker_dummy", &["-n", "many"][..], "num_gpus"),
        ("worker_dummy", &["-n", "0"], "worker.gpus"),
        ("worker_dummy", &["-p", "70000"], "port"),
        ("worker", &["--port", "-1"], "port"),
        ("controller", &["INFER5", nobody, "0", "ten"], "max_gpus"),
        ("controller", &["INFER5", nobody, "0", "10", "5ms"], "schedule_ahead"),
        ("controller", &["INFER5", nobody, "0", "-1"], "max_gpus"),
        ("controller", &["INFER5", nobody, "0", "10", "1", "1", "1", "0"], "max_batch"),
        ("controller", &["INFER5", nobody, "--port", "x"], "port"),
        ("controller", &["INFER9", nobody], "INFER5"),
        ("controller", &["INFER5", nobody, "0", "1", "1", "1", "1", "1", "1"], "7 options"),
        ("client", &[nobody, "poisson-open-loop", "40", "fast"], "rate"),
        ("client", &[nobody, "poisson-open-loop", "0", "10"], "num_models"),
        ("client", &[nobody, "poisson-open-loop", "40"], "rate"),
        ("client", &[nobody, "poisson-open-loop", "40", "-5"], "rate"),
        ("client", &[nobody, "simple", "--seconds", "0"], "--seconds"),
        ("client", &[nobody, "simple", "--seconds", "-3"], "--seconds"),
        ("client", &[nobody, "simple", "--seed", "-3"], "--seed"),
        ("client", &[nobody, "simple", "--compress", "zip"], "compress"),
        ("clockwork", &["demo", "--seconds", "0"], "--seconds"),
        ("clockwork", &["demo", "--gpus", "0"], "--gpus"),
        ("clockwork", &["up", "--port", "-1"], "--port"),
    ] {
        let Ended { code, err, .. } = bench.start(program, arguments).end();
        assert_eq!(code, Some(2), "{program} {arguments:?}: {err}");
        assert!(err.contains(named), "{program} {arguments:?}: {err}");
    }
}

#[test]
fn an_unknown_workload_is_answered_with_the_valid_ones() {
    let bench = Bench::new();
    let Ended { code, err, .. } = bench.start("client", &["127.0.0.1:9", "simpel"]).end();
    assert_eq!(code, Some(1));
    assert!(err.contains("`simpel`") && err.contains("spam, single-spam, simple"), "{err}");
}

#[test]
fn an_unknown_model_is_answered_with_valid_names_and_costs_nobody_else_anything() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    let early = bench.client(&controller, &["spam", "resnet50_v3"]).end();
    let good = bench.client(&controller, &["simple-parametric", "1", "1", "1", "5"]).end();
    let late = bench.client(&controller, &["spam", "/no/such/place/model"]).end();
    for (client, name, valid) in
        [(early, "`resnet50_v3`", "resnet50_v2"), (late, "`place`", "densenet121")]
    {
        assert_eq!(client.code, Some(1));
        assert!(client.err.contains(name) && client.err.contains(valid), "{}", client.err);
    }
    assert_eq!(good.code, Some(0), "{}", good.err);
    assert_eq!(controller.process.interrupt().code, Some(0));
}

#[test]
fn an_input_of_the_wrong_size_is_status_75_and_the_next_one_is_served() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    session::talk(controller.address, async |bad| {
        let model = session::load(bad, "resnet50_v2").await;
        for bytes in [100, 100_000, 602_113] {
            let answer = session::ask(bad, u64::from(bytes), model.model, bytes).await;
            assert_eq!(answer.response.status, Status::BAD_INPUT_SIZE);
            assert_eq!(answer.response.status.get(), 75);
        }
        let good = bench.client(&controller, &["simple-parametric", "1", "1", "1", "5"]).end();
        assert_eq!(good.code, Some(0), "{}", good.err);
        let answer = session::ask(bad, 1, model.model, model.input_size).await;
        assert_eq!((answer.response.status, answer.output.len()), (Status::OK, 4_000));
    });
}

#[test]
fn a_damaged_lz4_input_is_status_78_and_the_next_one_is_served() {
    let bench = Bench::new();
    // Emulated devices do not look into their inputs.
    let worker = bench.cpu_worker();
    let controller = bench.controller("INFER5", worker.address, &[]);
    session::talk(controller.address, async |client| {
        let model = session::load(client, "digits").await;
        for bytes in [10, 200] {
            let noise = InputSpec { len: bytes, encoding: Encoding::Lz4 };
            session::submit_as(client, u64::from(bytes), model.model, noise);
            let answer = session::answer(client).await;
            assert_eq!(answer.response.status, Status::BAD_COMPRESSED_INPUT);
            assert_eq!(answer.response.status.get(), 78);
        }
        let answer = session::ask(client, 1, model.model, model.input_size).await;
        assert_eq!(answer.response.status, Status::OK);
    });
}

#[test]
fn a_model_id_that_nobody_has_is_status_10() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let controller = bench.controller("INFER5", worker.address, &[]);
    session::talk(controller.address, async |client| {
        let model = session::load(client, "resnet50_v2").await;
        for nobody in [1, 1_000_000, u32::MAX] {
            let answer = session::ask(client, 1, ModelId::new(nobody), 0).await;
            assert_eq!(answer.response.status, Status::UNKNOWN_MODEL);
            assert_eq!(answer.response.status.get(), 10);
        }
        let answer = session::ask(client, 2, model.model, 0).await;
        assert_eq!(answer.response.status, Status::OK);
    });
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let bench = Bench::new();
    let typing_error = bench.write("typo.toml", "[worker]\ngpu = 4\n");
    let typing_error = typing_error.to_str().unwrap();
    let absent = bench.path("absent.toml");
    let absent = absent.to_str().unwrap();
    let nobody = "127.0.0.1:9";
    for (program, arguments, words) in [
        ("worker_dummy", &["-c", typing_error][..], ["typo.toml", "gpu"]),
        ("worker_dummy", &["-c", absent], ["absent.toml", "No such file"]),
        ("controller", &["INFER5", nobody, "--log-dir", typing_error], ["typo.toml", "--log-dir"]),
        ("controller", &["INFER5", "nonsense", "--log-dir", "logs"], ["`nonsense`", "host:port"]),
        ("client", &["nonsense", "simple"], ["`nonsense`", "HOST:PORT"]),
        ("client", &[nobody, "simple", "-c", absent], ["absent.toml", "No such file"]),
    ] {
        let Ended { code, err, .. } = bench.start(program, arguments).end();
        assert!(matches!(code, Some(1 | 2)), "{program} {arguments:?}: {err}");
        assert!(words.iter().all(|word| err.contains(word)), "{program} {arguments:?}: {err}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let bench = Bench::new();
    let worker = bench.worker(&[]);
    let port = worker.address.port().to_string();
    let taken = [
        bench.start("worker_dummy", &["--port", &port]).end(),
        bench.start("controller", &["INFER5", "127.0.0.1:9", "--port", &port]).end(),
    ];
    for Ended { code, err, .. } in taken {
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(&port) && err.contains("in use"), "{err}");
    }
}
