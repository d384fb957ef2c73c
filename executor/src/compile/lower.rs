//! From the graph to one target's plan for one batch size: shapes are fixed, every operation
//! becomes a kernel, every value gets its place.

use super::CompileError;
use super::graph::{Graph, Node, Op, Value};
use super::pack::PackedNode;
use super::shape::{self, Batch};
use super::workspace::{Request, Workspace};
use crate::artifact::{
    Activation, Convolution, Elementwise, Kernel, Linear, Place, PlanFile, Pool, Reduction, Rows,
    Sliding, Space, Step,
};

/// The plan of a graph for one batch size. `packed` says where each node's weights lie.
pub(super) fn lower(
    graph: &Graph,
    packed: &[PackedNode],
    size: u16,
) -> Result<PlanFile, CompileError> {
    let batch = Batch { size: usize::from(size), declared: graph.declared_batch };
    let shapes = infer(graph, batch)?;
    let drafts = draft(graph, packed, &shapes)?;
    Ok(place(graph, drafts, &shapes, size))
}

/// The shape of one output, without the batch.
pub(super) fn output_shape(graph: &Graph) -> Result<Vec<usize>, CompileError> {
    let mut shapes = infer(graph, Batch { size: 1, declared: graph.declared_batch })?;
    let mut shape = std::mem::take(&mut shapes[graph.output.value]);
    shape.remove(0);
    Ok(shape)
}

/// The shape of every value.
fn infer(graph: &Graph, batch: Batch) -> Result<Vec<Vec<usize>>, CompileError> {
    let mut shapes = vec![Vec::new(); graph.values];
    let mut input = vec![batch.size];
    input.extend(&graph.input.shape);
    shapes[graph.input.value] = input;
    for node in &graph.nodes {
        let inputs: Vec<&[usize]> = node.inputs.iter().map(|&v| shapes[v].as_slice()).collect();
        let shape = shape::infer(&node.op, &inputs, batch).map_err(|r| refuse(node, r))?;
        shapes[node.output] = shape;
    }
    Ok(shapes)
}

/// A step whose tensors have no place yet.
struct Draft {
    node: String,
    kernel: Kernel,
    inputs: Vec<Value>,
    parameters: Vec<Place>,
    scratch: usize,
    output: Value,
}

/// The kernels in order. Operations that only rename dimensions become none: their output is their
/// input.
fn draft(
    graph: &Graph,
    packed: &[PackedNode],
    shapes: &[Vec<usize>],
) -> Result<Vec<Draft>, CompileError> {
    let mut storage: Vec<Value> = (0..graph.values).collect();
    let mut drafts: Vec<Draft> = Vec::with_capacity(graph.nodes.len() + 1);
    for (node, packed) in graph.nodes.iter().zip(packed) {
        let inputs: Vec<Value> = node.inputs.iter().map(|&value| storage[value]).collect();
        let Some(kernel) = kernel(&node.op, shapes, node).map_err(|r| refuse(node, r))? else {
            storage[node.output] = inputs[0];
            continue;
        };
        let lengths = kernel
            .lengths()
            .ok_or_else(|| refuse(node, "its tensors exceed any memory".to_owned()))?;
        let parameters = packed.places.clone();
        let (name, scratch, output) = (node.name.clone(), lengths.scratch, node.output);
        drafts.push(Draft { node: name, kernel, inputs, parameters, scratch, output });
    }
    let output = storage[graph.output.value];
    let last_writes_it = drafts.last().is_some_and(|draft| draft.output == output);
    if !last_writes_it || drafts.iter().any(|draft| draft.inputs.contains(&output)) {
        drafts.push(copy_of(output, graph.values, shapes));
    }
    Ok(drafts)
}

/// Copies a value that cannot be computed in the output: it is an input, or is read again.
fn copy_of(value: Value, copy: Value, shapes: &[Vec<usize>]) -> Draft {
    let len = shapes[value].iter().product();
    Draft {
        node: "output".to_owned(),
        kernel: Kernel::Copy(Elementwise { len, activation: Activation::None }),
        inputs: vec![value],
        parameters: Vec::new(),
        scratch: 0,
        output: copy,
    }
}

/// The kernel of an operation; none if it moves no data.
fn kernel(op: &Op, shapes: &[Vec<usize>], node: &Node) -> Result<Option<Kernel>, String> {
    let (input, output) = (&shapes[node.inputs[0]], &shapes[node.output]);
    let len = output.iter().product();
    Ok(Some(match op {
        Op::Convolution(convolution) => Kernel::Convolution(Convolution {
            images: input[0],
            channels_in: input[1],
            channels_out: output[1],
            groups: convolution.groups,
            window: shape::slide(&convolution.frame, [input[2], input[3]]),
            activation: convolution.activation,
        }),
        Op::Linear(linear) => Kernel::Linear(Linear {
            rows: input[0],
            inner: input[1],
            columns: output[1],
            activation: linear.activation,
        }),
        Op::Pool { frame, reduction } => Kernel::Pool(Pool {
            planes: input[0] * input[1],
            window: shape::slide(frame, [input[2], input[3]]),
            reduction: *reduction,
        }),
        Op::GlobalAverage => Kernel::Pool(Pool {
            planes: input[0] * input[1],
            window: whole([input[2], input[3]]),
            reduction: Reduction::Average,
        }),
        Op::Add { activation } => Kernel::Add(Elementwise { len, activation: *activation }),
        Op::Relu => Kernel::Relu(Elementwise { len, activation: Activation::None }),
        Op::Softmax { .. } => {
            let columns = *output.last().ok_or("softmax of a scalar")?;
            Kernel::Softmax(Rows { rows: len / columns, columns })
        }
        Op::Flatten { .. } | Op::Reshape { .. } | Op::Identity => return Ok(None),
        Op::Shift(_) | Op::Normalize { .. } => unreachable!("shape inference refused it"),
    }))
}

/// A window that covers the whole image.
fn whole(image: [usize; 2]) -> Sliding {
    Sliding {
        input: image,
        kernel: image,
        stride: [1; 2],
        dilation: [1; 2],
        begin: [0; 2],
        end: [0; 2],
    }
}

/// Gives every value and scratch area its place: the first step's input is the input, the last
/// step's output is the output, everything in between shares the workspace.
fn place(graph: &Graph, drafts: Vec<Draft>, shapes: &[Vec<usize>], batch: u16) -> PlanFile {
    let last = drafts.len() - 1;
    let mut workspace = Workspace::default();
    let mut places = vec![Place { space: Space::Output, offset: 0 }; graph.values + 1];
    places[graph.input.value] = Place { space: Space::Input, offset: 0 };
    let mut scratches = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let scratch = Request { elements: draft.scratch, first: index, last: index };
        scratches.push((draft.scratch > 0).then(|| workspace.allocate(scratch)));
        if index < last {
            let used = drafts.iter().rposition(|later| later.inputs.contains(&draft.output));
            let elements = shapes[draft.output].iter().product();
            let request = Request { elements, first: index, last: used.unwrap_or(index) };
            let offset = workspace.allocate(request);
            places[draft.output] = Place { space: Space::Workspace, offset };
        }
    }
    let steps = drafts.into_iter().zip(scratches).map(|(draft, scratch)| Step {
        node: draft.node,
        run: draft.kernel,
        reads: draft.inputs.iter().map(|&value| places[value]).chain(draft.parameters).collect(),
        scratch,
        write: places[draft.output],
    });
    PlanFile { batch, steps: steps.collect(), workspace_bytes: workspace.bytes() }
}

fn refuse(node: &Node, reason: String) -> CompileError {
    CompileError::Node { node: node.name.clone(), operator: node.operator.clone(), reason }
}
