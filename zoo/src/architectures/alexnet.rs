//! AlexNet (Krizhevsky et al., 2012), as on one device.

use crate::net::{Net, Value, k};

pub(super) fn build(net: &Net) -> Value<'_> {
    let shrink = k(3).stride(2).valid();
    let x = net.image(224).conv(64, k(11).stride(4).pad(2).bias()).relu().max_pool(shrink);
    let x = x.conv(192, k(5).bias()).relu().max_pool(shrink);
    let x = x.conv(384, k(3).bias()).relu();
    let x = x.conv(256, k(3).bias()).relu();
    let x = x.conv(256, k(3).bias()).relu().max_pool(shrink);
    // Averages of 6 x 6 places of what has 6 x 6.
    let x = x.avg_pool(k(1), false).flatten();
    x.linear(4096).relu().linear(4096).relu().linear(1000)
}
