//! The kernels compile for every GPU that they are meant for, where NVRTC is installed.

use std::panic;

use clockwork_executor::cuda::kernels::source;
use clockwork_executor::cuda::launch::functions;
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};

/// Compiles all kernels to machine code; what is suspicious and what needs memory for its registers
/// is an error. `None` where there is no NVRTC.
fn compiled(arch: &'static str) -> Option<String> {
    let options = CompileOptions {
        arch: Some(arch),
        options: [
            // Unreachable code, unused and only set variables.
            "--diag-error=111,128,177,550",
            "--ptxas-options=--warn-on-spills",
            "--ptxas-options=--warning-as-error",
        ]
        .map(str::to_owned)
        .into(),
        ..CompileOptions::default()
    };
    // A library that cannot be opened is a panic.
    let result = panic::catch_unwind(|| compile_ptx_with_opts(source(), options)).ok()?;
    Some(result.expect("kernels that compile").to_src())
}

#[test]
fn every_function_compiles_without_warnings_and_spills() {
    for arch in ["sm_80", "sm_90"] {
        let Some(assembly) = compiled(arch) else {
            return println!("skipped: libnvrtc cannot be opened; set LD_LIBRARY_PATH");
        };
        for name in functions() {
            assert!(assembly.contains(&format!(".entry {name}(")), "{name} for {arch}");
        }
    }
}
