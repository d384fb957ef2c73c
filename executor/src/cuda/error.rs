//! Why something on a GPU failed.

use std::fmt::Display;

use cudarc::cublaslt::result::CublasError;
use cudarc::cudnn::CudnnError;
use cudarc::driver::DriverError;
use cudarc::nvrtc::result::NvrtcError;
use thiserror::Error;

use crate::Unprepared;

/// Why something on a GPU failed: what was tried, and what the library said.
#[derive(Debug, Error)]
#[error("{what}: {cause}")]
pub struct CudaError {
    what: &'static str,
    cause: String,
}

impl CudaError {
    pub(super) fn new(what: &'static str, cause: &(impl Display + ?Sized)) -> Self {
        Self { what, cause: cause.to_string() }
    }
}

impl From<CudaError> for Unprepared {
    fn from(error: CudaError) -> Self {
        error.to_string().into()
    }
}

/// Names what was tried when a library refuses.
pub(super) trait Tried<T> {
    fn tried(self, what: &'static str) -> Result<T, CudaError>;
}

impl<T> Tried<T> for Result<T, DriverError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| {
            let name = error.error_name().ok().map(|name| name.to_string_lossy().into_owned());
            CudaError::new(what, &name.unwrap_or_else(|| format!("{error:?}")))
        })
    }
}

impl<T> Tried<T> for Result<T, CudnnError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| CudaError::new(what, &format!("{:?}", error.0)))
    }
}

impl<T> Tried<T> for Result<T, CublasError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| CudaError::new(what, &format!("{:?}", error.0)))
    }
}

impl<T> Tried<T> for Result<T, NvrtcError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| CudaError::new(what, &format!("{:?}", error.0)))
    }
}
