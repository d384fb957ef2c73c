//! Kernels that walk over tensors by strides: broadcasting, permuting, slicing.

use serde::{Deserialize, Serialize};

use super::Activation;
use super::area::{Area, ELEMENTS_MAX, Lengths, product};
use super::function::Combination;

/// An output of these dimensions, written row by row. The last dimension is a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Its dimensions, at most [`DIMENSIONS`] of them.
    pub dims: Vec<usize>,
    /// Elements from the begin of one row to that of the next.
    pub pitch: usize,
}

/// Two tensors are combined element by element, each broadcast to the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// What is done with each two elements.
    pub combination: Combination,
    /// The output.
    pub grid: Grid,
    /// For each input, elements from one index to the next along each dimension; 0 where it is
    /// broadcast.
    pub strides: [Vec<usize>; 2],
    /// Applied to the result.
    #[serde(default)]
    pub activation: Activation,
}

/// The second tensor where the first is not zero, else the third.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// The output.
    pub grid: Grid,
    /// For each input, elements from one index to the next along each dimension.
    pub strides: [Vec<usize>; 3],
}

/// Copies elements that lie at regular distances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strided {
    /// The output.
    pub grid: Grid,
    /// The element of the input at which the first of the output is.
    pub begin: usize,
    /// Elements of the input from one index to the next along each dimension.
    pub strides: Vec<isize>,
}

/// Copies a tensor into the middle of a larger one with one value all around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Border {
    /// Dimensions of the input, at most [`DIMENSIONS`] of them.
    pub dims: Vec<usize>,
    /// What is added before, in each dimension.
    pub begin: Vec<usize>,
    /// What is added behind.
    pub end: Vec<usize>,
    /// The value; finite.
    pub value: f32,
}

/// No tensor that is walked over has more dimensions.
pub const DIMENSIONS: usize = 8;

impl Grid {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.dims.iter().rev().skip(1).product()
    }

    /// Elements of a row.
    pub fn width(&self) -> usize {
        self.dims.last().copied().unwrap_or(1)
    }

    fn area(&self) -> Option<Area> {
        let fits = (1..=DIMENSIONS).contains(&self.dims.len());
        product(&self.dims).filter(|_| fits)?;
        Area::new(self.rows(), self.width(), self.pitch)
    }

    /// What is read of a tensor from its first element on.
    fn read(&self, strides: &[usize]) -> Option<Area> {
        if strides.len() != self.dims.len() {
            return None;
        }
        let last = last(self.dims.iter().zip(strides))?;
        Area::dense(&[last + 1])
    }
}

impl Broadcast {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        self.activation.valid()?;
        let write = self.grid.area()?;
        let [left, right] = &self.strides;
        Some(Lengths::of([self.grid.read(left)?, self.grid.read(right)?], write))
    }
}

impl Select {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let write = self.grid.area()?;
        let [condition, yes, no] = &self.strides;
        let read = |strides: &[usize]| self.grid.read(strides);
        Some(Lengths::of([read(condition)?, read(yes)?, read(no)?], write))
    }
}

impl Strided {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let write = self.grid.area()?;
        if self.strides.len() != self.grid.dims.len() || self.begin >= ELEMENTS_MAX {
            return None;
        }
        let (mut first, mut last) = (self.begin, self.begin);
        for (&dim, &stride) in self.grid.dims.iter().zip(&self.strides) {
            let reach = stride.unsigned_abs().checked_mul(dim.checked_sub(1)?)?;
            if stride < 0 {
                first = first.checked_sub(reach)?;
            } else {
                last = last.checked_add(reach).filter(|&last| last < ELEMENTS_MAX)?;
            }
        }
        Some(Lengths::of([Area::dense(&[last + 1])?], write))
    }
}

impl Border {
    pub(super) fn lengths(&self) -> Option<Lengths> {
        let rank = self.dims.len();
        let fits = (1..=DIMENSIONS).contains(&rank) && self.value.is_finite();
        if !fits || self.begin.len() != rank || self.end.len() != rank {
            return None;
        }
        let wide = |axis: usize| {
            self.dims[axis].checked_add(self.begin[axis])?.checked_add(self.end[axis])
        };
        let outer: Option<Vec<usize>> = (0..rank).map(wide).collect();
        Some(Lengths::of([Area::dense(&[product(&self.dims)?])?], Area::dense(&outer?)?))
    }
}

/// The last element that a walk over dimensions with these strides reaches; `None` if that is beyond
/// any memory.
pub(super) fn last<'a>(mut steps: impl Iterator<Item = (&'a usize, &'a usize)>) -> Option<usize> {
    let add = |last: usize, (dim, stride): (&usize, &usize)| {
        last.checked_add(stride.checked_mul(dim.checked_sub(1)?)?)
    };
    steps.try_fold(0, add).filter(|&last| last < ELEMENTS_MAX)
}
