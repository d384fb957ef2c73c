//! What the processes tell people and scripts of themselves.

pub mod describe;
