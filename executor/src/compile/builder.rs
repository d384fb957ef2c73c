//! Adds operations to a graph: infers shapes, and computes at once what depends on constants alone.

use std::rc::Rc;

use super::graph::{Info, Move, Node, Op, Reduce, Unary, Value};
use super::tensor::Tensor;
use super::view::Refusal;
use super::{evaluate, shape};
use crate::artifact::Combination;

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
    pub(super) fn feed(&mut self, dims: Vec<usize>, whole: bool) -> Value {
        self.define(Info { dims, batched: true, constant: None, whole })
    }

    pub(super) fn constant(&mut self, tensor: Tensor) -> Value {
        let (dims, whole) = (tensor.dims.clone(), tensor.integers().is_some());
        self.define(Info { dims, batched: false, constant: Some(Rc::new(tensor)), whole })
    }

    /// Whether the model has integers or truth values here.
    pub(super) fn is_whole(&self, value: Value) -> bool {
        self.values[value].whole
    }

    /// The same elements as floats, when they are computed integers: nothing moves.
    pub(super) fn as_floats(&mut self, value: Value) -> Result<Value, Refusal> {
        let floats = self.emit(Op::Reshape { dims: self.dims(value).to_vec() }, &[value])?;
        self.values[floats].whole = false;
        Ok(floats)
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
        check_kinds(&op, &infos)?;
        let batched = infos.iter().any(|info| info.batched);
        let whole = is_whole(&op, &infos);
        let output = self.define(Info { dims, batched, constant: None, whole });
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

    /// Lets the elements of constants go, except of those that a node reads.
    pub(super) fn forget(&mut self, values: &[Value]) {
        let read = |value: Value| self.nodes.iter().any(|node| node.inputs.contains(&value));
        let gone: Vec<Value> = values.iter().copied().filter(|&value| !read(value)).collect();
        for value in gone {
            self.values[value].constant = None;
        }
    }

    fn define(&mut self, info: Info) -> Value {
        self.values.push(info);
        self.values.len() - 1
    }
}

/// What is computed while a model runs is computed in f32: integers meet integers that f32 holds.
fn check_kinds(op: &Op, infos: &[&Info]) -> Result<(), Refusal> {
    let floats = infos.iter().any(|other| other.constant.is_none() && !other.whole);
    for info in infos {
        let Some(numbers) = info.constant.as_ref().and_then(|tensor| tensor.integers()) else {
            continue;
        };
        if floats {
            let dims = &info.dims;
            return Err(format!(
                "integers of shape {dims:?} meet what is computed in floats; supported: with a Cast"
            ));
        }
        if let Some(huge) = numbers.iter().find(|number| number.unsigned_abs() > EXACT) {
            return Err(format!("{huge} meets computed integers; supported: up to {EXACT}"));
        }
    }
    let quotient = matches!(op, Op::Binary { kind: Combination::Divide, .. });
    if quotient && infos.iter().all(|info| info.whole) {
        return Err("a quotient of computed integers; supported: of floats".to_owned());
    }
    Ok(())
}

/// Whether an operation on these makes integers or truth values.
fn is_whole(op: &Op, infos: &[&Info]) -> bool {
    let all = |from: usize| infos[from..].iter().all(|info| info.whole);
    match op {
        Op::Binary { kind, .. } if kind.is_comparison() => true,
        Op::Unary(Unary::Not | Unary::NotZero) => true,
        Op::Unary(Unary::Abs | Unary::Negative | Unary::Sign | Unary::Clip { .. })
        | Op::Binary { .. }
        | Op::Reshape { .. }
        | Op::Move(_)
        | Op::Gather { .. }
        | Op::Concat { .. }
        | Op::Pad(_)
        | Op::Reduce { kind: Reduce::Max | Reduce::Min | Reduce::Sum, .. } => all(0),
        Op::Select => all(1),
        Op::Lookup => infos[0].whole,
        Op::Convolution(_)
        | Op::Linear(_)
        | Op::MatMul
        | Op::Pool { .. }
        | Op::Unary(_)
        | Op::Affine(_)
        | Op::Reduce { .. }
        | Op::Softmax { .. }
        | Op::Normalize { .. }
        | Op::Resize(_) => false,
    }
}

/// Up to here f32 holds every integer.
const EXACT: u64 = 1 << 24;
/// No value has more elements (4 GiB of f32).
const ELEMENTS_MAX: usize = 1 << 30;
