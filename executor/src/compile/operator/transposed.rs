//! The transposed convolution: each element of an image is a factor for a window of the result. As a convolution:
//! zeros come between the elements, as many as the stride has room for, and the filters are mirrored.

use super::image::{Window, biases, window};
use super::movement::crop;
use crate::artifact::Activation;
use crate::compile::builder::Builder;
use crate::compile::graph::{Convolution, Frame, Op, Pad, Padding, Value};
use crate::compile::view::{NodeView, Refusal};

pub(super) fn convolution(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    if node.sizes("output_shape")?.is_some_and(|shape| !shape.is_empty()) {
        return Err("output_shape; supported: pads and output_padding".to_owned());
    }
    let weights = graph.floats(node.input(1)?, "input 1, the weights,")?;
    let lone = weights.dims.len() == 3;
    let Window { dims, frame } = window(node, &weights.dims)?;
    let Padding::Explicit { begin, end } = frame.padding else {
        return Err("automatic padding; supported: pads".to_owned());
    };
    let groups = node.size("group", 1)?;
    let [from, own, ..] = dims;
    if groups == 0 || from == 0 || own == 0 || from % groups != 0 {
        return Err(format!("{from} input channels in {groups} groups of {own} output channels"));
    }
    let extra = node.sizes("output_padding")?.unwrap_or_default();
    let extra = match extra[..] {
        [] => [0, 0],
        [wide] if lone => [0, wide],
        [high, wide] if !lone => [high, wide],
        _ => return Err(format!("output_padding {extra:?}; supported: one number per dimension")),
    };
    let input = as_image(graph, node.input(0)?, lone)?;
    let mut value = spread(graph, input, frame.stride)?;
    let (mut before, mut behind) = ([0; 2], [0; 2]);
    for axis in 0..2 {
        let reach = signed(frame.kernel[axis] - 1)?.checked_mul(signed(frame.dilation[axis])?);
        let reach = reach.ok_or("a window beyond any image")?;
        // What the stride puts behind the last element goes again.
        let rest = signed(extra[axis])? - signed(frame.stride[axis] - 1)?;
        let pads = (reach - signed(begin[axis])?, reach - signed(end[axis])? + rest);
        value = crop(graph, value, axis + 2, pads)?;
        before[axis] = usize::try_from(pads.0).unwrap_or(0);
        behind[axis] = usize::try_from(pads.1).unwrap_or(0);
    }
    let padding = Padding::Explicit { begin: before, end: behind };
    let bias = biases(node, graph, own.checked_mul(groups).ok_or("too many channels")?)?;
    let weights = mirrored(weights.floats().unwrap_or_default(), dims, groups);
    let frame = Frame { stride: [1; 2], padding, ceil: false, ..frame };
    let (channels_per_group, activation) = (from / groups, Activation::None);
    let op = Convolution { weights, bias, channels_per_group, groups, frame, activation };
    let output = graph.emit(Op::Convolution(op), &[value])?;
    let mut dims = graph.dims(output).to_vec();
    if lone {
        dims.remove(2);
    }
    Ok(vec![graph.reshape(output, dims)?])
}

/// A signal is an image of one row.
fn as_image(graph: &mut Builder, input: Value, lone: bool) -> Result<Value, Refusal> {
    match (graph.dims(input), lone) {
        (&[batch, channels, len], true) => graph.reshape(input, vec![batch, channels, 1, len]),
        (&[_, _, _, _], false) => Ok(input),
        (dims, _) => Err(format!("input of shape {dims:?}, which its weights are not for")),
    }
}

/// An image with each element followed by zeros, so that the next is a stride behind it.
fn spread(graph: &mut Builder, image: Value, stride: [usize; 2]) -> Result<Value, Refusal> {
    if stride == [1; 2] {
        return Ok(image);
    }
    let &[batch, channels, high, wide] = graph.dims(image) else {
        return Err("it is no image".to_owned());
    };
    let apart = graph.reshape(image, vec![batch, channels * high, 1, wide, 1])?;
    let end = vec![0, 0, stride[0] - 1, 0, stride[1] - 1];
    let pad = Pad { begin: vec![0; 5], end, value: 0.0 };
    let spread = graph.emit(Op::Pad(pad), &[apart])?;
    let wider = |size: usize, stride: usize| size.checked_mul(stride).ok_or("a stride too large");
    graph.reshape(spread, vec![batch, channels, wider(high, stride[0])?, wider(wide, stride[1])?])
}

/// Filters `[in][out per group][height][width]` as a convolution has them, from their last tap to their
/// first.
fn mirrored(weights: &[f32], [from, own, high, wide]: [usize; 4], groups: usize) -> Vec<f32> {
    let (taps, seen) = (high * wide, from / groups);
    let mut filters = Vec::with_capacity(weights.len());
    for filter in 0..own * groups {
        let (group, filter) = (filter / own, filter % own);
        for channel in group * seen..(group + 1) * seen {
            let taps = &weights[(channel * own + filter) * taps..][..taps];
            filters.extend(taps.iter().rev());
        }
    }
    filters
}

fn signed(size: usize) -> Result<i64, Refusal> {
    i64::try_from(size).map_err(|_| format!("{size} is too large"))
}
