//! One inference per line, so that another program can alternate ours with its own on the same core.

use std::io::{BufRead, stdin};

use clockwork_runtime::clock;
use clockwork_wire::BatchSize;
use rustix::time::{ClockId, clock_gettime};

use super::measure::WARM_UPS;
use super::subject::Subject;
use crate::Failure;
use crate::process::say;

/// Runs the batch that each line of standard input names (1 if it is empty) and answers with the
/// nanoseconds that it took: on the clock, and of processor time. Says `ready` first.
pub(super) fn serve(subject: &mut Subject, batches: &[BatchSize]) -> Result<(), Failure> {
    for &batch in batches {
        for _ in 0..WARM_UPS {
            subject.machine.run(batch)?;
        }
    }
    say("ready");
    for line in stdin().lock().lines() {
        let line = line?;
        let batch = match line.trim() {
            "" => Some(BatchSize::ONE),
            number => number.parse().ok().and_then(BatchSize::new),
        };
        let batch = batch.ok_or_else(|| Failure::usage(format!("{line} is no batch size")))?;
        let (begin, cpu) = (clock::now(), thread_cpu_nanos());
        subject.machine.run(batch)?;
        let (wall, cpu) = (clock::now() - begin, thread_cpu_nanos() - cpu);
        say(&format!("{} {cpu}", wall.get()));
    }
    Ok(())
}

/// Nanoseconds of processor time that this thread has used.
fn thread_cpu_nanos() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
