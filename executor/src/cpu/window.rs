//! Windows that slide over images, every channel by itself.
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use std::ops::Range;
use std::ptr;

use super::convolution::View;
use super::lanes::Lanes;
use super::product::{Part, TAPS, even};
use super::tile::{STRIP, Sources};

/// What becomes of what windows see.
pub(super) trait Windows {
    /// Takes some taps of the windows of a strip of output pixels; the table says where each tap of
    /// each pixel sees its channels.
    fn take<V: Lanes>(&mut self, strip: Range<usize>, taps: Range<usize>, table: &[Sources]);

    /// All taps of a strip have been taken.
    fn finish(&mut self, strip: Range<usize>);
}

/// Slides a view's window over so many images.
///
/// # Panics
/// If the window does not fit the image.
#[inline(always)]
pub(super) fn slide<V: Lanes>(
    view: &View<'_>,
    images: usize,
    channels: usize,
    windows: &mut impl Windows,
) {
    let outputs = view.window.output().expect("a checked window fits its image");
    for strip in even(images * outputs[0] * outputs[1], STRIP) {
        for taps in even(view.window.taps(), TAPS) {
            let mut table = [[ptr::null(); STRIP]; TAPS];
            let table = &mut table[..taps.len()];
            let part = Part { taps: taps.clone(), channels: 0..channels };
            view.fill(outputs, strip.clone(), &part, table);
            windows.take::<V>(strip.clone(), taps, table);
        }
        windows.finish(strip);
    }
}
