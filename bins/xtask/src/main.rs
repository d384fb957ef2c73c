//! The chores of the project, as `cargo xtask CHORE`. Each chore is a module and a variant of
//! [`Chore`].

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ci;
mod codegen;
mod figures;
mod instructions;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Runs everything that must pass before a change lands
    #[command(after_help = ci::help())]
    Ci,
    /// Measures the README's figures with the real processes
    Figures(figures::Arguments),
    /// Counts the pure scheduler's instructions per request and compares them with the baseline
    Instructions {
        /// Make what is counted the baseline
        #[arg(long)]
        bless: bool,
    },
    /// Writes the wire's generated code from its schema (needs `--features codegen`)
    Codegen {
        /// Only compare; fail if the checked-in code is stale
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Ci => ci::run(),
        Chore::Figures(arguments) => figures::run(&arguments),
        Chore::Instructions { bless } => instructions::run(bless),
        Chore::Codegen { check } => codegen::run(check),
    };
    match outcome {
        Ok(done) => {
            say(&done);
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is the chores' output")]
fn say(done: &str) {
    println!("{done}");
}

#[expect(clippy::print_stderr, reason = "this is the chores' output")]
fn complain(why: &str) {
    eprintln!("error: {why}");
}
