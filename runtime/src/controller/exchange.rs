//! What the controller's cores say to each other, and the rings between them.

use std::collections::VecDeque;
use std::sync::Arc;

use clockwork_wire::{ClientId, InferRequest, Nanos, Payload, Span, WorkerId};

use super::message::{Input, News};
use crate::clock;
use crate::net::{Answer, Arrival, Batch, Command, LinkId, Part};
use crate::ring::{Receiver, Sender, ring};
use crate::rt::Doorbell;

/// From one core to another. Payloads move with it.
#[derive(Debug)]
pub(super) enum Letter {
    /// To the core that is to serve it: a new connection.
    Arrival(Box<Arrival>),
    /// To a shard's machine.
    Input(Input),
    /// To the home of its model.
    Request(Sent),
    /// To the first shard: a worker is there, over this link.
    WorkerUp(WorkerId, LinkId),
    /// To the core with a client's link.
    Answer(ClientId, Answer<Part>),
    /// To the core with a worker's link: say this over it, if it is still there.
    Command(LinkId, Command<Batch>),
    /// From the first shard to the others: commands to this worker are to name this link.
    Line(WorkerId, LinkId),
    /// From the first shard to all cores.
    News(Arc<News>),
    /// To the first core: show this on the console.
    Say(String),
}

/// A request that one core sends to another.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) client: ClientId,
    pub(super) request: InferRequest,
    pub(super) input: Payload,
    pub(super) received: Nanos,
    /// How much news its sender had heard when it chose where to send it.
    pub(super) heard: u64,
}

/// A core's ends of the rings to and from all others. A controller of one core has none.
///
/// What is posted in a turn is seen by the other core when it next takes a turn, and at the end of ours
/// it is woken, once. A ring that is full keeps nobody: what does not fit waits here.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    outgoing: Vec<Option<Post>>,
    incoming: Vec<Inbox>,
}

/// What comes from one other core.
#[derive(Debug)]
struct Inbox {
    ring: Receiver<Letter>,
    /// Letters of this turn that have not been taken out.
    marked: usize,
}

/// The way to one other core.
#[derive(Debug)]
struct Post {
    ring: Sender<Letter>,
    /// What did not fit, in order.
    overflow: VecDeque<Letter>,
    /// Whether the other core has to be woken.
    unrung: bool,
}

impl Exchange {
    /// The exchanges of all cores, whose doorbells these are.
    pub(super) fn mesh(bells: &[Doorbell]) -> Vec<Self> {
        Self::mesh_of(bells, RING)
    }

    fn mesh_of(bells: &[Doorbell], capacity: usize) -> Vec<Self> {
        let mut mesh: Vec<Self> = bells.iter().map(|_| Self::default()).collect();
        for from in 0..bells.len() {
            for (to, bell) in bells.iter().enumerate() {
                if from == to {
                    mesh[from].outgoing.push(None);
                    continue;
                }
                let (sender, receiver) = ring(capacity, bell);
                let post = Post { ring: sender, overflow: VecDeque::new(), unrung: false };
                mesh[from].outgoing.push(Some(post));
                mesh[to].incoming.push(Inbox { ring: receiver, marked: 0 });
            }
        }
        mesh
    }

    /// Posts a letter to another core. Never blocks, never loses it.
    ///
    /// # Panics
    /// If there is no such core, or it is this one.
    pub(super) fn post(&mut self, core: usize, letter: Letter) {
        self.outgoing[core].as_mut().expect("a core posts to others").send(letter);
    }

    /// Wakes every core to which something was posted since the last time; once per turn.
    pub(super) fn flush(&mut self) {
        for post in self.outgoing.iter_mut().flatten() {
            post.flush();
        }
    }

    /// When to flush again although nothing happens: some letters have not fitted yet.
    pub(super) fn next_flush(&self) -> Option<Nanos> {
        (!self.is_flushed()).then(|| clock::now() + FULL_PAUSE)
    }

    /// Whether every letter is on its way.
    pub(super) fn is_flushed(&self) -> bool {
        self.outgoing.iter().flatten().all(|post| post.overflow.is_empty())
    }

    /// Marks what has come for this turn. What it says is no later than a clock that is read next.
    pub(super) fn mark(&mut self) {
        for inbox in &mut self.incoming {
            inbox.marked = inbox.ring.waiting();
        }
    }

    /// The next letter of this turn; those of one core in their order.
    pub(super) fn next(&mut self) -> Option<Letter> {
        let inbox = self.incoming.iter_mut().find(|inbox| inbox.marked > 0)?;
        inbox.marked -= 1;
        inbox.ring.receive()
    }
}

impl Post {
    fn send(&mut self, letter: Letter) {
        self.unrung = true;
        if !self.overflow.is_empty() {
            self.overflow.push_back(letter);
        } else if let Err(letter) = self.ring.put(letter) {
            self.overflow.push_back(letter);
        }
    }

    fn flush(&mut self) {
        while let Some(letter) = self.overflow.pop_front() {
            self.unrung = true;
            if let Err(letter) = self.ring.put(letter) {
                self.overflow.push_front(letter);
                break;
            }
        }
        if std::mem::take(&mut self.unrung) {
            self.ring.ring();
        }
    }
}

/// Letters that a ring holds: more than a core sends another in a turn, a few hundred kilobytes.
const RING: usize = 1024;
/// A full ring is tried again after this: about what its reader needs for a turn.
const FULL_PAUSE: Span = Span::from_micros(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn number(letter: &Letter) -> u32 {
        let Letter::Input(Input::ClientUp(client)) = letter else { panic!("it was not sent") };
        client.get()
    }

    #[test]
    fn a_full_ring_loses_nothing_and_keeps_the_order() {
        let bells = [Doorbell::new(), Doorbell::new(), Doorbell::new()];
        let mut mesh = Exchange::mesh_of(&bells, 2);
        for client in 0..7 {
            mesh[0].post(2, Letter::Input(Input::ClientUp(ClientId::new(client))));
        }
        mesh[0].flush();
        assert!(mesh[0].next_flush().is_some());
        let mut received = Vec::new();
        while received.len() < 7 {
            mesh[2].mark();
            mesh[0].flush();
            let before = received.len();
            received.extend(std::iter::from_fn(|| mesh[2].next()).map(|letter| number(&letter)));
            assert!(received.len() <= before + 2, "what comes later is of the next turn");
        }
        assert_eq!(received, [0, 1, 2, 3, 4, 5, 6]);
        mesh[1].mark();
        assert!(mesh[0].is_flushed() && mesh[1].next().is_none());
    }

    #[test]
    fn a_letter_is_small_enough_to_be_moved_without_a_thought() {
        assert!(size_of::<Letter>() <= 256, "{} bytes", size_of::<Letter>());
    }
}
