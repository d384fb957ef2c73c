//! BERT (Devlin et al., 2018): an encoder of text. The input is tokens, 128 of them; the output is the pooled first
//! one.

use crate::net::{Net, Value};

pub(super) fn tiny(net: &Net) -> Value<'_> {
    build(net, 2, 128)
}

pub(super) fn base(net: &Net) -> Value<'_> {
    build(net, 12, 768)
}

fn build(net: &Net, layers: usize, width: usize) -> Value<'_> {
    let tokens = net.tokens(128).embedded(30_522, 512, width).layer_norm_written_out();
    let encoded = (0..layers).fold(tokens, |x, _| {
        let x = (x + x.attention_of_three(width / 64)).layer_norm_written_out();
        (x + x.dense(4 * width).gelu().dense(width)).layer_norm_written_out()
    });
    encoded.pick(0).linear(width).tanh()
}
