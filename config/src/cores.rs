//! Which CPUs a process uses, and whether it may spin.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// Which CPUs a process uses, and whether it may spin.
    pub struct CoresConfig {
        /// Whether to pin each core's thread to a CPU of the process's affinity mask, if that has
        /// one to spare. Give pinned processes of one machine masks of their own (`taskset`).
        /// Without pinning the kernel moves threads, which costs some latency but shares a small
        /// machine fairly.
        pub pin: bool = false,
        /// Spin for this long before a due action instead of sleeping to its time. 0: an action
        /// starts 40 to 70 us late and an idle process uses no CPU. Large: that much CPU time per
        /// wake-up, which pays only where a core is to spare.
        #[serde(with = "crate::unit::span")]
        pub spin: Span = Span::ZERO,
    }
}

impl Check for CoresConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let spin = self.spin;
        ConfigError::unless(spin <= SPIN_MOST, "cores.spin", spin, "0 to 10ms")
    }
}

const SPIN_MOST: Span = Span::from_millis(10);
