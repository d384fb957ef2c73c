//! Everything that must pass before a change lands, in the order in which it fails soonest.

use std::process::Command;
use std::time::Instant;

/// One step.
struct Step {
    name: &'static str,
    why: &'static str,
    command: &'static str,
    environment: &'static [(&'static str, &'static str)],
}

/// Runs every step; stops at the first that fails.
pub(crate) fn run() -> Result<String, String> {
    let begin = Instant::now();
    for step in STEPS {
        crate::say(&format!("\n== {}: {}\n   $ {}", step.name, step.why, step.command));
        let since = Instant::now();
        let mut words = step.command.split_whitespace();
        let program = words.next().expect("a step has a program");
        let mut command = Command::new(program);
        command.args(words).envs(step.environment.iter().copied());
        let status = command.status().map_err(|error| format!("{}: {error}", step.name))?;
        if !status.success() {
            return Err(format!("{} failed: {}", step.name, step.command));
        }
        crate::say(&format!("   {} passed in {:.0} s", step.name, since.elapsed().as_secs_f64()));
    }
    Ok(format!("all {} steps passed in {:.0} s", STEPS.len(), begin.elapsed().as_secs_f64()))
}

/// What the steps are and why each exists.
pub(crate) fn help() -> String {
    let lines: Vec<_> = STEPS.iter().map(|step| format!("{:10} {}", step.name, step.why)).collect();
    lines.join("\n")
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        why: "one form, no discussion",
        command: "cargo fmt --all --check",
        environment: &[],
    },
    Step {
        name: "clippy",
        why: "warnings are errors here, so that a developer mid-thought is not stopped",
        command: "cargo clippy --workspace --all-targets --locked -- -D warnings",
        environment: &[],
    },
    Step {
        name: "pure",
        why: "a workspace build unifies features; the pure crates must build alone",
        command: "cargo check --locked -p clockwork-scheduler",
        environment: &[],
    },
    Step {
        name: "test",
        why: "the README's test command: rules, laws, hostile bytes, 1,000 simulator seeds, doc tests",
        command: "cargo test --workspace --locked",
        environment: &[],
    },
    Step {
        name: "doc",
        why: "links between the crates' pages must lead somewhere",
        command: "cargo doc --workspace --no-deps --locked --quiet",
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Step {
        name: "release",
        why: "the code that ships, end to end: real processes, the original's command lines",
        command: "cargo test --release --locked -p clockwork-bins",
        environment: &[],
    },
    Step {
        name: "fuzz",
        why: "the decoders' fuzz targets on random and mutated frames, in release",
        command: "cargo test --release --locked -p clockwork-wire --test fuzz_plain",
        environment: &[],
    },
    Step {
        name: "simulator",
        why: "a long seed in release",
        command: "cargo run --release --locked --quiet -- sim --seed 1 --scenario poisson",
        environment: &[],
    },
    Step {
        name: "demo",
        why: "the README's first command must end well on this machine",
        command: "cargo run --release --locked -- demo --seconds 5",
        environment: &[],
    },
];
