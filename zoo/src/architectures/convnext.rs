//! ConvNeXt (Liu et al., 2022): a convolutional network with a transformer's manners.

use crate::net::{Net, Value, k};

pub(super) fn tiny(net: &Net) -> Value<'_> {
    let mut x = normalized(net.image(224).conv(96, k(4).stride(4).valid().bias()));
    for (stage, blocks) in [3, 3, 9, 3].into_iter().enumerate() {
        if stage > 0 {
            x = normalized(x).conv(96 << stage, k(2).stride(2).bias());
        }
        for _ in 0..blocks {
            x = block(x);
        }
    }
    normalized(x.global_pool()).flatten().linear(1000)
}

fn block(x: Value<'_>) -> Value<'_> {
    let channels = x.channels();
    let y = channels_last(x.conv(channels, k(7).groups(channels).bias())).layer_norm();
    let y = y.dense(4 * channels).gelu().dense(channels);
    x + channels_first(y).gain()
}

/// Every place normalized over its channels.
fn normalized(x: Value<'_>) -> Value<'_> {
    channels_first(channels_last(x).layer_norm())
}

fn channels_last(x: Value<'_>) -> Value<'_> {
    x.permute(&[1, 2, 0])
}

fn channels_first(x: Value<'_>) -> Value<'_> {
    x.permute(&[2, 0, 1])
}
