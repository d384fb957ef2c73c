//! Compiled models on the processor: what they answer, and what they touch.

mod accuracy;
mod allocation;
mod device;
mod golden;
mod hostile;
mod hosting;
mod library;
mod memory;
mod worker;
