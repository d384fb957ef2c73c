//! ResNet (He et al., 2015) and its kin: ResNeXt convolves in groups, Wide ResNet is twice as wide
//! inside its blocks, SE-ResNet has a gate in each.

use super::gate::{eighths, gated};
use crate::net::Activation::{Relu, Sigmoid};
use crate::net::{Net, Value, k};

/// What tells one ResNet from another.
pub(super) struct ResNet {
    /// Blocks of each stage.
    blocks: [usize; 4],
    block: Block,
    gate: bool,
}

#[derive(Clone, Copy)]
enum Block {
    /// Two convolutions of 3 x 3.
    Basic,
    /// 1 x 1 to the width of all groups, 3 x 3 in groups, 1 x 1 to four times the stage's channels.
    Bottleneck { groups: usize, width: usize },
}

impl ResNet {
    pub(super) fn basic(blocks: [usize; 4]) -> Self {
        Self { blocks, block: Block::Basic, gate: false }
    }

    pub(super) fn bottleneck(blocks: [usize; 4]) -> Self {
        Self::grouped(blocks, 1, 64)
    }

    /// `width`: channels of a group in the first stage.
    pub(super) fn grouped(blocks: [usize; 4], groups: usize, width: usize) -> Self {
        Self { blocks, block: Block::Bottleneck { groups, width }, gate: false }
    }

    pub(super) fn gated(self) -> Self {
        Self { gate: true, ..self }
    }

    pub(super) fn build<'n>(&self, net: &'n Net) -> Value<'n> {
        let x = net.image(224).conv(64, k(7).stride(2)).norm().relu();
        let mut x = x.max_pool(k(3).stride(2));
        for (stage, &blocks) in self.blocks.iter().enumerate() {
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                x = self.add(x, 64 << stage, stride);
            }
        }
        x.global_pool().flatten().linear(1000)
    }

    fn add<'n>(&self, x: Value<'n>, channels: usize, stride: usize) -> Value<'n> {
        let y = self.block.of(x, channels, stride);
        let y = if self.gate {
            gated(y, y.mean_image(), eighths(y.channels(), 1, 16), [Relu, Sigmoid])
        } else {
            y
        };
        let same = stride == 1 && x.channels() == y.channels();
        let x = if same { x } else { x.conv(y.channels(), k(1).stride(stride)).norm() };
        (y + x).relu()
    }
}

impl Block {
    /// What is added to `x`.
    fn of(self, x: Value<'_>, channels: usize, stride: usize) -> Value<'_> {
        match self {
            Self::Basic => {
                let y = x.conv(channels, k(3).stride(stride)).norm().relu();
                y.conv(channels, k(3)).norm()
            }
            Self::Bottleneck { groups, width } => {
                let inner = channels * width / 64 * groups;
                let y = x.conv(inner, k(1)).norm().relu();
                let y = y.conv(inner, k(3).stride(stride).groups(groups)).norm().relu();
                y.conv(4 * channels, k(1)).norm()
            }
        }
    }
}
