//! Another tenant of an emulated device, who executes something of his own beside us.

use clockwork_wire::{Nanos, Span};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What another tenant asks of a device. While he has anything to execute, he and we have half of the
/// device each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tenancy {
    /// His executions per second, with exponential gaps; above 0.
    pub rate: f64,
    /// How long each takes alone.
    pub exec: Span,
    /// As many may be outstanding; more are not sent. At least 1.
    pub outstanding: u32,
}

/// The tenant.
#[derive(Debug)]
pub(super) struct Tenant {
    tenancy: Tenancy,
    gaps: Exp<f64>,
    random: Xoshiro256PlusPlus,
    /// Until when it is known what he did; none before the first look.
    now: Option<Nanos>,
    /// When he comes next.
    next: Nanos,
    /// Device time that his outstanding executions still need.
    left: Span,
}

impl Tenant {
    /// A tenant who has not come yet; none if he never would.
    pub(super) fn new(tenancy: Tenancy, seed: u64) -> Option<Self> {
        let gaps = Exp::new(tenancy.rate / 1e9).ok().filter(|_| tenancy.rate > 0.0)?;
        let random = Xoshiro256PlusPlus::seed_from_u64(seed ^ SALT);
        Some(Self { tenancy, gaps, random, now: None, next: Nanos::ZERO, left: Span::ZERO })
    }

    /// How long something takes that begins at `begin`, not before the end of what was asked before,
    /// and would take `alone` without him.
    pub(super) fn stretch(&mut self, begin: Nanos, alone: Span) -> Span {
        let mut now = self.catch_up(begin);
        let mut left = alone;
        while !left.is_zero() {
            let shared = !self.left.is_zero();
            let pace = if shared { 2 } else { 1 };
            let mut passed = left.times(pace).min(self.next - now);
            if shared {
                passed = passed.min(self.left.times(pace));
            }
            let done = Span::new(passed.get().div_ceil(pace));
            left -= done;
            if shared {
                self.left -= done;
            }
            now += passed;
            self.arrive(now);
        }
        self.now = Some(now);
        now - begin
    }

    /// Lets him have the device for himself until `begin`.
    fn catch_up(&mut self, begin: Nanos) -> Nanos {
        let mut now = *self.now.get_or_insert_with(|| {
            self.next = begin + Span::from_f64(self.gaps.sample(&mut self.random));
            begin
        });
        while now < begin {
            let until = begin.min(self.next);
            self.left -= until - now;
            now = until;
            self.arrive(now);
        }
        now
    }

    /// He comes if it is time.
    fn arrive(&mut self, now: Nanos) {
        if now < self.next {
            return;
        }
        let most = self.tenancy.exec.times(u64::from(self.tenancy.outstanding.max(1)));
        if self.left + self.tenancy.exec <= most {
            self.left += self.tenancy.exec;
        }
        let gap = Span::from_f64(self.gaps.sample(&mut self.random)).max(Span::new(1));
        self.next = now + gap;
    }
}

/// So that he does not draw what the device's noise draws from the same seed.
const SALT: u64 = 0x7E4A_417D;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Span = Span::from_millis(1);

    fn at(ms: u64) -> Nanos {
        Nanos::new(1_000_000_000_000) + MS.times(ms)
    }

    /// A tenant who comes next at `next`, with so much to do, and not soon after that.
    fn tenant(next: u64, left: u64) -> Tenant {
        let tenancy = Tenancy { rate: 1e-6, exec: MS.times(10), outstanding: 2 };
        let tenant = Tenant::new(tenancy, 1).expect("he comes");
        Tenant { now: Some(at(0)), next: at(next), left: MS.times(left), ..tenant }
    }

    #[test]
    fn beside_a_busy_tenant_everything_takes_twice_as_long() {
        assert_eq!(tenant(1_000, 0).stretch(at(0), MS.times(8)), MS.times(8));
        assert_eq!(tenant(1_000, 50).stretch(at(0), MS.times(8)), MS.times(16));
        // He needs 3 more: 6 together, and 5 alone.
        assert_eq!(tenant(1_000, 3).stretch(at(0), MS.times(8)), MS.times(11));
        // He comes after 4, with 10: 4 alone, the other 4 at half the pace.
        let mut coming = tenant(4, 0);
        assert_eq!(coming.stretch(at(0), MS.times(8)), MS.times(12));
        assert_eq!(coming.left, MS.times(6));
        // And has 3 of these 6 done by the time we begin again.
        assert_eq!(coming.stretch(at(15), MS.times(2)), MS.times(4));
        assert_eq!(coming.left, MS);
    }

    #[test]
    fn no_more_is_outstanding_than_may_be() {
        let mut full = tenant(1, 15);
        full.stretch(at(0), MS.times(10));
        assert_eq!(full.left, MS.times(5), "15 and 10 are more than two executions");
    }

    #[test]
    fn a_device_is_shared_for_as_long_as_he_needs_it() {
        // 34 % of the device is his: of 10 s that we execute, he has his part beside us.
        let tenancy = Tenancy { rate: 14.0, exec: MS.times(24), outstanding: 15 };
        let took = |seed| {
            let mut tenant = Tenant::new(tenancy, seed).expect("he comes");
            let mut now = at(0);
            for _ in 0..1_000 {
                now += tenant.stretch(now, MS.times(10));
            }
            now - at(0)
        };
        assert_eq!(took(1), took(1), "the seed decides");
        let share = 10.0 / took(1).as_secs_f64();
        assert!((0.60..0.72).contains(&share), "{share}");
    }

    #[test]
    fn a_tenant_without_a_rate_never_comes() {
        for rate in [0.0, -1.0, f64::NAN] {
            assert!(Tenant::new(Tenancy { rate, exec: MS, outstanding: 1 }, 1).is_none());
        }
    }
}
