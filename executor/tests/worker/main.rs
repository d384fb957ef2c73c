//! The worker as its driver sees it, with emulated devices.

mod device_time;
mod hostile;
mod loading;
mod memory;
mod opaque;
mod parts;
mod rig;
mod unloading;
mod weights;
mod windows;
