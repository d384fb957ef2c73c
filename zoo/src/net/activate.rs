//! Functions of each element.

use super::Value;

impl Value<'_> {
    pub(crate) fn relu(self) -> Self {
        self.activate("Relu", |x| x.max(0.0))
    }

    /// ReLU that ends at 6.
    pub(crate) fn relu6(self) -> Self {
        let moments = self.moments().through(|x| x.clamp(0.0, 6.0));
        self.begin("Clip", &[]).scalar("min", 0.0).scalar("max", 6.0).ends(self.shape(), moments)
    }

    fn activate(self, operator: &'static str, function: impl Fn(f64) -> f64) -> Self {
        self.begin(operator, &[]).ends(self.shape(), self.moments().through(function))
    }
}
