//! Why a model could not be compiled.

use thiserror::Error;

/// Why a model could not be compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model: {0}")]
    Parse(String),
    /// The model as a whole is not supported.
    #[error("model {model}: {reason}")]
    Model {
        /// What the model calls itself.
        model: String,
        /// What it is and what is supported.
        reason: String,
    },
    /// A node is not supported.
    #[error("node {node} ({operator}): {reason}{}", shown(shapes))]
    Node {
        /// The node's name, or that of its first output.
        node: String,
        /// Its operator.
        operator: String,
        /// The shapes of its inputs for one request.
        shapes: Vec<Vec<usize>>,
        /// What it is and what is supported.
        reason: String,
    },
    /// A batch size was asked for that cannot be compiled.
    #[error("batch sizes {batches:?}: they must rise from 1")]
    Batches {
        /// What was asked for.
        batches: Vec<u16>,
    },
}

fn shown(shapes: &[Vec<usize>]) -> String {
    if shapes.is_empty() { String::new() } else { format!(" (inputs of shape {shapes:?})") }
}
