//! The workers' machines, as far as they matter for latencies.

use clockwork_wire::Span;

/// A machine of ParM's workers. How long they took was not published, but for one median; so these are
/// chosen such that the published rates are the same part of what the machines can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// The cloud's name.
    pub name: &'static str,
    /// How long ResNet-18 takes for one request.
    pub resnet18: Span,
    /// Bytes per second of its link, in each direction.
    pub bandwidth: u64,
    /// Requests per second of the second tenant of the `clipper` background, in all.
    pub tenant_rate: f64,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::P2, Self::C5];

    /// One K80. Nothing was published of its durations: the highest rate of its sweep, 390/s on 12
    /// instances, is taken to be the same part (0.8) of what they can do as that of the other machine.
    const P2: Self = Self {
        name: "p2.xlarge",
        resnet18: Span::from_micros(24_600),
        bandwidth: GIGABIT,
        tenant_rate: 28.0,
    };

    /// Four virtual cores. The one median that was published is 80.16 ms, of idle instances of it; so
    /// the highest rate of its sweep, 240/s on 24 instances, is 0.8 of what they can do.
    const C5: Self = Self {
        name: "c5.xlarge",
        resnet18: Span::from_millis(80),
        bandwidth: GIGABIT,
        tenant_rate: 16.0,
    };

    /// The machine of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|machine| machine.name == name)
    }
}

/// 1.25 Gbit/s, about what such machines have in the long run.
const GIGABIT: u64 = 156_250_000;
