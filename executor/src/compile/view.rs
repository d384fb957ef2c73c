//! A node of an ONNX model as its operator reads it: attributes with defaults, constants by
//! position.

use std::collections::BTreeMap;

use super::CompileError;
use super::constant::Tensor;
use super::graph::Constant;
use super::onnx::{AttributeProto, NodeProto};

/// The constants of a model by name.
pub(super) type Constants = BTreeMap<String, Tensor>;

/// A node and the constants that it may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeView<'a> {
    node: &'a NodeProto,
    constants: &'a Constants,
    opset: i64,
}

impl<'a> NodeView<'a> {
    pub(super) fn new(node: &'a NodeProto, constants: &'a Constants, opset: i64) -> Self {
        Self { node, constants, opset }
    }

    /// The version of the operator set.
    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    pub(super) fn operator(&self) -> &'a str {
        &self.node.op_type
    }

    /// Its name, or that of its first output.
    pub(super) fn name(&self) -> &'a str {
        if self.node.name.is_empty() {
            self.node.output.first().map_or("", String::as_str)
        } else {
            &self.node.name
        }
    }

    /// The error that says why this node cannot be compiled.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> CompileError {
        CompileError::Node {
            node: self.name().to_owned(),
            operator: self.operator().to_owned(),
            reason: reason.into(),
        }
    }

    /// How many outputs are used.
    pub(super) fn outputs(&self) -> usize {
        self.node.output.iter().filter(|name| !name.is_empty()).count()
    }

    /// The name of the input at `index`, which must not be a constant.
    pub(super) fn data(&self, index: usize) -> Result<&'a str, CompileError> {
        let name = self.input(index).ok_or_else(|| self.refuse(format!("no input {index}")))?;
        if self.constants.contains_key(name) {
            return Err(self.refuse(format!("input {index} ({name}) is a constant")));
        }
        Ok(name)
    }

    /// The constant at `index`, if the input there is one.
    pub(super) fn constant(&self, index: usize) -> Option<&'a Constant> {
        match self.constants.get(self.input(index)?)? {
            Tensor::Floats(constant) => Some(constant),
            Tensor::Integers(_) => None,
        }
    }

    /// The f32 constant at `index`.
    pub(super) fn floats(&self, index: usize) -> Result<&'a Constant, CompileError> {
        let missing = || format!("input {index} must be a constant of f32");
        self.constant(index).ok_or_else(|| self.refuse(missing()))
    }

    /// The f32 constant at `index`, if there is an input at all.
    pub(super) fn optional_floats(
        &self,
        index: usize,
    ) -> Result<Option<&'a Constant>, CompileError> {
        self.input(index).map(|_| self.floats(index)).transpose()
    }

    /// The integer constant at `index`.
    pub(super) fn integers(&self, index: usize) -> Result<&'a [i64], CompileError> {
        match self.input(index).and_then(|name| self.constants.get(name)) {
            Some(Tensor::Integers(values)) => Ok(values),
            _ => Err(self.refuse(format!("input {index} must be a constant of integers"))),
        }
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// A text attribute; empty if it is absent or not text.
    pub(super) fn text(&self, name: &str) -> &'a str {
        self.attribute(name).and_then(|a| str::from_utf8(&a.s).ok()).unwrap_or_default()
    }

    /// A positive number.
    pub(super) fn size(&self, name: &str, default: usize) -> Result<usize, CompileError> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        match self.checked(name, attribute.i)? {
            0 => Err(self.refuse(format!("{name} 0; it must be positive"))),
            size => Ok(size),
        }
    }

    /// A list of numbers that are not negative, if the attribute is there.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, CompileError> {
        let Some(attribute) = self.attribute(name) else { return Ok(None) };
        attribute
            .ints
            .iter()
            .map(|&number| self.checked(name, number))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Two positive numbers, for height and width.
    pub(super) fn pair(&self, name: &str, default: usize) -> Result<[usize; 2], CompileError> {
        match self.sizes(name)?.as_deref() {
            None => Ok([default; 2]),
            Some(&[high, wide]) if high > 0 && wide > 0 => Ok([high, wide]),
            Some(sizes) => {
                Err(self.refuse(format!("{name} {sizes:?}; supported: two positive numbers")))
            }
        }
    }

    fn input(&self, index: usize) -> Option<&'a str> {
        self.node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn checked(&self, name: &str, number: i64) -> Result<usize, CompileError> {
        usize::try_from(number)
            .ok()
            .filter(|&size| size <= SIZE_MAX)
            .ok_or_else(|| self.refuse(format!("{name} {number}; supported: 0 to {SIZE_MAX}")))
    }
}

/// No window, stride or padding is larger.
const SIZE_MAX: usize = 1 << 16;
