//! The client: sends a workload to a controller and tells what became of it.
//!
//! [`Session`] is the library: connect, load models, list them until the controller serves, submit
//! inferences, take out answers. [`run`] drives a workload's engine over a session on a core of its
//! own: it makes turns, in each of which it takes in all answers, submits all that is due and writes
//! once. A process may embed it ([`run_on_core`]) beside a controller and workers.
//!
//! *Why does latency count from the intended send time?* A client that falls behind would otherwise
//! measure only the requests that it got to send.

mod error;
mod inputs;
mod options;
mod report;
mod run;
mod session;
mod statistics;

pub use error::ClientError;
pub use inputs::InputMode;
pub use options::Options;
pub use report::{Interval, Report};
pub use session::{Answered, Session};

use std::fmt;

use clockwork_workload::{Engine, Plan};

use crate::rt::{self, ExecutorError};
use crate::telemetry::{Carried, TrafficText};
use run::Run;

/// What a client tells while it runs. Prints as the original's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A line for people.
    Line(String),
    /// How it went since the last one.
    Interval {
        /// Requests and answers.
        interval: Interval,
        /// What the connection carried.
        carried: Carried,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(text) => f.write_str(text),
            Self::Interval { interval, carried } => {
                let (link, carried) = ("Client->Controller", *carried);
                let traffic = TrafficText { link, carried, interval: interval.length };
                write!(f, "{interval}\n{traffic}")
            }
        }
    }
}

/// Runs a workload to its end on a core on this thread, started as `core` says. A run that is shut down before it has begun
/// ends with an empty report.
///
/// # Errors
/// If the kernel refuses the core, or the client cannot do its work.
pub fn run(
    options: Options,
    core: &rt::Options,
    tell: &mut dyn FnMut(Progress),
) -> Result<Result<Report, ClientError>, ExecutorError> {
    rt::run(core, run_on_core(options, tell))
}

/// Runs a workload to its end on the calling core.
///
/// # Errors
/// If the client cannot do its work.
pub async fn run_on_core(
    mut options: Options,
    tell: &mut dyn FnMut(Progress),
) -> Result<Report, ClientError> {
    let plan: Plan = std::mem::take(&mut options.plan);
    let engine = Engine::new(plan, options.client.seed);
    let shutdown = options.shutdown.clone();
    introduce(&options, tell);
    let interrupted = async {
        shutdown.wait().await;
        Ok(None)
    };
    let begun = async { begin(&options, engine, tell).await.map(Some) };
    let Some(mut run) = futures_lite::future::or(begun, interrupted).await? else {
        return Ok(Report::default());
    };
    let report = run.serve().await;
    run.close().await;
    report
}

/// Connects, loads and waits until the controller serves.
async fn begin<'a>(
    options: &'a Options,
    engine: Engine,
    tell: &'a mut dyn FnMut(Progress),
) -> Result<Run<'a>, ClientError> {
    let line = |text: String| Progress::Line(text);
    tell(line(format!("Connecting to clockwork @ {}", options.address)));
    let retry = |text| tell(line(text));
    let session = Session::connect(&options.address, &options.network, retry).await?;
    tell(line("Connection established".into()));
    tell(line(format!("Found {}", options.catalogue)));
    let mut run = Run::new(session, engine, options, tell);
    run.prepare().await?;
    Ok(run)
}

fn introduce(options: &Options, tell: &mut dyn FnMut(Progress)) {
    let Options { workload, address, .. } = options;
    tell(Progress::Line(format!("Running workload `{workload}` on {address}")));
    let inputs = match options.input_mode() {
        InputMode::Absent => {
            "Client is not sending inputs with requests (CLOCKWORK_DISABLE_INPUTS=1)."
        }
        InputMode::Raw | InputMode::Lz4 => {
            "Client is sending inputs with requests.  Set CLOCKWORK_DISABLE_INPUTS=1 to disable inputs."
        }
    };
    tell(Progress::Line(inputs.into()));
}
