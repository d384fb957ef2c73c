//! VGG (Simonyan and Zisserman, 2014): nothing but 3 x 3 convolutions, and two huge layers.

use crate::net::{Net, Value, k};

/// `convolutions`: how many in each of the five stages.
pub(super) fn build(net: &Net, convolutions: [usize; 5]) -> Value<'_> {
    let mut x = net.image(224);
    for (channels, count) in [64, 128, 256, 512, 512].into_iter().zip(convolutions) {
        for _ in 0..count {
            x = x.conv(channels, k(3).bias()).relu();
        }
        x = x.max_pool(k(2).stride(2));
    }
    // Averages of 7 x 7 places of what has 7 x 7.
    let x = x.avg_pool(k(1), false).flatten();
    x.linear(4096).relu().linear(4096).relu().linear(1000)
}
