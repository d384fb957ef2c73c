//! Weights in host memory that the device copies by itself.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::fmt;
use std::sync::Arc;

use cudarc::driver::sys;

use super::driver::Context;
use super::error::{CudaError, Tried as _};
use super::memory::Pinned;
use crate::artifact::Weights;

/// A model's weights in host memory that never moves; shared by all instances on one device.
pub(super) struct HostWeights {
    place: Place,
    weights: Arc<Weights>,
    context: Arc<Context>,
}

enum Place {
    /// The host copy itself, which the driver was told to leave where it is.
    Registered,
    /// The host copy itself, for which another device has done so.
    Shared,
    /// A copy of the host copy: it is too small to have memory pages of its own.
    Copied(Pinned),
    /// In their file; they are read at each LOAD.
    File,
}

impl HostWeights {
    /// Pins a host copy. Takes a third of a millisecond per MB.
    pub(super) fn new(context: &Arc<Context>, weights: &Arc<Weights>) -> Result<Self, CudaError> {
        let place = match weights.in_memory() {
            None => Place::File,
            Some(bytes) if bytes.len() < OWN_PAGES => {
                let mut copy = Pinned::new(context, bytes.len())?;
                copy.bytes_mut().copy_from_slice(bytes);
                Place::Copied(copy)
            }
            Some(bytes) => {
                let (pointer, flags) = (bytes.as_ptr().cast_mut(), REGISTER_FLAGS);
                // SAFETY: the bytes live as long as `weights`, which this holds, and nobody writes them.
                let done = unsafe { sys::cuMemHostRegister_v2(pointer.cast(), bytes.len(), flags) };
                if done == sys::CUresult::CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED {
                    Place::Shared
                } else {
                    done.result().tried("pinning weights")?;
                    Place::Registered
                }
            }
        };
        Ok(Self { place, weights: Arc::clone(weights), context: Arc::clone(context) })
    }

    /// The bytes, if they lie in memory.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Registered | Place::Shared => self.weights.in_memory(),
            Place::Copied(copy) => Some(copy.bytes()),
            Place::File => None,
        }
    }

    pub(super) const fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }
}

impl Drop for HostWeights {
    fn drop(&mut self) {
        if let (Place::Registered, Some(bytes)) = (&self.place, self.weights.in_memory()) {
            let _ = self.context.enter();
            // SAFETY: it was registered, and no copy is under way.
            let _ = unsafe { sys::cuMemHostUnregister(bytes.as_ptr().cast_mut().cast()) };
        }
    }
}

impl fmt::Debug for HostWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Registered | Place::Shared => "pinned",
            Place::Copied(_) => "copied",
            Place::File => "in a file",
        };
        write!(f, "HostWeights({} bytes, {place})", self.weights.len())
    }
}

/// Copies of so many bytes have memory pages that nothing else lies in.
const OWN_PAGES: usize = 4 << 20;

/// For every context of the process.
const REGISTER_FLAGS: u32 = sys::CU_MEMHOSTREGISTER_PORTABLE;
