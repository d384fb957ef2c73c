//! Which CPUs each role may use, as `taskset -c` writes them.

use std::fmt;
use std::str::FromStr;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A set of CPUs, written like `0-3,8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Cpus(Vec<usize>);

/// How the CPUs are to be split among the roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Split {
    /// One for every core of every role, if there are as many; otherwise the kernel decides.
    Auto,
    /// The kernel decides.
    Free,
    /// Controller, clients, workers.
    Given([Cpus; 3]),
}

/// The CPUs of each role; `None` for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Places {
    /// The controller's.
    pub(in crate::bench) controller: Option<Cpus>,
    /// The clients'.
    pub(in crate::bench) clients: Option<Cpus>,
    /// The workers'.
    pub(in crate::bench) workers: Option<Cpus>,
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::Free),
            _ => {}
        }
        let sets = text.split(':').map(str::parse).collect::<Result<Vec<Cpus>, String>>()?;
        let three = sets.try_into().map_err(|_| {
            format!("`{text}` is neither auto nor none nor three lists of CPUs, as 0-3:4,5:6-15")
        })?;
        Ok(Self::Given(three))
    }
}

impl Split {
    /// The places of roles that want so many CPUs: controller, clients, workers.
    pub(super) fn places(&self, allowed: &[usize], wanted: [u32; 3]) -> Places {
        let [controller, clients, workers] = match self {
            Self::Free => [None, None, None],
            Self::Given(sets) => sets.clone().map(Some),
            Self::Auto => deal(allowed, wanted),
        };
        Places { controller, clients, workers }
    }
}

/// Deals out CPUs from the first on, to each role as many as it has cores: what is left over idles,
/// so that the number of cores means the same wherever it is measured.
fn deal(allowed: &[usize], wanted: [u32; 3]) -> [Option<Cpus>; 3] {
    let counts = wanted.map(|count| usize::try_from(count).expect("a u32 fits usize"));
    if allowed.len() < counts.iter().sum() {
        return [None, None, None];
    }
    let (controller, rest) = allowed.split_at(counts[0]);
    let (clients, rest) = rest.split_at(counts[1]);
    [controller, clients, &rest[..counts[2]]].map(|set| Some(Cpus(set.to_vec())))
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.controller, &self.clients, &self.workers) {
            (Some(controller), Some(clients), Some(workers)) => {
                write!(f, "{controller}:{clients}:{workers}")
            }
            _ => f.write_str("none"),
        }
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(range).collect::<Option<Vec<_>>>();
        let cpus: Option<Vec<usize>> = parts.map(|parts| parts.into_iter().flatten().collect());
        cpus.filter(|cpus| !cpus.is_empty()).map(Self).ok_or_else(|| {
            format!("`{text}` is no list of CPUs below {}, as 0-3,8", CpuSet::MAX_CPU)
        })
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a + 1 == *b);
        for (number, run) in runs.enumerate() {
            let comma = if number == 0 { "" } else { "," };
            match run {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [only] => write!(f, "{comma}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

impl Cpus {
    /// Does something while the calling thread may only use these CPUs; what it starts inherits
    /// that.
    ///
    /// # Errors
    /// If none of them is there.
    pub(in crate::bench) fn within<T>(&self, act: impl FnOnce() -> T) -> std::io::Result<T> {
        let before = sched_getaffinity(None)?;
        let mut set = CpuSet::new();
        self.0.iter().for_each(|&cpu| set.set(cpu));
        sched_setaffinity(None, &set)?;
        let done = act();
        sched_setaffinity(None, &before)?;
        Ok(done)
    }
}

fn range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last && last < CpuSet::MAX_CPU).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_as_taskset_does() {
        assert_eq!("0-2,5".parse(), Ok(Cpus(vec![0, 1, 2, 5])));
        assert_eq!(Cpus(vec![0, 1, 2, 5, 7, 8]).to_string(), "0-2,5,7-8");
        for wrong in ["", "3-1", "a", "0,", "0-99999"] {
            assert!(wrong.parse::<Cpus>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_split_names_three_roles() {
        assert_eq!("auto".parse(), Ok(Split::Auto));
        assert_eq!("none".parse(), Ok(Split::Free));
        let given: Split = "0-3:4:5,6".parse().unwrap();
        assert_eq!(given.places(&[], [1; 3]).to_string(), "0-3:4:5-6");
        assert!("0:1".parse::<Split>().is_err());
    }

    #[test]
    fn each_core_gets_a_cpu_if_there_is_one_for_each() {
        let allowed: Vec<usize> = (0..8).collect();
        assert_eq!(Split::Auto.places(&allowed, [2, 2, 3]).to_string(), "0-1:2-3:4-6");
        assert_eq!(Split::Auto.places(&allowed, [4, 3, 2]).to_string(), "none");
        assert_eq!(Split::Free.places(&allowed, [1, 1, 1]).to_string(), "none");
    }

    #[test]
    fn the_mask_holds_only_meanwhile() {
        let before = sched_getaffinity(None).unwrap();
        let first = (0..CpuSet::MAX_CPU).find(|&cpu| before.is_set(cpu)).unwrap();
        let during = Cpus(vec![first]).within(|| sched_getaffinity(None).unwrap()).unwrap();
        assert_eq!(during.count(), 1);
        assert!(sched_getaffinity(None).unwrap() == before);
    }
}
