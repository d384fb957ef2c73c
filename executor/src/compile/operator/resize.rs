//! Images of another size.

use std::rc::Rc;

use crate::compile::builder::Builder;
use crate::compile::graph::{Op, Resize, Sample, Value};
use crate::compile::number::{size_to_float, to_size};
use crate::compile::view::{NodeView, Refusal, axis};

use super::constants::sizes;

/// Version 10 has the scales as input 1; later ones have a region there that only
/// `tf_crop_and_resize` reads, then scales, then sizes.
pub(super) fn resize(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input).to_vec();
    let (scales_at, coordinates, rounding) = if node.opset() < 11 {
        (1, "asymmetric", "floor")
    } else {
        (2, node.text("coordinate_transformation_mode"), node.text("nearest_mode"))
    };
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&at| axis(at, dims.len())).collect::<Result<_, _>>()?,
        None => (0..dims.len()).collect(),
    };
    let given = node.optional(scales_at).filter(|&scales| graph.dims(scales) != [0]);
    let target = if let Some(scales) = given {
        let scales = graph.floats(scales, "the scales")?;
        Target::scaled(&dims, &axes, scales.floats().unwrap_or_default())?
    } else {
        let wanted = sizes(&graph.integers(node.input(3)?, "the sizes")?)?;
        if !matches!(node.text("keep_aspect_ratio_policy"), "" | "stretch") {
            return Err("keep_aspect_ratio_policy; supported: stretch".to_owned());
        }
        Target::sized(&dims, &axes, &wanted)?
    };
    if node.flag("antialias", false) {
        return Err("antialias; supported: without".to_owned());
    }
    let lens = Lens { mode: node.text("mode"), coordinates, rounding };
    lens.look(graph, input, &target).map(|value| vec![value])
}

/// What Resize was called before version 10. The scales are an attribute before version 9.
pub(super) fn upsample(node: &NodeView<'_>, graph: &mut Builder) -> Result<Vec<Value>, Refusal> {
    let input = node.input(0)?;
    let dims = graph.dims(input).to_vec();
    let axes: Vec<usize> = (0..dims.len()).collect();
    let scales = match node.attribute("scales") {
        Some(attribute) => attribute.floats.clone(),
        None => graph.floats(node.input(1)?, "the scales")?.floats().unwrap_or_default().to_vec(),
    };
    let target = Target::scaled(&dims, &axes, &scales)?;
    let lens = Lens { mode: node.text("mode"), coordinates: "asymmetric", rounding: "floor" };
    lens.look(graph, input, &target).map(|value| vec![value])
}

/// The size of the result, and how many times the input's it is.
struct Target {
    dims: Vec<usize>,
    scales: Vec<f32>,
}

impl Target {
    fn scaled(dims: &[usize], axes: &[usize], factors: &[f32]) -> Result<Self, Refusal> {
        let sane = |factor: &f32| factor.is_finite() && *factor > 0.0;
        if factors.len() != axes.len() || !factors.iter().all(sane) {
            return Err(format!("scales {factors:?} for {} dimensions", axes.len()));
        }
        let (mut to, mut scales) = (dims.to_vec(), vec![1.0; dims.len()]);
        for (&at, &factor) in axes.iter().zip(factors) {
            to[at] = to_size((size_to_float(dims[at]) * factor).floor());
            scales[at] = factor;
        }
        Ok(Self { dims: to, scales })
    }

    fn sized(dims: &[usize], axes: &[usize], wanted: &[usize]) -> Result<Self, Refusal> {
        if wanted.len() != axes.len() {
            return Err(format!("sizes {wanted:?} for {} dimensions", axes.len()));
        }
        let (mut to, mut scales) = (dims.to_vec(), vec![1.0; dims.len()]);
        for (&at, &size) in axes.iter().zip(wanted) {
            to[at] = size;
            scales[at] = size_to_float(size) / size_to_float(dims[at]);
        }
        Ok(Self { dims: to, scales })
    }
}

/// How an image is looked at.
struct Lens<'a> {
    mode: &'a str,
    coordinates: &'a str,
    rounding: &'a str,
}

impl Lens<'_> {
    fn look(&self, graph: &mut Builder, input: Value, to: &Target) -> Result<Value, Refusal> {
        let dims = graph.dims(input).to_vec();
        let (&[n, c, h, w], &[to_n, to_c, high, wide]) = (&dims[..], &to.dims[..]) else {
            return Err("supported: images".to_owned());
        };
        if (n, c) != (to_n, to_c) {
            return Err(format!("{dims:?} to {:?}; supported: height and width", to.dims));
        }
        if (h, w) == (high, wide) {
            return Ok(input);
        }
        if high > SIZE_MAX || wide > SIZE_MAX || high == 0 || wide == 0 {
            return Err(format!("to {high} x {wide}; supported: 1 to {SIZE_MAX}"));
        }
        let rows = self.samples(h, high, to.scales[2])?;
        let columns = self.samples(w, wide, to.scales[3])?;
        graph.emit(Op::Resize(Resize { rows, columns }), &[input])
    }

    fn samples(&self, from: usize, to: usize, scale: f32) -> Result<Rc<[Sample]>, Refusal> {
        (0..to).map(|index| self.sample(index, from, to, scale)).collect()
    }

    fn sample(&self, index: usize, from: usize, to: usize, scale: f32) -> Result<Sample, Refusal> {
        let at = size_to_float(index);
        let place = match self.coordinates {
            "asymmetric" => at / scale,
            "" | "half_pixel" => (at + 0.5) / scale - 0.5,
            "pytorch_half_pixel" if to > 1 => (at + 0.5) / scale - 0.5,
            "align_corners" if to > 1 => at * size_to_float(from - 1) / size_to_float(to - 1),
            "pytorch_half_pixel" | "align_corners" => 0.0,
            other => return Err(format!("coordinate_transformation_mode {other}")),
        };
        let last = from - 1;
        let clamped = place.clamp(0.0, size_to_float(last));
        let low = to_size(clamped.floor()).min(last);
        let share = clamped - clamped.floor();
        match self.mode {
            "" | "nearest" => {
                let up = match self.rounding {
                    "floor" => false,
                    "ceil" => share > 0.0,
                    "round_prefer_ceil" => share >= 0.5,
                    "" | "round_prefer_floor" => share > 0.5,
                    other => return Err(format!("nearest_mode {other}")),
                };
                let low = if up { (low + 1).min(last) } else { low };
                Ok(Sample { low, high: low, share: 0.0 })
            }
            "linear" | "bilinear" => Ok(Sample { low, high: (low + 1).min(last), share }),
            other => Err(format!("mode {other}; supported: nearest and linear")),
        }
    }
}

/// No image is made higher or wider.
const SIZE_MAX: usize = 1 << 16;
