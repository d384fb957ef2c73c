//! What messages and turns cost on real machines.

use clockwork_wire::Span;

/// CPU time of one process, which is a serial resource: while a turn is paid for, what arrives
/// waits, and the next turn takes all of it at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Per turn: waking up, reading the clock, polling sockets.
    pub turn: Span,
    /// Per message received.
    pub message_in: Span,
    /// Per message sent.
    pub message_out: Span,
    /// How late a timer wakes the process.
    pub timer: Span,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// One-way delay of the smallest message on an idle link.
    pub delay: Span,
    /// Mean of an exponentially distributed addition to the delay; messages never overtake.
    pub jitter: Span,
    /// Bytes per second; 0 means without limit.
    pub bandwidth: u64,
}

/// What everything around the decisions costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// The controller's process.
    pub controller: Cost,
    /// A worker's process.
    pub worker: Cost,
    /// A client's process.
    pub client: Cost,
    /// Between a client and the controller.
    pub client_link: Link,
    /// Between the controller and a worker.
    pub worker_link: Link,
    /// Cores that all processes share; 0: each has one of its own.
    pub cores: usize,
    /// Whether inputs and outputs travel, so that links carry their bytes.
    pub payloads: bool,
    /// Transfers of 128 to 256 MiB between workers, there and back, that go on at any time and share
    /// their links with everything else; 0: none. They need a bandwidth and two workers.
    pub shuffles: u32,
}

impl Calibration {
    /// A data centre's network and processes that cost nothing: what the scheduling itself does.
    pub const NETWORK: Self = Self {
        controller: FREE,
        worker: FREE,
        client: FREE,
        client_link: Link { delay: Span::from_micros(50), jitter: Span::ZERO, bandwidth: 0 },
        worker_link: Link { delay: Span::from_micros(50), jitter: Span::ZERO, bandwidth: 0 },
        cores: 0,
        payloads: false,
        shuffles: 0,
    };

    /// Real processes that share one machine of two cores and talk over its loopback: the costs
    /// behind the comparison of simulated and real runs in the documentation.
    ///
    /// A turn's cost is a wake-up of a parked executor with its system calls, and decides what a
    /// closed loop sees; a message's cost decides how much the processes can take.
    pub const LOOPBACK: Self = Self {
        controller: PROCESS,
        worker: PROCESS,
        client: PROCESS,
        client_link: LOOPBACK_LINK,
        worker_link: LOOPBACK_LINK,
        cores: 2,
        payloads: false,
        shuffles: 0,
    };

    /// The calibration of this name: `network` or `loopback`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "network" => Some(Self::NETWORK),
            "loopback" => Some(Self::LOOPBACK),
            _ => None,
        }
    }
}

/// A process that costs nothing.
const FREE: Cost =
    Cost { turn: Span::ZERO, message_in: Span::ZERO, message_out: Span::ZERO, timer: Span::ZERO };

/// A process on a runtime that parks when it is idle.
const PROCESS: Cost = Cost {
    turn: Span::from_micros(22),
    message_in: Span::from_micros(2),
    message_out: Span::from_micros(2),
    timer: Span::from_micros(60),
};

/// A write, a wake-up of a halted core, a read.
const LOOPBACK_LINK: Link =
    Link { delay: Span::from_micros(25), jitter: Span::from_micros(40), bandwidth: 5_000_000_000 };
