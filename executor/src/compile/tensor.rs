//! Constant tensors of a model, read from its messages.

use super::number::{brain, half, narrow};
use super::onnx::{EXTERNAL, TensorProto};
use super::shape::product;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) dims: Vec<usize>,
    pub(super) elements: Elements,
}

/// The elements of a tensor, row by row. Every float type becomes f32, every integer type and bool
/// becomes i64.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

impl Tensor {
    pub(super) fn from_floats(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self { dims, elements: Elements::Floats(values) }
    }

    pub(super) fn from_integers(dims: Vec<usize>, values: Vec<i64>) -> Self {
        Self { dims, elements: Elements::Integers(values) }
    }

    /// The values of a tensor of floats.
    pub(super) fn floats(&self) -> Option<&[f32]> {
        match &self.elements {
            Elements::Floats(values) => Some(values),
            Elements::Integers(_) => None,
        }
    }

    /// The values of a tensor of integers.
    pub(super) fn integers(&self) -> Option<&[i64]> {
        match &self.elements {
            Elements::Floats(_) => None,
            Elements::Integers(values) => Some(values),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.elements {
            Elements::Floats(values) => values.len(),
            Elements::Integers(values) => values.len(),
        }
    }

    /// The same elements in another shape of as many.
    pub(super) fn reshaped(&self, dims: Vec<usize>) -> Self {
        Self { dims, elements: self.elements.clone() }
    }

    /// A tensor of these dimensions whose elements are those of this one at `sources`.
    pub(super) fn picked(&self, dims: Vec<usize>, sources: impl Iterator<Item = usize>) -> Self {
        let elements = match &self.elements {
            Elements::Floats(values) => Elements::Floats(sources.map(|at| values[at]).collect()),
            Elements::Integers(values) => {
                Elements::Integers(sources.map(|at| values[at]).collect())
            }
        };
        Self { dims, elements }
    }

    /// The tensor of a message; in words why it cannot be read.
    ///
    /// Weights must be finite; a single infinity is a limit (of Clip, say) and may be one.
    pub(super) fn read(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location == EXTERNAL {
            return Err(
                "its data is in another file; supported: of a model's own tensors".to_owned()
            );
        }
        let dims = dimensions(&proto.dims)?;
        let count = product(&dims).ok_or_else(|| format!("shape {dims:?} exceeds any memory"))?;
        let elements = read_elements(proto)?;
        let tensor = Self { dims, elements };
        if tensor.len() != count {
            return Err(format!("{} elements; its shape has {count}", tensor.len()));
        }
        tensor.check_finite()?;
        Ok(tensor)
    }

    /// In words why the tensor is no use as weights.
    pub(super) fn check_finite(&self) -> Result<(), String> {
        let Elements::Floats(values) = &self.elements else { return Ok(()) };
        let bad = |value: &f32| value.is_nan() || (value.is_infinite() && values.len() > 1);
        match values.iter().position(bad) {
            Some(at) => Err(format!(
                "element {at} of {:?} is {}: it contains NaN or infinity; weights must be finite",
                self.dims, values[at]
            )),
            None => Ok(()),
        }
    }
}

fn dimensions(dims: &[i64]) -> Result<Vec<usize>, String> {
    dims.iter()
        .map(|&dim| usize::try_from(dim).map_err(|_| format!("dimension {dim} is negative")))
        .collect()
}

/// The elements, wherever the message has them: as raw little-endian bytes or one by one.
fn read_elements(proto: &TensorProto) -> Result<Elements, String> {
    let raw = &proto.raw_data[..];
    let (floats, integers) = (Elements::Floats, Elements::Integers);
    Ok(match proto.data_type {
        FLOAT => floats(either(raw, &proto.float_data, f32::from_le_bytes, |&v| Some(v))?),
        DOUBLE => floats(either(
            raw,
            &proto.double_data,
            |bytes| narrow(f64::from_le_bytes(bytes)),
            |&v| Some(narrow(v)),
        )?),
        FLOAT16 => floats(halves(proto, half)?),
        BFLOAT16 => floats(halves(proto, brain)?),
        BOOL => integers(small(proto, |[byte]: [u8; 1]| i64::from(byte != 0))?),
        UINT8 => integers(small(proto, |[byte]: [u8; 1]| i64::from(byte))?),
        INT8 => integers(small(proto, |bytes| i64::from(i8::from_le_bytes(bytes)))?),
        UINT16 => integers(small(proto, |bytes| i64::from(u16::from_le_bytes(bytes)))?),
        INT16 => integers(small(proto, |bytes| i64::from(i16::from_le_bytes(bytes)))?),
        INT32 => integers(small(proto, |bytes| i64::from(i32::from_le_bytes(bytes)))?),
        INT64 => integers(either(raw, &proto.int64_data, i64::from_le_bytes, |&v| Some(v))?),
        UINT32 => integers(either(
            raw,
            &proto.uint64_data,
            |bytes| i64::from(u32::from_le_bytes(bytes)),
            |&v| i64::try_from(v).ok(),
        )?),
        // What exceeds i64 stands for "without end" and stays that.
        UINT64 => integers(either(
            raw,
            &proto.uint64_data,
            |bytes| i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX),
            |&v| i64::try_from(v).ok(),
        )?),
        other => {
            return Err(format!("element type {other}; supported: floats, integers and bool"));
        }
    })
}

fn either<L, T, const N: usize>(
    raw: &[u8],
    listed: &[L],
    read: impl Fn([u8; N]) -> T,
    convert: impl Fn(&L) -> Option<T>,
) -> Result<Vec<T>, String> {
    if raw.is_empty() {
        let values = listed.iter().map(convert).collect::<Option<_>>();
        return values.ok_or_else(|| "an element exceeds its type".to_owned());
    }
    let (elements, rest) = raw.as_chunks();
    if !rest.is_empty() {
        return Err(format!("{} bytes of data; an element has {N}", raw.len()));
    }
    Ok(elements.iter().map(|&bytes| read(bytes)).collect())
}

/// Types that the message lists as i32.
fn small<const N: usize>(
    proto: &TensorProto,
    read: impl Fn([u8; N]) -> i64,
) -> Result<Vec<i64>, String> {
    either(&proto.raw_data, &proto.int32_data, read, |&value| Some(i64::from(value)))
}

fn halves(proto: &TensorProto, read: fn(u16) -> f32) -> Result<Vec<f32>, String> {
    let listed = |&bits: &i32| u16::try_from(bits).ok().map(read);
    either(&proto.raw_data, &proto.int32_data, |bytes| read(u16::from_le_bytes(bytes)), listed)
}

/// `TensorProto.DataType`, as far as it is read.
pub(super) const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const UINT16: i32 = 4;
const INT16: i32 = 5;
pub(super) const INT32: i32 = 6;
pub(super) const INT64: i32 = 7;
pub(super) const BOOL: i32 = 9;
pub(super) const FLOAT16: i32 = 10;
pub(super) const DOUBLE: i32 = 11;
const UINT32: i32 = 12;
const UINT64: i32 = 13;
pub(super) const BFLOAT16: i32 = 16;

/// What a Cast to an element type does to values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Float,
    Integer,
    Boolean,
}

/// The class of an element type, if it is one that is read.
pub(super) fn class(data_type: i64) -> Option<Class> {
    match i32::try_from(data_type).ok()? {
        FLOAT | FLOAT16 | DOUBLE | BFLOAT16 => Some(Class::Float),
        UINT8 | INT8 | UINT16 | INT16 | INT32 | INT64 | UINT32 | UINT64 => Some(Class::Integer),
        BOOL => Some(Class::Boolean),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(data_type: i32, count: i64, bytes: &[u8]) -> Result<Tensor, String> {
        let raw_data = bytes.to_vec().into();
        Tensor::read(&TensorProto { dims: vec![count], data_type, raw_data, ..Default::default() })
    }

    #[test]
    fn every_element_type_is_read_from_raw_bytes() {
        let floats =
            |data_type, bytes: &[u8]| raw(data_type, 1, bytes).map(|tensor| tensor.elements);
        assert_eq!(floats(FLOAT, &1.5_f32.to_le_bytes()), Ok(Elements::Floats(vec![1.5])));
        assert_eq!(floats(DOUBLE, &1.5_f64.to_le_bytes()), Ok(Elements::Floats(vec![1.5])));
        assert_eq!(floats(FLOAT16, &[0x00, 0x3e]), Ok(Elements::Floats(vec![1.5])));
        assert_eq!(floats(BFLOAT16, &[0xc0, 0x3f]), Ok(Elements::Floats(vec![1.5])));
        let whole: [(i32, &[u8], i64); 9] = [
            (BOOL, &[3], 1),
            (UINT8, &[200], 200),
            (INT8, &[0xff], -1),
            (UINT16, &[0xff, 0xff], 65535),
            (INT16, &[0xff, 0xff], -1),
            (INT32, &[0xfe, 0xff, 0xff, 0xff], -2),
            (UINT32, &[0xfe, 0xff, 0xff, 0xff], 4_294_967_294),
            (INT64, &[0xff; 8], -1),
            (UINT64, &[0xff; 8], i64::MAX),
        ];
        for (data_type, bytes, expected) in whole {
            let elements = raw(data_type, 1, bytes).map(|tensor| tensor.elements);
            assert_eq!(elements, Ok(Elements::Integers(vec![expected])), "type {data_type}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let reason = |tensor: Result<Tensor, String>| tensor.expect_err("refused");
        assert!(reason(raw(8, 1, b"text")).contains("element type 8"));
        assert!(reason(raw(FLOAT, 1, &[0; 5])).contains("5 bytes of data"));
        assert!(reason(raw(FLOAT, 3, &[0; 8])).contains("2 elements; its shape has 3"));
        assert!(reason(raw(FLOAT, -1, &[0; 4])).contains("negative"));
        assert!(reason(raw(FLOAT, 1, &f32::NAN.to_le_bytes())).contains("NaN"));
        assert!(raw(FLOAT, 1, &f32::INFINITY.to_le_bytes()).is_ok(), "a limit may be infinite");
        let two = [f32::INFINITY.to_le_bytes(), [0; 4]].concat();
        assert!(reason(raw(FLOAT, 2, &two)).contains("infinity"));
        let external = TensorProto { data_location: EXTERNAL, ..Default::default() };
        assert!(reason(Tensor::read(&external)).contains("another file"));
    }
}
