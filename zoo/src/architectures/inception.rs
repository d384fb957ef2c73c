//! Inception v3 (Szegedy et al., 2015), v4 and Inception-ResNet v2 (2016): branches of convolutions side by
//! side, large windows taken apart into 1 x n and n x 1.

mod resnet_v2;
mod v3;
mod v4;

pub(super) use resnet_v2::build as resnet_v2;
pub(super) use v3::build as v3;
pub(super) use v4::build as v4;

use crate::net::{Value, Window, k, rect};

/// A window that halves an image, and stays inside.
fn halving() -> Window {
    k(3).stride(2).valid()
}

/// Convolutions one after the other, each with normalization and ReLU.
fn chain<'n>(x: Value<'n>, units: &[(usize, Window)]) -> Value<'n> {
    units.iter().fold(x, |x, &(channels, window)| x.conv(channels, window).norm().relu())
}

/// 1 x n.
fn row(side: usize) -> Window {
    rect(1, side)
}

/// n x 1.
fn column(side: usize) -> Window {
    rect(side, 1)
}
