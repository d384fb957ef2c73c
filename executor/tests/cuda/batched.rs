//! An image of a batch gets the same bits as one alone.

use clockwork_executor::artifact::{
    Activation, Depthwise, Kernel, Matmul, Normalize, Pool, Ranges, Reduce, Reduction, Shares,
    Sliding, Summary, Target, Walk,
};

use crate::case::{Case, Trial};
use crate::kernels::Machine;

/// A kernel for so many images, and how many images make a difference to how it is launched.
type Kind = (fn(usize) -> Kernel, usize);

const KINDS: [Kind; 7] =
    [(depthwise, 8), (pool, 3), (columns, 5), (rows, 5), (shares, 3), (normalize, 3), (matmul, 3)];

/// Gives every image of a batch the same elements, and compares it with one alone.
pub(crate) fn compare(machine: &mut dyn Machine, target: Target) {
    let cases: Vec<Case> = KINDS.iter().flat_map(|&kind| pair(kind, target)).collect();
    let trial = Trial::new(&cases, target);
    let output = machine.run(&trial);
    let bits = |numbers: &[f32]| numbers.iter().map(|n| n.to_bits()).collect::<Vec<_>>();
    for (cases, results) in cases.chunks(2).zip(trial.results.chunks(2)) {
        let [alone, together] = [0, 1].map(|index| &output[results[index].clone()]);
        for image in together.chunks(alone.len()) {
            assert!(bits(image) == bits(alone), "{target} {:?}", cases[1].kernel);
        }
    }
}

/// One image, and a batch of the same.
fn pair((make, images): Kind, target: Target) -> [Case; 2] {
    let read = make(1).lengths(target).and_then(|lengths| lengths.reads[0]);
    let period = read.map_or(1, |area| area.rows * area.width);
    [1, images].map(|images| {
        let kernel = make(images);
        let constants = if matches!(kernel, Kernel::Depthwise(_)) { 2 } else { 0 };
        Case { constants, period, ..kernel.into() }
    })
}

fn depthwise(images: usize) -> Kernel {
    let window = Sliding {
        input: [70, 75],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        begin: [1, 1],
        end: [1, 1],
    };
    let (channels, activation) = (32, Activation::Relu);
    let (pitch_in, pitch_out) = (channels, channels);
    Kernel::Depthwise(Depthwise { images, channels, pitch_in, pitch_out, window, activation })
}

fn pool(images: usize) -> Kernel {
    let window = Sliding {
        input: [9, 9],
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        begin: [1, 1],
        end: [1, 1],
    };
    let (channels, reduction) = (24, Reduction::Average);
    let (pitch_in, pitch_out) = (channels, channels);
    Kernel::Pool(Pool { images, channels, pitch_in, pitch_out, window, reduction })
}

fn columns(outer: usize) -> Kernel {
    let ranges = Ranges { outer, len: 49, inner: 72, pitch: 72 };
    Kernel::Reduce(Reduce { ranges, kind: Summary::Mean })
}

fn rows(outer: usize) -> Kernel {
    let ranges = Ranges { outer, len: 333, inner: 1, pitch: 1 };
    Kernel::Reduce(Reduce { ranges, kind: Summary::Sum })
}

fn shares(outer: usize) -> Kernel {
    let ranges = Ranges { outer, len: 1000, inner: 1, pitch: 1 };
    Kernel::Shares(Shares { ranges, logarithm: false })
}

fn normalize(rows: usize) -> Kernel {
    Kernel::Normalize(Normalize { rows, columns: 100, epsilon: 1e-5, scaled: false })
}

fn matmul(images: usize) -> Kernel {
    let walk = |row| Walk { outer: vec![64 * 64], row, column: 1 };
    let (outer, [rows, inner, columns]) = (vec![images], [64; 3]);
    Kernel::Matmul(Matmul { outer, rows, inner, columns, left: walk(64), right: walk(64) })
}
