//! Operators that slide a window over an image.

use crate::artifact::{Activation, Reduction};
use crate::compile::builder::Builder;
use crate::compile::graph::{Convolution, Frame, Op, Padding, Value};
use crate::compile::view::{NodeView, Refusal};

pub(super) fn convolution(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let weights = graph.floats(node.input(1)?, "input 1, the weights,")?;
    let one_dimensional = weights.dims.len() == 3;
    let Window { dims: [out, channels_per_group, ..], frame } = window(node, &weights.dims)?;
    let groups = node.size("group", 1)?;
    if out == 0 || channels_per_group == 0 || out % groups != 0 {
        return Err(format!("{out} output channels in {groups} groups of {channels_per_group}"));
    }
    let bias = biases(node, graph, out)?;
    let weights = weights.floats().unwrap_or_default().to_vec();
    let activation = Activation::None;
    let op = Convolution { weights, bias, channels_per_group, groups, frame, activation };
    Ok(vec![on_image(graph, input, Op::Convolution(op), one_dimensional)?])
}

/// The window of a convolution, and the shape of its weights for images.
pub(super) struct Window {
    pub(super) dims: [usize; 4],
    pub(super) frame: Frame,
}

/// The window that weights of this shape are for.
pub(super) fn window(node: &NodeView<'_>, dims: &[usize]) -> Result<Window, Refusal> {
    let (dims, one_dimensional) = match *dims {
        [one, other, wide] => ([one, other, 1, wide], true),
        [one, other, high, wide] => ([one, other, high, wide], false),
        _ => return Err(format!("weights of shape {dims:?}; supported: 1-D and 2-D images")),
    };
    let frame = frame(node, Some([dims[2], dims[3]]), one_dimensional)?;
    Ok(Window { dims, frame })
}

/// A number for each channel of the result.
pub(super) fn biases(
    node: &NodeView<'_>,
    graph: &Builder,
    channels: usize,
) -> Result<Vec<f32>, Refusal> {
    let Some(bias) = node.optional(2) else { return Ok(vec![0.0; channels]) };
    let bias = graph.floats(bias, "input 2, the bias,")?;
    let values = bias.floats().filter(|values| values.len() == channels);
    let shown = || format!("biases of shape {:?} for {channels} channels", bias.dims);
    values.map(<[f32]>::to_vec).ok_or_else(shown)
}

pub(super) fn max_pool(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    if node.int("storage_order", 0) != 0 {
        return Err("column-major order; supported: row-major".to_owned());
    }
    pool(node, graph, Reduction::Max)
}

pub(super) fn average_pool(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    let padded = node.flag("count_include_pad", false);
    if padded && node.flag("ceil_mode", false) {
        return Err("count_include_pad with ceil_mode; supported: one of them".to_owned());
    }
    pool(node, graph, if padded { Reduction::AveragePadded } else { Reduction::Average })
}

fn pool(
    node: &NodeView<'_>,
    graph: &mut Builder,
    reduction: Reduction,
) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let one_dimensional = graph.dims(input).len() == 3;
    let frame = frame(node, None, one_dimensional)?;
    Ok(vec![on_image(graph, input, Op::Pool { frame, reduction }, one_dimensional)?])
}

/// A signal is an image of one row.
fn on_image(
    graph: &mut Builder,
    input: Value,
    op: Op,
    one_dimensional: bool,
) -> Result<Value, Refusal> {
    if !one_dimensional {
        return graph.emit(op, &[input]);
    }
    let &[batch, channels, len] = graph.dims(input) else {
        return Err("its weights are for a signal of three dimensions".to_owned());
    };
    let image = graph.reshape(input, vec![batch, channels, 1, len])?;
    let result = graph.emit(op, &[image])?;
    let &[batch, channels, _, len] = graph.dims(result) else {
        return Err("its result is no image".to_owned());
    };
    graph.reshape(result, vec![batch, channels, len])
}

/// The window of a convolution (whose size its weights give) or of a pool.
fn frame(
    node: &NodeView<'_>,
    kernel: Option<[usize; 2]>,
    one_dimensional: bool,
) -> Result<Frame, Refusal> {
    let declared = node.sizes("kernel_shape")?;
    let lone = one_dimensional.then_some(1);
    let declared_pair = declared.as_deref().and_then(|sizes| pair_of(sizes, lone));
    let kernel = match (kernel, declared.is_some(), declared_pair) {
        (Some(kernel), false, _) => kernel,
        (given, true, Some(pair)) if given.is_none_or(|given| given == pair) => pair,
        _ => {
            let shown = declared.unwrap_or_default();
            return Err(format!("kernel_shape {shown:?}; supported: two dimensions"));
        }
    };
    if kernel.contains(&0) {
        return Err("a window without taps".to_owned());
    }
    let stride = pair(node, "strides", lone)?;
    let dilation = pair(node, "dilations", lone)?;
    let padding = padding(node, one_dimensional)?;
    Ok(Frame { kernel, stride, dilation, padding, ceil: node.flag("ceil_mode", false) })
}

/// Two positive numbers, for height and width; 1 where there are none.
fn pair(node: &NodeView<'_>, name: &str, lone: Option<usize>) -> Result<[usize; 2], Refusal> {
    match node.sizes(name)? {
        None => Ok([1; 2]),
        Some(sizes) if sizes.is_empty() => Ok([1; 2]),
        Some(sizes) => pair_of(&sizes, lone)
            .filter(|pair| !pair.contains(&0))
            .ok_or_else(|| format!("{name} {sizes:?}; supported: two positive numbers")),
    }
}

/// Height and width; `lone` is the height where only a width is given.
fn pair_of(sizes: &[usize], lone: Option<usize>) -> Option<[usize; 2]> {
    match (sizes, lone) {
        (&[high, wide], None) | (&[wide], Some(high)) => Some([high, wide]),
        _ => None,
    }
}

fn padding(node: &NodeView<'_>, one_dimensional: bool) -> Result<Padding, Refusal> {
    let none = Padding::Explicit { begin: [0; 2], end: [0; 2] };
    match node.text("auto_pad") {
        "SAME_UPPER" => Ok(Padding::SameUpper),
        "SAME_LOWER" => Ok(Padding::SameLower),
        "VALID" => Ok(none),
        "" | "NOTSET" => match (node.sizes("pads")?.as_deref(), one_dimensional) {
            (None | Some(&[]), _) => Ok(none),
            (Some(&[top, left, bottom, right]), false) => {
                Ok(Padding::Explicit { begin: [top, left], end: [bottom, right] })
            }
            (Some(&[left, right]), true) => {
                Ok(Padding::Explicit { begin: [0, left], end: [0, right] })
            }
            (Some(pads), _) => Err(format!("pads {pads:?}; supported: four numbers")),
        },
        other => Err(format!("auto_pad {other}")),
    }
}
