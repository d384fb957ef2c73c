//! The device-independent graph between an ONNX model and the plans of its targets.

use crate::artifact::{Activation, Reduction};

/// A model as operations on values. Dimension 0 of every value is the batch, whose size is not yet
/// chosen.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) name: String,
    pub(super) input: Port,
    pub(super) output: Port,
    /// The batch size that the model was exported with, if it is fixed.
    pub(super) declared_batch: Option<usize>,
    /// In an order in which each follows what it needs.
    pub(super) nodes: Vec<Node>,
    /// How many values there are.
    pub(super) values: usize,
}

/// A value: an index below [`Graph::values`].
pub(super) type Value = usize;

/// Where the graph meets the outside.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) value: Value,
    /// Dimensions without the batch; empty for the output, which is inferred.
    pub(super) shape: Vec<usize>,
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

/// What a node does, with its constant parameters.
#[derive(Debug)]
pub(super) enum Op {
    Convolution(Convolution),
    Linear(Linear),
    Pool {
        frame: Frame,
        reduction: Reduction,
    },
    GlobalAverage,
    Add {
        activation: Activation,
    },
    Relu,
    Softmax {
        axis: i64,
    },
    Flatten {
        axis: i64,
    },
    Reshape {
        target: Vec<i64>,
    },
    /// Passes its input on.
    Identity,
    /// Adds a constant. Only ever becomes a part of the operation before it.
    Shift(Constant),
    /// Multiplies and shifts each channel. Only ever becomes a part of the convolution before it.
    Normalize {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
}

#[derive(Debug)]
pub(super) struct Convolution {
    /// `[out][in per group][height][width]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) channels_per_group: usize,
    pub(super) groups: usize,
    pub(super) frame: Frame,
    pub(super) activation: Activation,
}

#[derive(Debug)]
pub(super) struct Linear {
    /// `[inner][columns]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) inner: usize,
    pub(super) activation: Activation,
}

/// How a window slides, before the image's size is known; pairs are height, width.
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

/// A constant tensor of f32.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
}
