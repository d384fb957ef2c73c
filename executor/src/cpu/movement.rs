//! Between planes and pixels.

use super::run::Operands;
use crate::artifact::Transfer;

pub(super) fn to_pixels(transfer: &Transfer, operands: Operands<'_>) {
    let Operands { reads: [planes, ..], write, .. } = operands;
    let Transfer { channels, pixels, stride, pitch, zeros, .. } = *transfer;
    let images = planes.chunks(stride).zip(write.chunks_mut(pixels * pitch));
    for (planes, image) in images {
        for pixel in image.chunks_mut(pitch).filter(|_| zeros > 0) {
            pixel[channels..channels + zeros].fill(0.0);
        }
        for (channel, plane) in planes.chunks_exact(pixels).take(channels).enumerate() {
            for (pixel, element) in image[channel..].iter_mut().step_by(pitch).zip(plane) {
                *pixel = *element;
            }
        }
    }
}

pub(super) fn to_planes(transfer: &Transfer, operands: Operands<'_>) {
    let Operands { reads: [pixels, ..], write, .. } = operands;
    let Transfer { channels, pixels: count, stride, pitch, .. } = *transfer;
    let images = write.chunks_mut(stride).zip(pixels.chunks(count * pitch));
    for (planes, image) in images {
        for (channel, plane) in planes.chunks_exact_mut(count).take(channels).enumerate() {
            for (element, pixel) in plane.iter_mut().zip(image[channel..].iter().step_by(pitch)) {
                *element = *pixel;
            }
        }
    }
}
