//! Which CPU each core of the process gets.

pub(crate) mod near;

use clockwork_config::CoresConfig;
use clockwork_wire::Span;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::rt;

/// Where the cores of a process run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// One entry per core: its CPU, or `None` for "wherever the kernel likes".
    pub cpus: Vec<Option<usize>>,
    /// Whether a core may spin: only when there is a CPU to spare beside all of them.
    pub may_spin: bool,
    /// In words, if the cores share CPUs; for the log.
    pub note: Option<String>,
}

/// Places `cores` inside the CPUs that this process may use. Too few CPUs is a note, not an
/// error: the cores then share what there is.
pub fn place(cores: usize) -> Placement {
    place_on(&allowed(), cores)
}

/// How the only core of a process is to run. Pinned processes share CPUs unless each has an affinity
/// mask of its own: every one takes the first CPU of its mask.
pub fn single(name: &str, config: &CoresConfig) -> rt::Options {
    let pin = if config.pin { place(1).cpus[0] } else { None };
    rt::Options { pin, spin: config.spin, ..waiting(name, 1, config) }
}

/// How each of the `cores` cores of a process is to run. Too few CPUs are a line in the log.
pub fn several(name: &str, cores: usize, config: &CoresConfig) -> Vec<rt::Options> {
    if cores == 1 {
        return vec![single(name, config)];
    }
    let Placement { cpus, may_spin, note } = place(cores);
    if let Some(note) = note {
        tracing::warn!("{note}");
    }
    let spin = if may_spin { config.spin } else { Span::ZERO };
    let pin = |cpu: Option<usize>| cpu.filter(|_| config.pin);
    let one = |(number, cpu)| rt::Options {
        pin: pin(cpu),
        spin,
        ..waiting(&format!("{name}-{number}"), cores, config)
    };
    cpus.into_iter().enumerate().map(one).collect()
}

/// How one of the `cores` cores of a process waits if it does not spin. It foresees only where other processes
/// have CPUs to do what it awaits.
pub fn waiting(name: &str, cores: usize, config: &CoresConfig) -> rt::Options {
    let foreseen = if has_spare(allowed().len(), cores) { config.foresee } else { Span::ZERO };
    rt::Options { warm: config.warm, foreseen, tick: tick(config), ..rt::Options::named(name) }
}

/// Whether so many cores of a process may be awake for a moment longer than they have work. Peers on the same
/// machine want as much.
fn has_spare(cpus: usize, cores: usize) -> bool {
    cpus >= 2 * cores + 2
}

/// The longest interval between the turns of a busy core. One that spins is to be punctual above all.
fn tick(config: &CoresConfig) -> Span {
    if config.spin.is_zero() { config.tick } else { Span::ZERO }
}

/// The CPUs that this process may use (its affinity mask), in rising order.
pub fn allowed() -> Vec<usize> {
    let mut cpus: Vec<usize> =
        core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|c| c.id).collect();
    cpus.sort_unstable();
    cpus
}

/// Moves the calling thread to a CPU. One that is gone leaves the thread where it is.
pub fn move_to(cpu: usize) {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
}

/// Lets the calling thread run on any of these CPUs. None, or none that is there, leaves it where it is.
pub fn move_among(cpus: &[usize]) {
    let mut set = CpuSet::new();
    cpus.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU).for_each(|&cpu| set.set(cpu));
    // An empty set is refused.
    let _ = sched_setaffinity(None, &set);
}

/// Where what needs no CPU of its own runs, so that it takes none from the core with the sockets and the
/// first device's, which have the first two: on the others, if there are some.
pub fn aside() -> Vec<usize> {
    let allowed = allowed();
    let others = allowed.get(2..).unwrap_or_default();
    if others.is_empty() { allowed } else { others.to_vec() }
}

fn place_on(allowed: &[usize], cores: usize) -> Placement {
    // Pinning on a machine that is as small as its process only keeps the kernel from helping.
    if allowed.len() > cores {
        let cpus = allowed.iter().copied().map(Some).take(cores).collect();
        return Placement { cpus, may_spin: true, note: None };
    }
    let note = (allowed.len() < cores)
        .then(|| format!("{cores} cores share {} CPUs; latencies will vary", allowed.len()));
    Placement { cpus: vec![None; cores], may_spin: false, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_get_cpus_of_their_own_inside_the_mask_when_one_is_to_spare() {
        let placement = place_on(&[2, 3, 7], 2);
        assert_eq!(placement.cpus, [Some(2), Some(3)]);
        assert!(placement.may_spin && placement.note.is_none());
    }

    #[test]
    fn a_machine_that_is_just_large_enough_is_left_to_the_kernel() {
        let placement = place_on(&[0, 1], 2);
        assert_eq!(placement.cpus, [None, None]);
        assert!(!placement.may_spin && placement.note.is_none());
    }

    #[test]
    fn too_few_cpus_is_a_note() {
        let placement = place_on(&[5], 2);
        assert_eq!(placement.cpus.len(), 2);
        assert!(placement.note.unwrap().contains("2 cores share 1 CPUs"));
    }

    #[test]
    fn a_core_is_awake_for_what_it_foresees_only_where_its_peers_have_cpus_too() {
        assert!(!has_spare(1, 1) && !has_spare(2, 1) && !has_spare(3, 1));
        assert!(has_spare(4, 1) && !has_spare(4, 2) && has_spare(6, 2));
    }

    #[test]
    fn this_process_may_use_a_cpu() {
        assert!(!allowed().is_empty());
        assert!(aside().iter().all(|cpu| allowed().contains(cpu)));
    }

    #[test]
    fn a_thread_runs_where_it_is_told_to_and_stays_where_it_is_if_that_is_nowhere() {
        let moved = std::thread::spawn(|| {
            let last = allowed().last().copied().expect("there is one");
            move_among(&[last]);
            assert_eq!(allowed(), [last]);
            move_among(&[]);
            move_among(&[usize::MAX]);
            assert_eq!(allowed(), [last]);
        });
        moved.join().expect("it runs where it is told to");
    }
}
