//! DenseNet (Huang et al., 2016): every layer sees all layers of its block before it.

use crate::net::{Net, Value, k};

/// What tells one DenseNet from another.
pub(super) struct DenseNet {
    /// Layers of each block.
    pub(super) layers: [usize; 4],
    /// Channels that a layer adds.
    pub(super) growth: usize,
    /// Channels of the first convolution.
    pub(super) stem: usize,
}

impl DenseNet {
    pub(super) fn build<'n>(&self, net: &'n Net) -> Value<'n> {
        let x = net.image(224).conv(self.stem, k(7).stride(2)).norm().relu();
        let mut x = x.max_pool(k(3).stride(2));
        for (block, &layers) in self.layers.iter().enumerate() {
            if block > 0 {
                x = transition(x);
            }
            x = self.block(x, layers);
        }
        x.norm().relu().global_pool().flatten().linear(1000)
    }

    fn block<'n>(&self, x: Value<'n>, layers: usize) -> Value<'n> {
        let mut features = vec![x];
        for _ in 0..layers {
            let x = Value::concat(&features).norm().relu();
            let x = x.conv(4 * self.growth, k(1)).norm().relu();
            features.push(x.conv(self.growth, k(3)));
        }
        Value::concat(&features)
    }
}

fn transition(x: Value<'_>) -> Value<'_> {
    let y = x.norm().relu().conv(x.channels() / 2, k(1));
    y.avg_pool(k(2).stride(2), false)
}
