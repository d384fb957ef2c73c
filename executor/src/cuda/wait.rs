//! Waiting for something that ends at a predictable moment.

use std::hint;
use std::thread;
use std::time::Duration;

use clockwork_wire::{Nanos, Span};

use crate::cpu::Host;

/// Sleeps until shortly before `due`, unless the thread is unparked; after that it returns at once, so
/// that whoever waits polls.
pub(super) fn pause(host: &Host, due: Nanos) {
    let left = due - host.now();
    if left > AWAKE {
        thread::park_timeout(Duration::from_nanos((left - AWAKE).get()));
    } else {
        hint::spin_loop();
    }
}

/// So long before the predicted end polling begins: more than the operating system is late.
const AWAKE: Span = Span::from_micros(80);
