//! Poisson arrivals, drawn beforehand, so that drawing them costs nothing while it counts.

use clockwork_scheduler::Request;
use clockwork_wire::{ModelId, Nanos, RequestId, Span};
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::grid::Cell;

/// An endless stream of requests: a drawn stretch, over and over.
#[derive(Debug)]
pub(super) struct Arrivals {
    stretch: Vec<Arrival>,
    at: usize,
    next: Nanos,
    count: u64,
}

#[derive(Debug)]
struct Arrival {
    gap_ns: u32,
    slo_us: u32,
    model: ModelId,
}

impl Arrivals {
    /// Requests at `rate` a second from `start` on, over the models of `cell`.
    pub(super) fn new(cell: Cell, rate: f64, start: Nanos, seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut sum = 0.0;
        let bound = |share: f64| {
            sum += share;
            sum
        };
        let bounds: Vec<f64> = cell.shares().into_iter().map(bound).collect();
        let mean = 1e9 / rate;
        let stretch = (0..STRETCH).map(|_| {
            let gap: f64 = Exp1.sample(&mut rng);
            let gap_ns = Span::from_f64(gap * mean).get();
            let draw = rng.random::<f64>() * sum;
            let model = bounds.partition_point(|&bound| bound <= draw).min(bounds.len() - 1);
            Arrival {
                gap_ns: u32::try_from(gap_ns).unwrap_or(u32::MAX),
                slo_us: rng.random_range(SLO_US),
                model: ModelId::from_index(model),
            }
        });
        Self { stretch: stretch.collect(), at: 0, next: start, count: 0 }
    }

    /// When the next request comes.
    pub(super) fn next(&self) -> Nanos {
        self.next
    }

    /// How many have come.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next request.
    pub(super) fn take(&mut self) -> Request {
        let arrival = &self.stretch[self.at];
        let request = Request {
            id: RequestId::new(self.count),
            model: arrival.model,
            slo_factor: 0.0,
            slo: Span::from_micros(u64::from(arrival.slo_us)),
            input_len: INPUT_LEN,
            arrival: self.next,
        };
        self.next += Span::new(u64::from(arrival.gap_ns));
        self.at = (self.at + 1) % self.stretch.len();
        self.count += 1;
        request
    }
}

/// Bytes of an input: as small as those of the other benches.
const INPUT_LEN: u32 = 4_096;
const STRETCH: usize = 1 << 18;
const SLO_US: std::ops::Range<u32> = 50_000..300_000;

#[cfg(test)]
mod tests {
    use super::super::grid::Popularity;
    use super::*;

    #[test]
    fn the_rate_is_what_was_asked_and_the_first_model_of_a_zipf_is_the_most_popular() {
        let cell = Cell { models: 10, devices: 1, popularity: Popularity::Zipf };
        let mut arrivals = Arrivals::new(cell, 1_000.0, Nanos::ZERO, 1);
        let requests: Vec<Request> = (0..20_000).map(|_| arrivals.take()).collect();
        let seconds = (requests[19_999].arrival - requests[0].arrival).as_secs_f64();
        assert!((seconds - 20.0).abs() < 0.6, "{seconds}");
        let share = |model| requests.iter().filter(|r| r.model == ModelId::new(model)).count();
        assert!(share(0) > share(1) && share(1) > share(9), "{} {}", share(0), share(9));
        assert!(requests.iter().all(|r| r.slo >= Span::from_millis(50)));
    }
}
