//! `faults`: everything breaks once, and results are lost and late all along.

use clockwork_executor::Fault;
use clockwork_wire::{GpuId, Span, WorkerId};
use clockwork_workload::Plan;
use clockwork_workload::generator::PoissonOpenLoop;

use super::{Faults, Incident, Scenario, Setup, Skew, models};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "faults",
    description: "3 workers with clocks apart: a crash, a broken connection, a slow and a hanging \
                  device, stalls, lost and late results",
    build: |options, _| {
        let mut plan = Plan::of("resnet50_v2", 8);
        plan.load("resnet18_v2", 8);
        plan.add(PoissonOpenLoop::new(plan.targets(), 800.0 * options.load.unwrap_or(1.0)));
        let mut setup = Setup::cluster(options, 3, 2, &models::catalogue()).serving(plan);
        for (worker, ahead) in setup.workers.iter_mut().zip([3_000_000_000, -40_000_000, 0]) {
            worker.skew = Skew { ahead, error: Span::from_micros(100) };
        }
        let faults = Faults {
            incidents: incidents(),
            lost_results: 0.002,
            repeated_results: 0.005,
            late_results: 0.005,
            lateness: Span::from_millis(150),
        };
        Setup { duration: Span::from_secs(4), faults, ..setup }
    },
};

fn incidents() -> Vec<(Span, Incident)> {
    let [first, second, third] = [0, 1, 2].map(WorkerId::new);
    let gpu = GpuId::new(1);
    let device = |worker, fault| Incident::Device { worker, gpu, fault };
    let ms = Span::from_millis;
    vec![
        (ms(700), Incident::Crash { worker: first, down: ms(400) }),
        (ms(1_300), device(second, Fault::Slow(5.0))),
        (ms(1_700), device(second, Fault::None)),
        (ms(2_000), Incident::Disconnect { worker: third, down: ms(200) }),
        (ms(2_400), device(first, Fault::Hang)),
        (ms(2_800), device(first, Fault::None)),
        (ms(3_100), Incident::Stall { worker: second, pause: ms(50) }),
        (ms(3_400), Incident::StallController { pause: ms(30) }),
    ]
}
