//! Vision transformer (Dosovitskiy et al., 2020): an image's patches are its tokens.

use crate::net::{Net, Value, k};

pub(super) fn b_16(net: &Net) -> Value<'_> {
    let (width, heads, layers) = (768, 12, 12);
    let patches = net.image(224).conv(width, k(16).stride(16).valid().bias());
    let tokens = patches.reshape(&[width, 14 * 14]).permute(&[1, 0]);
    let x = (0..layers).fold(tokens.class_token().position(), |x, _| {
        let x = x + x.layer_norm().attention(heads);
        x + x.layer_norm().dense(4 * width).gelu().dense(width)
    });
    x.layer_norm().pick(0).linear(1000)
}
