//! The processes of Clockwork. Each binary's `main` hands its command line to a module here.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where people are spoken to"
)]

pub mod client;
pub mod controller;
pub mod failure;
pub mod process;

pub use failure::{Failure, exit};
