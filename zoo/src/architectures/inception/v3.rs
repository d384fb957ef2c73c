//! Inception v3.

use super::{chain, column, halving, row};
use crate::net::{Net, Value, k};

pub(in crate::architectures) fn build(net: &Net) -> Value<'_> {
    let x = chain(net.image(299), &[(32, halving()), (32, k(3).valid()), (64, k(3))]);
    let x = chain(x.max_pool(halving()), &[(80, k(1)), (192, k(3).valid())]);
    let x = [32, 64, 64].into_iter().fold(x.max_pool(halving()), coarse);
    let x = Value::concat(&[
        chain(x, &[(384, halving())]),
        chain(x, &[(64, k(1)), (96, k(3)), (96, halving())]),
        x.max_pool(halving()),
    ]);
    let x = [128, 160, 160, 192].into_iter().fold(x, middle);
    let x = Value::concat(&[
        chain(x, &[(192, k(1)), (320, halving())]),
        chain(x, &[(192, k(1)), (192, row(7)), (192, column(7)), (192, halving())]),
        x.max_pool(halving()),
    ]);
    fine(fine(x)).global_pool().flatten().linear(1000)
}

fn coarse(x: Value<'_>, pooled: usize) -> Value<'_> {
    Value::concat(&[
        chain(x, &[(64, k(1))]),
        chain(x, &[(48, k(1)), (64, k(5))]),
        chain(x, &[(64, k(1)), (96, k(3)), (96, k(3))]),
        chain(smooth(x), &[(pooled, k(1))]),
    ])
}

fn middle(x: Value<'_>, inner: usize) -> Value<'_> {
    Value::concat(&[
        chain(x, &[(192, k(1))]),
        chain(x, &[(inner, k(1)), (inner, row(7)), (192, column(7))]),
        chain(
            x,
            &[
                (inner, k(1)),
                (inner, column(7)),
                (inner, row(7)),
                (inner, column(7)),
                (192, row(7)),
            ],
        ),
        chain(smooth(x), &[(192, k(1))]),
    ])
}

fn fine(x: Value<'_>) -> Value<'_> {
    let three = chain(x, &[(384, k(1))]);
    let double = chain(x, &[(448, k(1)), (384, k(3))]);
    Value::concat(&[
        chain(x, &[(320, k(1))]),
        chain(three, &[(384, row(3))]),
        chain(three, &[(384, column(3))]),
        chain(double, &[(384, row(3))]),
        chain(double, &[(384, column(3))]),
        chain(smooth(x), &[(192, k(1))]),
    ])
}

fn smooth(x: Value<'_>) -> Value<'_> {
    x.avg_pool(k(3), true)
}
