//! Between cores: a bounded ring with one producer, one consumer, and the consumer's doorbell.

use std::fmt;

use crate::rt::Doorbell;

/// The producer's end of a ring.
pub struct Sender<T> {
    ring: rtrb::Producer<T>,
    bell: Doorbell,
}

/// The consumer's end of a ring.
pub struct Receiver<T> {
    ring: rtrb::Consumer<T>,
}

/// A ring for at most `capacity` items; every item sent rings the consumer's `bell`, which may
/// serve many rings.
pub fn ring<T>(capacity: usize, bell: &Doorbell) -> (Sender<T>, Receiver<T>) {
    let (producer, consumer) = rtrb::RingBuffer::new(capacity);
    (Sender { ring: producer, bell: bell.clone() }, Receiver { ring: consumer })
}

impl<T> Sender<T> {
    /// Sends an item and wakes the consumer. Never blocks.
    ///
    /// # Errors
    /// Gives the item back if the ring is full.
    pub fn send(&mut self, item: T) -> Result<(), T> {
        self.put(item)?;
        self.ring();
        Ok(())
    }

    /// Leaves an item for a consumer that is [rung](Sender::ring) for later, once for many: waking
    /// is what costs. Never blocks.
    ///
    /// # Errors
    /// Gives the item back if the ring is full.
    pub fn put(&mut self, item: T) -> Result<(), T> {
        self.ring.push(item).map_err(|rtrb::PushError::Full(item)| item)
    }

    /// Wakes the consumer.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Whether the consumer is gone.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

impl<T> Receiver<T> {
    /// The next item, if there is one.
    pub fn receive(&mut self) -> Option<T> {
        self.ring.pop().ok()
    }

    /// Items that are there now; more may come at any time.
    pub fn waiting(&self) -> usize {
        self.ring.slots()
    }

    /// Whether the producer is gone; items may still be there.
    pub fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({} free)", self.ring.slots())
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({} waiting)", self.ring.slots())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::rt::{Options, run};

    #[test]
    fn a_full_ring_gives_the_item_back() {
        let (mut tx, mut rx) = ring(1, &Doorbell::new());
        assert_eq!(tx.send(1), Ok(()));
        assert_eq!(tx.send(2), Err(2));
        assert_eq!(rx.receive(), Some(1));
        assert_eq!(rx.receive(), None);
    }

    #[test]
    fn items_that_were_put_are_there_and_ring_once() {
        let bell = Doorbell::new();
        let (mut tx, mut rx) = ring(4, &bell);
        (1..4).for_each(|item| tx.put(item).unwrap());
        assert_eq!(rx.waiting(), 3);
        tx.ring();
        let received = run(&Options::default(), async {
            bell.wait().await;
            std::iter::from_fn(|| rx.receive()).collect::<Vec<_>>()
        });
        assert_eq!(received.unwrap(), [1, 2, 3]);
    }

    #[test]
    fn items_cross_threads_in_order_and_none_is_lost() {
        let bell = Doorbell::new();
        let (mut tx, mut rx) = ring(8, &bell);
        let producer = thread::spawn(move || {
            for mut item in 0..10_000 {
                while let Err(back) = tx.send(item) {
                    item = back;
                    thread::yield_now();
                }
            }
        });
        let received = run(&Options::default(), async {
            let mut received = Vec::new();
            while received.len() < 10_000 {
                match rx.receive() {
                    Some(item) => received.push(item),
                    None => bell.wait().await,
                }
            }
            received
        })
        .unwrap();
        producer.join().unwrap();
        assert!(received.into_iter().eq(0..10_000));
    }
}
