//! What encoders of text are made of, as exports before version 17 of the operators spell it.

use super::moments::Moments;
use super::weight::Role;
use super::window::float;
use super::{Attribute, Data, Known, Net, Value, int};

impl Net {
    /// The input: so many tokens, each the number of its word.
    pub(crate) fn tokens(&self, count: usize) -> Value<'_> {
        let mut parts = self.parts.borrow_mut();
        parts.graph.input = vec![count];
        parts.graph.tokens = true;
        drop(parts);
        self.know(Known { name: "input".to_owned(), shape: vec![count], moments: Moments::NORMAL })
    }

    /// Some rows of a trained table, the same for every request.
    fn rows(&self, [all, width]: [usize; 2], indices: &[i64]) -> Value<'_> {
        let data = Data::trained(1.0);
        let node = self.begin("Gather", &[]).weight("table", &[all, width], data);
        let dims = [1, indices.len()];
        let node = node.weight("index", &dims, Data::Integers(indices.to_vec()));
        node.ends(vec![indices.len(), width], Moments::NORMAL)
    }
}

impl Value<'_> {
    /// A trained row for each token, plus one for its place and one for the part of the text that it is
    /// in, of which there are two.
    pub(crate) fn embedded(self, vocabulary: usize, places: usize, width: usize) -> Self {
        let tokens = self.channels();
        let table = self.net.begin("Gather", &[]);
        let table = table.weight("table", &[vocabulary, width], Data::trained(1.0));
        let words = table.value(self).ends(vec![tokens, width], Moments::NORMAL);
        let indices: Vec<i64> = (0..tokens).map(int).collect();
        let parts = self.net.rows([2, width], &vec![0; tokens]);
        words + parts + self.net.rows([places, width], &indices)
    }

    /// Normalizes each token by means, squares and a root.
    pub(crate) fn layer_norm_written_out(self) -> Self {
        let (shape, width) = (self.shape(), self.width());
        let random = |centre, spread| Data::Random { centre, spread, role: Role::Trained };
        let mean = self.token_mean();
        let centred = self.begin("Sub", &[mean]).ends(shape.clone(), self.moments());
        let squares = centred.begin("Pow", &[]).scalar("two", 2.0);
        let variance = squares.ends(shape.clone(), self.moments()).token_mean();
        let shifted = variance.begin("Add", &[]).scalar("epsilon", 1e-12);
        let root = shifted.ends(variance.shape(), self.moments()).begin("Sqrt", &[]);
        let root = root.ends(variance.shape(), self.moments());
        let normal = centred.begin("Div", &[root]).ends(shape.clone(), Moments::NORMAL);
        let scaled = normal.begin("Mul", &[]).weight("scale", &[width], random(1.0, 0.25));
        let scaled = scaled.ends(shape.clone(), Moments::NORMAL).begin("Add", &[]);
        scaled.weight("shift", &[width], random(0.0, 0.1)).ends(shape, Moments::NORMAL)
    }

    /// The average of each token.
    fn token_mean(self) -> Self {
        let node = self.begin("ReduceMean", &[]);
        let node = match self.net.opset {
            ..18 => node.set("axes", Attribute::Integers(vec![-1])),
            _ => node.integers("axes", &[-1]),
        };
        let node = node.set("keepdims", Attribute::Integer(1));
        node.ends(vec![self.channels(), 1], self.moments().averaged(1.0 / float(self.width())))
    }

    /// Attention of every token to all, in this many heads, with layers of their own for what asks, what is
    /// asked and what is answered.
    pub(crate) fn attention_of_three(self, heads: usize) -> Self {
        let [tokens, width] = self.tokens();
        let depth = width / heads;
        let part = |order| self.dense(width).reshape(&[tokens, heads, depth]).permute(order);
        let (query, key, value) = (part(&[1, 0, 2]), part(&[1, 2, 0]), part(&[1, 0, 2]));
        let scores = query.matmul(key).times(1.0 / float(depth).sqrt());
        let mixed = scores.softmax(-1).mixes(value);
        mixed.permute(&[1, 0, 2]).reshape(&[tokens, width]).dense(width)
    }

    /// The hyperbolic tangent.
    pub(crate) fn tanh(self) -> Self {
        self.begin("Tanh", &[]).ends(self.shape(), self.moments().through(f64::tanh))
    }
}
