//! ResNeSt (Zhang et al., 2020): a ResNet whose 3 x 3 convolutions have two halves, weighed by attention.

use super::gate::eighths;
use crate::net::{Net, Value, k};

pub(super) fn resnest50d(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(32, k(3).stride(2)).norm().relu();
    let x = x.conv(32, k(3)).norm().relu().conv(64, k(3)).norm().relu();
    let mut x = x.max_pool(k(3).stride(2));
    for (stage, blocks) in [3, 4, 6, 3].into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = bottleneck(x, 64 << stage, stride);
        }
    }
    x.global_pool().flatten().linear(1000)
}

fn bottleneck(x: Value<'_>, channels: usize, stride: usize) -> Value<'_> {
    let y = split(x.conv(channels, k(1)).norm().relu());
    let y = if stride > 1 { y.avg_pool(k(3).stride(stride), true) } else { y };
    let y = y.conv(4 * channels, k(1)).norm();
    let x = if stride > 1 { x.avg_pool(k(2).stride(stride).ceil(), false) } else { x };
    let x = if x.channels() == 4 * channels { x } else { x.conv(4 * channels, k(1)).norm() };
    (y + x).relu()
}

/// Two convolutions side by side, each channel of their sum weighed by a softmax over the two.
fn split(x: Value<'_>) -> Value<'_> {
    let [channels, height, width] = [x.channels(), x.shape()[1], x.shape()[2]];
    let halves = x.conv(2 * channels, k(3).groups(2)).norm().relu();
    let halves = halves.reshape(&[2, channels, height, width]);
    let shares = halves.sum().mean_image();
    let shares = shares.conv(eighths(channels, 1, 2).max(32), k(1).bias()).norm().relu();
    let shares = shares.conv(2 * channels, k(1).bias()).reshape(&[2, channels]).softmax(1);
    (halves * shares.reshape(&[2, channels, 1, 1])).sum()
}
