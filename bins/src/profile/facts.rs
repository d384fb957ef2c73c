//! What is so on this machine, read once.

use std::env;
use std::fs;
use std::path::Path;
use std::thread;

use clockwork_runtime::preflight;
use rustix::process::{Resource, getrlimit};

use super::gpu::Gpus;

/// Everything that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Open files that a process may have, at most; `None` is unlimited, as below.
    pub(super) nofile: Option<u64>,
    /// Bytes that a process may lock.
    pub(super) memlock: Option<u64>,
    /// The highest real-time priority.
    pub(super) rtprio: Option<u64>,
    pub(super) max_map_count: Option<u64>,
    pub(super) cuda_cache_disable: Option<String>,
    pub(super) cuda_force_ptx_jit: Option<String>,
    pub(super) config_file: Option<String>,
    /// What is wrong with `io_uring`.
    pub(super) io_uring: Option<String>,
    /// CPUs that this process may use, and that there are.
    pub(super) cpus: (usize, usize),
    /// Which CPUs, as the kernel lists them.
    pub(super) affinity: String,
    /// The frequency governor of each CPU, where the kernel has one.
    pub(super) governors: Vec<String>,
    /// The setting of transparent huge pages in use.
    pub(super) huge_pages: Option<String>,
    pub(super) numa_nodes: usize,
    /// Whether the kernel moves pages between nodes by itself.
    pub(super) numa_balancing: bool,
    /// What systemd gives its services.
    pub(super) systemd_nofile: Option<String>,
    pub(super) gpus: Gpus,
}

impl Facts {
    /// This machine's.
    pub(super) fn here() -> Self {
        // Before the preflight, which raises them.
        let [nofile, memlock, rtprio] = [Resource::Nofile, Resource::Memlock, Resource::Rtprio]
            .map(|resource| getrlimit(resource).maximum);
        let variable = |name| env::var(name).ok();
        Self {
            nofile,
            memlock,
            rtprio,
            max_map_count: read("/proc/sys/vm/max_map_count").and_then(|text| text.parse().ok()),
            cuda_cache_disable: variable("CUDA_CACHE_DISABLE"),
            cuda_force_ptx_jit: variable("CUDA_FORCE_PTX_JIT"),
            config_file: variable("CLOCKWORK_CONFIG_FILE"),
            io_uring: preflight::check(1).err().map(|error| error.to_string()),
            cpus: (thread::available_parallelism().map_or(1, usize::from), cpus()),
            affinity: status("Cpus_allowed_list").unwrap_or_default(),
            governors: governors(),
            huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled")
                .and_then(|t| chosen(&t)),
            numa_nodes: numbered("/sys/devices/system/node", "node").count(),
            numa_balancing: read("/proc/sys/kernel/numa_balancing").is_some_and(|text| text != "0"),
            systemd_nofile: systemd("DefaultLimitNOFILE"),
            gpus: Gpus::here(),
        }
    }
}

/// A file of one line; `None` if it is not there.
fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The names in a folder that are `prefix` and a number.
fn numbered(folder: &str, prefix: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(move |name| name.strip_prefix(prefix).is_some_and(|n| n.parse::<u32>().is_ok()))
}

const CPUS: &str = "/sys/devices/system/cpu";

fn cpus() -> usize {
    numbered(CPUS, "cpu").count().max(1)
}

fn governors() -> Vec<String> {
    let file = |cpu| format!("{CPUS}/{cpu}/cpufreq/scaling_governor");
    let mut governors: Vec<_> = numbered(CPUS, "cpu").filter_map(|cpu| read(&file(cpu))).collect();
    governors.sort();
    governors
}

/// What `/proc/self/status` says of a field.
fn status(field: &str) -> Option<String> {
    let text = read("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The choice in brackets: `always [madvise] never`.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// A setting of systemd's manager: the last that is not commented out; `None` without systemd.
fn systemd(key: &str) -> Option<String> {
    let main = read("/etc/systemd/system.conf")?;
    let folder =
        fs::read_dir(Path::new("/etc/systemd/system.conf.d")).into_iter().flatten().flatten();
    let mut files: Vec<_> = folder.map(|entry| entry.path()).collect();
    files.sort();
    let more = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    let texts: Vec<String> = [main].into_iter().chain(more).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let mut values =
        lines.filter_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
    Some(values.next_back().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_what_stands_in_brackets() {
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(chosen("always"), None);
    }

    #[test]
    fn this_machine_has_a_cpu_that_may_be_used() {
        let facts = Facts::here();
        assert!(facts.cpus.0 >= 1 && facts.cpus.1 >= 1, "{facts:?}");
        assert!(!facts.affinity.is_empty());
    }
}
