//! Operators that only rearrange.

use std::ops::Range;

use super::layer::int;
use super::moments::Moments;
use super::window::float;
use super::{Attribute, Value};

impl Value<'_> {
    /// These values one behind the other, along the channels.
    pub(crate) fn concat(values: &[Self]) -> Self {
        if let [only] = values {
            return *only;
        }
        let (first, others) = values.split_first().expect("something to join");
        let mut shape = first.shape();
        shape[0] = values.iter().map(|value| value.channels()).sum();
        let parts: Vec<_> =
            values.iter().map(|value| (float(value.channels()), value.moments())).collect();
        first
            .begin("Concat", others)
            .set("axis", Attribute::Integer(1))
            .ends(shape, Moments::joined(&parts))
    }

    /// All elements in a row.
    pub(crate) fn flatten(self) -> Self {
        let elements = self.shape().iter().product();
        let node = self.begin("Flatten", &[]).set("axis", Attribute::Integer(1));
        node.ends(vec![elements], self.moments())
    }

    /// Some of the channels.
    pub(crate) fn slice(self, channels: Range<usize>) -> Self {
        let mut shape = self.shape();
        shape[0] = channels.len();
        let node = self.begin("Slice", &[]).integers("begin", &[int(channels.start)]);
        node.integers("end", &[int(channels.end)])
            .integers("axes", &[1])
            .ends(shape, self.moments())
    }

    /// The same elements in another shape; the batch stays.
    pub(crate) fn reshape(self, shape: &[usize]) -> Self {
        let elements = |shape: &[usize]| shape.iter().product::<usize>();
        assert_eq!(elements(&self.shape()), elements(shape), "{self:?} to {shape:?}");
        // A zero stands for the dimension that was there.
        let dims: Vec<_> = [0].into_iter().chain(shape.iter().map(|&dim| int(dim))).collect();
        self.begin("Reshape", &[]).integers("shape", &dims).ends(shape.to_vec(), self.moments())
    }

    /// The dimensions in another order; the batch stays first.
    pub(crate) fn permute(self, order: &[usize]) -> Self {
        let shape = self.shape();
        let shape = order.iter().map(|&dim| shape[dim]).collect();
        let order = [0].into_iter().chain(order.iter().map(|&dim| int(dim) + 1)).collect();
        let node = self.begin("Transpose", &[]).set("perm", Attribute::Integers(order));
        node.ends(shape, self.moments())
    }

    /// The channels dealt out to this many groups in turn.
    pub(crate) fn shuffle(self, groups: usize) -> Self {
        let [channels, height, width] = self.dims();
        let apart = self.reshape(&[groups, channels / groups, height, width]);
        apart.permute(&[1, 0, 2, 3]).reshape(&[channels, height, width])
    }

    /// One of the first dimension's slices, which is then no dimension any more.
    pub(crate) fn pick(self, index: usize) -> Self {
        let shape = self.shape()[1..].to_vec();
        let node = self.begin("Gather", &[]).integer("index", int(index));
        node.set("axis", Attribute::Integer(1)).ends(shape, self.moments())
    }
}
