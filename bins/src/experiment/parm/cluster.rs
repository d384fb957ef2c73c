//! What ParM's clients are served by: instances of one model, each on a machine of its own, and what
//! disturbs them.

use std::sync::Arc;

use clockwork_config::experiment::parm::{Background, Parm};
use clockwork_executor::emulated::Tenancy;
use clockwork_executor::zoo;
use clockwork_simulator::{Calibration, Link, Machine, Trial};
use clockwork_wire::{BatchProfile, BatchSize, ModelProfile, Span};

use crate::Failure;

/// A trial of equal machines with what this run has instead.
///
/// # Errors
/// If the zoo lacks the model or the batch size.
pub(super) fn disturbed(parm: &Parm, trial: Trial) -> Result<Trial, Failure> {
    let profile = profile(parm)?;
    let mut machines = trial.machines;
    if let Background::Tenant(_) = parm.background {
        share(parm, &profile, &mut machines);
    }
    let models = [(profile.name.clone(), Arc::new(profile))].into();
    Ok(Trial { machines, models, calibration: calibration(parm), ..trial })
}

/// Links with the machine's bandwidth, on which inputs and outputs travel beside shuffles.
fn calibration(parm: &Parm) -> Calibration {
    let bandwidth = parm.machine().bandwidth;
    let shuffles = match parm.background {
        Background::Shuffles(count) => count,
        Background::Tenant(_) => 0,
    };
    let network = Calibration::NETWORK;
    let worker_link = Link { bandwidth, ..network.worker_link };
    Calibration { worker_link, payloads: true, shuffles, ..network }
}

/// The model's profile, slowed down to the machine, with the one batch size that is used.
fn profile(parm: &Parm) -> Result<ModelProfile, Failure> {
    let lacks = || Failure::from(Lacks { model: parm.model.clone(), batch: parm.batch });
    let profile = zoo::profile(parm.zoo_model()).ok_or_else(lacks)?;
    let unit = zoo::profile(UNIT).and_then(|unit| unit.exec(BatchSize::ONE)).ok_or_else(lacks)?;
    let slower = parm.machine().resnet18.as_f64() / unit.as_f64();
    let batch = u16::try_from(parm.batch).ok().and_then(BatchSize::new).ok_or_else(lacks)?;
    let exec = profile.exec(batch).ok_or_else(lacks)?.scale(slower);
    Ok(ModelProfile { batches: vec![BatchProfile { batch, exec }], ..(*profile).clone() })
}

/// Lets a second tenant have his part of some machines, as far from each other as can be. There he has
/// instances of the same model on a ninth of those that serve originals, and at least on one.
fn share(parm: &Parm, profile: &ModelProfile, machines: &mut [Machine]) {
    let shared = (2 * parm.instances + 18) / 18;
    let exec = profile.batches.first().map_or(Span::ZERO, |batch| batch.exec);
    let tenancy = Tenancy {
        rate: parm.machine().tenant_rate / f64::from(shared),
        exec,
        outstanding: (OUTSTANDING / shared).max(1),
    };
    let shared = usize::try_from(shared).unwrap_or(usize::MAX);
    let every = (machines.len() / shared).max(1);
    // In the middle of their parts: our scheduler takes the first of the idle machines.
    for machine in machines.iter_mut().skip(every / 2).step_by(every).take(shared) {
        machine.deviation.tenant = Some(tenancy);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the zoo has no profile of `{model}` with batches of {batch}")]
struct Lacks {
    model: String,
    batch: u32,
}

/// The model whose time is known of the machines.
const UNIT: &str = "resnet18_v2";

/// Queries that the second tenant may have outstanding on all of his machines.
const OUTSTANDING: u32 = 30;

#[cfg(test)]
mod tests {
    use clockwork_executor::emulated::Deviation;
    use clockwork_wire::Pages;

    use super::*;
    use crate::experiment::parm::tests::parm;

    #[test]
    fn durations_are_the_machine_s_and_there_is_one_batch_size() {
        let one = profile(&parm()).unwrap_or_else(|_| panic!("it is in the zoo"));
        assert_eq!(one.batches.len(), 1);
        assert_eq!(one.batches[0].exec, Span::from_micros(24_600));
        let four = profile(&Parm { batch: 4, model: "resnet152".into(), ..parm() });
        let four = four.unwrap_or_else(|_| panic!("it is in the zoo"));
        assert_eq!(four.batches[0].batch.get(), 4);
        assert!(four.batches[0].exec > Span::from_millis(200));
    }

    #[test]
    fn the_second_tenant_is_on_a_ninth_of_the_machines() {
        let machine = Machine { devices: 1, pages: Pages::new(1), deviation: Deviation::default() };
        let tenants = |instances: u32, all: usize| {
            let parm = Parm { instances, ..parm() };
            let mut machines = vec![machine; all];
            let profile = profile(&parm).unwrap_or_else(|_| panic!("it is in the zoo"));
            share(&parm, &profile, &mut machines);
            let shared = |at: &usize| machines[*at].deviation.tenant.is_some();
            (0..all).filter(shared).collect::<Vec<_>>()
        };
        assert_eq!(tenants(12, 18), [4, 13]);
        assert_eq!(tenants(24, 36), [6, 18, 30]);
        assert_eq!(tenants(2, 3), [1]);
    }
}
