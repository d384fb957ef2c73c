//! What a peer may send, and how long it may be silent.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// What a peer may send, and how long it may be silent.
    pub struct NetworkConfig {
        /// The largest header accepted, 64 KiB to 16 MiB; a peer that announces more is cut off.
        /// Small: the state of a worker with many models cannot travel. Large: a hostile peer makes
        /// us reserve that much.
        #[serde(with = "crate::unit::bytes")]
        pub max_header: u64 = 4 << 20,
        /// The largest body accepted, up to 2 GiB: a batch's inputs or outputs. A peer that announces
        /// more is cut off. Small: large batches cannot travel.
        #[serde(with = "crate::unit::bytes")]
        pub max_body: u64 = 256 << 20,
        /// Connections at a time, at least 1; further ones are closed at once. Small: clients are
        /// turned away. Large: one peer can use up the process's descriptors.
        pub max_connections: u32 = 4_096,
        /// Messages that wait for a core to hear them, of clients and of workers each, before it reads
        /// no more from their connections; at least 1. Small: many short turns. Large: what comes
        /// behind a flood waits long.
        pub max_unheard: u32 = 512,
        /// Bytes that may wait for one peer on its control connection before it counts as stuck.
        /// Small: a burst counts as stuck. Large: a stuck peer costs that much memory.
        #[serde(with = "crate::unit::bytes")]
        pub max_waiting: u64 = 64 << 20,
        /// Bytes of large bodies that may wait for one peer before it counts as stuck, at least
        /// `max_body`. Large: a stuck peer costs that much memory.
        #[serde(with = "crate::unit::bytes")]
        pub max_waiting_bulk: u64 = 512 << 20,
        /// Bytes of received bodies that may wait for their message, at least `max_body`; older ones
        /// are discarded beyond. Large: a hostile peer costs that much memory.
        #[serde(with = "crate::unit::bytes")]
        pub max_unclaimed: u64 = 256 << 20,
        /// How long a message waits for its body, and a body for its message. Small: large bodies
        /// are lost on a slow network. Large: lost ones are noticed late.
        #[serde(with = "crate::unit::span")]
        pub pairing: Span = Span::from_secs(10),
        /// Unanswered requests granted to each connection, at least 1; beyond it the answer is
        /// "overloaded". Small: bursts are refused. Large: one client may fill every queue.
        pub credit_requests: u32 = 131_072,
        /// Bytes of unanswered requests granted to each connection, at least `max_body`.
        #[serde(with = "crate::unit::bytes")]
        pub credit_bytes: u64 = 256 << 20,
        /// Clients' credits shrink while even the fastest of their requests takes longer than this to
        /// the controller's memory, which is then short of CPU time, and grow again when it is not.
        /// 0: they never shrink. Small: a passing delay turns requests away. Large: in overload,
        /// requests wait that long before they are read.
        #[serde(with = "crate::unit::span")]
        pub credit_delay: Span = Span::from_millis(10),
        /// How long a connection may take to be made and to say hello. Near 0: nobody gets in.
        /// Large: half-open connections stay that long.
        #[serde(with = "crate::unit::span")]
        pub handshake: Span = Span::from_secs(5),
        /// Time between two pings. Near 0: idle processes are busy. Large: clock offsets age, and
        /// lost peers are noticed late.
        #[serde(with = "crate::unit::span")]
        pub ping: Span = Span::from_secs(1),
        /// A peer that is silent for this long counts as lost; more than `ping`. Small: a busy peer
        /// counts as lost. Large: its requests wait that long for an answer.
        #[serde(with = "crate::unit::span")]
        pub silence: Span = Span::from_secs(5),
        /// Wait before the first attempt to connect again; doubles from attempt to attempt.
        #[serde(with = "crate::unit::span")]
        pub reconnect_min: Span = Span::from_millis(100),
        /// The longest wait between two attempts, at least `reconnect_min`. Large: a peer that is
        /// back is noticed late.
        #[serde(with = "crate::unit::span")]
        pub reconnect_max: Span = Span::from_secs(5),
        /// A secret that both ends of every connection must have; empty: none.
        pub token: String = String::new(),
    }
}

impl Check for NetworkConfig {
    fn check(&self) -> Result<(), ConfigError> {
        self.check_sizes()?;
        self.check_counts()?;
        self.check_spans()
    }
}

impl NetworkConfig {
    fn check_sizes(&self) -> Result<(), ConfigError> {
        let (header, body) = (self.max_header, self.max_body);
        let fits = (HEADER_LEAST..=HEADER_MOST).contains(&header);
        ConfigError::unless(fits, "network.max_header", header, "64 KiB to 16 MiB")?;
        ConfigError::unless(body <= BODY_MOST, "network.max_body", body, "at most 2 GiB")?;
        let for_a_body = [
            ("network.max_waiting_bulk", self.max_waiting_bulk),
            ("network.max_unclaimed", self.max_unclaimed),
            ("network.credit_bytes", self.credit_bytes),
        ];
        for_a_body.into_iter().try_for_each(|(key, bytes)| {
            let allowed = "at least `network.max_body`, so that the largest body can travel";
            ConfigError::unless(bytes >= body, key, bytes, allowed)
        })?;
        let waiting = self.max_waiting;
        let allowed = "at least `network.max_header`, so that the largest header can travel";
        ConfigError::unless(waiting >= header, "network.max_waiting", waiting, allowed)
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
        let connections = self.max_connections;
        ConfigError::unless(
            connections >= 1,
            "network.max_connections",
            connections,
            "at least 1",
        )?;
        let (requests, unheard) = (self.credit_requests, self.max_unheard);
        ConfigError::unless(requests >= 1, "network.credit_requests", requests, "at least 1")?;
        ConfigError::unless(unheard >= 1, "network.max_unheard", unheard, "at least 1")
    }

    fn check_spans(&self) -> Result<(), ConfigError> {
        let ping = self.ping;
        ConfigError::unless(ping >= PING_LEAST, "network.ping", ping, "at least 1ms")?;
        let silence = self.silence;
        let allowed = "more than `network.ping`";
        ConfigError::unless(silence > ping, "network.silence", silence, allowed)?;
        let longest = self.reconnect_max;
        let allowed = "at least `network.reconnect_min`";
        ConfigError::unless(
            longest >= self.reconnect_min,
            "network.reconnect_max",
            longest,
            allowed,
        )
    }
}

const HEADER_LEAST: u64 = 64 << 10;
const HEADER_MOST: u64 = 16 << 20;
const BODY_MOST: u64 = 2 << 30;
const PING_LEAST: Span = Span::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_relation_names_both_keys() {
        let silent = NetworkConfig { silence: Span::from_millis(5), ..NetworkConfig::default() };
        let error = silent.check().unwrap_err().to_string();
        assert!(error.contains("silence") && error.contains("ping"), "{error}");
        let small = NetworkConfig { credit_bytes: 1, ..NetworkConfig::default() };
        let error = small.check().unwrap_err().to_string();
        assert!(error.contains("credit_bytes") && error.contains("max_body"), "{error}");
    }
}
