//! What of the facts is as it should be. The first six are the original's conditions and decide the exit code;
//! the rest is what this runtime works better with.

use super::facts::Facts;
use super::gpu::Gpu;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// `None`: this machine has no such thing.
    holds: Option<bool>,
    /// What is so.
    text: String,
    /// The command that mends it.
    repair: String,
    required: bool,
}

impl Check {
    /// The line, and below it what to do.
    pub(super) fn lines(&self) -> Vec<String> {
        let mark = match self.holds {
            Some(true) => '✔',
            Some(false) => '✘',
            None => '–',
        };
        let mut lines = vec![format!("{mark} {}", self.text)];
        if self.holds == Some(false) {
            lines.push(format!("    {}", self.repair));
        }
        lines
    }

    /// Whether it fails the whole.
    pub(super) fn is_decisive(&self) -> bool {
        self.required && self.holds == Some(false)
    }

    fn new(holds: bool, text: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { holds: Some(holds), text: text.into(), repair: repair.into(), required: false }
    }

    fn absent(text: &str) -> Self {
        Self { holds: None, text: text.to_owned(), repair: String::new(), required: false }
    }

    fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// All checks, in the order in which they are shown.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = originals(facts);
    checks.extend(machine(facts));
    checks.extend(gpus(facts));
    checks
}

/// What the original insists on.
fn originals(facts: &Facts) -> Vec<Check> {
    let cache = facts.cuda_cache_disable.as_deref();
    let forced = facts.cuda_force_ptx_jit.as_deref().is_some_and(|value| value != "0");
    let limit =
        |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |v| v.to_string());
    let at_least = |value: Option<u64>, least| value.is_none_or(|value| value >= least);
    let limits = "/etc/security/limits.conf  # then log in again";
    let maps = facts.max_map_count;
    let checks = vec![
        Check::new(
            cache == Some("1"),
            format!("CUDA_CACHE_DISABLE={}", cache.unwrap_or("(not set)")),
            "export CUDA_CACHE_DISABLE=1",
        ),
        Check::new(
            !forced,
            format!("CUDA_FORCE_PTX_JIT is {}", if forced { "set" } else { "not set" }),
            "unset CUDA_FORCE_PTX_JIT",
        ),
        Check::new(
            at_least(facts.nofile, NOFILE),
            format!("open files (RLIMIT_NOFILE): {}", limit(facts.nofile)),
            format!("echo '* - nofile 1048576' | sudo tee -a {limits}"),
        ),
        Check::new(
            facts.memlock.is_none(),
            format!("locked memory (RLIMIT_MEMLOCK): {}", limit(facts.memlock)),
            format!("echo '* - memlock unlimited' | sudo tee -a {limits}"),
        ),
        Check::new(
            at_least(facts.rtprio, RTPRIO),
            format!("real-time priority (RLIMIT_RTPRIO): {}", limit(facts.rtprio)),
            format!("echo '* - rtprio unlimited' | sudo tee -a {limits}"),
        ),
        Check::new(
            maps.is_some_and(|maps| maps >= MAPS),
            format!(
                "vm.max_map_count: {}",
                maps.map_or_else(|| "unknown".to_owned(), |m| m.to_string())
            ),
            format!("sudo sysctl -w vm.max_map_count={MAPS}"),
        ),
    ];
    checks.into_iter().map(Check::required).collect()
}

/// What this runtime needs of kernel and processor.
fn machine(facts: &Facts) -> Vec<Check> {
    let (may, have) = facts.cpus;
    let scaled = facts.governors.iter().any(|governor| governor != "performance");
    let first = facts.governors.iter().find(|governor| *governor != "performance");
    let pages = facts.huge_pages.as_deref();
    vec![
        match &facts.io_uring {
            None => Check::new(true, "io_uring works", ""),
            Some(wrong) => {
                Check::new(false, wrong.clone(), "sudo sysctl -w kernel.io_uring_disabled=0")
            }
        },
        Check::new(
            may == have,
            format!("{may} of {have} CPUs may be used ({})", facts.affinity),
            format!("taskset -cp 0-{} $$", have.saturating_sub(1)),
        ),
        match first {
            _ if facts.governors.is_empty() => Check::absent("the kernel scales no frequencies"),
            first => Check::new(
                !scaled,
                format!("frequency governor: {}", first.map_or("performance", String::as_str)),
                "sudo cpupower frequency-set -g performance",
            ),
        },
        match pages {
            None => Check::absent("the kernel has no transparent huge pages"),
            Some(setting) => Check::new(
                setting != "never",
                format!("transparent huge pages: {setting}"),
                "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
            ),
        },
        match facts.numa_nodes {
            0 | 1 => Check::absent("memory is all of one node (NUMA)"),
            nodes => Check::new(
                !facts.numa_balancing,
                format!("{nodes} NUMA nodes, pages moved by the kernel: {}", facts.numa_balancing),
                "sudo sysctl -w kernel.numa_balancing=0",
            ),
        },
        match facts.systemd_nofile.as_deref() {
            None => Check::absent("systemd is not there"),
            Some(value) => Check::new(
                is_enough(value),
                format!(
                    "systemd DefaultLimitNOFILE={}",
                    if value.is_empty() { "(not set)" } else { value }
                ),
                "sudo sed -i 's/^#*DefaultLimitNOFILE=.*/DefaultLimitNOFILE=1048576/' \
                 /etc/systemd/system.conf && sudo systemctl daemon-reexec",
            ),
        },
    ]
}

/// Whether a limit of systemd's, which may be soft and hard with a colon between, is large enough.
fn is_enough(value: &str) -> bool {
    let hard = value.rsplit(':').next().unwrap_or_default();
    hard == "infinity" || hard.parse::<u64>().is_ok_and(|limit| limit >= NOFILE)
}

fn gpus(facts: &Facts) -> Vec<Check> {
    if !facts.gpus.driver {
        return vec![Check::absent("no NVIDIA driver: models run on the CPU")];
    }
    let missing = &facts.gpus.missing;
    let found =
        if missing.is_empty() { "found".to_owned() } else { missing.join(", ") + " not found" };
    let mut checks = vec![Check::new(
        missing.is_empty(),
        format!("CUDA libraries: {found}"),
        "export LD_LIBRARY_PATH=/usr/local/cuda/lib64:$LD_LIBRARY_PATH  # or where they are",
    )];
    checks.extend(facts.gpus.all.iter().flat_map(gpu));
    checks
}

fn gpu(gpu: &Gpu) -> Vec<Check> {
    let index = gpu.index;
    let set = |what: &str| format!("sudo nvidia-smi -i {index} {what}");
    let clock = match (gpu.clock, gpu.clock_most) {
        (Some(clock), Some(most)) => Check::new(
            clock == most,
            format!("GPU {index}: application clock {clock} of {most} MHz"),
            set(&format!("-lgc {most}")),
        ),
        _ => Check::absent(&format!("GPU {index}: no application clocks; lock them with -lgc")),
    };
    let boost = match gpu.auto_boost {
        Some(boosts) => Check::new(
            !boosts,
            format!("GPU {index}: auto boost {}", if boosts { "on" } else { "off" }),
            set("--auto-boost-default=0"),
        ),
        None => Check::absent(&format!("GPU {index}: no auto boost")),
    };
    vec![
        Check::new(
            gpu.exclusive,
            format!("GPU {index}: exclusive process"),
            set("-c EXCLUSIVE_PROCESS"),
        ),
        Check::new(gpu.persistent, format!("GPU {index}: persistence mode"), set("-pm 1")),
        boost,
        clock,
    ]
}

/// Processors and GPUs, a line each.
pub(super) fn status(facts: &Facts) -> Vec<String> {
    let (may, have) = facts.cpus;
    let mut lines = vec![format!("CPUs: {may} of {have} may be used ({})", facts.affinity)];
    lines.push(format!("GPUs: {}", facts.gpus.all.len()));
    lines.extend(facts.gpus.all.iter().map(|gpu| {
        format!("  GPU {}: {}, compute capability {}", gpu.index, gpu.name, gpu.capability)
    }));
    lines
}

/// Least open files, real-time priority and mappings.
const NOFILE: u64 = 65_535;
const RTPRIO: u64 = 99;
const MAPS: u64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::super::gpu::Gpus;
    use super::*;

    /// A machine on which nothing is missing.
    fn good() -> Facts {
        Facts {
            max_map_count: Some(MAPS),
            cuda_cache_disable: Some("1".to_owned()),
            cpus: (8, 8),
            governors: vec!["performance".to_owned()],
            systemd_nofile: Some("infinity".to_owned()),
            ..Facts::default()
        }
    }

    fn decisive(facts: &Facts) -> usize {
        checks(facts).iter().filter(|check| check.is_decisive()).count()
    }

    #[test]
    fn a_machine_without_fault_has_no_command_in_its_list() {
        let lines: Vec<String> = checks(&good()).iter().flat_map(Check::lines).collect();
        assert!(
            lines.iter().all(|line| !line.contains('✘') && !line.starts_with(' ')),
            "{lines:?}"
        );
    }

    #[test]
    fn each_of_the_originals_conditions_decides() {
        for spoil in [
            |facts: &mut Facts| facts.cuda_cache_disable = None,
            |facts: &mut Facts| facts.cuda_force_ptx_jit = Some("1".to_owned()),
            |facts: &mut Facts| facts.nofile = Some(NOFILE - 1),
            |facts: &mut Facts| facts.memlock = Some(1 << 40),
            |facts: &mut Facts| facts.rtprio = Some(0),
            |facts: &mut Facts| facts.max_map_count = Some(MAPS - 1),
        ] {
            let mut facts = good();
            assert_eq!(decisive(&facts), 0);
            spoil(&mut facts);
            assert_eq!(decisive(&facts), 1, "{facts:?}");
        }
    }

    #[test]
    fn what_else_is_wrong_is_shown_with_its_remedy_and_decides_nothing() {
        let mut facts = good();
        facts.governors.push("powersave".to_owned());
        facts.io_uring = Some("io_uring is blocked".to_owned());
        facts.systemd_nofile = Some("1024:4096".to_owned());
        (facts.numa_nodes, facts.numa_balancing) = (2, true);
        let gpu = Gpu {
            clock: Some(1000),
            clock_most: Some(1980),
            auto_boost: Some(true),
            ..Gpu::default()
        };
        facts.gpus = Gpus { driver: true, all: vec![gpu], missing: vec!["libcudnn.so"] };
        let lines: Vec<String> = checks(&facts).iter().flat_map(Check::lines).collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with('✘')).count(), 9, "{lines:#?}");
        for remedy in
            ["cpupower", "io_uring_disabled=0", "daemon-reexec", "numa_balancing=0", "-lgc 1980"]
        {
            assert!(
                lines.iter().any(|line| line.starts_with("    ") && line.contains(remedy)),
                "{remedy}"
            );
        }
        assert_eq!(decisive(&facts), 0);
    }
}
