//! What is left to do on the result of a library.

use clockwork_executor::artifact::{Activation, Element};
use clockwork_executor::cuda::launch::Epilogue;
use half::f16;

use crate::case::number;
use crate::emulator::{BASE, Emulator};

/// Rows of f16 with gaps, biases and residuals, one after the other, and what becomes of the rows.
fn check(machine: &mut Emulator, width: usize, pitch: usize, residual: bool) {
    const ROWS: usize = 5;
    let tensor = |elements: usize, begin: usize| (begin..begin + elements).map(number).collect();
    let [image, bias, added]: [Vec<f32>; 3] =
        [tensor(ROWS * pitch, 0), tensor(width, 1000), tensor(ROWS * width, 2000)];
    let all = [&image, &bias, &added];
    let mut bytes = Vec::new();
    let addresses = all.map(|tensor| {
        let begin = BASE + u64::try_from(bytes.len()).expect("few");
        bytes.extend(tensor.iter().flat_map(|&number| f16::from_f32(number).to_ne_bytes()));
        bytes.resize(bytes.len().next_multiple_of(256), 0);
        begin
    });
    let epilogue = Epilogue {
        element: Element::F16,
        rows: ROWS,
        width,
        image: addresses[0],
        pitch,
        bias: addresses[1],
        residual: residual.then_some((addresses[2], width)),
        activation: Activation::Clip { low: -1.0, high: 6.0 },
    };
    machine.launch(&mut bytes, &[epilogue.launch().expect("a small one")]);
    for (index, &before) in image.iter().enumerate() {
        let (row, column) = (index / pitch, index % pitch);
        let expected = if column < width {
            let more = if residual { added[row * width + column] } else { 0.0 };
            (before + bias[column] + more).clamp(-1.0, 6.0)
        } else {
            before
        };
        let actual = f16::from_ne_bytes([bytes[2 * index], bytes[2 * index + 1]]).to_f32();
        // Sums of such numbers are exact.
        assert_eq!(actual.to_bits(), expected.to_bits(), "{row}, {column} of {epilogue:?}");
    }
}

/// Wide and narrow ones, with gaps and without.
pub(crate) fn compare(machine: &mut Emulator) {
    for (width, pitch) in [(8, 8), (16, 24), (16, 19), (7, 7), (1, 8)] {
        for residual in [false, true] {
            check(machine, width, pitch, residual);
        }
    }
}
