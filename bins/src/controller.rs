//! `controller TYPE WORKERS [OPTIONS]`: decides everything.

use std::path::PathBuf;

use clap::Parser;
use clockwork_config::{Config, SchedulerConfig, SchedulerKind, Sources};
use clockwork_runtime::controller::{self, ServeOptions};
use clockwork_runtime::preflight;
use clockwork_runtime::shutdown::Shutdown;

use crate::process::say;
use crate::{Failure, attached, process};

/// The controller's command line. Options are positional, as in the original.
#[derive(Debug, Parser)]
#[command(name = "controller", override_help = help(), disable_version_flag = true)]
pub struct Arguments {
    /// The scheduler.
    kind: String,
    /// The workers, comma-separated `host:port`.
    workers: String,
    /// The scheduler's options in their order; trailing ones may be left out.
    #[arg(allow_negative_numbers = true)]
    options: Vec<String>,
    /// The port for clients; 0 takes a free one.
    #[arg(short, long, allow_negative_numbers = true)]
    port: Option<u16>,
    /// A configuration file in TOML.
    #[arg(short, long)]
    config: Option<PathBuf>,
    /// Where the two logs go.
    #[arg(long)]
    log_dir: Option<String>,
    /// Cores that decide.
    #[arg(long)]
    shards: Option<u32>,
    /// Further cores that do nothing but sockets.
    #[arg(long)]
    io_cores: Option<u32>,
    /// End when standard input does, for a process that is started by another.
    #[arg(long, hide = true)]
    attached: bool,
}

/// Runs a controller until it is interrupted.
///
/// # Errors
/// If the command line makes no sense, or an address, a port or a log is unusable.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::begin(1)?;
    let config = configuration(arguments)?;
    let shutdown = Shutdown::on_signals()?;
    if arguments.attached {
        attached::end_with_input(&shutdown)?;
    }
    preflight::check(u64::from(config.cores.shards + config.cores.io))?;
    let options = ServeOptions {
        config,
        workers: arguments.workers.split(',').map(str::to_owned).collect(),
        shutdown,
        listening: None,
    };
    controller::run(options, say, Box::new(std::io::stdout()))?;
    Ok(())
}

fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    let kind: SchedulerKind = arguments.kind.parse().map_err(|_| {
        let names = SchedulerKind::ALL.map(SchedulerKind::name).join(", ");
        Failure::usage(format!("Invalid controller type `{}`; valid are {names}", arguments.kind))
    })?;
    let mut sources = Sources::of_process(arguments.config.as_deref())?
        .flag("scheduler.kind", Some(kind.name().to_lowercase()))
        .flag("controller.port", arguments.port)
        .flag("log.dir", arguments.log_dir.clone())
        .flag("cores.shards", arguments.shards)
        .flag("cores.io", arguments.io_cores);
    if arguments.options.len() > OPTIONS.len() {
        let (given, most) = (arguments.options.len(), OPTIONS.len());
        return Err(Failure::usage(format!("{given} options were given, {kind} takes {most}")));
    }
    for (option, value) in OPTIONS.iter().zip(&arguments.options) {
        let number: u64 = value.parse().map_err(|_| {
            Failure::usage(format!(
                "option {} is `{value}`; a whole number is needed ({})",
                option.name, option.meaning
            ))
        })?;
        sources = sources.flag(option.key, Some(option.value(number)));
    }
    sources.resolve().map(|resolved| resolved.config).map_err(|e| Failure::usage(e.to_string()))
}

/// One positional option.
struct Positional {
    name: &'static str,
    kind: &'static str,
    key: &'static str,
    meaning: &'static str,
    default: fn(&SchedulerConfig) -> u64,
}

impl Positional {
    /// The value as the configuration reads it.
    fn value(&self, number: u64) -> String {
        match self.kind {
            "bool" => (number != 0).to_string(),
            "ns" => format!("{number}ns"),
            _ => number.to_string(),
        }
    }
}

/// In the order of the original's command line.
const OPTIONS: [Positional; 6] = [
    Positional {
        name: "generate_inputs",
        kind: "bool",
        key: "scheduler.generate_inputs",
        meaning: "make up inputs for requests that bring none (0 or 1)",
        default: |config| u64::from(config.generate_inputs),
    },
    Positional {
        name: "max_gpus",
        kind: "int",
        key: "scheduler.max_gpus",
        meaning: "devices used, spread over the workers",
        default: |config| u64::from(config.max_gpus),
    },
    Positional {
        name: "schedule_ahead",
        kind: "ns",
        key: "scheduler.schedule_ahead",
        meaning: "how far ahead a device's work is ordered, in ns",
        default: |config| config.schedule_ahead.get(),
    },
    Positional {
        name: "default_slo",
        kind: "ns",
        key: "scheduler.default_slo",
        meaning: "SLO of requests that bring none, in ns",
        default: |config| config.default_slo.get(),
    },
    Positional {
        name: "max_exec",
        kind: "ns",
        key: "scheduler.max_exec",
        meaning: "batch sizes that take longer are not used, in ns",
        default: |config| config.max_exec.get(),
    },
    Positional {
        name: "max_batch",
        kind: "int",
        key: "scheduler.max_batch",
        meaning: "the largest batch size used",
        default: |config| u64::from(config.max_batch.get()),
    },
];

/// The help text, with the values that are really used.
fn help() -> String {
    let defaults = SchedulerConfig::default();
    let option = |text: String, o: &Positional| {
        let (name, kind, default, meaning) = (o.name, o.kind, (o.default)(&defaults), o.meaning);
        text + &format!("      {name} ({kind}, default {default}) {meaning}\n")
    };
    let options = OPTIONS.iter().fold(String::new(), option);
    format!(
        "USAGE:\n  controller [TYPE] [WORKERS] [OPTIONS]\n\n\
         TYPE\n  CLOCKWORK  our scheduler, the default of the configuration; options as for\n\
         \x20             INFER5, but how far ahead it orders is measured\n\
         \x20 INFER5  the scheduler of the paper; its options, in this order:\n{options}\
         \x20 INFER4  the same scheduler under the name of its predecessor; the same options\n\
         \x20 ECHO    answers every inference at once, without a worker\n\
         \x20 DIRECT  one request, one action on the first worker, for debugging\n\n\
         WORKERS\n  comma-separated host:port\n\n\
         OPTIONS\n\
         \x20 -p, --port N       port for clients (default 12346; 0 takes a free one)\n\
         \x20 -c, --config FILE  configuration in TOML\n\
         \x20     --shards N     cores that decide, each for its share of devices and models (default 1)\n\
         \x20     --io-cores N   further cores that do nothing but sockets (default 0)\n\
         \x20     --log-dir DIR  where the two logs go (else CLOCKWORK_LOG_DIR, /local if writable, \
         ./clockwork-logs)\n\
         \x20 -h, --help         this text\n"
    )
}
