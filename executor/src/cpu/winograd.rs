//! Convolutions with windows of 3 x 3 by Winograd's method: transform, multiply, transform back. All
//! across the channels.
#![expect(unsafe_code, reason = "vector registers are loaded from and stored to raw pointers")]
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

use std::ops::Range;
use std::ptr;

use super::activation::activate;
use super::isa::{Kernels, Work};
use super::lanes::Lanes;
use super::linear::Matrix;
use super::product::{Product, even};
use super::run::Operands;
use crate::artifact::{Activation, Winograd};

pub(super) fn convolve(kernels: Kernels, shape: &Winograd, operands: Operands<'_>) {
    let Operands { reads: [image, weights, bias, residual], scratch, write } = operands;
    let columns = shape.padded();
    let (zeros, scratch) = scratch.split_at_mut(shape.zeros());
    zeros.fill(0.0);
    for tiles in even(shape.tiles(), shape.together()) {
        let inputs = shape.positions() * tiles.len() * shape.channels_in;
        let (inputs, products) = scratch.split_at_mut(inputs);
        kernels.work(Forward { shape, tiles: tiles.clone(), image, zeros, inputs });
        let size = tiles.len() * shape.channels_in;
        let positions =
            inputs.chunks_exact(size).zip(products.chunks_exact_mut(tiles.len() * columns));
        for ((inputs, output), weights) in
            positions.zip(weights.chunks_exact(shape.channels_in * columns))
        {
            let product = Product {
                pixels: tiles.len(),
                taps: 1,
                channels: shape.channels_in,
                columns,
                weights,
                bias: zeros,
                output,
                pitch: columns,
                residual: None,
                activation: Activation::None,
            };
            product.compute(kernels, &Matrix { elements: inputs, pitch: shape.channels_in });
        }
        kernels.work(Backward { shape, tiles, products, bias, residual, write });
    }
}

/// Brings the inputs of some tiles to `[position][tile][channel]`.
struct Forward<'a> {
    shape: &'a Winograd,
    tiles: Range<usize>,
    image: &'a [f32],
    /// What padding is, at least as long as there are channels.
    zeros: &'a [f32],
    inputs: &'a mut [f32],
}

impl Work for Forward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.shape.tile {
            2 => self.transform::<V, Two, 4, 2>(),
            _ => self.transform::<V, Four, 6, 4>(),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn transform<V: Lanes, T: Transform<A, M>, const A: usize, const M: usize>(self) {
        let Self { shape, tiles, image, zeros, inputs } = self;
        let channels = shape.channels_in;
        let plane = tiles.len() * channels;
        let inputs = &mut inputs[..A * A * plane];
        for (slot, tile) in tiles.enumerate() {
            let patch = Patch::new(shape, tile);
            let mut sources = [[ptr::null(); A]; A];
            for (y, row) in sources.iter_mut().enumerate() {
                for (x, source) in row.iter_mut().enumerate() {
                    let from = patch.source(shape, y, x).map_or(&zeros[..channels], |pixel| {
                        &image[pixel * shape.pitch_in..][..channels]
                    });
                    *source = from.as_ptr();
                }
            }
            for channel in (0..channels).step_by(V::LEN) {
                let to = inputs[slot * channels + channel..].as_mut_ptr();
                // SAFETY: the processor has the instructions of `V`. Every source has `channels`
                // elements; the first of the inputs' planes has as many from `to` on, and the other
                // planes lie behind it.
                unsafe {
                    forward::<V, T, A, M>(&sources, channel, channels - channel, to, plane);
                }
            }
        }
    }
}

/// Transforms one register of channels of the inputs of a tile.
///
/// # Safety
/// The processor has the instructions of `V`. Every source has `left` elements from `channel` on. At
/// `to`, and at each of the `A * A - 1` planes behind it, `left` elements can be written.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
#[expect(clippy::needless_range_loop, reason = "rows and columns of the same arrays")]
unsafe fn forward<V: Lanes, T: Transform<A, M>, const A: usize, const M: usize>(
    sources: &[[*const f32; A]; A],
    channel: usize,
    left: usize,
    to: *mut f32,
    plane: usize,
) {
    let zero = V::splat(0.0);
    let mut between = [[zero; A]; A];
    for y in 0..A {
        let mut line = [zero; A];
        for x in 0..A {
            let from = sources[y][x].wrapping_add(channel);
            line[x] = if left >= V::LEN { V::load(from) } else { V::load_first(from, left) };
        }
        between[y] = T::input(line);
    }
    for x in 0..A {
        let mut line = [zero; A];
        for y in 0..A {
            line[y] = between[y][x];
        }
        for (y, element) in T::input(line).into_iter().enumerate() {
            let to = to.wrapping_add((y * A + x) * plane);
            if left >= V::LEN {
                element.store(to);
            } else {
                element.store_first(to, left);
            }
        }
    }
}

/// Brings the products of some tiles to their pixels.
struct Backward<'a> {
    shape: &'a Winograd,
    tiles: Range<usize>,
    products: &'a [f32],
    bias: &'a [f32],
    residual: &'a [f32],
    write: &'a mut [f32],
}

impl Work for Backward<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.shape.tile {
            2 => self.transform::<V, Two, 4, 2>(),
            _ => self.transform::<V, Four, 6, 4>(),
        }
    }
}

impl Backward<'_> {
    #[inline(always)]
    fn transform<V: Lanes, T: Transform<A, M>, const A: usize, const M: usize>(mut self) {
        let columns = self.shape.padded();
        let plane = self.tiles.len() * columns;
        let products = &self.products[..A * A * plane];
        for (slot, tile) in self.tiles.clone().enumerate() {
            let patch = Patch::new(self.shape, tile);
            for channel in (0..self.shape.channels_out).step_by(V::LEN) {
                let from = products[slot * columns + channel..].as_ptr();
                // SAFETY: the processor has the instructions of `V`. Columns are padded to whole
                // registers; the first of the products' planes has one from `from` on, and the
                // other planes lie behind it.
                let pixels = unsafe { backward::<V, T, A, M>(from, plane) };
                self.finish(&patch, channel, &pixels);
            }
            self.activate(&patch);
        }
    }

    /// Writes some channels of the pixels of a tile that lie in the image.
    #[inline(always)]
    fn finish<V: Lanes, const M: usize>(
        &mut self,
        patch: &Patch,
        channel: usize,
        pixels: &[[V; M]; M],
    ) {
        let shape = self.shape;
        let count = V::LEN.min(shape.channels_out - channel);
        let (low, high) = shape.activation.bounds().unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let bias = &self.bias[channel..][..V::LEN];
        for (y, row) in pixels.iter().enumerate().take(patch.inside[0]) {
            for (x, &sum) in row.iter().enumerate().take(patch.inside[1]) {
                let pixel = patch.output + y * shape.output[1] + x;
                let to = &mut self.write[pixel * shape.pitch_out + channel..][..count];
                let residual = shape
                    .residual
                    .map(|pitch| self.residual[pixel * pitch + channel..][..count].as_ptr());
                // SAFETY: the processor has the instructions of `V`; biases are padded to whole
                // registers, `to` and the residual have `count` elements.
                unsafe {
                    store(sum, bias.as_ptr(), residual, (low, high), to.as_mut_ptr(), count);
                }
            }
        }
    }

    /// Applies an activation that is more than bounds.
    #[inline(always)]
    fn activate(&mut self, patch: &Patch) {
        let shape = self.shape;
        if shape.activation.bounds().is_some() {
            return;
        }
        for y in 0..patch.inside[0] {
            for x in 0..patch.inside[1] {
                let pixel = patch.output + y * shape.output[1] + x;
                let output = &mut self.write[pixel * shape.pitch_out..][..shape.channels_out];
                activate(shape.activation, output);
            }
        }
    }
}

/// Adds bias and residual, cuts to bounds, writes the first `count` elements.
///
/// # Safety
/// The processor has the instructions of `V`. There are [`Lanes::LEN`] biases, `count` elements of
/// the residual if there is one, and `count` that nobody else uses to write to.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
unsafe fn store<V: Lanes>(
    sum: V,
    bias: *const f32,
    residual: Option<*const f32>,
    (low, high): (f32, f32),
    to: *mut f32,
    count: usize,
) {
    let mut sum = sum.add(V::load(bias));
    if let Some(residual) = residual {
        sum = sum.add(V::load_first(residual, count));
    }
    sum = V::splat(high).min(V::splat(low).max(sum));
    if count == V::LEN {
        sum.store(to);
    } else {
        sum.store_first(to, count);
    }
}

/// Where a tile lies.
struct Patch {
    /// Its image's first pixel in the input.
    image: usize,
    /// Row and column of its first input, the padding counted.
    corner: [usize; 2],
    /// Its first pixel in the output.
    output: usize,
    /// How many of its rows and columns lie in the output.
    inside: [usize; 2],
}

impl Patch {
    #[inline(always)]
    fn new(shape: &Winograd, tile: usize) -> Self {
        let [high, wide] = shape.grid();
        let (line, column) = (tile / wide, tile % wide);
        let (image, row) = (line / high, line % high);
        let corner = [row * shape.tile, column * shape.tile];
        Self {
            image: image * shape.input[0] * shape.input[1],
            corner,
            output: (image * shape.output[0] + corner[0]) * shape.output[1] + corner[1],
            inside: [0, 1].map(|axis| shape.tile.min(shape.output[axis] - corner[axis])),
        }
    }

    /// Which pixel an input of the tile is; `None` if it is padding.
    #[inline(always)]
    fn source(&self, shape: &Winograd, y: usize, x: usize) -> Option<usize> {
        let y = (self.corner[0] + y).wrapping_sub(shape.begin[0]);
        let x = (self.corner[1] + x).wrapping_sub(shape.begin[1]);
        let inside = y < shape.input[0] && x < shape.input[1];
        inside.then(|| self.image + y * shape.input[1] + x)
    }
}

/// Transforms one register of channels of the products of a tile.
///
/// # Safety
/// The processor has the instructions of `V`. At `from`, and at each of the `A * A - 1` planes behind
/// it, there is a register's worth of elements.
#[inline(always)]
#[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
#[expect(clippy::needless_range_loop, reason = "rows and columns of the same arrays")]
unsafe fn backward<V: Lanes, T: Transform<A, M>, const A: usize, const M: usize>(
    from: *const f32,
    plane: usize,
) -> [[V; M]; M] {
    let zero = V::splat(0.0);
    let mut between = [[zero; M]; A];
    for y in 0..A {
        let mut line = [zero; A];
        for x in 0..A {
            line[x] = V::load(from.wrapping_add((y * A + x) * plane));
        }
        between[y] = T::output(line);
    }
    let mut pixels = [[zero; M]; M];
    for x in 0..M {
        let mut line = [zero; A];
        for y in 0..A {
            line[y] = between[y][x];
        }
        for (y, element) in T::output(line).into_iter().enumerate() {
            pixels[y][x] = element;
        }
    }
    pixels
}

/// The transforms along one dimension for tiles of edge `M`, whose inputs have edge `A`.
///
/// # Safety of both operations
/// The processor has the instructions of `V`.
trait Transform<const A: usize, const M: usize> {
    unsafe fn input<V: Lanes>(elements: [V; A]) -> [V; A];
    unsafe fn output<V: Lanes>(products: [V; A]) -> [V; M];
}

/// Tiles of 2 x 2: interpolation at 0, 1, -1 and infinity.
struct Two;

impl Transform<4, 2> for Two {
    #[inline(always)]
    #[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
    unsafe fn input<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 4] {
        [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
    }

    #[inline(always)]
    #[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
    unsafe fn output<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 2] {
        [a.add(b).add(c), b.sub(c).sub(d)]
    }
}

/// Tiles of 4 x 4: interpolation at 0, 1, -1, 2, -2 and infinity.
struct Four;

impl Transform<6, 4> for Four {
    #[inline(always)]
    #[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
    unsafe fn input<V: Lanes>([x0, x1, x2, x3, x4, x5]: [V; 6]) -> [V; 6] {
        let (four, five) = (V::splat(4.0), V::splat(-5.0));
        let (even, odd) = (x2.mul_add(V::splat(-4.0), x4), x1.mul_add(V::splat(-4.0), x3));
        let (near, twice) = (x4.sub(x2), x3.sub(x1).add(x3.sub(x1)));
        [
            x0.mul_add(four, x2.mul_add(five, x4)),
            even.add(odd),
            even.sub(odd),
            near.add(twice),
            near.sub(twice),
            x1.mul_add(four, x3.mul_add(five, x5)),
        ]
    }

    #[inline(always)]
    #[expect(unsafe_op_in_unsafe_fn, reason = "all under the one promise of the caller")]
    unsafe fn output<V: Lanes>([p0, p1, p2, p3, p4, p5]: [V; 6]) -> [V; 4] {
        let (sum, difference) = (p1.add(p2), p1.sub(p2));
        let (wide, far) = (p3.add(p4), p3.sub(p4));
        [
            p0.add(sum).add(wide),
            far.mul_add(V::splat(2.0), difference),
            wide.mul_add(V::splat(4.0), sum),
            far.mul_add(V::splat(8.0), difference).add(p5),
        ]
    }
}
