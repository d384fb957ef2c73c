//! SqueezeNet (Iandola et al., 2016): fire modules squeeze the channels before they widen them.

use crate::net::{Net, Value, k};

pub(super) fn v1_0(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(96, k(7).stride(2).valid().bias()).relu();
    let x = fires(shrink(x), &[(16, 64), (16, 64), (32, 128)]);
    let x = fires(shrink(x), &[(32, 128), (48, 192), (48, 192), (64, 256)]);
    classify(fires(shrink(x), &[(64, 256)]))
}

pub(super) fn v1_1(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(64, k(3).stride(2).valid().bias()).relu();
    let x = fires(shrink(x), &[(16, 64), (16, 64)]);
    let x = fires(shrink(x), &[(32, 128), (32, 128)]);
    classify(fires(shrink(x), &[(48, 192), (48, 192), (64, 256), (64, 256)]))
}

fn shrink(x: Value<'_>) -> Value<'_> {
    x.max_pool(k(3).stride(2).valid().ceil())
}

/// Modules that squeeze to the first number of channels and widen to twice the second.
fn fires<'n>(x: Value<'n>, modules: &[(usize, usize)]) -> Value<'n> {
    modules.iter().fold(x, |x, &(squeezed, widened)| {
        let x = x.conv(squeezed, k(1).bias()).relu();
        let one = x.conv(widened, k(1).bias()).relu();
        let three = x.conv(widened, k(3).bias()).relu();
        Value::concat(&[one, three])
    })
}

fn classify(x: Value<'_>) -> Value<'_> {
    x.conv(1000, k(1).bias()).relu().global_pool().flatten()
}
