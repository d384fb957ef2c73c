//! MobileNet v2 (Sandler et al., 2018), v3 (Howard et al., 2019) and v4 (Qin et al., 2024): inverted
//! residuals, narrow outside and wide inside.

use super::gate::{eighths, gated};
use crate::net::Activation::{self, HardSigmoid, HardSwish, Relu, Relu6};
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
            let stride = if block == 0 { stride } else { 1 };
            let wide = factor * x.channels();
            x = Inverted { side: 3, wide, channels, gate: false, act: Relu6, stride }.add(x);
        }
    }
    x.conv(1280, k(1)).norm().relu6().global_pool().flatten().linear(1000)
}

pub(super) fn v3_large(net: &Net) -> Value<'_> {
    let blocks = [
        (3, 16, 16, false, Relu, 1),
        (3, 64, 24, false, Relu, 2),
        (3, 72, 24, false, Relu, 1),
        (5, 72, 40, true, Relu, 2),
        (5, 120, 40, true, Relu, 1),
        (5, 120, 40, true, Relu, 1),
        (3, 240, 80, false, HardSwish, 2),
        (3, 200, 80, false, HardSwish, 1),
        (3, 184, 80, false, HardSwish, 1),
        (3, 184, 80, false, HardSwish, 1),
        (3, 480, 112, true, HardSwish, 1),
        (3, 672, 112, true, HardSwish, 1),
        (5, 672, 160, true, HardSwish, 2),
        (5, 960, 160, true, HardSwish, 1),
        (5, 960, 160, true, HardSwish, 1),
    ];
    v3(net, &blocks, [960, 1280])
}

pub(super) fn v3_small(net: &Net) -> Value<'_> {
    let blocks = [
        (3, 16, 16, true, Relu, 2),
        (3, 72, 24, false, Relu, 2),
        (3, 88, 24, false, Relu, 1),
        (5, 96, 40, true, HardSwish, 2),
        (5, 240, 40, true, HardSwish, 1),
        (5, 240, 40, true, HardSwish, 1),
        (5, 120, 48, true, HardSwish, 1),
        (5, 144, 48, true, HardSwish, 1),
        (5, 288, 96, true, HardSwish, 2),
        (5, 576, 96, true, HardSwish, 1),
        (5, 576, 96, true, HardSwish, 1),
    ];
    v3(net, &blocks, [576, 1024])
}

/// Blocks of window, width inside, width outside, gate, activation and stride; then the last widths.
fn v3<'n>(
    net: &'n Net,
    blocks: &[(usize, usize, usize, bool, Activation, usize)],
    [last, hidden]: [usize; 2],
) -> Value<'n> {
    let mut x = net.image(224).conv(16, k(3).stride(2)).norm().hard_swish();
    for &(side, wide, channels, gate, act, stride) in blocks {
        x = Inverted { side, wide, channels, gate, act, stride }.add(x);
    }
    let x = x.conv(last, k(1)).norm().hard_swish().global_pool().flatten();
    x.linear(hidden).hard_swish().linear(1000)
}

/// 1 x 1 to the width inside, a window on each channel, 1 x 1 to the width outside.
struct Inverted {
    side: usize,
    wide: usize,
    channels: usize,
    gate: bool,
    act: Activation,
    stride: usize,
}

impl Inverted {
    fn add<'n>(&self, x: Value<'n>) -> Value<'n> {
        let &Self { side, wide, channels, act, stride, .. } = self;
        let y = if wide == x.channels() { x } else { x.conv(wide, k(1)).norm().act(act) };
        let y = y.conv(wide, k(side).stride(stride).groups(wide)).norm().act(act);
        let y = if self.gate {
            let squeezed = eighths(wide, 1, 4);
            gated(y, y.global_pool(), squeezed, [Relu, HardSigmoid])
        } else {
            y
        };
        let y = y.conv(channels, k(1)).norm();
        if stride == 1 && x.channels() == channels { x + y } else { y }
    }
}

pub(super) fn v4_conv_small(net: &Net) -> Value<'_> {
    let mut x = net.image(224).conv(32, k(3).stride(2)).norm().relu();
    for (side, channels, stride) in [(3, 32, 2), (1, 32, 1), (3, 96, 2), (1, 64, 1)] {
        x = x.conv(channels, k(side).stride(stride)).norm().relu();
    }
    for (start, middle, factor, channels, stride) in [
        (5, 5, 3, 96, 2),
        (0, 3, 2, 96, 1),
        (0, 3, 2, 96, 1),
        (0, 3, 2, 96, 1),
        (0, 3, 2, 96, 1),
        (3, 0, 4, 96, 1),
        (3, 3, 6, 128, 2),
        (5, 5, 4, 128, 1),
        (0, 5, 4, 128, 1),
        (0, 5, 3, 128, 1),
        (0, 3, 4, 128, 1),
        (0, 3, 4, 128, 1),
    ] {
        x = universal(x, [start, middle], factor * x.channels(), channels, stride);
    }
    let x = x.conv(960, k(1)).norm().relu().global_pool();
    x.conv(1280, k(1)).norm().relu().flatten().linear(1000)
}

/// The universal inverted bottleneck: windows on each channel before and between the 1 x 1 convolutions,
/// where their side is not 0.
fn universal(
    x: Value<'_>,
    [start, middle]: [usize; 2],
    wide: usize,
    channels: usize,
    stride: usize,
) -> Value<'_> {
    let y = match start {
        0 => x,
        side => x.conv(x.channels(), k(side).groups(x.channels())).norm(),
    };
    let y = y.conv(wide, k(1)).norm().relu();
    let y = match middle {
        0 => y,
        side => y.conv(wide, k(side).stride(stride).groups(wide)).norm().relu(),
    };
    let y = y.conv(channels, k(1)).norm();
    if stride == 1 && x.channels() == channels { x + y } else { y }
}
