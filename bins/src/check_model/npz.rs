//! Arrays as numpy stores them: an archive of `.npy` files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clockwork_executor::artifact::Scalar;
use zip::ZipArchive;
use zip::result::ZipError;

/// Arrays by their names.
pub(super) type Arrays = BTreeMap<String, Array>;

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) elements: Elements,
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum NpzError {
    /// It cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Archive { path: PathBuf, source: ZipError },
    /// An array in it cannot be read.
    #[error("cannot read array {name} of {}", path.display())]
    Read { path: PathBuf, name: String, source: io::Error },
    /// An array in it is of a kind that is not supported.
    #[error("array {name} of {}: {reason}", path.display())]
    Array { path: PathBuf, name: String, reason: String },
}

/// All arrays of an archive, which must be in row-major order.
pub(super) fn read(path: &Path) -> Result<Arrays, NpzError> {
    let unreadable = |source| NpzError::Archive { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| unreadable(ZipError::Io(error)))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let mut arrays = Arrays::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(unreadable)?;
        let file = entry.name().map_err(unreadable)?.into_owned();
        let Some(name) = file.strip_suffix(".npy") else { continue };
        let mut bytes = Vec::new();
        entry.take(LARGEST).read_to_end(&mut bytes).map_err(|source| NpzError::Read {
            path: path.to_owned(),
            name: name.to_owned(),
            source,
        })?;
        let array = array(&bytes).map_err(|reason| NpzError::Array {
            path: path.to_owned(),
            name: name.to_owned(),
            reason,
        })?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

/// What is in a `.npy` file.
fn array(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = split(bytes).ok_or("it is no .npy file")?;
    if value(header, "'fortran_order':") != Some("False") {
        return Err("it is not in row-major order; save numpy.ascontiguousarray of it".to_owned());
    }
    let kind = value(header, "'descr':").unwrap_or("unknown");
    let elements = elements(kind, data).ok_or_else(|| {
        format!("its elements are {kind}; supported: '<f4', '<f8', '<i4' and '<i8'")
    })?;
    let text = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let dims = text.ok_or("it has no shape")?.0.split(',').filter(|dim| !dim.trim().is_empty());
    let shape: Option<Vec<usize>> = dims.map(|dim| dim.trim().parse().ok()).collect();
    let shape = shape.ok_or("its shape cannot be read")?;
    let wanted = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if wanted != Some(elements.len()) {
        return Err(format!("it has {} elements, its shape {shape:?} others", elements.len()));
    }
    Ok(Array { shape, elements })
}

/// Elements of a kind; none if it is none of ours.
fn elements(kind: &str, data: &[u8]) -> Option<Elements> {
    let floats = |floats: Vec<f32>| Some(Elements::Floats(floats));
    let integers = |integers: Vec<i64>| Some(Elements::Integers(integers));
    match kind {
        "'<f4'" => floats(each(data, f32::from_le_bytes)),
        "'<f8'" => floats(each(data, single)),
        "'<i4'" => integers(each(data, |bytes| i64::from(i32::from_le_bytes(bytes)))),
        "'<i8'" => integers(each(data, i64::from_le_bytes)),
        _ => None,
    }
}

fn each<T, const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().map(|&bytes| read(bytes)).collect()
}

impl Array {
    /// The words in which a model takes it or gives it; in words why it does not fit.
    pub(super) fn words(&self, scalar: Scalar) -> Result<Vec<f32>, String> {
        let word = |bytes: [u8; 4]| f32::from_bits(u32::from_le_bytes(bytes));
        match (&self.elements, scalar) {
            (Elements::Floats(floats), Scalar::Float32) => Ok(floats.clone()),
            (Elements::Integers(numbers), Scalar::Int64) => {
                let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
                Ok(each(&bytes, word))
            }
            (Elements::Integers(numbers), Scalar::Int32) => {
                let narrow = |&number: &i64| i32::try_from(number).ok();
                let narrow: Option<Vec<i32>> = numbers.iter().map(narrow).collect();
                let narrow = narrow.ok_or("a number exceeds int32")?;
                Ok(narrow.into_iter().map(|number| word(number.to_le_bytes())).collect())
            }
            (Elements::Floats(_), _) => Err("it is of floats; the model's is of integers".into()),
            (Elements::Integers(_), _) => Err("it is of integers; the model's is of floats".into()),
        }
    }
}

impl Elements {
    fn len(&self) -> usize {
        match self {
            Self::Floats(floats) => floats.len(),
            Self::Integers(integers) => integers.len(),
        }
    }
}

/// Header and data.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (len, rest) = match rest.split_at_checked(2)? {
        ([1, _], rest) => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from(u16::from_le_bytes(*len)), rest)
        }
        (_, rest) => {
            let (len, rest) = rest.split_first_chunk()?;
            (u32::from_le_bytes(*len), rest)
        }
    };
    let (header, data) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((str::from_utf8(header).ok()?, data))
}

/// What follows a key in a header, up to the next comma.
fn value<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let (_, rest) = header.split_once(key)?;
    Some(rest.split(',').next()?.trim())
}

#[expect(clippy::cast_possible_truncation, clippy::as_conversions, reason = "models take singles")]
fn single(bytes: [u8; 8]) -> f32 {
    f64::from_le_bytes(bytes) as f32
}

/// No array is larger: a model's largest input has 4 GiB.
const LARGEST: u64 = 8 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    /// A `.npy` file with this header's entries.
    fn npy(entries: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{{entries}, }}\n");
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_of_every_kind_are_read() {
        let floats = |shape: &[usize], floats: &[f32]| Array {
            shape: shape.to_vec(),
            elements: Elements::Floats(floats.to_vec()),
        };
        let singles = [1.0_f32, -2.5].map(f32::to_le_bytes).concat();
        let header = "'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)";
        assert_eq!(array(&npy(header, &singles)).unwrap(), floats(&[1, 2], &[1.0, -2.5]));
        let doubles = [1.0_f64, -2.5].map(f64::to_le_bytes).concat();
        let header = "'descr': '<f8', 'fortran_order': False, 'shape': (2,)";
        assert_eq!(array(&npy(header, &doubles)).unwrap(), floats(&[2], &[1.0, -2.5]));
        let header = "'descr': '<f4', 'fortran_order': False, 'shape': ()";
        assert_eq!(array(&npy(header, &singles[..4])).unwrap(), floats(&[], &[1.0]));
        let integers = Elements::Integers(vec![3, -4]);
        let header = "'descr': '<i8', 'fortran_order': False, 'shape': (2,)";
        let wide = array(&npy(header, &[3_i64, -4].map(i64::to_le_bytes).concat())).unwrap();
        assert_eq!(wide.elements, integers);
        let header = "'descr': '<i4', 'fortran_order': False, 'shape': (2,)";
        let narrow = array(&npy(header, &[3_i32, -4].map(i32::to_le_bytes).concat())).unwrap();
        assert_eq!(narrow, wide);
    }

    #[test]
    fn a_model_takes_integers_as_they_lie_in_memory() {
        let array = |elements| Array { shape: vec![2], elements };
        let integers = array(Elements::Integers(vec![3, -1]));
        let bits = |words: Vec<f32>| words.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(integers.words(Scalar::Int32).unwrap()), [3, u32::MAX]);
        assert_eq!(bits(integers.words(Scalar::Int64).unwrap()), [3, 0, u32::MAX, u32::MAX]);
        assert!(integers.words(Scalar::Float32).unwrap_err().contains("floats"));
        let huge = array(Elements::Integers(vec![1 << 40, 0]));
        assert!(huge.words(Scalar::Int32).unwrap_err().contains("int32"));
        let floats = array(Elements::Floats(vec![1.0, 2.0]));
        assert_eq!(floats.words(Scalar::Float32).unwrap(), [1.0, 2.0]);
        assert!(floats.words(Scalar::Int64).unwrap_err().contains("integers"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (entries, reason) in [
            ("'descr': '<i2', 'fortran_order': False, 'shape': (1,)", "'<i2'; supported"),
            ("'descr': '<f4', 'fortran_order': True, 'shape': (1,)", "row-major"),
            ("'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "its shape [3] others"),
            ("'descr': '<f4', 'fortran_order': False, 'shape': (x,)", "cannot be read"),
            ("'descr': '<f4', 'fortran_order': False", "no shape"),
        ] {
            let refusal = array(&npy(entries, &[0; 8])).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
        for bytes in [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{}", b"PK\x03\x04"] {
            assert_eq!(array(bytes).unwrap_err(), "it is no .npy file");
        }
    }
}
