//! The limits and patience of a hub.

use clockwork_config::NetworkConfig;
use clockwork_wire::Span;
use clockwork_wire::codec::Limits;

/// How much a hub takes from a peer, and how long it waits for one.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a frame may announce; checked before anything is allocated.
    pub limits: Limits,
    /// Connections of one hub, both kinds together; further ones are closed at once. Too low and
    /// clients are turned away, too high and one peer can use up the process's descriptors.
    pub connections_max: usize,
    /// How long a new connection may take to say hello, and a dialled one to answer.
    pub handshake: Span,
    /// After so much silence towards a peer, a ping. Both sides of a link ping.
    pub ping: Span,
    /// After so much silence from a peer, the link is given up. Several pings long: too short and a
    /// busy peer is lost, too long and its requests wait.
    pub silence: Span,
    /// Events that a hub keeps for its owner before its links stop reading: a bound of the owner's
    /// turns. A frame's messages stay together, and may exceed it. Too low and turns do little each;
    /// too high and what arrives behind a burst waits long.
    pub inbox_events: usize,
    /// Bytes that may wait for one peer on its control connection, before it counts as stuck.
    pub outbox_bytes: usize,
    /// Bytes that may wait for one peer on its bulk connection, before it counts as stuck.
    pub bulk_bytes: u64,
    /// Bytes of received bodies that may wait for their message; older ones are discarded beyond.
    pub unclaimed_bytes: usize,
    /// How long a message waits for its body, and a body for its message.
    pub pairing: Span,
    /// The first wait before a peer is dialled again; see [`Hub::backoff`](super::Hub::backoff).
    pub reconnect_min: Span,
    /// The longest such wait. Too long and a peer that is back is noticed late.
    pub reconnect_max: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            connections_max: 4096,
            handshake: Span::from_secs(5),
            ping: Span::from_secs(1),
            silence: Span::from_secs(5),
            inbox_events: 512,
            outbox_bytes: 64 << 20,
            bulk_bytes: 512 << 20,
            unclaimed_bytes: 256 << 20,
            pairing: Span::from_secs(10),
            reconnect_min: Span::from_millis(100),
            reconnect_max: Span::from_secs(5),
        }
    }
}

impl From<&NetworkConfig> for Settings {
    fn from(network: &NetworkConfig) -> Self {
        // The configuration's check keeps every size far below these bounds.
        let narrow = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            limits: Limits { header: narrow(network.max_header), body: narrow(network.max_body) },
            connections_max: size(u64::from(network.max_connections)),
            handshake: network.handshake,
            ping: network.ping,
            silence: network.silence,
            inbox_events: size(u64::from(network.max_unheard)),
            outbox_bytes: size(network.max_waiting),
            bulk_bytes: network.max_waiting_bulk,
            unclaimed_bytes: size(network.max_unclaimed),
            pairing: network.pairing,
            reconnect_min: network.reconnect_min,
            reconnect_max: network.reconnect_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_configuration_gives_the_default_settings() {
        let configured = Settings::from(&NetworkConfig::default());
        assert_eq!(format!("{configured:?}"), format!("{:?}", Settings::default()));
    }
}
