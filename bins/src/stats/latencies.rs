//! Latencies as ParM's harness prints them.

use clockwork_wire::Span;
use serde::{Deserialize, Serialize};

/// What latencies come to: exact, in ms, with percentiles interpolated linearly as numpy does. All are
/// 0 if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// How many there are.
    pub num: u64,
    /// The middle one.
    pub median: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.5th percentile.
    pub p995: f64,
    /// The 99.9th percentile.
    pub p999: f64,
}

impl Latencies {
    /// Of these latencies, in any order.
    pub fn of(mut latencies: Vec<Span>) -> Self {
        latencies.sort_unstable();
        let sum: u128 = latencies.iter().map(|span| u128::from(span.get())).sum();
        let count = u64::try_from(latencies.len()).unwrap_or(u64::MAX);
        let mean = u64::try_from(sum / u128::from(count.max(1))).unwrap_or(u64::MAX);
        let percentile = |percent| percentile(&latencies, percent) / NS_PER_MS;
        Self {
            num: count,
            median: percentile(50.0),
            mean: Span::new(mean).as_f64() / NS_PER_MS,
            p99: percentile(99.0),
            p995: percentile(99.5),
            p999: percentile(99.9),
        }
    }

    /// From the median to the 99.9th percentile, in ms.
    pub fn gap(&self) -> f64 {
        self.p999 - self.median
    }

    /// The harness's lines.
    pub fn text(&self) -> String {
        let values = [self.median, self.mean, self.p99, self.p995, self.p999];
        let values = values.map(|ms| format!("{ms:.2}")).join("\t");
        format!("E2E_LATENCY (ms)\nNUM\tMED\tMEAN\tP99\tP99.5\tP99.9\n{}\t{values}", self.num)
    }
}

/// numpy's linear percentile of rising values, in nanoseconds; 0 without values.
fn percentile(rising: &[Span], percent: f64) -> f64 {
    let Some(last) = rising.len().checked_sub(1) else { return 0.0 };
    let place = percent / 100.0 * float(last);
    // Rounds to the nearest, so half is taken off first.
    let below = usize::try_from(Span::from_f64(place - 0.5).get()).unwrap_or(last);
    let below = if float(below) > place { below - 1 } else { below }.min(last);
    let above = (below + 1).min(last);
    let value = |at: usize| rising[at].as_f64();
    value(below) + (value(above) - value(below)) * (place - float(below))
}

fn float(count: usize) -> f64 {
    Span::new(u64::try_from(count).unwrap_or(u64::MAX)).as_f64()
}

const NS_PER_MS: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_parms() {
        // 1 to 100 ms: the median lies between 50 and 51, p99 at place 98.01.
        let latencies = Latencies::of((1..=100).rev().map(Span::from_millis).collect());
        let wanted = "E2E_LATENCY (ms)\nNUM\tMED\tMEAN\tP99\tP99.5\tP99.9\n\
                      100\t50.50\t50.50\t99.01\t99.50\t99.90";
        assert_eq!(latencies.text(), wanted);
        assert!((latencies.gap() - 49.401).abs() < 1e-9, "{latencies:?}");
    }

    #[test]
    fn few_latencies_have_percentiles_too() {
        let text = |latencies| Latencies::of(latencies).text();
        assert!(text(vec![]).ends_with("\n0\t0.00\t0.00\t0.00\t0.00\t0.00"));
        assert!(text(vec![Span::from_millis(7)]).ends_with("\n1\t7.00\t7.00\t7.00\t7.00\t7.00"));
        let two = Latencies::of(vec![Span::from_millis(1), Span::from_millis(2)]);
        assert!((two.p999 - 1.999).abs() < 1e-6);
    }
}
