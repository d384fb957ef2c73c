//! Constant tensors of a model.

use super::graph::Constant;
use super::onnx::{EXTERNAL, FLOAT, INT64, TensorProto};

/// A constant of one of the two element types that the compiler reads.
#[derive(Clone, Debug)]
pub(super) enum Tensor {
    Floats(Constant),
    Integers(Vec<i64>),
}

impl Tensor {
    /// The tensor of a message; in words why it cannot be read.
    pub(super) fn read(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location == EXTERNAL {
            return Err("its data is in another file; save the model with its data inside".into());
        }
        let dims = dimensions(&proto.dims)?;
        let count = dims
            .iter()
            .try_fold(1_usize, |n, &dim| n.checked_mul(dim))
            .ok_or_else(|| format!("shape {dims:?} exceeds any memory"))?;
        let (tensor, found) = match proto.data_type {
            FLOAT => {
                let values = elements(&proto.raw_data, &proto.float_data, f32::from_le_bytes);
                if values.iter().any(|value| !value.is_finite()) {
                    return Err("it contains NaN or infinity; weights must be finite".into());
                }
                let found = values.len();
                (Self::Floats(Constant { dims, values }), found)
            }
            INT64 => {
                let values = elements(&proto.raw_data, &proto.int64_data, i64::from_le_bytes);
                let found = values.len();
                (Self::Integers(values), found)
            }
            other => {
                return Err(format!("element type {other}; supported: 1 (float) and 7 (int64)"));
            }
        };
        if found != count {
            return Err(format!("{found} elements; its shape has {count}"));
        }
        Ok(tensor)
    }

    /// The same elements in another shape, as Reshape and its kin give it.
    pub(super) fn reshaped(&self, target: &[i64]) -> Result<Self, String> {
        let Self::Floats(constant) = self else {
            return Err("an integer constant cannot be reshaped".into());
        };
        let dims = super::shape::reshape(&constant.dims, target)?;
        Ok(Self::Floats(Constant { dims, values: constant.values.clone() }))
    }
}

fn dimensions(dims: &[i64]) -> Result<Vec<usize>, String> {
    dims.iter()
        .map(|&dim| usize::try_from(dim).map_err(|_| format!("dimension {dim} is negative")))
        .collect()
}

/// The elements, wherever the message has them: as raw little-endian bytes or one by one.
fn elements<T: Copy, const N: usize>(raw: &[u8], listed: &[T], read: fn([u8; N]) -> T) -> Vec<T> {
    if raw.is_empty() {
        return listed.to_vec();
    }
    raw.as_chunks().0.iter().map(|&bytes| read(bytes)).collect()
}
