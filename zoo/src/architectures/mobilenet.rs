//! MobileNet-v2 (Sandler et al., 2018): inverted residuals, narrow outside and wide inside.

use crate::net::{Net, Value, k};

pub(super) fn v2(net: &Net) -> Value<'_> {
    let mut x = net.image(224).conv(32, k(3).stride(2)).norm().relu6();
    for (factor, channels, blocks, stride) in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ] {
        for block in 0..blocks {
            x = inverted(x, factor, channels, if block == 0 { stride } else { 1 });
        }
    }
    x.conv(1280, k(1)).norm().relu6().global_pool().flatten().linear(1000)
}

fn inverted(x: Value<'_>, factor: usize, channels: usize, stride: usize) -> Value<'_> {
    let wide = factor * x.channels();
    let y = if factor == 1 { x } else { x.conv(wide, k(1)).norm().relu6() };
    let y = y.conv(wide, k(3).stride(stride).groups(wide)).norm().relu6();
    let y = y.conv(channels, k(1)).norm();
    if stride == 1 && x.channels() == channels { x + y } else { y }
}
