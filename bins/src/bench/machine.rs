//! Where and of what a bench ran.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The machine, as far as it explains figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// Model of the processor.
    pub(super) cpu: String,
    /// Cores that this process may use.
    pub(super) cores: usize,
    /// Release of the kernel.
    pub(super) kernel: String,
    /// CPUs that this process may use, as the kernel lists them.
    pub(super) affinity: String,
}

impl Machine {
    /// This machine.
    pub(super) fn here() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            affinity: field("/proc/self/status", "Cpus_allowed_list"),
        }
    }
}

/// Which sources this was built from: `CLOCKWORK_COMMIT` at build time, else what git says of the
/// folder of the executable or, for a build folder elsewhere, of the current one.
pub(super) fn commit() -> String {
    if let Some(commit) = option_env!("CLOCKWORK_COMMIT") {
        return commit.to_owned();
    }
    let executable = env::current_exe().ok();
    let folder = executable.as_deref().and_then(Path::parent);
    let found = folder.and_then(describe).or_else(|| describe(Path::new(".")));
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn describe(folder: &Path) -> Option<String> {
    let words = ["describe", "--always", "--dirty", "--abbrev=12"];
    let output = Command::new("git").arg("-C").arg(folder).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Now, as `2026-01-31T23:59:59Z`.
pub(super) fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(since / 86_400);
    let (hour, minute, second) = (since / 3_600 % 24, since / 60 % 60, since % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date of a number of days since 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// CPU seconds that the calling thread has used.
pub(super) fn thread_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let whole = u32::try_from(time.tv_sec).map_or(f64::MAX, f64::from);
    whole + u32::try_from(time.tv_nsec).map_or(0.0, f64::from) / 1e9
}

/// What follows `name:` in a file of the kernel; "unknown" if nothing does.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_know_leap_years_and_the_ends_of_months() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(11_017), (2000, 3, 1));
        assert_eq!(civil(20_453), (2025, 12, 31));
        assert_eq!(civil(20_454), (2026, 1, 1));
    }

    #[test]
    fn the_cpu_clock_of_a_thread_does_not_run_back() {
        let begin = thread_cpu_seconds();
        assert!(thread_cpu_seconds() >= begin);
    }
}
