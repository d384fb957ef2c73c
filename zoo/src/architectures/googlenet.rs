//! GoogLeNet (Szegedy et al., 2014): windows of several sizes side by side. The 5 x 5 branch has 3 x 3, as in
//! torchvision's trained weights.

use crate::net::{Net, Value, Window, k};

pub(super) fn build(net: &Net) -> Value<'_> {
    let halve = k(3).stride(2).valid().ceil();
    let x = unit(net.image(224), 64, k(7).stride(2)).max_pool(halve);
    let x = unit(unit(x, 64, k(1)), 192, k(3)).max_pool(halve);
    let x = inception(x, 64, [96, 128], [16, 32], 32);
    let x = inception(x, 128, [128, 192], [32, 96], 64).max_pool(halve);
    let x = inception(x, 192, [96, 208], [16, 48], 64);
    let x = inception(x, 160, [112, 224], [24, 64], 64);
    let x = inception(x, 128, [128, 256], [24, 64], 64);
    let x = inception(x, 112, [144, 288], [32, 64], 64);
    let x = inception(x, 256, [160, 320], [32, 128], 128).max_pool(k(2).stride(2).ceil());
    let x = inception(x, 256, [160, 320], [32, 128], 128);
    let x = inception(x, 384, [192, 384], [48, 128], 128);
    x.global_pool().flatten().linear(1000)
}

fn inception(
    x: Value<'_>,
    one: usize,
    three: [usize; 2],
    five: [usize; 2],
    pooled: usize,
) -> Value<'_> {
    let [three, five] = [three, five].map(|[squeezed, wide]| {
        let x = unit(x, squeezed, k(1));
        unit(x, wide, k(3))
    });
    Value::concat(&[unit(x, one, k(1)), three, five, unit(x.max_pool(k(3)), pooled, k(1))])
}

fn unit(x: Value<'_>, channels: usize, window: Window) -> Value<'_> {
    x.conv(channels, window).norm().relu()
}
