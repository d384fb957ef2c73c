//! Inception-ResNet v2: what the branches give is scaled and added.

use super::{chain, column, halving, row};
use crate::net::{Net, Value, k};

pub(in crate::architectures) fn build(net: &Net) -> Value<'_> {
    let x = chain(net.image(299), &[(32, halving()), (32, k(3).valid()), (64, k(3))]);
    let x = chain(x.max_pool(halving()), &[(80, k(1)), (192, k(3).valid())]);
    let x = mixed(x.max_pool(halving()));
    let x = (0..10).fold(x, |x, _| coarse(x));
    let x = Value::concat(&[
        chain(x, &[(384, halving())]),
        chain(x, &[(256, k(1)), (256, k(3)), (384, halving())]),
        x.max_pool(halving()),
    ]);
    let x = (0..20).fold(x, |x, _| middle(x));
    let x = Value::concat(&[
        chain(x, &[(256, k(1)), (384, halving())]),
        chain(x, &[(256, k(1)), (288, halving())]),
        chain(x, &[(256, k(1)), (288, k(3)), (320, halving())]),
        x.max_pool(halving()),
    ]);
    let x = (0..9).fold(x, |x, _| (x + fine(x).times(0.2)).relu());
    let x = chain(x + fine(x), &[(1536, k(1))]);
    x.global_pool().flatten().linear(1000)
}

fn mixed(x: Value<'_>) -> Value<'_> {
    Value::concat(&[
        chain(x, &[(96, k(1))]),
        chain(x, &[(48, k(1)), (64, k(5))]),
        chain(x, &[(64, k(1)), (96, k(3)), (96, k(3))]),
        chain(x.avg_pool(k(3), false), &[(64, k(1))]),
    ])
}

fn coarse(x: Value<'_>) -> Value<'_> {
    let y = Value::concat(&[
        chain(x, &[(32, k(1))]),
        chain(x, &[(32, k(1)), (32, k(3))]),
        chain(x, &[(32, k(1)), (48, k(3)), (64, k(3))]),
    ]);
    (x + widened(y, x).times(0.17)).relu()
}

fn middle(x: Value<'_>) -> Value<'_> {
    let y = Value::concat(&[
        chain(x, &[(192, k(1))]),
        chain(x, &[(128, k(1)), (160, row(7)), (192, column(7))]),
    ]);
    (x + widened(y, x).times(0.1)).relu()
}

fn fine(x: Value<'_>) -> Value<'_> {
    let y = Value::concat(&[
        chain(x, &[(192, k(1))]),
        chain(x, &[(192, k(1)), (224, row(3)), (256, column(3))]),
    ]);
    widened(y, x)
}

/// `y` in as many channels as `x` has.
fn widened<'n>(y: Value<'n>, x: Value<'n>) -> Value<'n> {
    y.conv(x.channels(), k(1).bias())
}
