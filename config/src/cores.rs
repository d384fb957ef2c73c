//! How many cores a process works on, which CPUs they use, and whether they may spin.

use clockwork_wire::Span;

use crate::knobs::knobs;
use crate::{Check, ConfigError};

knobs! {
    /// How many cores a process works on, which CPUs they use, and whether they may spin.
    pub struct CoresConfig {
        /// Controller: cores that decide, 1 to 64, each for its share of the devices and models. 1: one
        /// scheduler sees every device, as in the paper. More: as many times the decisions, and work
        /// may wait at one core while another's devices idle for the moment.
        pub shards: u32 = 1,
        /// Controller: further cores that do nothing but sockets, 0 to 64. 0: the cores that decide
        /// serve their own sockets, which costs least per request. More: the cores that decide do
        /// nothing else, and every message crosses between two cores; about two per shard are kept
        /// busy by it.
        pub io: u32 = 0,
        /// Whether to pin each core's thread to a CPU of the process's affinity mask, if that has
        /// one to spare. Give pinned processes of one machine masks of their own (`taskset`).
        /// Without pinning the kernel moves threads, which costs some latency but shares a small
        /// machine fairly.
        pub pin: bool = false,
        /// How long a core with nothing to do asks its sockets and its clock for something, instead of
        /// sleeping until the kernel wakes it; and how long before a due action it stops sleeping. 0: an
        /// idle process uses no CPU, a message waits 20 to 50 us at each process, and an action starts
        /// 40 to 70 us late. Longer than the gaps of the traffic, as 10 ms: 5 us and 1 us, and a CPU
        /// that is busy all the time; without a CPU to spare for each core it makes everything late.
        #[serde(with = "crate::unit::span")]
        pub spin: Span = Span::ZERO,
        /// How long after it last heard something a core sleeps by listening to its sockets itself instead of
        /// in the I/O library. 0: always the library, which takes some 10 us longer to wake up, and nothing is foreseen
        /// (`cores.foresee`). 20ms: 300 to 400 instead of 460 us are added to a request's latency on a GPU, for 4 to 10 %
        /// more CPU time per request where there are many. Long: an idle process wakes up 200 times a second for so long
        /// after each message. At most 1s.
        #[serde(with = "crate::unit::span")]
        pub warm: Span = Span::ZERO,
        /// How much before a foreseen message a core that is warm stops sleeping, if the machine has CPUs to spare (two,
        /// and twice as many as the process has cores). An execution ends after the time that it takes, and its
        /// result and the answer follow: whoever is awake then is 30 to 60 us faster. 0: no core does that. Long: a core is
        /// awake for so long, twice, per message that comes when it should, and messages that come less
        /// regularly are foreseen, too. At most 1ms.
        #[serde(with = "crate::unit::span")]
        pub foresee: Span = Span::from_micros(60),
        /// The longest that a busy core lets messages gather before it takes them all at once; it reacts
        /// to each as long as it is mostly idle, and always if it may spin. 0: it reacts to each however
        /// busy it is, which costs several times the CPU time per request. Large: fewer wake-ups, and
        /// under load each of a request's four ways takes up to so much longer.
        #[serde(with = "crate::unit::span")]
        pub tick: Span = Span::from_millis(1),
    }
}

impl Check for CoresConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let (spin, shards, io) = (self.spin, self.shards, self.io);
        ConfigError::unless((1..=MOST).contains(&shards), "cores.shards", shards, "1 to 64")?;
        ConfigError::unless(io <= MOST, "cores.io", io, "0 to 64")?;
        ConfigError::unless(spin <= SPIN_MOST, "cores.spin", spin, "0 to 10ms")?;
        ConfigError::unless(self.warm <= WARM_MOST, "cores.warm", self.warm, "0 to 1s")?;
        ConfigError::unless(
            self.foresee <= FORESEE_MOST,
            "cores.foresee",
            self.foresee,
            "0 to 1ms",
        )?;
        ConfigError::unless(self.tick <= TICK_MOST, "cores.tick", self.tick, "0 to 10ms")
    }
}

const MOST: u32 = 64;
const SPIN_MOST: Span = Span::from_millis(10);
const WARM_MOST: Span = Span::from_secs(1);
const FORESEE_MOST: Span = Span::from_millis(1);
const TICK_MOST: Span = Span::from_millis(10);
