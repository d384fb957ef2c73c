//! The weights of all plans in one range of bytes, each tensor once, in the layout that its kernel
//! reads.

use std::collections::BTreeMap;

use half::f16;

use super::graph::{Convolution, Linear};
use crate::artifact::{BLOCK, Element, Place, Space, TENSOR_ALIGNMENT, panels};

/// The weights for a target, gathered while its plans are made.
#[derive(Debug)]
pub(super) struct Packed {
    /// All weights, little-endian.
    pub(super) bytes: Vec<u8>,
    element: Element,
    places: BTreeMap<Key, Place>,
    overflow: Option<Key>,
}

/// Which tensor it is: of which node, and what of it. Plans of different batch sizes share it.
pub(super) type Key = (usize, &'static str);

impl Packed {
    /// None yet, to be stored as such elements.
    pub(super) fn new(element: Element) -> Self {
        Self { bytes: Vec::new(), element, places: BTreeMap::new(), overflow: None }
    }

    /// A tensor with a weight that its elements cannot hold.
    pub(super) fn overflow(&self) -> Option<Key> {
        self.overflow
    }

    /// Where a tensor lies; it is made and appended when it is asked for the first time.
    pub(super) fn place(&mut self, key: Key, make: impl FnOnce() -> Vec<f32>) -> Place {
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(TENSOR_ALIGNMENT), 0);
        let place = Place { space: Space::Weights, offset: self.bytes.len(), stride: 0 };
        let values = make();
        // A single infinity is a limit.
        let limit = |value: &f32| value.is_infinite() && values.len() == 1;
        if values.iter().any(|value| !value.is_finite() && !limit(value)) {
            self.overflow = Some(key);
        }
        match self.element {
            Element::F32 => self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Element::F16 => {
                let halves = values.iter().map(|&value| f16::from_f32(value));
                if halves.clone().any(|half| !half.is_finite()) {
                    self.overflow = Some(key);
                }
                self.bytes.extend(halves.flat_map(f16::to_le_bytes));
            }
        }
        self.places.insert(key, place);
        place
    }
}

/// The filters of a convolution in panels, for each of `groups` groups, which may hold several of
/// the convolution's own: their filters see nothing of each other's channels.
pub(super) fn filters(convolution: &Convolution, groups: usize) -> Vec<f32> {
    let merged = convolution.groups / groups;
    let channels = convolution.channels_per_group;
    let columns = convolution.bias.len() / groups;
    let own = convolution.bias.len() / convolution.groups;
    let taps = convolution.frame.kernel.iter().product::<usize>();
    let mut packed = Vec::new();
    for group in 0..groups {
        // Row `(tap, channel of the group)`, column `filter of the group`.
        let weight = |row: usize, column: usize| {
            let (tap, channel) = (row / (channels * merged), row % (channels * merged));
            let filter = group * columns + column;
            if channel / channels != column / own {
                return 0.0;
            }
            convolution.weights[(filter * channels + channel % channels) * taps + tap]
        };
        append_panels(&mut packed, taps * channels * merged, columns, weight);
    }
    packed
}

/// The filters of a convolution of 3 x 3, transformed for tiles of this edge: a matrix in panels for
/// each position. Computed in f64, so that rounding happens once.
pub(super) fn winograd(convolution: &Convolution, tile: usize) -> Vec<f32> {
    let transform: &[[f64; 3]] = if tile == 2 { &FILTER_2 } else { &FILTER_4 };
    let (channels, columns) = (convolution.channels_per_group, convolution.bias.len());
    let weights = &convolution.weights;
    let mut packed = Vec::with_capacity(transform.len() * transform.len() * weights.len() / 9);
    for down in transform {
        for across in transform {
            append_panels(&mut packed, channels, columns, |channel, filter| {
                let filter = &weights[(filter * channels + channel) * 9..][..9];
                let sum = (0..9)
                    .map(|tap| down[tap / 3] * across[tap % 3] * f64::from(filter[tap]))
                    .sum();
                nearest(sum)
            });
        }
    }
    packed
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "rounding is meant")]
fn nearest(number: f64) -> f32 {
    number as f32
}

/// Transforms filters for tiles of 2 x 2.
const FILTER_2: [[f64; 3]; 4] =
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

/// Transforms filters for tiles of 4 x 4.
const FILTER_4: [[f64; 3]; 6] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// The biases of a convolution in so many groups, each padded.
pub(super) fn biases(bias: &[f32], groups: usize) -> Vec<f32> {
    let columns = bias.len() / groups;
    let padded = columns.next_multiple_of(BLOCK);
    let mut all = vec![0.0; groups * padded];
    for (to, from) in all.chunks_exact_mut(padded).zip(bias.chunks_exact(columns)) {
        to[..columns].copy_from_slice(from);
    }
    all
}

/// The filters of a convolution whose groups have one channel and one filter each.
pub(super) fn depthwise(convolution: &Convolution) -> Vec<f32> {
    let channels = convolution.groups;
    let taps = convolution.weights.len() / channels;
    (0..taps * channels)
        .map(|index| convolution.weights[index % channels * taps + index / channels])
        .collect()
}

/// The weights of a fully connected layer in panels. If its input is an image of so many channels,
/// which a Flatten made a row, rows are brought into the order of the image.
pub(super) fn matrix(linear: &Linear, channels: Option<usize>) -> Vec<f32> {
    let columns = linear.bias.len();
    let channels = channels.unwrap_or(1);
    let pixels = linear.inner / channels;
    let mut packed = Vec::with_capacity(linear.weights.len());
    append_panels(&mut packed, linear.inner, columns, |row, column| {
        let row = if channels == 1 { row } else { row % channels * pixels + row / channels };
        linear.weights[row * columns + column]
    });
    packed
}

/// The filters of a convolution for a GPU: `filters x taps x channels`, filled up with zeros to so many
/// filters of so many channels.
pub(super) fn rows(convolution: &Convolution, filters: usize, depth: usize) -> Vec<f32> {
    let channels = convolution.channels_per_group;
    let taps = convolution.frame.kernel.iter().product::<usize>();
    let mut packed = vec![0.0; filters * taps * depth];
    for (index, &weight) in convolution.weights.iter().enumerate() {
        let (filter, within) = (index / (channels * taps), index % (channels * taps));
        let (channel, tap) = (within / taps, within % taps);
        packed[(filter * taps + tap) * depth + channel] = weight;
    }
    packed
}

/// The weights of a fully connected layer for a GPU: `columns x inner`. If its input is an image of so
/// many channels, which a Flatten made a row, they are brought into the order of the image.
pub(super) fn columns(linear: &Linear, channels: Option<usize>) -> Vec<f32> {
    let columns = linear.bias.len();
    let channels = channels.unwrap_or(1);
    let pixels = linear.inner / channels;
    let row = |row: usize| row % channels * pixels + row / channels;
    let weight = |index: usize| {
        let (column, inner) = (index / linear.inner, index % linear.inner);
        linear.weights[row(inner) * columns + column]
    };
    (0..columns * linear.inner).map(weight).collect()
}

/// Appends the panels of a matrix.
fn append_panels(
    packed: &mut Vec<f32>,
    rows: usize,
    columns: usize,
    element: impl Fn(usize, usize) -> f32,
) {
    let mut first = 0;
    for width in panels(columns) {
        for row in 0..rows {
            packed.extend(
                (first..first + width)
                    .map(|column| if column < columns { element(row, column) } else { 0.0 }),
            );
        }
        first += width;
    }
}
