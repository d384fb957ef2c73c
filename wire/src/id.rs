//! Identities. Each is a type of its own, so that a model is never taken for a device.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The id with this number.
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// The number as a table index.
            ///
            /// # Panics
            /// If the number does not fit the address space, which table indices always do.
            #[inline]
            pub fn index(self) -> usize {
                usize::try_from(self.0).expect("an index fits usize")
            }

            /// The id of a table index.
            ///
            /// # Panics
            /// If the table is larger than the id space; tables are bounded by configuration.
            #[inline]
            pub fn from_index(index: usize) -> Self {
                Self(<$inner>::try_from(index).expect("a table index fits its id"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One servable model: an instance with its own weights in device memory. Dense from 0 in load
    /// order, the same number on every worker.
    ModelId(u32)
}
id! {
    /// A device of a worker, numbered from 0 within that worker.
    GpuId(u32)
}
id! {
    /// A worker, numbered from 0 in the order of the controller's command line.
    WorkerId(u32)
}
id! {
    /// A request. Chosen by the client on the client link (unique per connection), by the
    /// controller inside the controller.
    RequestId(u64)
}
id! {
    /// A connected client, numbered by the controller.
    ClientId(u32)
}
id! {
    /// Who asks, as the client says: the index of the workload. Only logged.
    UserId(u32)
}
id! {
    /// A session between two processes; a bulk connection names the session of its control
    /// connection.
    SessionId(u64)
}
id! {
    /// A boot of a machine: processes with the same boot id read the same clock.
    BootId(u64)
}

/// An action: unique for ever, because each start of a controller has a higher epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId {
    /// The controller's start, as seconds since the Unix epoch or a stored counter; a worker
    /// refuses a lower one than it has seen.
    pub epoch: u32,
    /// The scheduler instance that decided, from 0.
    pub shard: u32,
    /// Counts that shard's actions from 0.
    pub counter: u64,
}

/// Prints the counter, as the original's logs do.
impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counter.fmt(f)
    }
}
