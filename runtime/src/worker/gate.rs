//! Which controller holds the worker.

use std::net::SocketAddr;

use clockwork_wire::{Hello, Role, SessionId};

use crate::net::{LinkId, Peer, hello};

/// Lets one controller in at a time.
///
/// Whoever comes first holds the worker until its link is gone; a controller that ended badly is
/// noticed within [`Settings::silence`](crate::net::Settings::silence). The same session may come
/// again before that, because its old connection may be dead without anybody knowing.
#[derive(Debug)]
pub(super) struct Gate {
    token: String,
    holder: Option<Holder>,
    /// The highest epoch that was let in. A lower one is a controller that has been replaced.
    epoch: u32,
    stopping: bool,
}

#[derive(Debug)]
struct Holder {
    link: LinkId,
    address: SocketAddr,
    session: SessionId,
}

/// What becomes of a link that is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It holds the worker now.
    Granted,
    /// It holds the worker now, in place of this older link of its session.
    Replaces(LinkId),
    /// Another controller was faster.
    Busy(SocketAddr),
}

impl Gate {
    /// Nobody holds the worker. An empty token lets everybody in.
    pub(super) fn new(token: &str) -> Self {
        Self { token: token.into(), holder: None, epoch: 0, stopping: false }
    }

    /// Our hello for a controller that wants in, or why it may not.
    pub(super) fn admit(&self, theirs: &Hello, address: SocketAddr) -> Result<Hello, String> {
        if theirs.token != self.token {
            return Err("the token is not this worker's; see `network.token`".into());
        }
        if self.stopping {
            return Err("this worker is shutting down".into());
        }
        if theirs.epoch < self.epoch {
            let (theirs, ours) = (theirs.epoch, self.epoch);
            return Err(format!(
                "a controller of epoch {ours} has been here since; {address} is of epoch {theirs}"
            ));
        }
        match &self.holder {
            Some(holder) if holder.session != theirs.session => Err(busy(holder.address)),
            Some(_) | None => Ok(Hello {
                session: theirs.session,
                epoch: theirs.epoch,
                token: self.token.clone(),
                ..hello(Role::Worker)
            }),
        }
    }

    /// An admitted controller's link is up.
    pub(super) fn enter(&mut self, link: LinkId, peer: &Peer) -> Entry {
        let session = peer.hello.session;
        let entry = match &self.holder {
            Some(holder) if holder.session != session => return Entry::Busy(holder.address),
            Some(holder) => Entry::Replaces(holder.link),
            None => Entry::Granted,
        };
        self.epoch = self.epoch.max(peer.hello.epoch);
        self.holder = Some(Holder { link, address: peer.address, session });
        entry
    }

    /// A link is gone; gives whether it was the holder's.
    pub(super) fn leave(&mut self, link: LinkId) -> bool {
        self.holder.take_if(|holder| holder.link == link).is_some()
    }

    /// Nobody new is let in from now on.
    pub(super) const fn close(&mut self) {
        self.stopping = true;
    }

    /// The link that holds the worker.
    pub(super) fn holder(&self) -> Option<LinkId> {
        self.holder.as_ref().map(|holder| holder.link)
    }
}

/// What a controller is told that comes to a held worker.
pub(super) fn busy(holder: SocketAddr) -> String {
    format!("this worker is held by the controller at {holder}; stop that one first")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(session: u64, epoch: u32) -> Hello {
        Hello { session: SessionId::new(session), epoch, ..hello(Role::Controller) }
    }

    fn peer(session: u64, epoch: u32) -> Peer {
        Peer { address: address(), hello: controller(session, epoch) }
    }

    fn address() -> SocketAddr {
        ([10, 0, 0, 7], 4711).into()
    }

    #[test]
    fn a_second_controller_is_told_who_holds_the_worker() {
        let mut gate = Gate::new("");
        assert_eq!(gate.enter(LinkId::new(1), &peer(1, 5)), Entry::Granted);
        let refusal = gate.admit(&controller(2, 6), address()).unwrap_err();
        assert!(refusal.contains("held by the controller at 10.0.0.7:4711"), "{refusal}");
        assert_eq!(gate.enter(LinkId::new(2), &peer(2, 6)), Entry::Busy(address()));
        assert!(!gate.leave(LinkId::new(2)));
        assert!(gate.leave(LinkId::new(1)));
        assert!(gate.admit(&controller(2, 6), address()).is_ok());
    }

    #[test]
    fn the_holders_own_session_may_come_again() {
        let mut gate = Gate::new("");
        gate.enter(LinkId::new(1), &peer(1, 5));
        assert!(gate.admit(&controller(1, 5), address()).is_ok());
        assert_eq!(gate.enter(LinkId::new(2), &peer(1, 5)), Entry::Replaces(LinkId::new(1)));
        assert!(!gate.leave(LinkId::new(1)));
        assert_eq!(gate.holder(), Some(LinkId::new(2)));
    }

    #[test]
    fn a_replaced_controller_stays_out() {
        let mut gate = Gate::new("");
        gate.enter(LinkId::new(1), &peer(1, 5));
        gate.leave(LinkId::new(1));
        let refusal = gate.admit(&controller(2, 4), address()).unwrap_err();
        assert!(refusal.contains("epoch 5") && refusal.contains("epoch 4"), "{refusal}");
        assert!(gate.admit(&controller(2, 5), address()).is_ok());
    }

    #[test]
    fn a_wrong_token_and_a_closing_worker_refuse() {
        let mut gate = Gate::new("secret");
        assert!(gate.admit(&controller(1, 1), address()).unwrap_err().contains("token"));
        let right = Hello { token: "secret".into(), ..controller(1, 1) };
        assert!(gate.admit(&right, address()).is_ok());
        gate.close();
        assert!(gate.admit(&right, address()).unwrap_err().contains("shutting down"));
    }
}
