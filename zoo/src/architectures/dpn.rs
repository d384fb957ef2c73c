//! Dual path networks (Chen et al., 2017): channels that are added to, as in a ResNet, beside channels that
//! only grow, as in a DenseNet.

use crate::net::{Net, Value, k};

pub(super) fn dpn68(net: &Net) -> Value<'_> {
    let x = net.image(224).conv(10, k(3).stride(2)).norm().relu();
    let mut paths = vec![x.max_pool(k(3).stride(2))];
    for (stage, (blocks, growth)) in [(3, 16), (4, 32), (12, 32), (3, 64)].into_iter().enumerate() {
        for block in 0..blocks {
            let stride = (block == 0).then_some(if stage == 0 { 1 } else { 2 });
            paths = dual(&paths, 64 << stage, growth, stride);
        }
    }
    let x = Value::concat(&paths).norm().relu().global_pool();
    x.conv(1000, k(1).bias()).flatten()
}

/// The added path comes first; the rest has grown. A block with a stride begins both paths anew.
fn dual<'n>(
    paths: &[Value<'n>],
    added: usize,
    growth: usize,
    stride: Option<usize>,
) -> Vec<Value<'n>> {
    let x = Value::concat(paths);
    let (width, inner) = (added + growth, 2 * added);
    let mut paths = match stride {
        Some(stride) => {
            let begin = x.norm().relu().conv(added + 2 * growth, k(1).stride(stride));
            vec![begin.slice(0..added), begin.slice(added..added + 2 * growth)]
        }
        None => paths.to_vec(),
    };
    let y = x.norm().relu().conv(inner, k(1)).norm().relu();
    let y = y.conv(inner, k(3).stride(stride.unwrap_or(1)).groups(32)).norm().relu();
    let y = y.conv(width, k(1));
    paths[0] = paths[0] + y.slice(0..added);
    paths.push(y.slice(added..width));
    paths
}
