//! What transformers are made of. A value is a list of tokens: their number, then their width.

use super::layer::BIAS;
use super::moments::Moments;
use super::weight::Role;
use super::window::float;
use super::{Attribute, Data, Pending, Value};

impl Value<'_> {
    /// Normalizes each token, or whatever the last dimension is.
    pub(crate) fn layer_norm(self) -> Self {
        let width = self.width();
        let random = |centre, spread| Data::Random { centre, spread, role: Role::Trained };
        self.begin("LayerNormalization", &[])
            .weight("scale", &[width], random(1.0, 0.25))
            .weight("shift", &[width], random(0.0, 0.1))
            .set("axis", Attribute::Integer(-1))
            .set("epsilon", Attribute::Float(1e-6))
            .ends(self.shape(), Moments::NORMAL)
    }

    /// A fully connected layer of each token, as a product and a sum.
    pub(crate) fn dense(self, outputs: usize) -> Self {
        let inputs = self.width();
        let mut shape = self.shape();
        shape.pop();
        shape.push(outputs);
        let deviation = (float(inputs) * self.moments().power()).sqrt().recip();
        let product = self
            .begin("MatMul", &[])
            .weight("weight", &[inputs, outputs], Data::trained(deviation))
            .ends(shape.clone(), Moments::NORMAL);
        let sum = product.begin("Add", &[]).weight("bias", &[outputs], Data::trained(BIAS));
        sum.ends(shape, Moments::NORMAL)
    }

    /// Attention of every token to all, in this many heads.
    pub(crate) fn attention(self, heads: usize) -> Self {
        let [tokens, width] = self.tokens();
        let depth = width / heads;
        let all = self.dense(3 * width).reshape(&[tokens, 3, heads, depth]);
        let all = all.permute(&[1, 2, 0, 3]);
        let [query, key, value] = [0, 1, 2].map(|part| all.pick(part));
        let scores = query.times(1.0 / float(depth).sqrt()).matmul(key.permute(&[0, 2, 1]));
        let mixed = scores.softmax(-1).mixes(value);
        mixed.permute(&[1, 0, 2]).reshape(&[tokens, width]).dense(width)
    }

    /// Shares that add up to 1 along an axis; the batch is axis 0.
    pub(crate) fn softmax(self, axis: i64) -> Self {
        let shape = self.shape();
        let len = if axis < 0 { self.width() } else { shape[0] };
        let share = 1.0 / float(len);
        let moments = Moments { mean: share, variance: share * share };
        self.begin("Softmax", &[]).set("axis", Attribute::Integer(axis)).ends(shape, moments)
    }

    /// A trained token before all others. That there is one per input is computed as exports compute it:
    /// from the batch, which the shape of this value begins with.
    pub(crate) fn class_token(self) -> Self {
        let [tokens, width] = self.tokens();
        let batch = self.begin("Shape", &[]).shapes();
        let batch = batch.begin("Gather", &[]).integer("index", 0).shapes();
        let batch = batch.begin("Unsqueeze", &[]).integers("axes", &[0]).shapes();
        let wish = batch.begin("Concat", &[]).integers("rest", &[-1, -1]);
        let wish = wish.set("axis", Attribute::Integer(0)).shapes();
        // An open dimension is as long as it was, which is what expanding to 1 means.
        let open = wish.begin("Equal", &[]).integers("open", &[-1; 3]).shapes();
        let wish = open.begin("Where", &[]).integers("kept", &[1; 3]).value(wish).shapes();
        let token = self.net.begin("Expand", &[]);
        let token = token.weight("token", &[1, 1, width], Data::trained(1.0)).value(wish);
        let token = token.ends(vec![1, width], Moments::NORMAL);
        let joined = token.begin("Concat", &[self]).set("axis", Attribute::Integer(1));
        joined.ends(vec![tokens + 1, width], self.moments())
    }

    /// A trained place of its own for each token.
    pub(crate) fn position(self) -> Self {
        let [tokens, width] = self.tokens();
        let place = self.begin("Add", &[]);
        let place = place.weight("place", &[1, tokens, width], Data::trained(1.0));
        place.ends(self.shape(), self.moments().plus(Moments::NORMAL))
    }

    /// The product of two lists of matrices.
    pub(super) fn matmul(self, other: Self) -> Self {
        let shape = self.product_shape(other);
        let each = self.moments().times(other.moments());
        let moments = Moments { mean: 0.0, variance: float(self.width()) * each.power() };
        self.begin("MatMul", &[other]).ends(shape, moments)
    }

    /// The product of shares and what they are shares of, which is as alike as tokens are: half of the
    /// variance is left.
    pub(super) fn mixes(self, other: Self) -> Self {
        let shape = self.product_shape(other);
        self.begin("MatMul", &[other]).ends(shape, other.moments().averaged(0.5))
    }

    fn product_shape(self, other: Self) -> Vec<usize> {
        let mut shape = self.shape();
        assert_eq!(shape.pop(), other.shape().iter().rev().nth(1).copied(), "{self:?} {other:?}");
        shape.push(other.width());
        shape
    }

    /// How many tokens and how wide.
    pub(super) fn tokens(self) -> [usize; 2] {
        let shape = self.shape();
        shape.try_into().unwrap_or_else(|shape| panic!("{self:?} has no tokens: {shape:?}"))
    }

    pub(super) fn width(self) -> usize {
        self.shape().last().copied().expect("a dimension")
    }
}

impl<'n> Pending<'n> {
    /// A value about shapes: what it holds scales nothing.
    fn shapes(self) -> Value<'n> {
        self.ends(Vec::new(), Moments::NORMAL)
    }
}
