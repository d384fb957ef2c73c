//! Convolutions by cuDNN.
#![expect(unsafe_code, reason = "drivers and libraries are C")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use cudarc::cudnn::result as cudnn;
use cudarc::cudnn::sys::{
    self, cudnnActivationMode_t, cudnnConvolutionFwdAlgo_t, cudnnConvolutionMode_t,
    cudnnDataType_t, cudnnHandle_t, cudnnMathType_t, cudnnNanPropagation_t, cudnnTensorFormat_t,
};
use serde::{Deserialize, Serialize};

use super::driver::{Context, Stream};
use super::error::{CudaError, Tried as _};
use super::launch::Epilogue;
use super::module::Module;
use crate::artifact::{Activation, Convolution, Element, Precision, Target};

/// cuDNN on one device.
pub(super) struct Cudnn {
    handle: cudnnHandle_t,
    context: Arc<Context>,
}

// SAFETY: one thread uses it at a time, which has entered its context.
unsafe impl Send for Cudnn {}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConvolutionChoice {
    /// cuDNN's number of the algorithm.
    algorithm: u32,
    /// Whether cuDNN adds bias and residual and applies the activation, or a kernel of ours does.
    fused: bool,
    /// Bytes of scratch memory.
    pub(super) scratch: usize,
}

/// Where a convolution's tensors are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvolutionPlaces {
    pub(super) input: u64,
    pub(super) filters: u64,
    pub(super) bias: u64,
    pub(super) residual: Option<u64>,
    pub(super) output: u64,
    pub(super) scratch: u64,
}

impl Cudnn {
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, CudaError> {
        // SAFETY: it opens libcudnn, whose initialization has no conditions.
        if !unsafe { sys::is_culib_present() } {
            return Err(CudaError::new("cuDNN", "libcudnn.so.9 is not there"));
        }
        let handle = cudnn::create_handle().tried("starting cuDNN")?;
        Ok(Self { handle, context: Arc::clone(context) })
    }

    /// The library's version, as in 91400 for 9.14.0.
    pub(super) fn version() -> usize {
        cudnn::get_version()
    }

    /// Every way in which this convolution can be computed with at most so much scratch memory.
    pub(super) fn ways(
        &self,
        shape: &Convolution,
        precision: Precision,
        scratch: usize,
    ) -> Result<Vec<ConvolutionChoice>, CudaError> {
        let described = Described::new(shape, precision)?;
        let mut ways = Vec::new();
        for (number, algorithm) in ALGORITHMS {
            // SAFETY: handle and descriptors are alive.
            let needed = unsafe {
                cudnn::get_convolution_forward_workspace_size(
                    self.handle,
                    described.input.0,
                    described.filters.0,
                    described.window.0,
                    described.output.0,
                    algorithm,
                )
            };
            // What it does not support it says here or when it is tried.
            let Some(needed) = needed.ok().filter(|&needed| needed <= scratch) else { continue };
            let choice = |fused| ConvolutionChoice { algorithm: number, fused, scratch: needed };
            if matches!(shape.activation, Activation::None | Activation::Relu) {
                ways.push(choice(true));
            }
            ways.push(choice(false));
        }
        Ok(ways)
    }

    /// Enqueues a convolution.
    ///
    /// # Safety
    /// The places are device memory as the shape wants it.
    pub(super) unsafe fn enqueue(
        &self,
        (stream, module): (&Stream, &Module),
        shape: &Convolution,
        precision: Precision,
        choice: &ConvolutionChoice,
        places: &ConvolutionPlaces,
    ) -> Result<(), CudaError> {
        let described = Described::new(shape, precision)?;
        // SAFETY: handle and stream are alive.
        unsafe { cudnn::set_stream(self.handle, stream.raw().cast()) }
            .tried("choosing a stream")?;
        if choice.fused {
            // SAFETY: the caller's promise.
            return unsafe { self.fused(&described, shape, choice, places) };
        }
        // SAFETY: the caller's promise.
        unsafe { self.plain(&described, choice, places)? };
        let element = Target::Cuda(precision).element();
        let [high, wide] = shape.window.output().unwrap_or_default();
        let epilogue = Epilogue {
            element,
            rows: shape.images * high * wide,
            width: shape.channels_out,
            image: places.output,
            pitch: shape.pitch_out,
            bias: places.bias,
            residual: places.residual.zip(shape.residual),
            activation: shape.activation,
        };
        let launch =
            epilogue.launch().map_err(|error| CudaError::new("a convolution's end", &error))?;
        // SAFETY: the caller's promise.
        unsafe { stream.launch(module, &launch) }
    }

    unsafe fn fused(
        &self,
        described: &Described,
        shape: &Convolution,
        choice: &ConvolutionChoice,
        places: &ConvolutionPlaces,
    ) -> Result<(), CudaError> {
        let (one, other) = (1.0_f32, if places.residual.is_some() { 1.0_f32 } else { 0.0 });
        let relu = shape.activation == Activation::Relu;
        let activation = ActivationDescriptor::new(relu)?;
        let residual = places.residual.unwrap_or(places.output);
        // SAFETY: the caller's promise; descriptors and factors live until the call returns.
        unsafe {
            cudnn::convolution_bias_activation_forward(
                self.handle,
                ptr::from_ref(&one).cast(),
                described.input.0,
                pointer(places.input),
                described.filters.0,
                pointer(places.filters),
                described.window.0,
                algorithm(choice.algorithm)?,
                pointer(places.scratch).cast_mut(),
                choice.scratch,
                ptr::from_ref(&other).cast(),
                described.residual.as_ref().unwrap_or(&described.output).0,
                pointer(residual),
                described.bias.0,
                pointer(places.bias),
                activation.0,
                described.output.0,
                pointer(places.output).cast_mut(),
            )
        }
        .tried("a fused convolution")
    }

    unsafe fn plain(
        &self,
        described: &Described,
        choice: &ConvolutionChoice,
        places: &ConvolutionPlaces,
    ) -> Result<(), CudaError> {
        let (one, zero) = (1.0_f32, 0.0_f32);
        // SAFETY: the caller's promise; descriptors and factors live until the call returns.
        unsafe {
            cudnn::convolution_forward(
                self.handle,
                ptr::from_ref(&one).cast(),
                described.input.0,
                pointer(places.input),
                described.filters.0,
                pointer(places.filters),
                described.window.0,
                algorithm(choice.algorithm)?,
                pointer(places.scratch).cast_mut(),
                choice.scratch,
                ptr::from_ref(&zero).cast(),
                described.output.0,
                pointer(places.output).cast_mut(),
            )
        }
        .tried("a convolution")
    }
}

impl Drop for Cudnn {
    fn drop(&mut self) {
        // It frees memory in whatever context the thread is in.
        let _ = self.context.enter();
        // SAFETY: nobody else has it.
        let _ = unsafe { cudnn::destroy_handle(self.handle) };
    }
}

/// A convolution in cuDNN's words.
struct Described {
    input: TensorDescriptor,
    filters: FilterDescriptor,
    bias: TensorDescriptor,
    residual: Option<TensorDescriptor>,
    output: TensorDescriptor,
    window: ConvolutionDescriptor,
}

impl Described {
    fn new(shape: &Convolution, precision: Precision) -> Result<Self, CudaError> {
        let window = &shape.window;
        let output = window.output().ok_or_else(|| CudaError::new("a convolution", "no output"))?;
        let element = Target::Cuda(precision).element();
        let tensor = |channels, size, pitch| {
            TensorDescriptor::new(element, shape.images, channels, size, pitch)
        };
        Ok(Self {
            input: tensor(shape.channels_in, window.input, shape.pitch_in)?,
            filters: FilterDescriptor::new(element, shape)?,
            bias: TensorDescriptor::new(
                element,
                1,
                shape.channels_out,
                [1, 1],
                shape.channels_out,
            )?,
            residual: shape
                .residual
                .map(|pitch| tensor(shape.channels_out, output, pitch))
                .transpose()?,
            output: tensor(shape.channels_out, output, shape.pitch_out)?,
            window: ConvolutionDescriptor::new(shape, precision)?,
        })
    }
}

macro_rules! descriptor {
    ($name:ident, $raw:ident, $destroy:ident) => {
        struct $name(sys::$raw);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: nobody else has it.
                let _ = unsafe { sys::$destroy(self.0) };
            }
        }
    };
}

descriptor!(TensorDescriptor, cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor);
descriptor!(FilterDescriptor, cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor);
descriptor!(ConvolutionDescriptor, cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor);
descriptor!(ActivationDescriptor, cudnnActivationDescriptor_t, cudnnDestroyActivationDescriptor);

impl TensorDescriptor {
    /// An image that lies channels last.
    fn new(
        element: Element,
        images: usize,
        channels: usize,
        [high, wide]: [usize; 2],
        pitch: usize,
    ) -> Result<Self, CudaError> {
        let made = Self(cudnn::create_tensor_descriptor().tried("describing a tensor")?);
        let dims = ints([images, channels, high, wide])?;
        let strides = ints([high * wide * pitch, 1, wide * pitch, pitch])?;
        // SAFETY: the descriptor is alive.
        unsafe { cudnn::set_tensor4d_descriptor_ex(made.0, data_type(element), dims, strides) }
            .tried("describing a tensor")?;
        Ok(made)
    }
}

impl FilterDescriptor {
    fn new(element: Element, shape: &Convolution) -> Result<Self, CudaError> {
        let made = Self(cudnn::create_filter_descriptor().tried("describing filters")?);
        let [high, wide] = shape.window.kernel;
        let dims = ints([shape.channels_out, shape.channels_in / shape.groups, high, wide])?;
        let format = cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        // SAFETY: the descriptor is alive.
        unsafe { cudnn::set_filter4d_descriptor(made.0, data_type(element), format, dims) }
            .tried("describing filters")?;
        Ok(made)
    }
}

impl ConvolutionDescriptor {
    fn new(shape: &Convolution, precision: Precision) -> Result<Self, CudaError> {
        let made = Self(cudnn::create_convolution_descriptor().tried("describing a window")?);
        let window = &shape.window;
        let [[pad_high, pad_wide], [down, across], [tall, broad]] =
            [ints(window.begin)?, ints(window.stride)?, ints(window.dilation)?];
        let [groups] = ints([shape.groups])?;
        let math = match precision {
            Precision::Fp32 => cudnnMathType_t::CUDNN_FMA_MATH,
            Precision::Tf32 | Precision::Fp16 => cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
        };
        // SAFETY: the descriptor is alive.
        unsafe {
            cudnn::set_convolution2d_descriptor(
                made.0,
                pad_high,
                pad_wide,
                down,
                across,
                tall,
                broad,
                cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
                cudnnDataType_t::CUDNN_DATA_FLOAT,
            )
        }
        .tried("describing a window")?;
        // SAFETY: as above.
        unsafe { cudnn::set_convolution_math_type(made.0, math) }.tried("describing a window")?;
        // SAFETY: as above.
        unsafe { cudnn::set_convolution_group_count(made.0, groups) }
            .tried("describing a window")?;
        Ok(made)
    }
}

impl ActivationDescriptor {
    fn new(relu: bool) -> Result<Self, CudaError> {
        let made = Self(cudnn::create_activation_descriptor().tried("describing an activation")?);
        let mode = if relu {
            cudnnActivationMode_t::CUDNN_ACTIVATION_RELU
        } else {
            cudnnActivationMode_t::CUDNN_ACTIVATION_IDENTITY
        };
        let nan = cudnnNanPropagation_t::CUDNN_PROPAGATE_NAN;
        // SAFETY: the descriptor is alive.
        unsafe { cudnn::set_activation_descriptor(made.0, mode, nan, 0.0) }
            .tried("describing an activation")?;
        Ok(made)
    }
}

fn data_type(element: Element) -> cudnnDataType_t {
    match element {
        Element::F32 => cudnnDataType_t::CUDNN_DATA_FLOAT,
        Element::F16 => cudnnDataType_t::CUDNN_DATA_HALF,
    }
}

fn ints<const N: usize>(sizes: [usize; N]) -> Result<[c_int; N], CudaError> {
    let mut ints = [0; N];
    for (int, size) in ints.iter_mut().zip(sizes) {
        let large = |_| CudaError::new("describing a convolution", "a size beyond 2^31");
        *int = c_int::try_from(size).map_err(large)?;
    }
    Ok(ints)
}

fn algorithm(number: u32) -> Result<cudnnConvolutionFwdAlgo_t, CudaError> {
    let known = ALGORITHMS.into_iter().find(|&(own, _)| own == number);
    known
        .map(|(_, algorithm)| algorithm)
        .ok_or_else(|| CudaError::new("a convolution", &format!("no algorithm {number}")))
}

#[expect(clippy::as_conversions, reason = "an address of the device is no address here")]
const fn pointer(address: u64) -> *const c_void {
    address as *const c_void
}

/// Those that are worth trying on images that lie channels last, by cuDNN's numbers.
const ALGORITHMS: [(u32, cudnnConvolutionFwdAlgo_t); 5] = [
    (0, cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM),
    (1, cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
    (2, cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_GEMM),
    (6, cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD),
    (7, cudnnConvolutionFwdAlgo_t::CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED),
];
