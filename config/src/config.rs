//! The whole configuration: one file may serve every process of a cluster.

use serde::{Deserialize, Serialize};

use crate::{
    Check, ClientConfig, ConfigError, ControllerConfig, CoresConfig, ExecutorConfig, Key,
    LogConfig, NetworkConfig, SchedulerConfig, Section, WorkerConfig,
};

/// Declares the sections once: the struct, its check, and the list for `default.toml`.
macro_rules! sections {
    ($($(#[doc = $doc:literal])+ $name:ident: $section:ident,)+) => {
        /// Every knob, section by section. Each process reads the sections that concern it.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $section,)+
        }

        impl Check for Config {
            fn check(&self) -> Result<(), ConfigError> {
                $(self.$name.check()?;)+
                Ok(())
            }
        }

        /// Every section, in the order of the file.
        pub(crate) const SECTIONS: &[SectionDoc] = &[$(SectionDoc {
            name: stringify!($name),
            about: $section::ABOUT,
            keys: $section::KEYS,
        },)+];
    };
}

sections! {
    /// What the scheduler may assume and how far ahead it may plan.
    scheduler: SchedulerConfig,
    /// The controller's doors and its patience.
    controller: ControllerConfig,
    /// A worker's door, devices and models.
    worker: WorkerConfig,
    /// Memory of a worker's devices, and what it accepts.
    executor: ExecutorConfig,
    /// How the client's workloads send.
    client: ClientConfig,
    /// What a peer may send, and how long it may be silent.
    network: NetworkConfig,
    /// Which CPUs a process uses, and whether it may spin.
    cores: CoresConfig,
    /// Where logs go, and as what.
    log: LogConfig,
}

/// What is documented of a section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SectionDoc {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// What it is about, line by line.
    pub(crate) about: &'static [&'static str],
    /// Its keys.
    pub(crate) keys: &'static [Key],
}
