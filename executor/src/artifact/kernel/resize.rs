//! Images of another size.

use serde::{Deserialize, Serialize};

use super::area::{Area, Lengths, product};

/// Images that are looked at between their pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Images in the batch.
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Pitches of the input and of the output.
    pub pitches: [usize; 2],
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Where each row of the output lies.
    pub rows: Vec<Sample>,
    /// Where each column of the output lies.
    pub columns: Vec<Sample>,
}

/// Between two neighbours: the low one, the high one, and the high one's share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample(pub usize, pub usize, pub f32);

impl Resize {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let [high, wide] = self.input;
        let inside = |samples: &[Sample], size: usize| {
            let sane = |sample: &Sample| {
                sample.0 < size && sample.1 < size && (0.0..=1.0).contains(&sample.2)
            };
            samples.iter().all(sane)
        };
        if !inside(&self.rows, high) || !inside(&self.columns, wide) {
            return None;
        }
        let [pitch_in, pitch_out] = self.pitches;
        let inputs = product(&[self.images, high, wide])?;
        let outputs = product(&[self.images, self.rows.len(), self.columns.len()])?;
        Some(Lengths::of(
            [Area::new(inputs, self.channels, pitch_in)?],
            Area::new(outputs, self.channels, pitch_out)?,
        ))
    }
}
