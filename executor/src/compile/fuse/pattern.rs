//! Functions and normalizations that exporters write as several nodes.

use crate::artifact::Combination;
use crate::compile::graph::{Graph, Node, Op, Reduce, Unary, Value};

/// Finds them and puts one node in the place of the last.
pub(super) fn replace(graph: &mut Graph) {
    for index in 0..graph.nodes.len() {
        let function = || gate(graph, index).or_else(|| gelu(graph, index));
        let function = function().map(|(unary, input)| (Op::Unary(unary), input));
        if let Some((op, input)) = function.or_else(|| normalization(graph, index)) {
            let node = &mut graph.nodes[index];
            node.op = op;
            node.inputs = vec![input];
        }
    }
    graph.prune();
}

/// `x * sigmoid(x)` and its like.
fn gate(graph: &Graph, index: usize) -> Option<(Unary, Value)> {
    let (left, right) = operands(&graph.nodes[index], Combination::Multiply)?;
    [(left, right), (right, left)].into_iter().find_map(|(x, gate)| {
        let (unary, input) = unary(graph, index, gate)?;
        let gated = if unary == Unary::Sigmoid {
            Unary::Silu
        } else if let Unary::HardSigmoid { alpha, beta } = unary
            && near(alpha, 1.0 / 6.0)
            && near(beta, 0.5)
        {
            Unary::HardSwish
        } else {
            return None;
        };
        (input == x).then_some((gated, x))
    })
}

/// `x * (1 + erf(x / sqrt 2)) / 2`, the factors in any order.
fn gelu(graph: &Graph, index: usize) -> Option<(Unary, Value)> {
    let mut factors = Vec::new();
    let mut half = 1.0;
    multiplied(graph, index, &mut factors, &mut half, 0)?;
    let &[a, b] = &factors[..] else { return None };
    let matches = |(x, sum): (Value, Value)| {
        let (inner, one) = with_constant(graph, index, sum, Combination::Add)?;
        let (unary, scaled) = unary(graph, index, inner)?;
        let root = match with_constant(graph, index, scaled, Combination::Divide) {
            Some((base, divisor)) if base == x => divisor,
            _ => {
                let (base, factor) = with_constant(graph, index, scaled, Combination::Multiply)?;
                if base == x { 1.0 / factor } else { return None }
            }
        };
        let fits = unary == Unary::Erf
            && near(one, 1.0)
            && near(half, 0.5)
            && near(root, std::f32::consts::SQRT_2);
        fits.then_some((Unary::Gelu, x))
    };
    [(a, b), (b, a)].into_iter().find_map(matches)
}

/// `(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)` over the last dimensions; or times the
/// reciprocal of the root.
fn normalization(graph: &Graph, index: usize) -> Option<(Op, Value)> {
    let node = &graph.nodes[index];
    let reciprocal = |value: Value| match unary(graph, index, value) {
        Some((Unary::Reciprocal, root)) => Some(root),
        _ => None,
    };
    let product = || {
        let (left, right) = operands(node, Combination::Multiply)?;
        let on_right = reciprocal(right).map(|root| (left, root));
        on_right.or_else(|| reciprocal(left).map(|root| (right, root)))
    };
    let (centred, root) = operands(node, Combination::Divide).or_else(product)?;
    let (input, axis) = centre(graph, index, centred)?;
    let Some((Unary::Sqrt, shifted)) = unary(graph, index, root) else { return None };
    let (variance, epsilon) = with_constant(graph, index, shifted, Combination::Add)?;
    let (square, same) = mean(graph, index, variance)?;
    let (left, right) =
        operands(&graph.nodes[maker(graph, index, square)?], Combination::Multiply)?;
    // Exporters may compute the difference twice.
    let is_square = left == right && centre(graph, index, left) == Some((input, axis));
    let fits = is_square && same == axis && epsilon.is_finite() && epsilon >= 0.0;
    fits.then_some((Op::Normalize { axis, epsilon, line: None }, input))
}

/// The `x` of `x - mean(x)`, and the dimension from which on the mean is taken.
fn centre(graph: &Graph, index: usize, value: Value) -> Option<(Value, usize)> {
    let difference = &graph.nodes[maker(graph, index, value)?];
    let (input, average) = operands(difference, Combination::Subtract)?;
    mean(graph, index, average).filter(|&(averaged, _)| averaged == input)
}

/// What a value is the mean of, and from which dimension to the last. The dimensions must stay, or the
/// difference is another one.
fn mean(graph: &Graph, index: usize, value: Value) -> Option<(Value, usize)> {
    let node = &graph.nodes[maker(graph, index, value)?];
    let Op::Reduce { kind: Reduce::Mean, axis, count, keep: true } = node.op else { return None };
    let &[input] = &node.inputs[..] else { return None };
    (axis + count == graph.values[input].dims.len()).then_some((input, axis))
}

/// The factors of a product of products, constants multiplied up. None if there are too many.
fn multiplied(
    graph: &Graph,
    index: usize,
    factors: &mut Vec<Value>,
    constant: &mut f32,
    depth: usize,
) -> Option<()> {
    let (left, right) = operands(&graph.nodes[index], Combination::Multiply)?;
    for value in [left, right] {
        if let Some(number) = number(graph, value) {
            *constant *= number;
            continue;
        }
        let maker = maker(graph, index, value);
        let inner = maker.filter(|&at| operands(&graph.nodes[at], Combination::Multiply).is_some());
        match inner {
            Some(at) if depth < 2 => multiplied(graph, at, factors, constant, depth + 1)?,
            _ => factors.push(value),
        }
    }
    (factors.len() <= 2).then_some(())
}

fn operands(node: &Node, wanted: Combination) -> Option<(Value, Value)> {
    match (&node.op, &node.inputs[..]) {
        (Op::Binary { kind, .. }, &[left, right]) if *kind == wanted => Some((left, right)),
        _ => None,
    }
}

/// The node before `index` that makes a value.
fn maker(graph: &Graph, index: usize, value: Value) -> Option<usize> {
    graph.nodes[..index].iter().rposition(|node| node.output == value)
}

fn unary(graph: &Graph, index: usize, value: Value) -> Option<(Unary, Value)> {
    let node = &graph.nodes[maker(graph, index, value)?];
    match (&node.op, &node.inputs[..]) {
        (Op::Unary(unary), &[input]) => Some((*unary, input)),
        _ => None,
    }
}

/// A value that an operation with one constant made: the other operand and the constant. Only the
/// right operand of a division counts.
fn with_constant(
    graph: &Graph,
    index: usize,
    value: Value,
    kind: Combination,
) -> Option<(Value, f32)> {
    let (left, right) = operands(&graph.nodes[maker(graph, index, value)?], kind)?;
    let swapped = || (kind != Combination::Divide).then(|| number(graph, left)).flatten();
    number(graph, right)
        .map(|number| (left, number))
        .or_else(|| swapped().map(|number| (right, number)))
}

/// The only element of a constant.
fn number(graph: &Graph, value: Value) -> Option<f32> {
    match graph.values[value].constant.as_ref()?.floats()? {
        &[number] => Some(number),
        _ => None,
    }
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-4 * b.abs()
}
