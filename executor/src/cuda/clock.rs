//! The device's moments on the host's clock.

use std::hint;
use std::sync::Arc;

use clockwork_wire::{Nanos, Span};

use super::driver::{Context, Event, Stream};
use super::error::CudaError;
use crate::cpu::Host;

/// Events know only how far apart they are. One whose moment on the host's clock is known tells all
/// others; it is renewed often, because distances are rounded to 1 part in 16 million.
#[derive(Debug)]
pub(super) struct DeviceClock {
    base: Event,
    at: Nanos,
    stream: Stream,
}

impl DeviceClock {
    pub(super) fn new(host: &Host, context: &Arc<Context>) -> Result<Self, CudaError> {
        let (base, stream) = (Event::new(context)?, Stream::new(context)?);
        let mut clock = Self { base, at: Nanos::ZERO, stream };
        clock.renew(host)?;
        Ok(clock)
    }

    /// Looks at both clocks again if it is time; takes some ten microseconds.
    pub(super) fn keep(&mut self, host: &Host) -> Result<(), CudaError> {
        if host.now() - self.at > RENEWED_EVERY { self.renew(host) } else { Ok(()) }
    }

    /// When an event that is past came.
    pub(super) fn moment(&self, event: &Event) -> Result<Nanos, CudaError> {
        let after = event.nanoseconds_since(&self.base)?;
        let distance = Span::from_f64(after.abs());
        // An event may have come shortly before the clock was renewed.
        Ok(if after < 0.0 { self.at - distance } else { self.at + distance })
    }

    fn renew(&mut self, host: &Host) -> Result<(), CudaError> {
        let before = host.now();
        self.base.record(&self.stream)?;
        while !self.base.is_past()? {
            hint::spin_loop();
        }
        let after = host.now();
        self.at = before + (after - before).scale(0.5);
        Ok(())
    }
}

const RENEWED_EVERY: Span = Span::from_millis(250);
