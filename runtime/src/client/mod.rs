//! The client: sends a workload to a controller and tells what became of it.
//!
//! [`Session`] is the library: connect, load models, list them until the controller serves, submit
//! inferences, take out answers. [`run`] drives a workload's engine over a session on a core of its
//! own: it makes turns, in each of which it takes in all answers, submits all that is due and writes
//! once. A process may embed it ([`run_on_core`]) beside a controller and workers.
//!
//! A controller with several cores gets a connection to each from every core of the client; requests
//! go to the core that the controller's answers name as their model's home, so that normally
//! nothing has to cross from core to core.
//!
//! *Why does latency count from the intended send time?* A client that falls behind would otherwise
//! measure only the requests that it got to send.

mod dial;
mod error;
mod inputs;
mod lines;
mod options;
mod parallel;
mod records;
mod reply;
mod report;
mod run;
mod samples;
mod series;
mod session;
mod slab;
mod statistics;
mod tally;
mod upload;

pub use error::ClientError;
pub use inputs::InputMode;
pub use options::Options;
pub use report::{Bucket, Interval, Report};
pub use series::Second;
pub use session::{Answered, Session};

use std::fmt;
use std::path::Path;

use clockwork_config::CoresConfig;
use clockwork_workload::{Engine, Plan};

use crate::placement;
use crate::rt::{self, ExecutorError};
use crate::telemetry::{Carried, TrafficText};
use run::{Outcomes, Run};

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

/// Runs a workload to its end, on a core on this thread or, with several
/// [threads](clockwork_config::ClientConfig::threads), on cores on threads of their own. A run that is shut down
/// before it has begun ends with an empty report.
///
/// # Errors
/// If the kernel refuses a core, or the client cannot do its work.
pub fn run(
    options: Options,
    cores: &CoresConfig,
    tell: &mut dyn FnMut(Progress),
) -> Result<Result<Report, ClientError>, ExecutorError> {
    if options.client.threads > 1 {
        return parallel::run(options, cores, tell);
    }
    rt::run(&placement::single("client", cores), run_on_core(options, tell))
}

/// Runs a workload to its end on the calling core, whatever the number of threads.
///
/// # Errors
/// If the client cannot do its work.
pub async fn run_on_core(
    mut options: Options,
    tell: &mut dyn FnMut(Progress),
) -> Result<Report, ClientError> {
    let plan: Plan = std::mem::take(&mut options.plan);
    let notes = plan.notes().to_vec();
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
    let outcomes = run.serve().await;
    run.close().await;
    report(options.requests.as_deref(), &outcomes?, notes)
}

/// Writes the records, if somebody wants them, and sums up.
fn report(
    requests: Option<&Path>,
    outcomes: &Outcomes,
    notes: Vec<String>,
) -> Result<Report, ClientError> {
    let Outcomes { statistics, end, records } = outcomes;
    if let Some(path) = requests {
        let failed = |source| ClientError::Records { path: path.into(), source };
        records.write(path).map_err(failed)?;
    }
    Ok(Report { notes, ..statistics.report(*end) })
}

/// Connects, loads and waits until the controller serves.
async fn begin<'a>(
    options: &'a Options,
    engine: Engine,
    tell: &'a mut dyn FnMut(Progress),
) -> Result<Run<'a>, ClientError> {
    let session = connect(options, tell).await?;
    let mut run = Run::new(session, engine, options, tell);
    run.prepare().await?;
    Ok(run)
}

async fn connect(
    options: &Options,
    tell: &mut dyn FnMut(Progress),
) -> Result<Session, ClientError> {
    let line = |text: String| Progress::Line(text);
    tell(line(format!("Connecting to clockwork @ {}", options.address)));
    let retry = |text| tell(line(text));
    let mut session = Session::connect(&options.address, &options.network, retry).await?;
    if options.client.reconnect {
        session.keep_connected();
    }
    tell(line("Connection established".into()));
    tell(line(format!("Found {}", options.catalogue)));
    Ok(session)
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
