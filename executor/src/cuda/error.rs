//! Why something on a GPU failed.

use std::fmt::Display;

use clockwork_wire::Status;
use cudarc::cublaslt::result::CublasError;
use cudarc::cublaslt::sys::cublasStatus_t;
use cudarc::cudnn::CudnnError;
use cudarc::cudnn::sys::cudnnStatus_t;
use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;
use cudarc::nvrtc::result::NvrtcError;
use thiserror::Error;

use crate::Unprepared;

/// Why something on a GPU failed: what was tried, and what the library said.
#[derive(Debug, Error)]
#[error("{what}: {cause}")]
pub struct CudaError {
    what: &'static str,
    cause: String,
    /// Whether memory was lacking.
    exhausted: bool,
}

impl CudaError {
    pub(super) fn new(what: &'static str, cause: &(impl Display + ?Sized)) -> Self {
        Self { what, cause: cause.to_string(), exhausted: false }
    }
}

impl From<CudaError> for Unprepared {
    fn from(error: CudaError) -> Self {
        let bad_model = Self::from(error.to_string());
        let status = if error.exhausted { Status::DEVICE_MEMORY } else { bad_model.status };
        Self { status, ..bad_model }
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
            let exhausted = error.0 == CUresult::CUDA_ERROR_OUT_OF_MEMORY;
            let cause = name.unwrap_or_else(|| format!("{error:?}"));
            CudaError { what, cause, exhausted }
        })
    }
}

impl<T> Tried<T> for Result<T, CudnnError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| {
            let exhausted = error.0 == cudnnStatus_t::CUDNN_STATUS_ALLOC_FAILED;
            CudaError { what, cause: format!("{:?}", error.0), exhausted }
        })
    }
}

impl<T> Tried<T> for Result<T, CublasError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| {
            let exhausted = error.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED;
            CudaError { what, cause: format!("{:?}", error.0), exhausted }
        })
    }
}

impl<T> Tried<T> for Result<T, NvrtcError> {
    fn tried(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| CudaError::new(what, &format!("{:?}", error.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_a_model_that_cannot_run() {
        let status = |exhausted| {
            let error = CudaError { exhausted, ..CudaError::new("taking device memory", "why") };
            Unprepared::from(error).status
        };
        assert_eq!([true, false].map(status), [Status::DEVICE_MEMORY, Status::BAD_MODEL_PATH]);
    }
}
