//! What a peer may send, and how long it may be silent.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// What a peer may send, and how long it may be silent.
    pub struct NetworkConfig {
        /// The largest header accepted, at least 64 KiB; a peer that announces more is cut off.
        /// Large: a hostile peer may make us reserve that much.
        #[serde(with = "crate::unit::bytes")]
        pub max_header: u64 = 1 << 20,
        /// The largest body accepted: a batch's inputs or outputs. A peer that announces more is cut
        /// off. Small: large batches cannot travel.
        #[serde(with = "crate::unit::bytes")]
        pub max_body: u64 = 256 << 20,
        /// Bodies up to this travel on the control connection, larger ones on the bulk connection.
        /// 0: everything goes by two connections. Large: a body delays the messages behind it.
        #[serde(with = "crate::unit::bytes")]
        pub control_body: u64 = 16 << 10,
        /// Bytes of bodies under way per worker, at least `max_body`; more wait in order of
        /// `latest`. Large: queues form where nothing can be reordered or dropped any more.
        #[serde(with = "crate::unit::bytes")]
        pub bulk_in_flight: u64 = 256 << 20,
        /// Unanswered requests granted to each connection, at least 1; beyond it the answer is
        /// "overloaded". Small: bursts are refused. Large: one client may fill every queue.
        pub credit_requests: u32 = 131_072,
        /// Bytes of unanswered requests granted to each connection, at least `max_body`.
        #[serde(with = "crate::unit::bytes")]
        pub credit_bytes: u64 = 1 << 30,
        /// How long a connection may take to be made and to say hello. Near 0: nobody gets in.
        /// Large: half-open connections stay that long.
        #[serde(with = "crate::unit::span")]
        pub hello_timeout: Span = Span::from_secs(5),
        /// Time between two pings on a silent connection. Near 0: idle processes are busy. Large:
        /// clock offsets age, and lost peers are noticed late.
        #[serde(with = "crate::unit::span")]
        pub ping_interval: Span = Span::from_secs(1),
        /// A peer that is silent for this long counts as lost; more than `ping_interval`. Small: a
        /// busy peer counts as lost. Large: its requests wait that long for an answer.
        #[serde(with = "crate::unit::span")]
        pub lost_after: Span = Span::from_secs(3),
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

impl NetworkConfig {
    /// The wait before attempt `attempt` (from 0) to connect: doubles from `reconnect_min` up to
    /// `reconnect_max`.
    pub fn back_off(&self, attempt: u32) -> Span {
        let doubled = self.reconnect_min.times(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
        doubled.min(self.reconnect_max)
    }
}

impl Check for NetworkConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let Self { max_header, max_body, .. } = *self;
        let header = (HEADER_LEAST..=HEADER_MOST).contains(&max_header);
        ConfigError::unless(header, "network.max_header", max_header, "64 KiB to 16 MiB")?;
        let body = max_body <= BODY_MOST;
        ConfigError::unless(body, "network.max_body", max_body, "at most 2 GiB")?;
        let whole_body = "at least `network.max_body`, so that the largest body can travel";
        let in_flight = self.bulk_in_flight;
        let fits = in_flight >= max_body;
        ConfigError::unless(fits, "network.bulk_in_flight", in_flight, whole_body)?;
        let bytes = self.credit_bytes;
        ConfigError::unless(bytes >= max_body, "network.credit_bytes", bytes, whole_body)?;
        let requests = self.credit_requests;
        ConfigError::unless(requests >= 1, "network.credit_requests", requests, "at least 1")?;
        self.check_spans()
    }
}

impl NetworkConfig {
    fn check_spans(&self) -> Result<(), ConfigError> {
        let ping = self.ping_interval;
        let allowed = "at least 1ms";
        ConfigError::unless(ping >= PING_LEAST, "network.ping_interval", ping, allowed)?;
        let lost = self.lost_after;
        let allowed = "more than `network.ping_interval`";
        ConfigError::unless(lost > ping, "network.lost_after", lost, allowed)?;
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
    fn the_wait_doubles_up_to_its_maximum() {
        let network = NetworkConfig::default();
        assert_eq!(network.back_off(0), Span::from_millis(100));
        assert_eq!(network.back_off(3), Span::from_millis(800));
        assert_eq!(network.back_off(6), Span::from_secs(5));
        assert_eq!(network.back_off(u32::MAX), Span::from_secs(5));
    }

    #[test]
    fn a_broken_relation_names_both_keys() {
        let silent = NetworkConfig { lost_after: Span::from_millis(5), ..NetworkConfig::default() };
        let error = silent.check().unwrap_err().to_string();
        assert!(error.contains("lost_after") && error.contains("ping_interval"), "{error}");
        let small = NetworkConfig { credit_bytes: 1, ..NetworkConfig::default() };
        let error = small.check().unwrap_err().to_string();
        assert!(error.contains("credit_bytes") && error.contains("max_body"), "{error}");
    }
}
