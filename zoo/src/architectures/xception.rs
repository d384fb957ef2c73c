//! Xception (Chollet, 2016) in its aligned form with 41 layers: every convolution is one of each channel and
//! one of 1 x 1.

use crate::net::{Net, Value, k};

pub(super) fn xception41(net: &Net) -> Value<'_> {
    let x = net.image(299).conv(32, k(3).stride(2)).norm().relu();
    let mut x = x.conv(64, k(3)).norm().relu();
    for channels in [128, 256, 728] {
        x = module(x, [channels; 3], 2);
    }
    for _ in 0..8 {
        x = module(x, [728; 3], 1);
    }
    let x = module(x, [728, 1024, 1024], 2);
    let x = [1536, 1536, 2048].into_iter().fold(x, |x, channels| {
        let x = x.conv(x.channels(), k(3).groups(x.channels())).norm().relu();
        x.conv(channels, k(1)).norm().relu()
    });
    x.global_pool().flatten().linear(1000)
}

fn module(x: Value<'_>, channels: [usize; 3], stride: usize) -> Value<'_> {
    let strides = [1, 1, stride];
    let y = channels.into_iter().zip(strides).fold(x, |x, (channels, stride)| {
        let each = k(3).stride(stride).groups(x.channels());
        x.relu().conv(x.channels(), each).norm().conv(channels, k(1)).norm()
    });
    let same = stride == 1 && x.channels() == y.channels();
    let x = if same { x } else { x.conv(y.channels(), k(1).stride(stride)).norm() };
    y + x
}
