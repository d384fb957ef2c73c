//! ShuffleNet v2 (Ma et al., 2018): half of the channels pass, and then all are shuffled.

use crate::net::{Net, Value, k};

pub(super) fn v2_x1_0(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(24, k(3).stride(2)).norm().relu();
    let mut x = x.max_pool(k(3).stride(2));
    for (channels, units) in [(116, 4), (232, 8), (464, 4)] {
        x = halve(x, channels / 2);
        for _ in 1..units {
            x = unit(x);
        }
    }
    x.conv(1024, k(1)).norm().relu().mean().linear(1000)
}

fn unit(x: Value<'_>) -> Value<'_> {
    let half = x.channels() / 2;
    let (passed, y) = (x.slice(0..half), x.slice(half..2 * half));
    Value::concat(&[passed, branch(y, half, 1)]).shuffle(2)
}

/// Half of the places, and both branches of this width.
fn halve(x: Value<'_>, half: usize) -> Value<'_> {
    let passed = x.conv(x.channels(), k(3).stride(2).groups(x.channels())).norm();
    let passed = passed.conv(half, k(1)).norm().relu();
    Value::concat(&[passed, branch(x, half, 2)]).shuffle(2)
}

fn branch(x: Value<'_>, half: usize, stride: usize) -> Value<'_> {
    let x = x.conv(half, k(1)).norm().relu();
    let x = x.conv(half, k(3).stride(stride).groups(half)).norm();
    x.conv(half, k(1)).norm().relu()
}
