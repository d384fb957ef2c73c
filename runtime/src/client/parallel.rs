//! A workload that several cores send together.
//!
//! Each has its own connections, its own random streams and its part of the arrivals; between them
//! nothing is shared while they send. The first one loads the models, for all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};

use clockwork_config::CoresConfig;
use clockwork_workload::Engine;

use super::run::{Outcomes, Prepared, Run};
use super::{ClientError, Options, Progress, Report, connect, introduce, report};
use crate::placement;
use crate::rt::{self, Core, Doorbell, ExecutorError};
use crate::telemetry::Carried;

/// What one core comes to; `None` if it was interrupted before it had begun.
type Result<T> = std::result::Result<T, ClientError>;

/// Runs a workload on as many cores as the options say.
pub(super) fn run(
    options: Options,
    cores: &CoresConfig,
    tell: &mut dyn FnMut(Progress),
) -> std::result::Result<Result<Report>, ExecutorError> {
    introduce(&options, tell);
    let requests = options.requests.clone();
    let notes = options.plan.notes().to_vec();
    let parts = divide(options);
    let start = Arc::new(Start::new(parts.len()));
    let (say, heard) = mpsc::channel();
    let count = parts.len();
    let places = placement::place(count).cpus;
    let running = parts.into_iter().zip(places).enumerate().map(|(index, (options, cpu))| {
        let core = rt::Options {
            pin: cpu.filter(|_| cores.pin),
            spin: cores.spin,
            ..placement::waiting(&format!("client-{index}"), count, cores)
        };
        let (start, say) = (Arc::clone(&start), say.clone());
        rt::spawn_core(core, move || part(index, options, start, say))
    });
    let running = running.collect::<std::result::Result<Vec<_>, _>>()?;
    drop(say);
    relay(&heard, running.len(), tell);
    let outcomes = running.into_iter().map(Core::join).collect::<std::result::Result<Vec<_>, _>>();
    Ok(sum_up(outcomes?).and_then(|sum| match sum {
        Some(outcomes) => report(requests.as_deref(), &outcomes, notes),
        None => Ok(Report::default()),
    }))
}

/// The options of each core.
fn divide(mut options: Options) -> Vec<Options> {
    let plan = std::mem::take(&mut options.plan);
    let seeds = (0..).map(|index: u64| options.client.seed.wrapping_add(index.wrapping_mul(SALT)));
    let parts = plan.split(options.client.threads).into_iter().zip(seeds);
    let part = |(plan, seed)| {
        let mut client = options.client.clone();
        client.seed = seed;
        Options {
            address: options.address.clone(),
            workload: options.workload.clone(),
            plan,
            length: options.length,
            catalogue: options.catalogue.clone(),
            client,
            network: options.network.clone(),
            requests: options.requests.clone(),
            shutdown: options.shutdown.clone(),
        }
    };
    parts.map(part).collect()
}

/// What one core does.
async fn part(
    index: usize,
    options: Options,
    start: Arc<Start>,
    say: Sender<(usize, Progress)>,
) -> Result<Option<Outcomes>> {
    // Whoever listens does so to the end.
    let mut tell = move |progress| drop(say.send((index, progress)));
    let shutdown = options.shutdown.clone();
    let outcomes = work(index, options, &start, &mut tell).await;
    if outcomes.is_err() {
        // The others need not go on.
        shutdown.trigger();
    }
    outcomes
}

async fn work(
    index: usize,
    mut options: Options,
    start: &Start,
    tell: &mut dyn FnMut(Progress),
) -> Result<Option<Outcomes>> {
    let engine = Engine::new(std::mem::take(&mut options.plan), options.client.seed);
    let shutdown = options.shutdown.clone();
    let interrupted = async {
        shutdown.wait().await;
        Ok(None)
    };
    let begun = async {
        let session = connect(&options, tell).await?;
        let mut run = Run::new(session, engine, &options, tell);
        if index == 0 {
            let prepared = run.prepare().await?;
            start.give(prepared).await;
        } else {
            run.adopt(start.join(index).await)?;
        }
        Ok::<_, ClientError>(Some(run))
    };
    let Some(mut run) = futures_lite::future::or(begun, interrupted).await? else {
        return Ok(None);
    };
    let outcomes = run.serve().await;
    run.close().await;
    outcomes.map(Some)
}

/// Tells what the cores tell: the first one's lines, and for each interval the sum of all.
fn relay(heard: &Receiver<(usize, Progress)>, parts: usize, tell: &mut dyn FnMut(Progress)) {
    let mut counts = vec![0; parts];
    let mut sums: Vec<(usize, super::Interval, Carried)> = Vec::new();
    for (index, progress) in heard {
        let Progress::Interval { interval, carried } = progress else {
            if index == 0 {
                tell(progress);
            }
            continue;
        };
        let number = counts[index];
        counts[index] += 1;
        if number == sums.len() {
            sums.push((0, super::Interval::default(), Carried::default()));
        }
        let (told, sum, carried_by_all) = &mut sums[number];
        *told += 1;
        sum.merge(interval);
        *carried_by_all = carried_by_all.plus(carried);
        if *told == parts {
            tell(Progress::Interval { interval: std::mem::take(sum), carried: *carried_by_all });
        }
    }
}

/// All parts as one, if all of them have run.
fn sum_up(parts: Vec<Result<Option<Outcomes>>>) -> Result<Option<Outcomes>> {
    let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
    let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    Ok(parts.into_iter().reduce(|mut sum, part| {
        sum.statistics.merge(&part.statistics);
        sum.records.merge(part.records);
        sum.end = sum.end.max(part.end);
        sum
    }))
}

/// How the cores begin together: when all are connected and the first has loaded the models.
#[derive(Debug)]
struct Start {
    bells: Vec<Doorbell>,
    connected: AtomicUsize,
    prepared: OnceLock<Prepared>,
}

impl Start {
    fn new(parts: usize) -> Self {
        let bells = (0..parts).map(|_| Doorbell::new()).collect();
        Self { bells, connected: AtomicUsize::new(0), prepared: OnceLock::new() }
    }

    /// The first core has loaded the models: waits for the others and gives them to them.
    async fn give(&self, prepared: Prepared) {
        while self.connected.load(Ordering::Acquire) + 1 < self.bells.len() {
            self.bells[0].wait().await;
        }
        self.prepared.set(prepared).expect("models are loaded once");
        self.bells[1..].iter().for_each(Doorbell::ring);
    }

    /// Another core is connected: waits for the models.
    async fn join(&self, index: usize) -> &Prepared {
        self.connected.fetch_add(1, Ordering::AcqRel);
        self.bells[0].ring();
        loop {
            if let Some(prepared) = self.prepared.get() {
                return prepared;
            }
            self.bells[index].wait().await;
        }
    }
}

/// Neighbouring parts draw from seeds that are far apart, and far from those of an engine's
/// generators.
const SALT: u64 = 0xD1B5_4A32_D192_ED03;

#[cfg(test)]
mod tests {
    use clockwork_wire::Span;

    use super::*;
    use crate::client::Interval;

    #[test]
    fn an_interval_is_told_when_every_core_has_told_its_own() {
        let (say, heard) = mpsc::channel();
        let interval = |submitted| Progress::Interval {
            interval: Interval { submitted, length: Span::from_secs(1), ..Interval::default() },
            carried: Carried::default(),
        };
        for (index, progress) in [
            (1, Progress::Line("not told".into())),
            (0, Progress::Line("told".into())),
            (1, interval(1)),
            (1, interval(10)),
            (0, interval(100)),
            (1, interval(1_000)),
        ] {
            say.send((index, progress)).unwrap();
        }
        drop(say);
        let mut told = Vec::new();
        relay(&heard, 2, &mut |progress| told.push(progress));
        assert_eq!(told, [Progress::Line("told".into()), interval(101)]);
    }
}
