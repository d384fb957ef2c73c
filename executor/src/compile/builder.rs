//! Adds operations to a graph: infers shapes, and computes at once what depends on constants alone.

use std::rc::Rc;

use super::graph::{Info, Move, Node, Op, Value};
use super::tensor::Tensor;
use super::view::Refusal;
use super::{evaluate, shape};

/// A graph under construction.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) values: Vec<Info>,
    pub(super) nodes: Vec<Node>,
    /// The node of the model that is being added, for messages.
    pub(super) name: String,
    pub(super) operator: String,
}

impl Builder {
    /// A value that the graph is fed with.
    pub(super) fn feed(&mut self, dims: Vec<usize>) -> Value {
        self.define(Info { dims, batched: true, constant: None })
    }

    pub(super) fn constant(&mut self, tensor: Tensor) -> Value {
        let (dims, constant) = (tensor.dims.clone(), Some(Rc::new(tensor)));
        self.define(Info { dims, batched: false, constant })
    }

    /// A constant of one element.
    pub(super) fn scalar(&mut self, number: f32) -> Value {
        self.constant(Tensor::from_floats(Vec::new(), vec![number]))
    }

    pub(super) fn dims(&self, value: Value) -> &[usize] {
        &self.values[value].dims
    }

    /// The elements of a value, if they are known.
    pub(super) fn known(&self, value: Value) -> Option<&Rc<Tensor>> {
        self.values[value].constant.as_ref()
    }

    /// The elements of a value that must be constant floats; `what` says what it is for.
    pub(super) fn floats(&self, value: Value, what: &str) -> Result<Rc<Tensor>, Refusal> {
        let constant = self.known(value).filter(|tensor| tensor.floats().is_some());
        constant.cloned().ok_or_else(|| {
            format!("{what} (shape {:?}) must be a constant of floats", self.dims(value))
        })
    }

    /// The elements of a value that must be constant integers.
    pub(super) fn integers(&self, value: Value, what: &str) -> Result<Vec<i64>, Refusal> {
        let constant = self.known(value).and_then(|tensor| tensor.integers());
        constant.map(<[i64]>::to_vec).ok_or_else(|| {
            format!(
                "{what} is computed from the input's elements; supported: constants and what \
                 follows from shapes"
            )
        })
    }

    /// The only element of a constant of floats.
    pub(super) fn number(&self, value: Value, what: &str) -> Result<f32, Refusal> {
        match self.floats(value, what)?.floats() {
            Some(&[number]) => Ok(number),
            _ => Err(format!("{what} of shape {:?}; supported: a scalar", self.dims(value))),
        }
    }

    /// The result of an operation: a constant if all inputs are, else the output of a new node.
    pub(super) fn emit(&mut self, op: Op, inputs: &[Value]) -> Result<Value, Refusal> {
        let infos: Vec<&Info> = inputs.iter().map(|&value| &self.values[value]).collect();
        let dims = shape::infer(&op, &infos)?;
        if shape::product(&dims).is_none_or(|elements| elements > ELEMENTS_MAX) {
            return Err(format!("its output of shape {dims:?} exceeds any memory"));
        }
        let constants: Option<Vec<&Tensor>> =
            infos.iter().map(|info| info.constant.as_deref()).collect();
        if let Some(constants) = constants
            && let Some(tensor) = evaluate::evaluate(&op, &constants, dims.clone())?
        {
            tensor.check_finite()?;
            return Ok(self.constant(tensor));
        }
        if shape::product(&dims) == Some(0) {
            return Err(format!("its output of shape {dims:?} is empty"));
        }
        check_kinds(&infos)?;
        let batched = infos.iter().any(|info| info.batched);
        let output = self.define(Info { dims, batched, constant: None });
        let (name, operator) = (self.name.clone(), self.operator.clone());
        self.nodes.push(Node { name, operator, op, inputs: inputs.to_vec(), output });
        Ok(output)
    }

    pub(super) fn reshape(&mut self, value: Value, dims: Vec<usize>) -> Result<Value, Refusal> {
        if self.dims(value) == dims {
            return Ok(value);
        }
        self.emit(Op::Reshape { dims }, &[value])
    }

    pub(super) fn walk(&mut self, value: Value, movement: Move) -> Result<Value, Refusal> {
        if movement.keeps(self.dims(value)) {
            return Ok(value);
        }
        self.emit(Op::Move(movement), &[value])
    }

    fn define(&mut self, info: Info) -> Value {
        self.values.push(info);
        self.values.len() - 1
    }
}

/// What is computed while a model runs is computed in f32.
fn check_kinds(infos: &[&Info]) -> Result<(), Refusal> {
    let whole = infos.iter().filter_map(|info| info.constant.as_ref());
    match whole.filter(|tensor| tensor.floats().is_none()).map(|tensor| &tensor.dims).next() {
        Some(dims) => Err(format!(
            "integers of shape {dims:?} meet what is computed; supported: float32 alone"
        )),
        None => Ok(()),
    }
}

/// No value has more elements (4 GiB of f32).
const ELEMENTS_MAX: usize = 1 << 30;
