//! EfficientNet (Tan and Le, 2019) and its Lite variant for small devices: no gates, bounded ReLU, and borders
//! as TensorFlow pads them.

use super::gate::gated;
use crate::net::Activation::{self, Relu6, Sigmoid, Silu};
use crate::net::{Net, Value, Window, k};

/// Factor inside, window, channels, blocks, stride.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
];

pub(super) fn b0(net: &Net) -> Value<'_> {
    build(net, &Kind { act: Silu, gate: true, window: |side, stride| k(side).stride(stride) })
}

pub(super) fn lite0(net: &Net) -> Value<'_> {
    build(net, &Kind { act: Relu6, gate: false, window: uneven })
}

/// A window that hangs over the end by more than over the begin, if its stride is 2.
fn uneven(side: usize, stride: usize) -> Window {
    let begin = (side - stride) / 2;
    let end = side - stride - begin;
    k(side).stride(stride).pads([begin, begin, end, end])
}

struct Kind {
    act: Activation,
    gate: bool,
    window: fn(usize, usize) -> Window,
}

fn build<'n>(net: &'n Net, kind: &Kind) -> Value<'n> {
    let mut x = net.image(224).conv(32, (kind.window)(3, 2)).norm().act(kind.act);
    for (factor, side, channels, blocks, stride) in STAGES {
        for block in 0..blocks {
            let window = (kind.window)(side, if block == 0 { stride } else { 1 });
            x = kind.block(x, factor, window, channels);
        }
    }
    x.conv(1280, k(1)).norm().act(kind.act).global_pool().flatten().linear(1000)
}

impl Kind {
    fn block<'n>(&self, x: Value<'n>, factor: usize, window: Window, channels: usize) -> Value<'n> {
        let wide = factor * x.channels();
        let y = if factor == 1 { x } else { x.conv(wide, k(1)).norm().act(self.act) };
        let y = y.conv(wide, window.groups(wide)).norm().act(self.act);
        let y = if self.gate {
            gated(y, y.global_pool(), x.channels() / 4, [self.act, Sigmoid])
        } else {
            y
        };
        let y = y.conv(channels, k(1)).norm();
        if x.shape() == y.shape() { x + y } else { y }
    }
}
