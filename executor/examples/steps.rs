//! Where the time of a model goes: compiles an ONNX file, runs it on the processor, and prints for
//! each step of the plan its time and its rate.
//!
//! ```text
//! cargo run --release --package clockwork-executor --example steps -- MODEL.onnx [BATCH [RUNS]]
//! ```
//!
//! Times are CPU time of the thread, the median over all runs. With `serve` instead of the number of
//! runs it runs the model once per line on standard input and answers with nanoseconds, so that a
//! script can take turns with another runtime; a line that names two files runs the model on the
//! first (little-endian f32) and writes its output to the second.
#![expect(clippy::print_stdout, reason = "it is a tool")]

use std::error::Error;
use std::io::{self, BufRead};
use std::{env, fs};

use clockwork_executor::artifact::{Artifact, Plan};
use clockwork_executor::compile::compile;
use clockwork_executor::cpu::{Kernels, Memory, run_observed};
use clockwork_wire::BatchSize;
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let usage = "usage: steps MODEL.onnx [BATCH [RUNS | serve]]";
    let model = fs::read(arguments.first().ok_or(usage)?)?;
    let batch: u16 = arguments.get(1).map_or(Ok(1), |batch| batch.parse())?;
    let batch = BatchSize::new(batch).ok_or("no batch size")?;
    let sizes: Vec<BatchSize> =
        if batch == BatchSize::ONE { vec![batch] } else { vec![BatchSize::ONE, batch] };
    let begin = now();
    let artifact = compile(&model, &sizes)?;
    println!("compiled in {:.3} s of CPU time", seconds(now() - begin));
    let plan = artifact.cpu().plan(batch).ok_or("no plan")?;
    let mut bench = Bench::new(&artifact, plan)?;
    match arguments.get(2).map(String::as_str) {
        Some("serve") => serve(&mut bench)?,
        runs => report(&mut bench, runs.map_or(Ok(30), str::parse)?),
    }
    Ok(())
}

/// A plan with all the memory that it needs.
struct Bench<'a> {
    plan: &'a Plan,
    kernels: Kernels,
    input: Vec<f32>,
    output: Vec<f32>,
    workspace: Vec<f32>,
    weights: Vec<f32>,
}

impl<'a> Bench<'a> {
    fn new(artifact: &Artifact, plan: &'a Plan) -> io::Result<Self> {
        let sizes = plan.sizes();
        let wave = |i: usize| u16::try_from(i % 251).map_or(0.0, f32::from) / 125.0 - 1.0;
        Ok(Self {
            plan,
            kernels: Kernels::detect(),
            input: (0..sizes.input).map(wave).collect(),
            output: vec![0.0; sizes.output],
            workspace: vec![0.0; sizes.workspace],
            weights: floats(&artifact.cpu().weights.bytes()?),
        })
    }

    fn run(&mut self, done: impl FnMut(usize)) {
        let memory = Memory {
            input: &self.input,
            output: &mut self.output,
            workspace: &mut self.workspace,
            weights: &self.weights,
        };
        run_observed(&self.kernels, self.plan, memory, done);
    }
}

fn report(bench: &mut Bench<'_>, runs: usize) {
    let steps = bench.plan.steps().len();
    let mut times = vec![Vec::with_capacity(runs); steps];
    let mut totals = Vec::with_capacity(runs);
    bench.run(|_| ());
    for _ in 0..runs {
        let begin = now();
        let mut before = begin;
        // A step that is repeated counts with all its repetitions.
        let mut spent = vec![0; steps];
        bench.run(|index| {
            let after = now();
            spent[index] += after - before;
            before = after;
        });
        for (times, spent) in times.iter_mut().zip(spent) {
            times.push(spent);
        }
        totals.push(before - begin);
    }
    println!("{:>9} {:>6} {:>8}  step", "us", "share", "GFLOP/s");
    let total = median(&mut totals);
    let mut operations = 0;
    let mut repetitions = vec![0; steps];
    bench.plan.order().for_each(|(index, _)| repetitions[index] += 1);
    let steps = bench.plan.file().steps.iter().zip(repetitions);
    for (times, (step, repeated)) in times.iter_mut().zip(steps) {
        let time = median(times);
        let rate = float(step.run.operations() * repeated) / float(time.max(1));
        let (us, share) = (float(time) / 1e3, 100.0 * float(time) / float(total));
        let kernel = serde_json::to_string(&step.run).unwrap_or_default();
        println!("{us:9.1} {share:5.1}% {rate:8.1}  {repeated} x {} {kernel}", step.node);
        operations += step.run.operations() * repeated;
    }
    let rate = float(operations) / float(total);
    println!("{:9.1} in all, {rate:.1} GFLOP/s", float(total) / 1e3);
}

fn serve(bench: &mut Bench<'_>) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut files = line.split_whitespace();
        let output = if let (Some(input), Some(output)) = (files.next(), files.next()) {
            bench.input.copy_from_slice(&floats(&fs::read(input)?));
            Some(output)
        } else {
            None
        };
        let begin = now();
        bench.run(|_| ());
        println!("{}", now() - begin);
        if let Some(output) = output {
            let bytes: Vec<u8> = bench.output.iter().flat_map(|e| e.to_le_bytes()).collect();
            fs::write(output, bytes)?;
            println!("written");
        }
    }
    Ok(())
}

/// Nanoseconds of CPU time of this thread.
fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

fn median(times: &mut [u64]) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a rate for people")]
fn float(number: u64) -> f64 {
    number as f64
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}
