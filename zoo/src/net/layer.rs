//! Layers with weights, and pools.

use super::moments::Moments;
use super::weight::Role;
use super::window::{float, ratio};
use super::{Attribute, Data, Value, Window};

impl Value<'_> {
    /// A convolution to this many channels.
    pub(crate) fn conv(self, channels: usize, window: Window) -> Self {
        let [depth, height, width] = self.dims();
        let (groups, [rows, columns]) = (window.groups, window.size);
        let divided = depth.is_multiple_of(groups) && channels.is_multiple_of(groups);
        assert!(divided, "{self:?} in {groups} groups to {channels} channels");
        let taps = depth / groups * rows * columns;
        let reached = float(taps) * window.inside([height, width]);
        let deviation = (reached * self.moments().power()).sqrt().recip();
        let dims = [channels, depth / groups, rows, columns];
        let mut node = self
            .begin("Conv", &[])
            .weight("weight", &dims, Data::trained(deviation))
            .set("dilations", integers(&[window.dilation; 2]))
            .set("group", Attribute::Integer(int(groups)));
        if window.bias {
            node = node.weight("bias", &[channels], Data::trained(BIAS));
        }
        let [height, width] = window.output([height, width]);
        node.slides(&window).ends(vec![channels, height, width], Moments::NORMAL)
    }

    /// Batch normalization by statistics that fit the value, more or less.
    pub(crate) fn norm(self) -> Self {
        let Moments { mean, variance } = self.moments();
        let [channels, ..] = self.dims();
        let random = |centre, spread, role| Data::Random { centre, spread, role };
        let deviation = variance.sqrt();
        // Variances within half of the value's own: the inverse of what they average to is ln 3.
        self.begin("BatchNormalization", &[])
            .weight("scale", &[channels], random(0.95, 0.25, Role::Trained))
            .weight("shift", &[channels], random(0.0, 0.2, Role::Trained))
            .weight("mean", &[channels], random(mean, 0.2 * deviation, Role::Statistic))
            .weight("variance", &[channels], random(variance, variance / 2.0, Role::Statistic))
            .set("epsilon", Attribute::Float(1e-5))
            .ends(self.shape(), Moments { mean: 0.0, variance: 0.923 * 3_f64.ln() + 0.02 })
    }

    /// A fully connected layer, of what is flat.
    pub(crate) fn linear(self, outputs: usize) -> Self {
        let inputs = self.channels();
        assert_eq!(self.shape().len(), 1, "{self:?} is not flat");
        let deviation = (float(inputs) * self.moments().power()).sqrt().recip();
        self.begin("Gemm", &[])
            .weight("weight", &[outputs, inputs], Data::trained(deviation))
            .weight("bias", &[outputs], Data::trained(BIAS))
            .set("transB", Attribute::Integer(1))
            .ends(vec![outputs], Moments::NORMAL)
    }

    /// The greatest element under each place of a window.
    pub(crate) fn max_pool(self, window: Window) -> Self {
        let [channels, height, width] = self.dims();
        let [rows, columns] = window.output([height, width]);
        let node = self.begin("MaxPool", &[]).slides(&window).set("ceil_mode", flag(window.ceil));
        node.ends(vec![channels, rows, columns], self.moments().greatest())
    }

    /// The average under each place of a window, over what lies inside the image or, with `border`, also
    /// over the zeros outside.
    pub(crate) fn avg_pool(self, window: Window, border: bool) -> Self {
        let [channels, height, width] = self.dims();
        let [rows, columns] = window.output([height, width]);
        self.begin("AveragePool", &[])
            .slides(&window)
            .set("ceil_mode", flag(window.ceil))
            .set("count_include_pad", flag(border))
            .ends(vec![channels, rows, columns], self.moments().averaged(0.7))
    }

    /// The average of each channel.
    pub(crate) fn global_pool(self) -> Self {
        let [channels, height, width] = self.dims();
        let left = 0.3 + 0.7 * ratio(1, height * width);
        self.begin("GlobalAveragePool", &[])
            .ends(vec![channels, 1, 1], self.moments().averaged(left))
    }
}

impl Value<'_> {
    /// The average of each channel, in a row.
    pub(crate) fn mean(self) -> Self {
        let [channels, ..] = self.dims();
        self.reduce("ReduceMean", &[2, 3], false, vec![channels])
    }

    /// The average of each channel, as an image of one place.
    pub(crate) fn mean_image(self) -> Self {
        let [channels, ..] = self.dims();
        self.reduce("ReduceMean", &[2, 3], true, vec![channels, 1, 1])
    }

    /// The sum over the first dimension.
    pub(crate) fn sum(self) -> Self {
        let shape = self.shape();
        let factor = float(shape[0]).sqrt();
        let sum = self.begin("ReduceSum", &[]).integers("axes", &[1]);
        sum.set("keepdims", flag(false)).ends(shape[1..].to_vec(), self.moments().scaled(factor))
    }

    fn reduce(self, operator: &'static str, axes: &[i64], keep: bool, shape: Vec<usize>) -> Self {
        let [_, height, width] = self.dims();
        let moments = self.moments().averaged(0.3 + 0.7 * ratio(1, height * width));
        let node = self.begin(operator, &[]);
        // What to reduce became an input when the operators got to version 18.
        let node = match self.net.opset {
            ..18 => node.set("axes", Attribute::Integers(axes.to_vec())),
            _ => node.integers("axes", axes),
        };
        node.set("keepdims", flag(keep)).ends(shape, moments)
    }

    /// The value times a trained factor per channel.
    pub(crate) fn gain(self) -> Self {
        let [channels, ..] = self.dims();
        let data = Data::Random { centre: 0.5, spread: 0.25, role: Role::Trained };
        let node = self.begin("Mul", &[]).weight("factor", &[channels, 1, 1], data);
        node.ends(self.shape(), self.moments().scaled(0.5))
    }
}

impl super::Pending<'_> {
    fn slides(self, window: &Window) -> Self {
        self.set("kernel_shape", integers(&window.size))
            .set("pads", integers(&window.pads))
            .set("strides", integers(&[window.stride; 2]))
    }
}

fn flag(value: bool) -> Attribute {
    Attribute::Integer(i64::from(value))
}

fn integers(values: &[usize]) -> Attribute {
    Attribute::Integers(values.iter().map(|&value| int(value)).collect())
}

/// A dimension as ONNX has it.
pub(crate) fn int(dim: usize) -> i64 {
    i64::try_from(dim).expect("a dimension fits 63 bits")
}

/// The standard deviation of biases.
pub(super) const BIAS: f64 = 0.1;
