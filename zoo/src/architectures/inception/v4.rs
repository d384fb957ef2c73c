//! Inception v4.

use super::{chain, column, halving, row};
use crate::net::{Net, Value, k};

pub(in crate::architectures) fn build(net: &Net) -> Value<'_> {
    let x = (0..4).fold(stem(net.image(299)), |x, _| coarse(x));
    let x = Value::concat(&[
        chain(x, &[(384, halving())]),
        chain(x, &[(192, k(1)), (224, k(3)), (256, halving())]),
        x.max_pool(halving()),
    ]);
    let x = (0..7).fold(x, |x, _| middle(x));
    let x = Value::concat(&[
        chain(x, &[(192, k(1)), (192, halving())]),
        chain(x, &[(256, k(1)), (256, row(7)), (320, column(7)), (320, halving())]),
        x.max_pool(halving()),
    ]);
    let x = (0..3).fold(x, |x, _| fine(x));
    x.global_pool().flatten().linear(1000)
}

fn stem(x: Value<'_>) -> Value<'_> {
    let x = chain(x, &[(32, halving()), (32, k(3).valid()), (64, k(3))]);
    let x = Value::concat(&[x.max_pool(halving()), chain(x, &[(96, halving())])]);
    let x = Value::concat(&[
        chain(x, &[(64, k(1)), (96, k(3).valid())]),
        chain(x, &[(64, k(1)), (64, row(7)), (64, column(7)), (96, k(3).valid())]),
    ]);
    Value::concat(&[chain(x, &[(192, halving())]), x.max_pool(halving())])
}

fn coarse(x: Value<'_>) -> Value<'_> {
    Value::concat(&[
        chain(x, &[(96, k(1))]),
        chain(x, &[(64, k(1)), (96, k(3))]),
        chain(x, &[(64, k(1)), (96, k(3)), (96, k(3))]),
        chain(smooth(x), &[(96, k(1))]),
    ])
}

fn middle(x: Value<'_>) -> Value<'_> {
    Value::concat(&[
        chain(x, &[(384, k(1))]),
        chain(x, &[(192, k(1)), (224, row(7)), (256, column(7))]),
        chain(x, &[(192, k(1)), (192, column(7)), (224, row(7)), (224, column(7)), (256, row(7))]),
        chain(smooth(x), &[(128, k(1))]),
    ])
}

fn fine(x: Value<'_>) -> Value<'_> {
    let short = chain(x, &[(384, k(1))]);
    let long = chain(x, &[(384, k(1)), (448, column(3)), (512, row(3))]);
    Value::concat(&[
        chain(x, &[(256, k(1))]),
        chain(short, &[(256, row(3))]),
        chain(short, &[(256, column(3))]),
        chain(long, &[(256, row(3))]),
        chain(long, &[(256, column(3))]),
        chain(smooth(x), &[(256, k(1))]),
    ])
}

fn smooth(x: Value<'_>) -> Value<'_> {
    x.avg_pool(k(3), false)
}
