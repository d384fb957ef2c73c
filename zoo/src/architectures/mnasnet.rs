//! MnasNet (Tan et al., 2018): inverted residuals that a search has found.

use crate::net::{Net, Value, k};

pub(super) fn v1_0(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(32, k(3).stride(2)).norm().relu();
    let x = x.conv(32, k(3).groups(32)).norm().relu();
    let mut x = x.conv(16, k(1)).norm();
    for (factor, side, channels, blocks, stride) in [
        (3, 3, 24, 3, 2),
        (3, 5, 40, 3, 2),
        (6, 5, 80, 3, 2),
        (6, 3, 96, 2, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ] {
        x = inverted(x, channels, factor, side, stride);
        for _ in 1..blocks {
            x = x + inverted(x, channels, factor, side, 1);
        }
    }
    x.conv(1280, k(1)).norm().relu().mean().linear(1000)
}

fn inverted(x: Value<'_>, channels: usize, factor: usize, side: usize, stride: usize) -> Value<'_> {
    let wide = factor * x.channels();
    let x = x.conv(wide, k(1)).norm().relu();
    let x = x.conv(wide, k(side).stride(stride).groups(wide)).norm().relu();
    x.conv(channels, k(1)).norm()
}
