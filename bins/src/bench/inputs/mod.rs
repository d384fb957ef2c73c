//! `bench inputs`: throughput with inputs of 602,112 bytes, against that of a relay.
//!
//! A closed loop through client, controller and worker, and in turn the same bytes through three
//! processes of plain blocking threads that only pass them on. There are so many GPUs that the bytes
//! are the limit.

mod relay;

pub(super) use self::relay::{RelayArguments, run as relay};
use super::capacity;
use super::common::Common;
use super::plot::Plot;
use super::probe::{self, Probe};
use super::report::{Better, Report, Row};
use super::system::{Load, Places, Process, Shape, Traffic};
use crate::Failure;
use crate::process::say;

/// The command line of `bench inputs`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    shape: Shape,
    /// Requests under way in all
    #[arg(long, default_value_t = 32)]
    window: u32,
    /// Connections of the relay, each with its own threads [default: cores of the clients]
    #[arg(long)]
    lanes: Option<u32>,
    /// Seconds of load before those that count
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
}

/// Measures and publishes.
///
/// # Errors
/// If the command line makes no sense, a process fails or a file cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { common, window, .. } = arguments;
    let mut shape = arguments.shape.clone();
    shape.gpus.get_or_insert(GPUS);
    shape.models.get_or_insert(MODELS);
    shape.slo.get_or_insert_with(|| SLO.to_owned());
    MODEL.clone_into(&mut shape.model);
    common.check()?;
    shape.check()?;
    let lanes = arguments.lanes.unwrap_or_else(|| shape.clients * shape.client_threads());
    if *window < shape.models().max(lanes) || lanes == 0 {
        return Err(Failure::usage("--window must be at least --models and --lanes, and these 1"));
    }
    let mut report = Report::new("inputs", common.repeats);
    shape.describe(&mut report)?;
    let seconds = common.seconds_or(capacity::SECONDS);
    for (name, value) in [("window", *window), ("lanes", lanes)] {
        report.parameter(name, &value);
    }
    report.parameter("seconds", &seconds);
    report.parameter("warmup", &arguments.warmup);
    let (mut systems, mut relays) = (Vec::new(), Vec::new());
    for repeat in 0..common.repeats {
        let traffic = Traffic::Closed { window: *window };
        let seed = u32::try_from(repeat)? + 1;
        let load = Load { traffic, seconds, warmup: arguments.warmup, seed, records: false };
        let probe = Probe::run(&shape, &load)?;
        let rate = through_relay(&shape, lanes, *window / lanes, seconds)?;
        say(&format!(
            "{:.0}/s through Clockwork, {rate:.0}/s through the relay",
            probe.goodput_rps
        ));
        systems.push(probe);
        relays.push(rate);
    }
    report.push(row(&systems, &relays, shape.input_bytes()));
    report.probes = systems;
    common.publish(&report, &HEADLINE, &Plot::default())
}

/// Messages per second through three processes, each where its role's process would be.
fn through_relay(shape: &Shape, lanes: u32, window: u32, seconds: f64) -> Result<f64, Failure> {
    let Places { controller, clients, workers } = shape.places();
    let bytes = shape.input_bytes().to_string();
    let words = ["bench", "relay", "sink", "--bytes", &bytes];
    let mut sink = Process::start(&words, &[], workers.as_ref())?;
    let next = format!("127.0.0.1:{}", sink.port()?);
    let words = ["bench", "relay", "forwarder", "--bytes", &bytes, "--next", &next];
    let mut forwarder = Process::start(&words, &[], controller.as_ref())?;
    let next = format!("127.0.0.1:{}", forwarder.port()?);
    let (lanes, window, seconds) = (lanes.to_string(), window.to_string(), seconds.to_string());
    let mut words = vec!["bench", "relay", "client", "--bytes", &bytes, "--next", &next];
    words.extend(["--lanes", &lanes, "--window", &window, "--seconds", &seconds]);
    let mut client = Process::start(&words, &[], clients.as_ref())?;
    client.succeed()?;
    let told = client.story();
    let rate = told.split_once(relay::RATE).and_then(|(_, rate)| rate.trim().parse().ok());
    rate.ok_or_else(|| Silent { told }.into())
}

#[derive(Debug, thiserror::Error)]
#[error("the relay's client said only `{told}`")]
struct Silent {
    told: String,
}

fn row(systems: &[Probe], relays: &[f64], bytes: u32) -> Row {
    use Better::{Higher, Neither};
    let mut row = Row::new("");
    let rates: Vec<f64> = systems.iter().map(|probe| probe.goodput_rps).collect();
    let ratios: Vec<f64> = rates.iter().zip(relays).map(|(ours, relay)| ours / relay).collect();
    let megabytes: Vec<f64> = rates.iter().map(|rate| rate * f64::from(bytes) / 1e6).collect();
    row.add("system_rps", "1/s", Higher, &rates);
    row.add("relay_rps", "1/s", Neither, relays);
    row.add("ratio", "", Higher, &ratios);
    row.add("system_mb_per_s", "MB/s", Higher, &megabytes);
    probe::describe(&mut row, &systems.iter().collect::<Vec<_>>());
    row
}

/// The metrics of the summary line.
const HEADLINE: [&str; 4] = ["system_rps", "relay_rps", "ratio", "controller_cpu_us_per_request"];
/// The model whose inputs have 602,112 bytes.
const MODEL: &str = "resnet50_v2";
const MODELS: u32 = 8;
/// What is measured is throughput: late answers count, unless they are very late.
const SLO: &str = "1s";
/// Enough for any rate at which such inputs can be moved.
const GPUS: u32 = 64;
