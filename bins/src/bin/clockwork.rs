//! The multi-tool: every role and every tool under one name.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clockwork_bins::{
    bench, check_model, client, compile, controller, demo, exit, experiment, inflate, log, model,
    plan, profile, report, sim, simpleclient, trace, up, worker, zoo,
};

#[derive(Parser)]
#[command(name = "clockwork", about = "Predictable DNN serving", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Show it all: a real model and emulated GPUs, served and measured
    Demo(demo::Arguments),
    /// Bring up a controller and workers on this machine, until Ctrl-C
    Up(up::Arguments),
    /// The whole system in virtual time, from one seed
    Sim(sim::Arguments),
    /// Repeat an experiment of the papers, in virtual time or for real
    Experiment(experiment::Arguments),
    /// How many devices a workload needs, in virtual time
    Plan(plan::Arguments),
    /// What runs come to: one page with figures and tables, from their logs
    Report(report::Arguments),
    /// What devices were to do and what they did, for Perfetto or Chrome
    Trace(trace::Arguments),
    /// Turn the binary telemetry of an original worker into TSV
    Inflate(inflate::Arguments),
    /// Measure this build on this machine
    Bench(bench::Arguments),
    /// Show a binary log as TSV
    Log(log::Arguments),
    /// Show, load, unload, replace and upload a controller's models
    Model(model::Arguments),
    /// Compile an ONNX model, to be served
    #[command(alias = "convert")]
    Compile(compile::Arguments),
    /// Make models of well-known architectures, with seeded weights
    Zoo(zoo::Arguments),
    /// Check a compiled model: sizes, durations, outputs
    #[command(name = "check_model")]
    CheckModel(check_model::Arguments),
    /// Check whether this machine is set up for predictable serving
    Profile(profile::Arguments),
    /// Ask a model once, and show the five largest elements of its output
    Simpleclient(simpleclient::Arguments),
    /// Decide everything
    Controller(controller::Arguments),
    /// Serve models on this machine's devices
    Worker(worker::Arguments),
    /// Serve models on emulated GPUs
    #[command(name = "worker_dummy", alias = "worker-dummy")]
    WorkerDummy(worker::DummyArguments),
    /// Send a workload
    Client(client::Arguments),
}

fn main() -> ExitCode {
    exit(match Cli::parse().tool {
        Tool::Demo(arguments) => demo::run(&arguments),
        Tool::Up(arguments) => up::run(arguments),
        Tool::Sim(arguments) => sim::run(&arguments),
        Tool::Experiment(arguments) => experiment::run(&arguments),
        Tool::Plan(arguments) => plan::run(&arguments),
        Tool::Report(arguments) => report::run(&arguments),
        Tool::Trace(arguments) => trace::run(&arguments),
        Tool::Inflate(arguments) => inflate::run(&arguments),
        Tool::Bench(arguments) => bench::run(&arguments),
        Tool::Log(arguments) => log::run(&arguments),
        Tool::Model(arguments) => model::run(&arguments),
        Tool::Compile(arguments) => compile::run(&arguments),
        Tool::CheckModel(arguments) => check_model::run(&arguments),
        Tool::Zoo(arguments) => zoo::run(&arguments),
        Tool::Profile(arguments) => profile::run(&arguments),
        Tool::Simpleclient(arguments) => simpleclient::run(&arguments),
        Tool::Controller(arguments) => controller::run(&arguments),
        Tool::Worker(arguments) => worker::run(&arguments),
        Tool::WorkerDummy(arguments) => worker::run_dummy(&arguments),
        Tool::Client(arguments) => client::run(&arguments),
    })
}
