//! The process clock: the only reader of the OS clock.

use std::fs;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clockwork_wire::{BootId, Nanos, Span};

/// The instant now: the wall clock as it was when the process first asked, advanced by the
/// monotonic clock since, so that it never jumps. Costs one read of the monotonic clock.
pub fn now() -> Nanos {
    let anchor = anchor();
    anchor.epoch + span(anchor.instant.elapsed())
}

/// The boot of this machine. Processes with the same boot id read the same monotonic clock. Zero
/// if the kernel does not tell.
pub fn boot_id() -> BootId {
    static BOOT: OnceLock<BootId> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        BootId::new(if text.is_empty() { 0 } else { fnv1a(text.trim().as_bytes()) })
    })
}

/// A span from the standard library's type; saturates after 584 years.
pub fn span(duration: std::time::Duration) -> Span {
    Span::new(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// The standard library's type from a span.
pub const fn duration(span: Span) -> std::time::Duration {
    std::time::Duration::from_nanos(span.get())
}

/// One moment, read on both clocks.
#[derive(Clone, Copy)]
struct Anchor {
    instant: Instant,
    epoch: Nanos,
}

fn anchor() -> Anchor {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    *ANCHOR.get_or_init(sample)
}

/// The tightest of some readings: a thread that is interrupted between its two readings would move
/// this process's clock against its neighbours'.
fn sample() -> Anchor {
    (0..SAMPLES)
        .map(|_| {
            let before = Instant::now();
            let wall = SystemTime::now();
            let width = before.elapsed();
            let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            (width, Anchor { instant: before + width / 2, epoch: Nanos::ZERO + span(since) })
        })
        .min_by_key(|(width, _)| *width)
        .expect("there is at least one sample")
        .1
}

/// A small, stable hash: the same text gives the same number in every process and version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const SAMPLES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let mut last = now();
        for _ in 0..10_000 {
            let next = now();
            assert!(next >= last);
            last = next;
        }
    }

    #[test]
    fn the_clock_reads_unix_time() {
        let wall = span(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        let ours = now() - Nanos::ZERO;
        assert!(ours.get().abs_diff(wall.get()) < Span::from_secs(60).get());
    }

    #[test]
    fn the_boot_id_is_stable() {
        assert_eq!(boot_id(), boot_id());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
