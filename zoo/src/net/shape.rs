//! Operators that only rearrange.

use super::moments::Moments;
use super::window::{float, ratio};
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

    /// The average of each channel, in a row.
    pub(crate) fn mean(self) -> Self {
        let [channels, height, width] = self.dims();
        let moments = self.moments().averaged(0.3 + 0.7 * ratio(1, height * width));
        let node = self.begin("ReduceMean", &[]);
        // What to reduce became an input when the operators got to version 18.
        let node = match self.net.opset {
            ..18 => node.set("axes", Attribute::Integers(vec![2, 3])),
            _ => node.integers("axes", &[2, 3]),
        };
        node.set("keepdims", Attribute::Integer(0)).ends(vec![channels], moments)
    }

    /// All elements in a row.
    pub(crate) fn flatten(self) -> Self {
        let elements = self.shape().iter().product();
        let node = self.begin("Flatten", &[]).set("axis", Attribute::Integer(1));
        node.ends(vec![elements], self.moments())
    }
}
