//! CPU time of each role while the load is steady.

use super::Window;
use super::process::Process;

/// CPU seconds of each role.
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
    /// What these processes have used so far.
    pub(super) fn of(controller: &Process, clients: &[Process], workers: &[Process]) -> Self {
        let sum = |processes: &[Process]| processes.iter().map(|p| p.usage().cpu_s).sum();
        Self { controller: controller.usage().cpu_s, clients: sum(clients), workers: sum(workers) }
    }

    fn per(self, before: Self, seconds: f64) -> Self {
        Self {
            controller: (self.controller - before.controller) / seconds,
            clients: (self.clients - before.clients) / seconds,
            workers: (self.workers - before.workers) / seconds,
        }
    }
}

/// Readings over a run: the time in Unix seconds, and what had been used by then.
#[derive(Debug, Default)]
pub(super) struct Readings(Vec<(f64, ByRole)>);

impl Readings {
    /// Takes one.
    pub(super) fn take(&mut self, at: f64, used: ByRole) {
        self.0.push((at, used));
    }

    /// CPU seconds per second between the first reading and the last one within a window; `None` if
    /// there are not two.
    pub(super) fn within(&self, window: Window) -> Option<ByRole> {
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
            readings.take(at, ByRole { controller, ..ByRole::default() });
        }
        let used = readings.within(Window { from: 5.05, to: 9.0 }).unwrap();
        assert!((used.controller - 0.5).abs() < 1e-9, "{used:?}");
        assert_eq!(readings.within(Window { from: 5.05, to: 5.15 }), None);
    }
}
