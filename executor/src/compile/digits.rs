//! The model that is built in: a classifier of handwritten digits (`zoo/digits`), with its test
//! images.

use bytes::Bytes;
use clockwork_wire::BatchSize;

use super::{Onnx, compile_watched};
use crate::artifact::{Artifact, Precision, Target};

/// The name under which clients ask for it.
pub const NAME: &str = "digits";

/// Bytes of one input: 8 x 8 pixels, little-endian f32 from 0 (empty) to 1.
pub const INPUT_BYTES: usize = 8 * 8 * size_of::<f32>();

/// Bytes of one output: one little-endian f32 logit per digit.
pub const OUTPUT_BYTES: usize = 10 * size_of::<f32>();

/// The ONNX file.
pub const ONNX: &[u8] = include_bytes!("../../../zoo/digits/digits.onnx");

const IMAGES: &[u8] = include_bytes!("../../../zoo/digits/test.images.f32");
const LABELS: &[u8] = include_bytes!("../../../zoo/digits/test.labels.u8");
const LOGITS: &[u8] = include_bytes!("../../../zoo/digits/test.logits.f32");

/// A test image.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The image, as the model takes it.
    pub image: &'static [u8],
    /// Which digit it shows.
    pub label: u8,
    /// The reference's output for it.
    pub logits: &'static [u8],
}

/// The compiled model, for batch sizes 1, 2, 4, 8 and 16.
///
/// # Panics
/// Never: the tests compile it.
pub fn artifact() -> Artifact {
    let batches = [1, 2, 4, 8, 16].map(|size| BatchSize::new(size).expect("a small batch"));
    let targets = [Target::Cpu, Target::Cuda(Precision::Fp32)];
    let onnx = Onnx { bytes: Bytes::from_static(ONNX), folder: None };
    compile_watched(onnx, &batches, &targets, |_| ()).expect("the built-in model compiles")
}

/// The test images, in a fixed order.
pub fn examples() -> impl ExactSizeIterator<Item = Example> + Clone {
    let images = IMAGES.chunks_exact(INPUT_BYTES).zip(LOGITS.chunks_exact(OUTPUT_BYTES));
    images.zip(LABELS).map(|((image, logits), &label)| Example { image, label, logits })
}

/// The digit that an output names: the index of its largest logit.
pub fn digit(output: &[u8]) -> Option<u8> {
    let logits = output.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    (0..10).zip(logits).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(digit, _)| digit)
}
