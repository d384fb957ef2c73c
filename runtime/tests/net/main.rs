//! Links over real loopback sockets, on a core in the test's thread.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod hostile;
mod links;
mod support;
