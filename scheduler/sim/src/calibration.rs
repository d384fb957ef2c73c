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
    /// Whether inputs and outputs travel, so that links carry their bytes.
    pub payloads: bool,
}

impl Calibration {
    /// A data centre's network and processes that cost nothing: what the scheduling itself does.
    pub const NETWORK: Self = Self {
        controller: FREE,
        worker: FREE,
        client: FREE,
        client_link: Link { delay: Span::from_micros(50), jitter: Span::ZERO, bandwidth: 0 },
        worker_link: Link { delay: Span::from_micros(50), jitter: Span::ZERO, bandwidth: 0 },
        payloads: false,
    };
}

/// A process that costs nothing.
const FREE: Cost =
    Cost { turn: Span::ZERO, message_in: Span::ZERO, message_out: Span::ZERO, timer: Span::ZERO };
