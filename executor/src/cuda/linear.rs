//! Fully connected layers by cuBLASLt.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use cudarc::cublaslt::result as lt;
use cudarc::cublaslt::sys::{
    self, cublasComputeType_t, cublasLtEpilogue_t, cublasLtHandle_t, cublasLtMatmulAlgo_t,
    cublasLtMatmulDescAttributes_t, cublasLtMatmulHeuristicResult_t,
    cublasLtMatmulPreferenceAttributes_t, cudaDataType,
};
use serde::{Deserialize, Serialize};

use super::driver::{Context, Stream};
use super::error::{CudaError, Tried as _};
use super::launch::Epilogue;
use super::module::Module;
use crate::artifact::{Activation, Element, Linear, Precision, Target};

/// cuBLASLt on one device.
pub(super) struct CublasLt {
    handle: cublasLtHandle_t,
    context: Arc<Context>,
}

// SAFETY: the library allows several threads; this one is used by one at a time.
unsafe impl Send for CublasLt {}

/// How a fully connected layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinearChoice {
    /// The library's description of the algorithm, which only it understands.
    algorithm: [u64; 8],
    /// Bytes of scratch memory.
    pub(super) scratch: usize,
}

/// Where a layer's tensors are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearPlaces {
    pub(super) input: u64,
    pub(super) weights: u64,
    pub(super) bias: u64,
    pub(super) output: u64,
    pub(super) scratch: u64,
}

impl CublasLt {
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, CudaError> {
        // SAFETY: it opens libcublasLt, whose initialization has no conditions.
        if !unsafe { sys::is_culib_present() } {
            return Err(CudaError::new("cuBLASLt", "libcublasLt.so is not there"));
        }
        let handle = lt::create_handle().tried("starting cuBLASLt")?;
        Ok(Self { handle, context: Arc::clone(context) })
    }

    /// The library's version, as in 130000 for 13.0.
    pub(super) fn version() -> usize {
        // SAFETY: it only returns a number.
        unsafe { sys::cublasLtGetVersion() }
    }

    /// The ways in which this layer can be computed with at most so much scratch memory that the library
    /// thinks best.
    pub(super) fn ways(
        &self,
        shape: &Linear,
        precision: Precision,
        places: &LinearPlaces,
        scratch: usize,
    ) -> Result<Vec<LinearChoice>, CudaError> {
        let described = Described::new(shape, precision, places)?;
        let preference = Preference::new(scratch)?;
        let mut found = [EMPTY; WAYS];
        let mut count = 0;
        let most = i32::try_from(WAYS).expect("a small number");
        // SAFETY: handle and descriptions are alive; it writes at most so many results.
        unsafe {
            sys::cublasLtMatmulAlgoGetHeuristic(
                self.handle,
                described.product.0,
                described.weights.0,
                described.input.0,
                described.output.0,
                described.output.0,
                preference.0,
                most,
                found.as_mut_ptr(),
                &raw mut count,
            )
        }
        .result()
        .tried("looking for a matrix product")?;
        let count = usize::try_from(count).unwrap_or(0);
        let known = found[..count].iter().filter(|way| way.state.result().is_ok());
        let choice = |way: &cublasLtMatmulHeuristicResult_t| LinearChoice {
            algorithm: way.algo.data,
            scratch: way.workspaceSize,
        };
        Ok(known.map(choice).collect())
    }

    /// Enqueues a layer.
    ///
    /// # Safety
    /// The places are device memory as the shape wants it.
    pub(super) unsafe fn enqueue(
        &self,
        (stream, module): (&Stream, &Module),
        shape: &Linear,
        precision: Precision,
        choice: &LinearChoice,
        places: &LinearPlaces,
    ) -> Result<(), CudaError> {
        let described = Described::new(shape, precision, places)?;
        let algorithm = cublasLtMatmulAlgo_t { data: choice.algorithm };
        let (one, zero) = (1.0_f32, 0.0_f32);
        // SAFETY: the caller's promise; descriptions and factors live until the call returns.
        unsafe {
            lt::matmul(
                self.handle,
                described.product.0,
                ptr::from_ref(&one).cast(),
                ptr::from_ref(&zero).cast(),
                pointer(places.weights),
                described.weights.0,
                pointer(places.input),
                described.input.0,
                pointer(places.output),
                described.output.0,
                pointer(places.output).cast_mut(),
                described.output.0,
                &raw const algorithm,
                pointer(places.scratch).cast_mut(),
                choice.scratch,
                stream.raw().cast(),
            )
        }
        .tried("a matrix product")?;
        if epilogue(shape.activation).is_some() {
            return Ok(());
        }
        let rest = Epilogue {
            element: Target::Cuda(precision).element(),
            rows: shape.rows,
            width: shape.columns,
            image: places.output,
            pitch: shape.columns,
            bias: places.bias,
            residual: None,
            activation: shape.activation,
        };
        let launch = rest.launch().map_err(|error| CudaError::new("a layer's end", &error))?;
        // SAFETY: the caller's promise.
        unsafe { stream.launch(module, &launch) }
    }
}

impl Drop for CublasLt {
    fn drop(&mut self) {
        // It frees memory in whatever context the thread is in.
        let _ = self.context.enter();
        // SAFETY: nobody else has it.
        let _ = unsafe { lt::destroy_handle(self.handle) };
    }
}

/// What the library does itself after the product; `None` if a kernel of ours must.
const fn epilogue(activation: Activation) -> Option<cublasLtEpilogue_t> {
    match activation {
        Activation::None => Some(cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS),
        Activation::Relu => Some(cublasLtEpilogue_t::CUBLASLT_EPILOGUE_RELU_BIAS),
        Activation::Clip { .. }
        | Activation::Sigmoid
        | Activation::Silu
        | Activation::HardSigmoid { .. }
        | Activation::HardSwish => None,
    }
}

/// A layer in the library's words, where matrices lie column after column: `output = weights^T x input`,
/// with a column per row of ours.
struct Described {
    product: Product,
    weights: Layout,
    input: Layout,
    output: Layout,
}

impl Described {
    fn new(shape: &Linear, precision: Precision, places: &LinearPlaces) -> Result<Self, CudaError> {
        let element = Target::Cuda(precision).element();
        Ok(Self {
            product: Product::new(shape, precision, places.bias)?,
            weights: Layout::new(element, shape.inner, shape.columns)?,
            input: Layout::new(element, shape.inner, shape.rows)?,
            output: Layout::new(element, shape.columns, shape.rows)?,
        })
    }
}

macro_rules! description {
    ($name:ident, $raw:ident, $destroy:ident) => {
        struct $name(sys::$raw);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: nobody else has it.
                let _ = unsafe { lt::$destroy(self.0) };
            }
        }
    };
}

description!(Product, cublasLtMatmulDesc_t, destroy_matmul_desc);
description!(Layout, cublasLtMatrixLayout_t, destroy_matrix_layout);
description!(Preference, cublasLtMatmulPreference_t, destroy_matmul_pref);

impl Product {
    fn new(shape: &Linear, precision: Precision, bias: u64) -> Result<Self, CudaError> {
        let compute = match precision {
            Precision::Tf32 => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            Precision::Fp32 | Precision::Fp16 => cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let made = lt::create_matmul_desc(compute, cudaDataType::CUDA_R_32F);
        let made = Self(made.tried("describing a matrix product")?);
        let transposed = 1_i32; // CUBLAS_OP_T
        made.set(cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_TRANSA, &transposed)?;
        if let Some(epilogue) = epilogue(shape.activation) {
            made.set(cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
            made.set(cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias)?;
        }
        Ok(made)
    }

    fn set<T>(
        &self,
        attribute: cublasLtMatmulDescAttributes_t,
        value: &T,
    ) -> Result<(), CudaError> {
        // SAFETY: the description is alive; the value is copied.
        unsafe {
            lt::set_matmul_desc_attribute(
                self.0,
                attribute,
                ptr::from_ref(value).cast(),
                size_of::<T>(),
            )
        }
        .tried("describing a matrix product")
    }
}

impl Layout {
    fn new(element: Element, rows: usize, columns: usize) -> Result<Self, CudaError> {
        let kind = match element {
            Element::F32 => cudaDataType::CUDA_R_32F,
            Element::F16 => cudaDataType::CUDA_R_16F,
        };
        let [rows, columns] =
            [rows, columns].map(|size| u64::try_from(size).expect("a size fits 64 bits"));
        let pitch = i64::try_from(rows).expect("a size fits 63 bits");
        lt::create_matrix_layout(kind, rows, columns, pitch).map(Self).tried("describing a matrix")
    }
}

impl Preference {
    fn new(scratch: usize) -> Result<Self, CudaError> {
        let made = Self(lt::create_matmul_pref().tried("describing a preference")?);
        let most = cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the description is alive; the value is copied.
        unsafe {
            lt::set_matmul_pref_attribute(
                made.0,
                most,
                ptr::from_ref(&scratch).cast(),
                size_of::<usize>(),
            )
        }
        .tried("describing a preference")?;
        Ok(made)
    }
}

#[expect(clippy::as_conversions, reason = "an address of the device is no address here")]
const fn pointer(address: u64) -> *const c_void {
    address as *const c_void
}

/// How many ways the library is asked for.
const WAYS: usize = 8;

const EMPTY: cublasLtMatmulHeuristicResult_t = cublasLtMatmulHeuristicResult_t {
    algo: cublasLtMatmulAlgo_t { data: [0; 8] },
    workspaceSize: 0,
    state: sys::cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED,
    wavesCount: 0.0,
    reserved: [0; 4],
};
