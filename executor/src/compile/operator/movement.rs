//! Operators that move elements and compute nothing.

use std::rc::Rc;

use crate::compile::builder::Builder;
use crate::compile::graph::{Along, Move, Op, Pad, Value};
use crate::compile::shape;
use crate::compile::view::{NodeView, Refusal, axis};

use super::constants::sizes;

pub(super) fn reshape(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let target = match node.ints("shape") {
        Some(target) if node.opset() < 5 => target.to_vec(),
        _ => graph.integers(node.input(1)?, "the shape")?,
    };
    let dims = shape::reshape(graph.dims(input), &target, node.flag("allowzero", false))?;
    Ok(vec![graph.reshape(input, dims)?])
}

/// A matrix: the dimensions before the axis, and the others.
pub(super) fn flatten(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input);
    let at = match node.int("axis", 1) {
        behind if usize::try_from(behind) == Ok(dims.len()) => dims.len(),
        number => axis(number, dims.len())?,
    };
    let (rows, columns) = dims.split_at(at);
    let dims = vec![rows.iter().product(), columns.iter().product()];
    Ok(vec![graph.reshape(input, dims)?])
}

/// The dimensions that an attribute names before version 13, an input since.
fn named_axes(node: &NodeView<'_>, graph: &Builder) -> Result<Option<Vec<i64>>, Refusal> {
    match (node.ints("axes"), node.optional(1)) {
        (Some(axes), _) => Ok(Some(axes.to_vec())),
        (None, Some(axes)) => graph.integers(axes, "the axes").map(Some),
        (None, None) => Ok(None),
    }
}

pub(super) fn squeeze(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input);
    let gone: Vec<usize> = match named_axes(node, graph)? {
        Some(axes) => axes.iter().map(|&at| axis(at, dims.len())).collect::<Result<_, _>>()?,
        None => (0..dims.len()).filter(|&at| dims[at] == 1).collect(),
    };
    if let Some(&at) = gone.iter().find(|&&at| dims[at] != 1) {
        return Err(format!("dimension {at} of {dims:?} is not 1"));
    }
    let kept: Vec<usize> = (0..dims.len()).filter(|at| !gone.contains(at)).collect();
    let dims = kept.iter().map(|&at| dims[at]).collect();
    Ok(vec![graph.reshape(input, dims)?])
}

pub(super) fn unsqueeze(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let axes = named_axes(node, graph)?.ok_or("it has no axes")?;
    let rank = graph.dims(input).len() + axes.len();
    let new: Vec<usize> = axes.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?;
    let mut old = graph.dims(input).iter();
    let dims: Option<Vec<usize>> =
        (0..rank).map(|at| if new.contains(&at) { Some(1) } else { old.next().copied() }).collect();
    let dims = dims.filter(|_| old.next().is_none()).ok_or("an axis is named twice")?;
    Ok(vec![graph.reshape(input, dims)?])
}

pub(super) fn transpose(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let rank = graph.dims(input).len();
    let order: Vec<usize> = match node.ints("perm") {
        Some(order) => order.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    Ok(vec![permute(graph, input, &order)?])
}

/// The dimensions in another order, each of them once.
pub(super) fn permute(
    graph: &mut Builder,
    input: Value,
    order: &[usize],
) -> Result<Value, Refusal> {
    let dims = graph.dims(input).to_vec();
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..dims.len()) {
        return Err(format!("perm {order:?} of {dims:?} names not every dimension once"));
    }
    let rest = |order: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
        order.filter(|&at| dims[at] != 1).collect()
    };
    // Only dimensions of one entry change their places: no element moves.
    if rest(&mut order.iter().copied()) == rest(&mut (0..dims.len())) {
        return graph.reshape(input, order.iter().map(|&at| dims[at]).collect());
    }
    let axes = order.iter().map(|&at| whole(at, dims[at])).collect();
    graph.walk(input, Move { axes })
}

/// A dimension of an output that is one of the input.
fn whole(source: usize, len: usize) -> Along {
    Along { source: Some(source), begin: 0, step: 1, len }
}

/// Attributes before version 10, then inputs.
pub(super) fn slice(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let list = |index: usize, name: &str| match (node.ints(name), node.optional(index)) {
        (Some(list), _) if node.opset() < 10 => Ok(Some(list.to_vec())),
        (_, Some(value)) => graph.integers(value, name).map(Some),
        _ => Ok(None),
    };
    let starts = list(1, "starts")?.ok_or("it has no starts")?;
    let ends = list(2, "ends")?.ok_or("it has no ends")?;
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..).take(starts.len()).collect());
    let steps = list(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&len| len != starts.len()) {
        return Err("starts, ends, axes and steps differ in length".to_owned());
    }
    let dims = graph.dims(input).to_vec();
    let mut along: Vec<Along> = (0..dims.len()).map(|at| whole(at, dims[at])).collect();
    for (index, &number) in axes.iter().enumerate() {
        let at = axis(number, dims.len())?;
        let range = (starts[index], ends[index], steps[index]);
        let (begin, step, len) = part(dims[at], range)?;
        along[at] = Along { source: Some(at), begin, step, len };
    }
    Ok(vec![graph.walk(input, Move { axes: along })?])
}

/// Where a slice of a dimension begins, its step, and how many entries it has.
fn part(dim: usize, (start, end, step): (i64, i64, i64)) -> Result<(usize, isize, usize), Refusal> {
    let size = i64::try_from(dim).map_err(|_| "too large")?;
    let counted = |bound: i64| if bound < 0 { bound.saturating_add(size) } else { bound };
    let (begin, len) = match step {
        0 => return Err("a slice of step 0".to_owned()),
        1.. => {
            let (begin, end) = (counted(start).clamp(0, size), counted(end).clamp(0, size));
            (begin, (end - begin).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        }
        _ => {
            let begin = counted(start).clamp(-1, size - 1);
            let end = if end < -size { -1 } else { counted(end).clamp(-1, size - 1) };
            (begin, (begin - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        }
    };
    let len = usize::try_from(len).map_err(|_| "too large")?;
    let begin = usize::try_from(begin).unwrap_or(0);
    // A step beyond the dimension is never made.
    let step = isize::try_from(step.clamp(-size.max(1), size.max(1))).map_err(|_| "too large")?;
    Ok((if len == 0 { 0 } else { begin }, step, len))
}

/// Pieces along an axis, whose lengths an attribute, an input or the number of outputs gives.
pub(super) fn split(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input).to_vec();
    let at = axis(node.int("axis", 0), dims.len())?;
    let lengths = match (node.ints("split"), node.optional(1)) {
        (Some(lengths), _) => sizes(lengths)?,
        (None, Some(value)) => sizes(&graph.integers(value, "the split")?)?,
        (None, None) => {
            let pieces = node.size("num_outputs", node.outputs().max(1))?;
            let each = dims[at].div_ceil(pieces);
            let rest = |index: usize| dims[at].saturating_sub(index * each).min(each);
            (0..pieces).map(rest).collect()
        }
    };
    if lengths.iter().try_fold(0_usize, |sum, &len| sum.checked_add(len)) != Some(dims[at]) {
        return Err(format!("pieces of {lengths:?} do not make up dimension {at} of {dims:?}"));
    }
    let mut begin = 0;
    lengths
        .iter()
        .map(|&len| {
            let mut axes: Vec<Along> = (0..dims.len()).map(|at| whole(at, dims[at])).collect();
            axes[at] = Along { source: Some(at), begin, step: 1, len };
            begin += len;
            graph.walk(input, Move { axes })
        })
        .collect()
}

/// Entries of an axis: one of them loses the axis.
pub(super) fn gather(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let (input, index) = (node.input(0)?, node.input(1)?);
    let dims = graph.dims(input).to_vec();
    let at = axis(node.int("axis", 0), dims.len())?;
    let index_dims = graph.dims(index).to_vec();
    if graph.known(index).is_none() {
        return lookup(graph, (input, at), index);
    }
    let indices: Vec<usize> = graph
        .integers(index, "the index")?
        .iter()
        .map(|&number| axis(number, dims[at]).map_err(|_| format!("index {number} of {dims:?}")))
        .collect::<Result<_, _>>()?;
    let gathered = match indices[..] {
        [begin] => {
            let mut axes: Vec<Along> = (0..dims.len()).map(|at| whole(at, dims[at])).collect();
            axes[at] = Along { source: Some(at), begin, step: 1, len: 1 };
            graph.walk(input, Move { axes })?
        }
        _ => graph.emit(Op::Gather { axis: at, indices: Rc::from(indices) }, &[input])?,
    };
    let result = [&dims[..at], &index_dims, &dims[at + 1..]].concat();
    Ok(vec![graph.reshape(gathered, result)?])
}

/// Rows of a constant by indices that are computed from the input: those of tokens, say.
fn lookup(
    graph: &mut Builder,
    (table, axis): (Value, usize),
    index: Value,
) -> Result<Vec<Value>, Refusal> {
    let rows = graph.dims(table).first().copied().unwrap_or(0);
    if axis != 0 || graph.known(table).is_none() {
        let table = graph.dims(table);
        return Err(format!(
            "computed indices into axis {axis} of {table:?}; supported: into axis 0 of a constant"
        ));
    }
    if !graph.is_whole(index) || rows > ROWS_MAX {
        return Err(format!("supported: indices that are integers, into at most {ROWS_MAX} rows"));
    }
    Ok(vec![graph.emit(Op::Lookup, &[table, index])?])
}

/// Indices are computed with as floats, which hold every integer up to here.
const ROWS_MAX: usize = 1 << 24;

pub(super) fn concat(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let mut inputs = node.inputs();
    let first = *inputs.first().ok_or("it has no inputs")?;
    let old = i64::from(node.opset() < 4);
    let at = axis(node.int("axis", old), graph.dims(first).len())?;
    // What has no elements adds none; exporters write such for caches.
    if inputs.len() > 1 {
        inputs.retain(|&value| graph.dims(value).get(at) != Some(&0));
    }
    Ok(vec![match inputs[..] {
        [] => first,
        [only] => only,
        _ => graph.emit(Op::Concat { axis: at }, &inputs)?,
    }])
}

pub(super) fn expand(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let target = sizes(&graph.integers(node.input(1)?, "the shape")?)?;
    let dims = shape::broadcast(graph.dims(input), &target)?;
    Ok(vec![spread(graph, input, &dims)?])
}

/// A value broadcast to these dimensions.
fn spread(graph: &mut Builder, input: Value, dims: &[usize]) -> Result<Value, Refusal> {
    let from = graph.dims(input).to_vec();
    let missing = dims.len() - from.len();
    let ones = vec![1; missing];
    let aligned = graph.reshape(input, [&ones, &from[..]].concat())?;
    let along = |at: usize| {
        let own = at.checked_sub(missing).map_or(1, |index| from[index]);
        let source = (own == dims[at]).then_some(at);
        Along { source, begin: 0, step: 1, len: dims[at] }
    };
    graph.walk(aligned, Move { axes: (0..dims.len()).map(along).collect() })
}

/// Repetition: every dimension after one that is walked over and over.
pub(super) fn tile(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let repeats = sizes(&graph.integers(node.input(1)?, "the repeats")?)?;
    let mut value = input;
    for (at, &count) in repeats.iter().enumerate() {
        let dims = graph.dims(value).to_vec();
        if at >= dims.len() || repeats.len() != dims.len() {
            return Err(format!("repeats {repeats:?} of {dims:?}"));
        }
        match count {
            0 => return Err("repeats of 0".to_owned()),
            1 => {}
            2..REPEATS_MAX => value = graph.emit(Op::Concat { axis: at }, &vec![value; count])?,
            _ => return Err(format!("repeats {count}; supported: fewer than {REPEATS_MAX}")),
        }
    }
    Ok(vec![value])
}

pub(super) fn pad(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input).to_vec();
    let pads = match node.ints("pads").or_else(|| node.ints("paddings")) {
        Some(pads) if node.opset() < 11 => pads.to_vec(),
        _ => graph.integers(node.input(1)?, "the pads")?,
    };
    let axes: Vec<usize> = match node.optional(3) {
        Some(axes) => graph
            .integers(axes, "the axes")?
            .iter()
            .map(|&at| axis(at, dims.len()))
            .collect::<Result<_, _>>()?,
        None => (0..dims.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("{} pads for {} dimensions", pads.len(), axes.len()));
    }
    let (mut value, mut begin, mut end) = (input, vec![0; dims.len()], vec![0; dims.len()]);
    for (index, &at) in axes.iter().enumerate() {
        let (before, behind) = (pads[index], pads[index + axes.len()]);
        value = crop(graph, value, at, (before, behind))?;
        begin[at] = usize::try_from(before).unwrap_or(0);
        end[at] = usize::try_from(behind).unwrap_or(0);
        crate::compile::view::checked("a pad", before.max(behind).max(0))?;
    }
    if begin.iter().chain(&end).all(|&border| border == 0) {
        return Ok(vec![value]);
    }
    match node.text("mode") {
        "" | "constant" => {
            let fill = match node.optional(2) {
                Some(fill) => graph.number(fill, "the value of the border")?,
                None => node.float("value", 0.0)?,
            };
            let fill = fill.clamp(f32::MIN, f32::MAX);
            Ok(vec![graph.emit(Op::Pad(Pad { begin, end, value: fill }), &[value])?])
        }
        mode => Ok(vec![mirrored(graph, value, (&begin, &end), mode)?]),
    }
}

/// Negative pads take entries away.
pub(super) fn crop(
    graph: &mut Builder,
    value: Value,
    at: usize,
    (before, behind): (i64, i64),
) -> Result<Value, Refusal> {
    if before >= 0 && behind >= 0 {
        return Ok(value);
    }
    let dims = graph.dims(value).to_vec();
    let gone = |pad: i64| usize::try_from(pad.min(0).unsigned_abs()).unwrap_or(usize::MAX);
    let (begin, end) = (gone(before), gone(behind));
    let len = dims[at].checked_sub(begin).and_then(|rest| rest.checked_sub(end));
    let len =
        len.ok_or_else(|| format!("pads {before}, {behind} of dimension {at} of {dims:?}"))?;
    let mut axes: Vec<Along> = (0..dims.len()).map(|at| whole(at, dims[at])).collect();
    axes[at] = Along { source: Some(at), begin, step: 1, len };
    graph.walk(value, Move { axes })
}

/// Borders that show entries of the inside again.
fn mirrored(
    graph: &mut Builder,
    value: Value,
    (begin, end): (&[usize], &[usize]),
    mode: &str,
) -> Result<Value, Refusal> {
    let mut value = value;
    for at in 0..begin.len() {
        let len = graph.dims(value)[at];
        if begin[at] == 0 && end[at] == 0 {
            continue;
        }
        let fits = begin[at].max(end[at]) < len;
        let source = |index: usize| match mode {
            "edge" => index.saturating_sub(begin[at]).min(len - 1),
            "wrap" => (index + len - begin[at]) % len,
            _ if index < begin[at] => begin[at] - index,
            _ if index - begin[at] >= len => 2 * (len - 1) - (index - begin[at]),
            _ => index - begin[at],
        };
        match mode {
            "edge" => {}
            "reflect" | "wrap" if fits => {}
            _ => return Err(format!("mode {mode} with pads {}, {}", begin[at], end[at])),
        }
        let indices = (0..begin[at] + len + end[at]).map(source).collect();
        value = graph.emit(Op::Gather { axis: at, indices }, &[value])?;
    }
    Ok(value)
}

/// Channels become blocks of pixels.
pub(super) fn depth_to_space(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let block = node.size("blocksize", 0)?;
    let &[n, c, h, w] = graph.dims(input) else { return Err("supported: images".to_owned()) };
    if block == 0 || c % (block * block) != 0 {
        return Err(format!("{c} channels in blocks of {block} x {block}"));
    }
    let depth = c / (block * block);
    let (split, order) = match node.text("mode") {
        "CRD" => (vec![n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        _ => (vec![n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]),
    };
    let split = graph.reshape(input, split)?;
    let moved = permute(graph, split, &order)?;
    Ok(vec![graph.reshape(moved, vec![n, depth, h * block, w * block])?])
}

/// Blocks of pixels become channels.
pub(super) fn space_to_depth(
    node: &NodeView<'_>,
    graph: &mut Builder,
) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let block = node.size("blocksize", 0)?;
    let &[n, c, h, w] = graph.dims(input) else { return Err("supported: images".to_owned()) };
    if block == 0 || h % block != 0 || w % block != 0 {
        return Err(format!("an image of {h} x {w} in blocks of {block} x {block}"));
    }
    let split = graph.reshape(input, vec![n, c, h / block, block, w / block, block])?;
    let moved = permute(graph, split, &[0, 3, 5, 1, 2, 4])?;
    Ok(vec![graph.reshape(moved, vec![n, c * block * block, h / block, w / block])?])
}

/// No Tile repeats more often.
const REPEATS_MAX: usize = 1024;
