//! Who asks for what and when: pure, seeded workload generators.
//!
//! An [`Engine`] has the face of a scheduler: [`handle`](Engine::handle) takes in what happened,
//! [`poll`](Engine::poll) takes out the next thing to do, [`next_wakeup`](Engine::next_wakeup) says
//! when to come back. The client's runtime drives it with a real clock and the simulator with a
//! virtual one. Its life has four stages: load models one request after the other, list them until
//! the controller is ready, submit, done.
//!
//! *Why does an engine keep its own clock?* Every arrival is computed from the arrival before it
//! and never from the time at which somebody looked. A late driver gets the missed arrivals in a
//! burst, each with the time at which it was meant, so that an open loop neither drifts nor slows
//! down when the system does. Latency counts from that intended time.
//!
//! *Why one stream for a thousand models?* The superposition of Poisson streams of equal rates is
//! one Poisson stream whose arrivals choose their model uniformly. So a workload of 25,000
//! arrivals a second over 4,000 models is one timer, and an arrival costs two random numbers.
//!
//! To add a workload: one file with its parameters, plan and tests, and one line in [`registry`].
//!
//! ```
//! use clockwork_wire::{ModelId, Nanos};
//! use clockwork_workload::{Context, Engine, Input, Output, registry};
//!
//! let arguments = ["1", "1", "1", "3"].map(String::from);
//! let plan = registry::find("simple-parametric").unwrap();
//! let plan = plan.plan(&arguments, &Context::default()).unwrap();
//! let mut engine = Engine::new(plan, 1);
//! let now = Nanos::new(1_000);
//! assert!(matches!(engine.poll(now), Some(Output::Load(load)) if load.copies == 1));
//! engine.handle(now, Input::Loaded { first: ModelId::new(0), copies: 1 });
//! assert!(matches!(engine.poll(now), Some(Output::List)));
//! engine.handle(now, Input::Listed { gpus: 1 });
//! assert!(matches!(engine.poll(now), Some(Output::Submit(submit)) if submit.intended == now));
//! ```

mod agenda;
mod arguments;
mod context;
mod engine;
mod error;
pub mod generator;
mod help;
mod message;
mod plan;
pub mod registry;
mod text;
pub mod trace;

mod azure;
mod azure_fast;
mod azure_half;
mod azure_scalability_exp;
mod azure_single;
mod azure_small;
mod bursty_experiment;
mod comparison_experiment;
mod comparison_experiment2;
mod example;
mod fill_memory;
mod functions;
mod open_loop;
mod poisson_open_loop;
mod replay_log;
mod replay_rates;
mod replay_trace;
mod scalability_exp_1;
mod simple;
mod simple_parametric;
mod simple_slo_factor;
mod single_spam;
mod slo_exp_1;
mod slo_exp_2;
mod spam;

pub use agenda::{Alarm, Turn};
pub use arguments::{Arguments, Parameter};
pub use context::Context;
pub use engine::Engine;
pub use error::UsageError;
pub use help::help;
pub use message::{Input, LoadModels, Output, Submit, Tag};
pub use plan::{Plan, Target};
pub use registry::Workload;
