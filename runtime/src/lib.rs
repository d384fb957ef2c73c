//! Cores, sockets, timers and clocks: what drives the pure state machines.
//!
//! A process is a few *cores*. Each runs one executor ([`rt`]) and owns plain state; cores speak
//! through bounded rings ([`ring`]). A core works in *turns*: read the clock once ([`clock`]), hand
//! everything that was received to the state machine, take out its decisions until there is none,
//! and flush every connection once ([`net`]).
//!
//! Nothing outside this crate reads the OS clock, opens a socket or starts a thread for I/O, and
//! nothing in it but [`rt`] names the executor library.

pub mod client;
pub mod clock;
pub mod controller;
mod foresight;
pub mod net;
pub mod placement;
pub mod preflight;
pub mod ring;
pub mod rt;
pub mod shutdown;
pub mod skew;
pub mod telemetry;
pub mod worker;
