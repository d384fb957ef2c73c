//! What each role uses while the load is steady: CPU time, and how often its threads sleep.

use super::Window;
use super::process::{Process, Usage};

/// An amount of each role.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::bench) struct ByRole {
    /// The controller.
    pub(in crate::bench) controller: f64,
    /// All clients.
    pub(in crate::bench) clients: f64,
    /// All workers.
    pub(in crate::bench) workers: f64,
}

impl ByRole {
    fn per(self, before: Self, seconds: f64) -> Self {
        Self {
            controller: (self.controller - before.controller) / seconds,
            clients: (self.clients - before.clients) / seconds,
            workers: (self.workers - before.workers) / seconds,
        }
    }
}

/// What each role has used, or uses per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::bench) struct Used {
    /// CPU seconds.
    pub(in crate::bench) cpu: ByRole,
    /// How often a thread went to sleep, and was woken again.
    pub(in crate::bench) sleeps: ByRole,
}

impl Used {
    /// What these processes have used so far.
    pub(super) fn of(controller: &Process, clients: &[Process], workers: &[Process]) -> Self {
        let all = |processes: &[Process]| -> Usage { processes.iter().map(Process::usage).sum() };
        let (controller, clients, workers) = (controller.usage(), all(clients), all(workers));
        let by_role = |of: fn(&Usage) -> f64| ByRole {
            controller: of(&controller),
            clients: of(&clients),
            workers: of(&workers),
        };
        Self { cpu: by_role(|usage| usage.cpu_s), sleeps: by_role(|usage| usage.sleeps) }
    }

    fn per(self, before: Self, seconds: f64) -> Self {
        Self {
            cpu: self.cpu.per(before.cpu, seconds),
            sleeps: self.sleeps.per(before.sleeps, seconds),
        }
    }
}

/// Readings over a run: the time in Unix seconds, and what had been used by then.
#[derive(Debug, Default)]
pub(super) struct Readings(Vec<(f64, Used)>);

impl Readings {
    /// Takes one.
    pub(super) fn take(&mut self, at: f64, used: Used) {
        self.0.push((at, used));
    }

    /// What is used per second between the first reading and the last one within a window; `None` if
    /// there are not two.
    pub(super) fn within(&self, window: Window) -> Option<Used> {
        let mut inside = self.0.iter().filter(|&&(at, _)| window.holds(at));
        let &(first, before) = inside.next()?;
        let &(last, after) = inside.next_back()?;
        (last > first).then(|| after.per(before, last - first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_used_within_the_window_counts() {
        let mut readings = Readings::default();
        for tenth in 0..=100_i32 {
            let at = f64::from(tenth) / 10.0;
            // Loading takes a whole core for 4 s, the load itself half of one.
            let controller = at.min(4.0) + (at - 4.0).max(0.0) / 2.0;
            let cpu = ByRole { controller, ..ByRole::default() };
            let sleeps = ByRole { clients: 200.0 * at, ..ByRole::default() };
            readings.take(at, Used { cpu, sleeps });
        }
        let used = readings.within(Window { from: 5.05, to: 9.0 }).unwrap();
        assert!((used.cpu.controller - 0.5).abs() < 1e-9, "{used:?}");
        assert!((used.sleeps.clients - 200.0).abs() < 1e-6, "{used:?}");
        assert_eq!(readings.within(Window { from: 5.05, to: 5.15 }), None);
    }
}
