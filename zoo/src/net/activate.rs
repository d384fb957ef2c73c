//! Functions of each element.

use super::{Attribute, Value};

/// A function that an architecture can be told to use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activation {
    Relu,
    Relu6,
    Sigmoid,
    HardSigmoid,
    Silu,
    HardSwish,
}

impl Value<'_> {
    pub(crate) fn act(self, activation: Activation) -> Self {
        match activation {
            Activation::Relu => self.relu(),
            Activation::Relu6 => self.relu6(),
            Activation::Sigmoid => self.sigmoid(),
            Activation::HardSigmoid => self.hard_sigmoid(),
            Activation::Silu => self.silu(),
            Activation::HardSwish => self.hard_swish(),
        }
    }

    pub(crate) fn relu(self) -> Self {
        self.activate("Relu", |x| x.max(0.0))
    }

    /// ReLU that ends at 6.
    pub(crate) fn relu6(self) -> Self {
        let moments = self.moments().through(|x| x.clamp(0.0, 6.0));
        self.begin("Clip", &[]).scalar("min", 0.0).scalar("max", 6.0).ends(self.shape(), moments)
    }

    pub(crate) fn sigmoid(self) -> Self {
        self.activate("Sigmoid", sigmoid)
    }

    /// The value times its sigmoid.
    pub(crate) fn silu(self) -> Self {
        let moments = self.moments().through(|x| x * sigmoid(x));
        self.begin("Mul", &[self.sigmoid()]).ends(self.shape(), moments)
    }

    /// A sixth of ReLU6 of the value plus 3.
    pub(crate) fn hard_sigmoid(self) -> Self {
        let moments = self.moments().through(hard_sigmoid);
        let node = self.begin("HardSigmoid", &[]).set("alpha", Attribute::Float(1.0 / 6.0));
        node.set("beta", Attribute::Float(0.5)).ends(self.shape(), moments)
    }

    /// The value times its hard sigmoid.
    pub(crate) fn hard_swish(self) -> Self {
        self.activate("HardSwish", |x| x * hard_sigmoid(x))
    }

    /// The value times the normal distribution's function of it, as exports spell it.
    pub(crate) fn gelu(self) -> Self {
        let moments = self.moments().through(gelu);
        let shape = self.shape();
        let inner = self.begin("Div", &[]).scalar("by", std::f64::consts::SQRT_2);
        let inner = inner.ends(shape.clone(), self.moments()).activate("Erf", f64::tanh);
        let inner = inner.begin("Add", &[]).scalar("one", 1.0).ends(shape.clone(), inner.moments());
        self.begin("Mul", &[inner]).ends(shape, moments.scaled(2.0)).times(0.5)
    }

    /// The value times a constant.
    pub(crate) fn times(self, factor: f64) -> Self {
        let moments = self.moments().scaled(factor);
        self.begin("Mul", &[]).scalar("by", factor).ends(self.shape(), moments)
    }

    fn activate(self, operator: &'static str, function: impl Fn(f64) -> f64) -> Self {
        self.begin(operator, &[]).ends(self.shape(), self.moments().through(function))
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

/// Near enough for knowing how large its values are.
fn gelu(x: f64) -> f64 {
    x * sigmoid(1.702 * x)
}
