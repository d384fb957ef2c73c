//! A node of an ONNX model as its operator reads it: attributes with defaults, inputs by position.

use super::graph::Value;
use super::onnx::{AttributeProto, NodeProto};

/// Why something is refused: what it is and what is supported.
pub(super) type Refusal = String;

/// A node whose inputs have been found.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeView<'a> {
    node: &'a NodeProto,
    inputs: &'a [Option<Value>],
    opset: i64,
}

impl<'a> NodeView<'a> {
    pub(super) fn new(node: &'a NodeProto, inputs: &'a [Option<Value>], opset: i64) -> Self {
        Self { node, inputs, opset }
    }

    /// The version of the operator set.
    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    pub(super) fn operator(&self) -> &'a str {
        &self.node.op_type
    }

    /// How many outputs are named.
    pub(super) fn outputs(&self) -> usize {
        self.node.output.len()
    }

    /// All inputs that are there.
    pub(super) fn inputs(&self) -> Vec<Value> {
        self.inputs.iter().flatten().copied().collect()
    }

    pub(super) fn optional(&self, index: usize) -> Option<Value> {
        self.inputs.get(index).copied().flatten()
    }

    pub(super) fn input(&self, index: usize) -> Result<Value, Refusal> {
        self.optional(index).ok_or_else(|| format!("it has no input {index}"))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name, i64::from(default)) != 0
    }

    /// A finite number.
    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Refusal> {
        let number = self.attribute(name).map_or(default, |attribute| attribute.f);
        if number.is_finite() { Ok(number) } else { Err(format!("{name} is {number}")) }
    }

    /// A text attribute; empty if it is absent or not text.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.attribute(name).and_then(|a| str::from_utf8(&a.s).ok()).unwrap_or_default()
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| &attribute.ints[..])
    }

    /// A positive number.
    pub(super) fn size(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        match checked(name, attribute.i)? {
            0 => Err(format!("{name} 0; it must be positive")),
            size => Ok(size),
        }
    }

    /// A list of numbers that are not negative, if the attribute is there.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Refusal> {
        let Some(numbers) = self.ints(name) else { return Ok(None) };
        numbers.iter().map(|&number| checked(name, number)).collect::<Result<_, _>>().map(Some)
    }
}

/// A number that is a size.
pub(super) fn checked(name: &str, number: i64) -> Result<usize, Refusal> {
    usize::try_from(number)
        .ok()
        .filter(|&size| size <= SIZE_MAX)
        .ok_or_else(|| format!("{name} {number}; supported: 0 to {SIZE_MAX}"))
}

/// The dimension that a number names, counted from behind if it is negative.
pub(super) fn axis(number: i64, rank: usize) -> Result<usize, Refusal> {
    let signed = i64::try_from(rank).map_err(|_| "too many dimensions")?;
    let counted = if number < 0 { number.checked_add(signed) } else { Some(number) };
    counted
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|&axis| axis < rank)
        .ok_or_else(|| format!("axis {number}; it has {rank} dimensions"))
}

/// No window, stride or padding is larger.
const SIZE_MAX: usize = 1 << 16;
