//! When ParM's clients send: a warm-up in rounds, then a Poisson stream of each.

use clockwork_config::experiment::parm::{Parm, ROUNDS};
use clockwork_wire::{Span, UserId};
use clockwork_workload::generator::{Arrival, LogReplay};
use clockwork_workload::{Plan, Target};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Every request of a run, by its seed. Modes of the same trial get the same arrivals.
pub(super) fn plan(parm: &Parm, seed: u64) -> Plan {
    let mut arrivals = Vec::new();
    for client in 0..parm.clients {
        let target = Target::new(UserId::new(client), 0);
        let times = warm_up(parm).chain(queries(parm, seed, client));
        arrivals.extend(times.map(|after| Arrival { after, target }));
    }
    arrivals.sort_by_key(|arrival| arrival.after);
    let mut plan = Plan::of(parm.zoo_model(), 1);
    plan.add(LogReplay::new(arrivals.into()));
    plan
}

/// Rounds of a group each, one a second: the harness's clients wait for each round's answers, which are
/// there by then.
fn warm_up(parm: &Parm) -> impl Iterator<Item = Span> {
    let round = parm.round();
    (0..ROUNDS).flat_map(move |at| (0..round).map(move |_| SECOND.times(at.into())))
}

/// A client's queries, after its warm-up.
fn queries(parm: &Parm, seed: u64, client: u32) -> impl Iterator<Item = Span> {
    let gaps = Exp::new(f64::from(parm.rate_each())).expect("a checked rate is above 0");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed << 32 | u64::from(client));
    let mut at = SECOND.times(ROUNDS.into());
    (0..parm.sends()).map(move |_| {
        at += Span::from_f64(gaps.sample(&mut random) * 1e9);
        at
    })
}

const SECOND: Span = Span::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::parm::tests::parm;

    #[test]
    fn each_client_warms_up_and_then_sends_at_its_rate() {
        let parm = Parm { rate: 41, clients: 4, counted: 8_000, ..parm() };
        assert_eq!(warm_up(&parm).count(), 5 * 2);
        let times: Vec<_> = queries(&parm, 1, 0).collect();
        assert_eq!(times.len(), 2_050, "8,204 are 4,102 groups of 2, 1,025 of each client");
        assert!(times.is_sorted() && times[0] > SECOND.times(5));
        let rate = 2_050.0 / (*times.last().unwrap() - SECOND.times(5)).as_secs_f64();
        assert!((9.5..10.5).contains(&rate), "{rate}: 41 / 4, rounded down");
        let other: Vec<_> = queries(&parm, 1, 1).collect();
        assert_ne!(times, other);
        assert_eq!(times, queries(&parm, 1, 0).collect::<Vec<_>>());
    }
}
