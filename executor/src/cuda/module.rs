//! Our kernels on the device: compiled once per class of devices, then read from where they are kept.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cudarc::driver::result::module;
use cudarc::driver::sys::{CUfunction, CUmodule};
use cudarc::nvrtc::result as nvrtc;
use cudarc::nvrtc::sys as nvrtc_sys;
use sha2::{Digest as _, Sha256};

use super::driver::Context;
use super::error::{CudaError, Tried as _};
use super::{kernels, launch};
use crate::durations::replace;

/// Our kernels, loaded into a context.
pub(super) struct Module {
    raw: CUmodule,
    functions: BTreeMap<&'static str, CUfunction>,
    context: Arc<Context>,
}

// SAFETY: handles of a module may be used by any thread that has entered its context.
unsafe impl Send for Module {}
// SAFETY: nothing of it changes.
unsafe impl Sync for Module {}

impl Module {
    /// Loads machine code, as [`machine_code`] gives it.
    pub(super) fn load(context: &Arc<Context>, code: &[u8]) -> Result<Self, CudaError> {
        // SAFETY: the code is a whole cubin: it was just compiled, or its hash was right.
        let raw = unsafe { module::load_data(code.as_ptr().cast::<c_void>()) }
            .tried("loading kernels")?;
        let mut loaded = Self { raw, functions: BTreeMap::new(), context: Arc::clone(context) };
        for name in launch::functions() {
            let text = CString::new(name).expect("a name has no zero byte");
            // SAFETY: the module is loaded.
            let function = unsafe { module::get_function(raw, text) }.tried("finding a kernel")?;
            loaded.functions.insert(name, function);
        }
        Ok(loaded)
    }

    pub(super) fn function(&self, name: &'static str) -> Result<CUfunction, CudaError> {
        self.functions.get(name).copied().ok_or_else(|| CudaError::new("finding a kernel", name))
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let _ = self.context.enter();
        // SAFETY: nobody else has it.
        let _ = unsafe { module::unload(self.raw) };
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

/// The machine code of our kernels for devices of this capability: what is kept in `folder`, if it is of
/// these sources and this compiler; else it is compiled (some seconds) and kept.
///
/// # Errors
/// If it is not there and cannot be compiled.
pub(super) fn machine_code(
    capability: (i32, i32),
    folder: Option<&Path>,
) -> Result<Vec<u8>, CudaError> {
    let source = kernels::source();
    let options = options(capability);
    let hash = Sha256::new().chain_update(&source).chain_update(options.join(" ")).finalize();
    let kept = folder.map(|folder| folder.join("kernels.cubin"));
    if let Some(code) = kept.as_ref().and_then(|path| fs::read(path).ok())
        && let Some((begin, code)) = code.split_at_checked(hash.len())
        && begin == &hash[..]
    {
        return Ok(code.to_vec());
    }
    let code = compile(&source, &options)?;
    if let Some(path) = kept {
        // What cannot be kept is compiled again.
        let _ = replace(&path, &[&hash[..], &code].concat());
    }
    Ok(code)
}

fn options((major, minor): (i32, i32)) -> Vec<String> {
    [format!("--gpu-architecture=sm_{major}{minor}"), "--std=c++17".to_owned()].to_vec()
}

/// Compiles to machine code.
///
/// # Errors
/// If there is no compiler; else what it says.
pub(super) fn compile(source: &str, options: &[String]) -> Result<Vec<u8>, CudaError> {
    // SAFETY: it opens libnvrtc, whose initialization has no conditions.
    if !unsafe { nvrtc_sys::is_culib_present() } {
        return Err(CudaError::new("compiling kernels", "libnvrtc.so is not there"));
    }
    let source = CString::new(source).expect("sources have no zero byte");
    let program = nvrtc::create_program(&source, None).tried("compiling kernels")?;
    // SAFETY: the program is alive until the end of this function, and the source with it.
    let compiled = unsafe { nvrtc::compile_program(program, options) };
    let code = if compiled.is_ok() {
        machine_code_of(program)
    } else {
        // SAFETY: as above.
        let log = unsafe { nvrtc::get_program_log(program) }.unwrap_or_default();
        let log: Vec<u8> = log.into_iter().map(i8::cast_unsigned).collect();
        Err(CudaError::new("compiling kernels", &String::from_utf8_lossy(&log)))
    };
    // SAFETY: it is not used any more.
    let _ = unsafe { nvrtc::destroy_program(program) };
    code
}

fn machine_code_of(program: nvrtc_sys::nvrtcProgram) -> Result<Vec<u8>, CudaError> {
    let mut len = 0;
    // SAFETY: the program was compiled; it writes one length, then as many bytes.
    unsafe { nvrtc_sys::nvrtcGetCUBINSize(program, &raw mut len) }
        .result()
        .tried("compiling kernels")?;
    let mut code = vec![0_u8; len];
    // SAFETY: as above.
    unsafe { nvrtc_sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast()) }
        .result()
        .tried("compiling kernels")?;
    Ok(code)
}
