//! The device-independent graph between an ONNX model and the plans of its targets.

use std::rc::Rc;

use super::tensor::Tensor;
use crate::artifact::{Activation, Combination, Reduction, Scalar};

/// A model as operations on values, in the model's own order of dimensions (images are batch,
/// channels, height, width).
///
/// The graph says what becomes of *one request*, whose tensors have the shapes that the model gives
/// them (1 where it leaves the batch open). A batch is the same done for each request: every value
/// that depends on the request then has a further dimension before all others. So requests cannot
/// mix, whatever a model does to the dimension that it calls batch, and a model exported for one is
/// computed for many.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) name: String,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// In an order in which each follows what it needs.
    pub(super) nodes: Vec<Node>,
    /// Every value, by its index.
    pub(super) values: Vec<Info>,
}

impl Graph {
    /// Weights of convolutions and fully connected layers.
    pub(super) fn weights(&self) -> usize {
        let inside = |node: &Node| {
            let (Op::Convolution(Convolution { weights, bias, .. })
            | Op::Linear(Linear { weights, bias, .. })) = &node.op
            else {
                return 0;
            };
            weights.len() + bias.len()
        };
        self.nodes.iter().map(inside).sum()
    }
}

/// An index into [`Graph::values`].
pub(super) type Value = usize;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) struct Info {
    /// Its dimensions for one request.
    pub(super) dims: Vec<usize>,
    /// Whether it depends on the request.
    pub(super) batched: bool,
    /// Its elements, if they are known.
    pub(super) constant: Option<Rc<Tensor>>,
    /// Whether the model has integers or truth values here. They are computed with as floats, which is
    /// exact up to 2^24.
    pub(super) whole: bool,
}

impl Info {
    /// Its dimensions for a batch of this many requests: the first one counts all requests' entries.
    pub(super) fn shape(&self, batch: usize) -> Vec<usize> {
        let mut shape = self.dims.clone();
        match shape.first_mut().filter(|_| self.batched) {
            Some(first) => *first *= batch,
            None if self.batched => shape.push(batch),
            None => {}
        }
        shape
    }
}

/// Where the graph meets the outside.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) value: Value,
    /// What its elements are outside.
    pub(super) scalar: Scalar,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// The operator's name in the model, for messages.
    pub(super) operator: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<Value>,
    pub(super) output: Value,
}

/// What a node does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Convolution(Convolution),
    Linear(Linear),
    /// `left x right` of two values, over all dimensions before the last two, broadcast.
    MatMul,
    Pool {
        frame: Frame,
        reduction: Reduction,
    },
    Unary(Unary),
    Binary {
        kind: Combination,
        activation: Activation,
    },
    /// The second input where the first is not zero, else the third.
    Select,
    /// A factor and a summand per channel (dimension 1).
    Affine(Affine),
    Reduce {
        kind: Reduce,
        /// The first dimension that vanishes.
        axis: usize,
        /// How many do.
        count: usize,
        /// Whether they stay with size 1.
        keep: bool,
    },
    /// Shares over `count` dimensions from `axis` on.
    Softmax {
        axis: usize,
        count: usize,
        logarithm: bool,
    },
    /// Mean 0 and variance 1 over all dimensions from `axis` on.
    Normalize {
        axis: usize,
        epsilon: f32,
        /// A factor and a summand for each element of the last dimension.
        line: Option<(Vec<f32>, Vec<f32>)>,
    },
    /// The same elements in the same order under other dimensions.
    Reshape {
        dims: Vec<usize>,
    },
    Move(Move),
    /// Entries of a dimension by their index.
    Gather {
        axis: usize,
        indices: Rc<[usize]>,
    },
    /// Rows of a constant table (the first input) by computed indices (the second).
    Lookup,
    Concat {
        axis: usize,
    },
    Pad(Pad),
    Resize(Resize),
}

/// A function of one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unary {
    Abs,
    Ceil,
    Clip {
        min: f32,
        max: f32,
    },
    Cosine,
    Elu {
        alpha: f32,
    },
    Erf,
    Exp,
    Floor,
    /// `x / 2 * (1 + erf(x / sqrt 2))`.
    Gelu,
    /// The same with a hyperbolic tangent in place of the error function.
    GeluTanh,
    /// `alpha * x + beta`, between 0 and 1.
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    /// `x * hard_sigmoid(x)` with 1/6 and 1/2.
    HardSwish,
    /// Negative elements are multiplied.
    LeakyRelu {
        slope: f32,
    },
    Logarithm,
    Negative,
    /// 1 where the element is zero, else 0.
    Not,
    /// 0 where the element is zero, else 1.
    NotZero,
    Reciprocal,
    Relu,
    /// To the nearest whole number, the even one of two.
    Round,
    Sigmoid,
    Sign,
    /// `x * sigmoid(x)`.
    Silu,
    Sine,
    Softplus,
    Sqrt,
    Tanh,
}

/// What becomes of a range of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reduce {
    Max,
    Mean,
    Min,
    Sum,
}

#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) activation: Activation,
}

/// An output whose every dimension walks along one dimension of the input, or along none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) axes: Vec<Along>,
}

/// How one dimension of an output walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along {
    /// Which dimension of the input; every index sees the same if it is none.
    pub(super) source: Option<usize>,
    /// Where on it index 0 is.
    pub(super) begin: usize,
    /// From one index to the next.
    pub(super) step: isize,
    /// How many indices there are.
    pub(super) len: usize,
}

/// A border with one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pad {
    /// Per dimension.
    pub(super) begin: Vec<usize>,
    pub(super) end: Vec<usize>,
    pub(super) value: f32,
}

/// Samples of an image between its pixels: where each output row (column) lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resize {
    pub(super) rows: Rc<[Sample]>,
    pub(super) columns: Rc<[Sample]>,
}

/// Between two neighbours: the low one, the high one, and the high one's share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) share: f32,
}

#[derive(Clone, Debug)]
pub(super) struct Convolution {
    /// `[out][in per group][height][width]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) channels_per_group: usize,
    pub(super) groups: usize,
    pub(super) frame: Frame,
    pub(super) activation: Activation,
}

impl Convolution {
    /// Whether each channel of the result comes from its own channel.
    pub(super) fn is_depthwise(&self) -> bool {
        self.channels_per_group == 1 && self.bias.len() == self.groups
    }
}

/// The last dimension times a matrix.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// `[inner][columns]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) inner: usize,
    pub(super) activation: Activation,
}

/// How a window slides; pairs are height, width.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) padding: Padding,
    /// Whether a last window that is only partly covered counts.
    pub(super) ceil: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Padding {
    Explicit {
        begin: [usize; 2],
        end: [usize; 2],
    },
    /// Output size is input size divided by stride; an odd rest goes behind the image.
    SameUpper,
    /// The same, with an odd rest before the image.
    SameLower,
}
