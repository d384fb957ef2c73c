//! What each ONNX operator means: its attributes and constants, checked, as operations of the
//! graph. Each version of an operator set means what its own document says.

mod constants;
mod elementwise;
mod image;
mod matrix;
mod movement;
mod normalization;
mod reduction;
mod resize;
mod transposed;

use super::builder::Builder;
use super::graph::Value;
use super::view::{NodeView, Refusal};

/// Adds what an operator means to the graph and gives its outputs.
type Interpreter = fn(&NodeView<'_>, &mut Builder) -> Result<Vec<Value>, Refusal>;

/// The outputs of a node.
pub(super) fn interpret(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let found = OPERATORS.binary_search_by_key(&node.operator(), |(name, _)| name);
    let Ok(index) = found else {
        let names: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
        return Err(format!("unknown operator; supported: {}", names.join(", ")));
    };
    (OPERATORS[index].1)(node, graph)
}

/// By name, in order.
const OPERATORS: &[(&str, Interpreter)] = &[
    ("Abs", elementwise::unary),
    ("Add", elementwise::binary),
    ("And", elementwise::binary),
    ("AveragePool", image::average_pool),
    ("BatchNormalization", normalization::batch),
    ("Cast", elementwise::cast),
    ("CastLike", elementwise::cast),
    ("Ceil", elementwise::unary),
    ("Clip", elementwise::clip),
    ("Concat", movement::concat),
    ("Constant", constants::constant),
    ("ConstantOfShape", constants::constant_of_shape),
    ("Conv", image::convolution),
    ("ConvTranspose", transposed::convolution),
    ("Cos", elementwise::unary),
    ("DepthToSpace", movement::depth_to_space),
    ("Div", elementwise::binary),
    ("Dropout", elementwise::identity),
    ("Elu", elementwise::unary),
    ("Equal", elementwise::binary),
    ("Erf", elementwise::unary),
    ("Exp", elementwise::unary),
    ("Expand", movement::expand),
    ("Flatten", movement::flatten),
    ("Floor", elementwise::unary),
    ("Gather", movement::gather),
    ("Gelu", elementwise::unary),
    ("Gemm", matrix::gemm),
    ("GlobalAveragePool", reduction::global_average),
    ("GlobalMaxPool", reduction::global_max),
    ("Greater", elementwise::binary),
    ("GreaterOrEqual", elementwise::binary),
    ("HardSigmoid", elementwise::unary),
    ("HardSwish", elementwise::unary),
    ("Identity", elementwise::identity),
    ("InstanceNormalization", normalization::instance),
    ("LRN", normalization::local_response),
    ("LayerNormalization", normalization::layer),
    ("LeakyRelu", elementwise::unary),
    ("Less", elementwise::binary),
    ("LessOrEqual", elementwise::binary),
    ("Log", elementwise::unary),
    ("LogSoftmax", reduction::softmax),
    ("MatMul", matrix::mat_mul),
    ("Max", elementwise::variadic),
    ("MaxPool", image::max_pool),
    ("Mean", elementwise::mean),
    ("Min", elementwise::variadic),
    ("Mish", elementwise::mish),
    ("Mul", elementwise::binary),
    ("Neg", elementwise::unary),
    ("Not", elementwise::unary),
    ("Or", elementwise::binary),
    ("PRelu", elementwise::slope),
    ("Pad", movement::pad),
    ("Pow", elementwise::power),
    ("Range", constants::range),
    ("Reciprocal", elementwise::unary),
    ("ReduceL2", reduction::reduce),
    ("ReduceMax", reduction::reduce),
    ("ReduceMean", reduction::reduce),
    ("ReduceMin", reduction::reduce),
    ("ReduceSum", reduction::reduce),
    ("ReduceSumSquare", reduction::reduce),
    ("Relu", elementwise::unary),
    ("Reshape", movement::reshape),
    ("Resize", resize::resize),
    ("Round", elementwise::unary),
    ("Shape", constants::shape),
    ("Sigmoid", elementwise::unary),
    ("Sign", elementwise::unary),
    ("Sin", elementwise::unary),
    ("Size", constants::size),
    ("Slice", movement::slice),
    ("Softmax", reduction::softmax),
    ("Softplus", elementwise::unary),
    ("SpaceToDepth", movement::space_to_depth),
    ("Split", movement::split),
    ("Sqrt", elementwise::unary),
    ("Squeeze", movement::squeeze),
    ("Sub", elementwise::binary),
    ("Sum", elementwise::variadic),
    ("Swish", elementwise::unary),
    ("Tanh", elementwise::unary),
    ("Tile", movement::tile),
    ("Transpose", movement::transpose),
    ("Unsqueeze", movement::unsqueeze),
    ("Upsample", resize::upsample),
    ("Where", elementwise::select),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_listed_once_and_in_order() {
        assert!(OPERATORS.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}
