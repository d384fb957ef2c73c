//! Functions of single elements.

use bytemuck::{Pod, Zeroable};

use super::names::{Names, names};
use super::operand::{Site, linear};
use super::parts::{Divisor, long};
use super::pointwise::{Grid, Share};
use super::{Launch, LaunchError};
use crate::artifact::{Elementwise, Function};

pub(super) const ELEMENTWISE: Names = names!("elementwise");

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ElementwiseParameters {
    from: u64,
    to: u64,
    pitches: [u64; 2],
    row: Divisor,
    items: u32,
    function: u32,
    number: f32,
}

pub(super) fn elementwise(site: Site<'_>, shape: &Elementwise) -> Result<Launch, LaunchError> {
    let grid = Grid::new(shape.rows, shape.width, shape.pitches);
    let [from, to] = [site.read(0), site.write()];
    let Share { wide, items, row } = grid.share([from, to], site.lanes())?;
    let (function, number) = code(shape.function);
    let parameters = ElementwiseParameters {
        from: from.address(),
        to: to.address(),
        pitches: grid.pitches.map(long),
        row,
        items,
        function,
        number,
    };
    Ok(linear(ELEMENTWISE.of(site.element, wide), items, &parameters))
}

/// A function's number in `kernels/function.cu`, and its own number.
const fn code(function: Function) -> (u32, f32) {
    match function {
        Function::Abs => (0, 0.0),
        Function::Ceil => (1, 0.0),
        Function::Cosine => (2, 0.0),
        Function::Elu { alpha } => (3, alpha),
        Function::Erf => (4, 0.0),
        Function::Exp => (5, 0.0),
        Function::Floor => (6, 0.0),
        Function::Gelu => (7, 0.0),
        Function::GeluTanh => (8, 0.0),
        Function::LeakyRelu { slope } => (9, slope),
        Function::Logarithm => (10, 0.0),
        Function::Negative => (11, 0.0),
        Function::Not => (12, 0.0),
        Function::NotZero => (13, 0.0),
        Function::Reciprocal => (14, 0.0),
        Function::Round => (15, 0.0),
        Function::Sign => (16, 0.0),
        Function::Sine => (17, 0.0),
        Function::Softplus => (18, 0.0),
        Function::Sqrt => (19, 0.0),
        Function::Tanh => (20, 0.0),
    }
}
