//! RegNet (Radosavovic et al., 2020): widths on a line, groups of equal width.

use super::gate::gated;
use crate::net::Activation::{Relu, Sigmoid};
use crate::net::{Net, Value, k};

pub(super) fn y_400mf(net: &Net) -> Value<'_> {
    let mut x = net.image(224).conv(32, k(3).stride(2)).norm().relu();
    for (channels, blocks) in [(48, 1), (104, 3), (208, 6), (440, 6)] {
        for block in 0..blocks {
            x = bottleneck(x, channels, if block == 0 { 2 } else { 1 });
        }
    }
    x.global_pool().flatten().linear(1000)
}

fn bottleneck(x: Value<'_>, channels: usize, stride: usize) -> Value<'_> {
    let y = x.conv(channels, k(1)).norm().relu();
    let y = y.conv(channels, k(3).stride(stride).groups(channels / 8)).norm().relu();
    let y = gated(y, y.global_pool(), x.channels() / 4, [Relu, Sigmoid]);
    let y = y.conv(channels, k(1)).norm();
    let same = stride == 1 && x.channels() == channels;
    let x = if same { x } else { x.conv(channels, k(1).stride(stride)).norm() };
    (x + y).relu()
}
