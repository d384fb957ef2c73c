//! A value of a network: its methods add the operators that take it.

use std::fmt;
use std::ops::{Add, Mul};

use super::moments::Moments;
use super::{Known, Net, Pending};

/// A value of a network under construction.
#[derive(Clone, Copy)]
pub(crate) struct Value<'n> {
    pub(super) net: &'n Net,
    pub(super) id: usize,
}

impl<'n> Value<'n> {
    /// Its shape, without the batch.
    pub(crate) fn shape(self) -> Vec<usize> {
        self.known(|known| known.shape.clone())
    }

    /// An image's channels, or the first dimension of what is none.
    pub(crate) fn channels(self) -> usize {
        self.known(|known| known.shape[0])
    }

    /// Channels, height and width.
    pub(super) fn dims(self) -> [usize; 3] {
        let shape = self.shape();
        shape.try_into().unwrap_or_else(|shape| panic!("{} is no image: {shape:?}", self.name()))
    }

    pub(super) fn name(self) -> String {
        self.known(|known| known.name.clone())
    }

    pub(super) fn moments(self) -> Moments {
        self.known(|known| known.moments)
    }

    /// A node that takes this value and these.
    pub(super) fn begin(self, operator: &'static str, others: &[Self]) -> Pending<'n> {
        self.net.begin(operator, &[&[self], others].concat())
    }

    fn known<T>(self, of: impl FnOnce(&Known) -> T) -> T {
        of(&self.net.parts.borrow().values[self.id])
    }

    /// The shape of two values of which one may have dimensions of 1 where the other has more.
    fn common(self, other: Self) -> Vec<usize> {
        let (left, right) = (self.shape(), other.shape());
        assert_eq!(left.len(), right.len(), "{self:?} and {other:?} differ in rank");
        left.iter().zip(&right).map(|(&left, &right)| left.max(right)).collect()
    }
}

impl Add for Value<'_> {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let moments = self.moments().plus(other.moments());
        self.begin("Add", &[other]).ends(self.common(other), moments)
    }
}

impl Mul for Value<'_> {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let moments = self.moments().times(other.moments());
        self.begin("Mul", &[other]).ends(self.common(other), moments)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name(), self.shape())
    }
}
