//! The C interface, version 1: what `executor/include/clockwork_model.h` declares.

use std::ffi::{c_char, c_void};

/// The version that this program knows.
pub(super) const VERSION: u32 = 1;

/// `struct clockwork_model`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Description {
    pub(super) version: u32,
    pub(super) batch_count: u32,
    pub(super) batches: *const u32,
    pub(super) name: *const c_char,
    pub(super) input_bytes: u32,
    pub(super) output_bytes: u32,
    pub(super) weights_bytes: u64,
}

/// `clockwork_model_describe`.
pub(super) type Describe = unsafe extern "C" fn() -> *const Description;
/// `clockwork_model_workspace`.
pub(super) type Workspace = unsafe extern "C" fn(u32) -> u64;
/// `clockwork_model_run`.
pub(super) type Run =
    unsafe extern "C" fn(u32, *const c_void, *const c_void, *mut c_void, *mut c_void) -> i32;
/// `clockwork_model_error`.
pub(super) type Explain = unsafe extern "C" fn(i32) -> *const c_char;

/// How many batch sizes a library may have.
pub(super) const BATCHES_MAX: u32 = 64;
/// Bytes of workspace that a batch size may ask for.
pub(super) const WORKSPACE_MAX: u64 = 1 << 34;
/// Bytes of a name.
pub(super) const NAME_MAX: usize = 255;
