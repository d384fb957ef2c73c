//! Operations that read their inputs by strides: broadcasting and moving.

use super::super::graph::{Move, Node, Value};
use super::layout::Lowering;
use super::place::Operand;
use crate::artifact::{
    Activation, Broadcast, Combination, DIMENSIONS, Grid, Kernel, Select, Strided,
};

/// A tensor as it is read: where it is, and for the batch and each dimension of a request the
/// elements from one index to the next.
pub(super) struct Walked {
    pub(super) operand: Operand,
    pub(super) batch: usize,
    pub(super) strides: Vec<usize>,
}

/// Dimensions that are walked over, and for each of `N` tensors the elements from one index to the
/// next.
struct Route<const N: usize> {
    dims: Vec<usize>,
    strides: [Vec<isize>; N],
    /// Whether the dimensions are those of an image that lies channels last.
    image: bool,
}

impl<const N: usize> Route<N> {
    /// Dimensions of one index vanish, and neighbours that are walked over as one become one.
    fn collapsed(self) -> Result<Self, String> {
        let mut dims: Vec<usize> = Vec::new();
        let mut strides: [Vec<isize>; N] = std::array::from_fn(|_| Vec::new());
        for axis in (0..self.dims.len()).filter(|&axis| self.dims[axis] != 1) {
            let dim = self.dims[axis];
            let size = isize::try_from(dim).map_err(|_| "too large")?;
            let joins = !dims.is_empty()
                && (0..N)
                    .all(|n| strides[n].last().copied() == self.strides[n][axis].checked_mul(size));
            if joins {
                *dims.last_mut().expect("there is one") *= dim;
            } else {
                dims.push(dim);
            }
            for (all, own) in strides.iter_mut().zip(&self.strides) {
                if joins {
                    all.pop();
                }
                all.push(own[axis]);
            }
        }
        if dims.is_empty() {
            dims.push(1);
            for strides in &mut strides {
                strides.push(1);
            }
        }
        if dims.len() > DIMENSIONS {
            return Err(format!("{dims:?}; supported: {DIMENSIONS} dimensions"));
        }
        Ok(Self { dims, strides, image: self.image })
    }

    fn grid(&self) -> Grid {
        let width = self.dims.last().copied().unwrap_or(1);
        Grid { dims: self.dims.clone(), pitch: width }
    }

    /// Strides none of which leads back.
    fn forward(&self) -> Result<[Vec<usize>; N], String> {
        let mut all = std::array::from_fn(|_| Vec::new());
        for (all, own) in all.iter_mut().zip(&self.strides) {
            let converted = own.iter().map(|&stride| usize::try_from(stride));
            *all = converted.collect::<Result<_, _>>().map_err(|_| "it walks backwards")?;
        }
        Ok(all)
    }
}

impl Lowering<'_> {
    pub(super) fn binary(
        &mut self,
        node: &Node,
        kind: Combination,
        activation: Activation,
    ) -> Result<(), String> {
        let [left, right] = node.inputs[..] else { return Err("two inputs".to_owned()) };
        let alike = self.shape(left) == self.shape(right)
            && self.known(left).is_none()
            && self.known(right).is_none();
        if kind == Combination::Add && alike {
            return self.add(node, activation);
        }
        let (inputs, route) = self.route([left, right], node.output)?;
        let output = self.output(node.output, route.image)?;
        let kernel = Kernel::Broadcast(Broadcast {
            combination: kind,
            grid: route.grid(),
            strides: route.forward()?,
            activation,
        });
        self.step(node, kernel, inputs.into(), output)
    }

    pub(super) fn select(&mut self, node: &Node) -> Result<(), String> {
        let [condition, yes, no] = node.inputs[..] else { return Err("three inputs".to_owned()) };
        let (inputs, route) = self.route([condition, yes, no], node.output)?;
        let output = self.output(node.output, route.image)?;
        let kernel = Kernel::Select(Select { grid: route.grid(), strides: route.forward()? });
        self.step(node, kernel, inputs.into(), output)
    }

    /// Where the operands of a result are and how they are walked over, in the order in which the
    /// result lies: channels last if one of its size does.
    fn route<const N: usize>(
        &mut self,
        inputs: [Value; N],
        output: Value,
    ) -> Result<([Operand; N], Route<N>), String> {
        let dims = self.request(output).to_vec();
        let same = |lowering: &Self, value: Value| lowering.request(value) == dims;
        let image = dims.len() == 4
            && inputs.iter().any(|&value| {
                same(self, value) && self.batched(value) && self.seen_as_image(value).is_some()
            });
        let batch = self.copies(output);
        let mut operands = Vec::with_capacity(N);
        let mut strides: [Vec<isize>; N] = std::array::from_fn(|_| Vec::new());
        for (value, strides) in inputs.into_iter().zip(&mut strides) {
            if same(self, value) && self.known(value).is_none() && image {
                self.image(value)?;
            }
            let walked = self.walked(value, dims.len(), image);
            let mut all = vec![walked.batch];
            all.extend(walked.strides);
            *strides = ordered(&signed(&all)?, image);
            operands.push(walked.operand);
        }
        let mut all = vec![batch];
        all.extend(dims);
        let route = Route { dims: ordered(&all, image), strides, image }.collapsed()?;
        let operands = operands.try_into().map_err(|_| "operands")?;
        Ok((operands, route))
    }

    /// How a value is walked over when it is broadcast to so many dimensions.
    pub(super) fn walked(&mut self, value: Value, rank: usize, image: bool) -> Walked {
        let dims = self.request(value).to_vec();
        let (mut own, operand) = match self.seen_as_image(value).filter(|_| image) {
            Some(image) => {
                let row = dims[3] * image.pitch;
                (vec![dims[2] * row, 1, row, image.pitch], image.tensor.into())
            }
            None => (super::super::shape::strides(&dims), self.operand(value)),
        };
        let request = match (dims.first(), own.first()) {
            (Some(dim), Some(stride)) => dim * stride,
            _ => 1,
        };
        for (stride, &dim) in own.iter_mut().zip(&dims) {
            if dim == 1 {
                *stride = 0;
            }
        }
        let mut strides = vec![0; rank - dims.len()];
        strides.extend(own);
        Walked { operand, batch: if self.batched(value) { request } else { 0 }, strides }
    }

    /// Slices, permutations and repetitions.
    pub(super) fn movement(&mut self, node: &Node, movement: &Move) -> Result<(), String> {
        let input = node.inputs[0];
        if self.channels_of(node, movement) {
            return Ok(());
        }
        let from = self.request(input).to_vec();
        let image = self.seen_as_image(input).is_some();
        let walked = self.walked(input, from.len(), image);
        let strides = signed(&walked.strides)?;
        let mut begin = 0;
        let mut dims = vec![self.copies(input)];
        let mut steps = vec![isize::try_from(walked.batch).map_err(|_| "too large")?];
        for along in &movement.axes {
            dims.push(along.len);
            steps.push(along.source.map_or(0, |axis| along.step * strides[axis]));
            begin += along.source.map_or(0, |axis| along.begin * walked.strides[axis]);
        }
        // Dimensions in their old order leave an image an image.
        let in_order = |(axis, along): (usize, &super::super::graph::Along)| {
            along.source.is_none_or(|source| source == axis)
        };
        let stays = image && dims.len() == 5 && movement.axes.iter().enumerate().all(in_order);
        let strides = [ordered(&steps, stays)];
        let route = Route { dims: ordered(&dims, stays), strides, image: stays }.collapsed()?;
        let len = self.len(node.output);
        if let (Operand::Tensor(tensor), 0, [1], false) =
            (walked.operand, begin, &route.strides[0][..], stays)
            && route.dims == [len]
        {
            self.rest_plain(node.output, tensor);
            return Ok(());
        }
        let reversed = movement.axes.iter().map(|along| along.source);
        if !image
            && from.len() == 4
            && reversed.eq([Some(0), Some(3), Some(1), Some(2)])
            && let Operand::Tensor(tensor) = walked.operand
            && movement.axes.iter().all(|along| (along.begin, along.step) == (0, 1))
            && self.len(input) == len
        {
            return self.rest_image(node.output, tensor);
        }
        let output = self.output(node.output, stays)?;
        let [strides] = route.strides.clone();
        let kernel = Kernel::Strided(Strided { grid: route.grid(), begin, strides });
        self.step(node, kernel, vec![walked.operand], output)
    }

    /// Whether the result is some of the channels of an image: it then stays where they lie.
    fn channels_of(&mut self, node: &Node, movement: &Move) -> bool {
        let input = node.inputs[0];
        let from = self.request(input).to_vec();
        let whole = |(axis, along): (usize, &super::super::graph::Along)| {
            let all = (along.begin, along.len) == (0, from[axis]);
            along.source == Some(axis) && along.step == 1 && (all || axis == 1)
        };
        let fits = from.len() == 4
            && movement.axes.len() == 4
            && movement.axes.iter().enumerate().all(whole);
        let Some(image) = self.seen_as_image(input).filter(|_| fits) else {
            return false;
        };
        let channel = movement.axes[1];
        self.rest_channels(node.output, image, channel.begin, channel.len);
        true
    }
}

/// The batch and the dimensions of a request in the order in which they lie.
fn ordered<T: Copy>(all: &[T], image: bool) -> Vec<T> {
    match all {
        &[batch, n, c, h, w] if image => vec![batch, n, h, w, c],
        _ => all.to_vec(),
    }
}

fn signed(strides: &[usize]) -> Result<Vec<isize>, String> {
    let convert = |&stride: &usize| isize::try_from(stride).map_err(|_| "too large".to_owned());
    strides.iter().map(convert).collect()
}
