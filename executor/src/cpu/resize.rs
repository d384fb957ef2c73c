//! Images of another size.

use super::run::Operands;
use crate::artifact::{Resize, Sample};

pub(super) fn resize(shape: &Resize, operands: Operands<'_>) {
    let Operands { reads: [input, ..], write, .. } = operands;
    let ([high, wide], [pitch_in, pitch_out]) = (shape.input, shape.pitches);
    let pixels = shape.rows.len() * shape.columns.len();
    let images = input.chunks(high * wide * pitch_in).zip(write.chunks_mut(pixels * pitch_out));
    for (image, output) in images {
        let rows = shape.rows.iter();
        for (row, line) in rows.zip(output.chunks_mut(shape.columns.len() * pitch_out)) {
            for (column, pixel) in shape.columns.iter().zip(line.chunks_mut(pitch_out)) {
                let at = |y: usize, x: usize| &image[(y * wide + x) * pitch_in..][..shape.channels];
                blend(&mut pixel[..shape.channels], *row, *column, at);
            }
        }
    }
}

/// A pixel between its four neighbours.
fn blend<'a>(
    pixel: &mut [f32],
    Sample(top, bottom, down): Sample,
    Sample(left, right, over): Sample,
    at: impl Fn(usize, usize) -> &'a [f32],
) {
    if down == 0.0 && over == 0.0 {
        return pixel.copy_from_slice(at(top, left));
    }
    let corners = at(top, left).iter().zip(at(top, right));
    let corners = corners.zip(at(bottom, left).iter().zip(at(bottom, right)));
    for (channel, ((a, b), (c, d))) in pixel.iter_mut().zip(corners) {
        let (above, below) = (a + (b - a) * over, c + (d - c) * over);
        *channel = above + (below - above) * down;
    }
}
