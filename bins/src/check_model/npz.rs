//! Arrays as numpy stores them: an archive of `.npy` files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

/// Arrays by their names.
pub(super) type Arrays = BTreeMap<String, Vec<f32>>;

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

/// All arrays of an archive, which must be of f32 or f64 in row-major order.
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

/// The elements of a `.npy` file.
fn array(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let (header, data) = split(bytes).ok_or("it is no .npy file")?;
    if value(header, "'fortran_order':") != Some("False") {
        return Err("it is not in row-major order".to_owned());
    }
    let elements: Vec<f32> = match value(header, "'descr':") {
        Some("'<f4'") => data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
        Some("'<f8'") => data.as_chunks().0.iter().map(|&eight| single(eight)).collect(),
        other => return Err(format!("its elements are {other:?}; '<f4' and '<f8' are supported")),
    };
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let dims = shape.ok_or("it has no shape")?.0.split(',').filter(|dim| !dim.trim().is_empty());
    let wanted = dims
        .map(|dim| dim.trim().parse::<usize>().ok())
        .try_fold(1_usize, |product, dim| product.checked_mul(dim?));
    if wanted != Some(elements.len()) {
        return Err(format!("it has {} elements, its shape another number", elements.len()));
    }
    Ok(elements)
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
    fn arrays_of_both_precisions_are_read() {
        let singles = [1.0_f32, -2.5].map(f32::to_le_bytes).concat();
        let header = "'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)";
        assert_eq!(array(&npy(header, &singles)).unwrap(), [1.0, -2.5]);
        let doubles = [1.0_f64, -2.5].map(f64::to_le_bytes).concat();
        let header = "'descr': '<f8', 'fortran_order': False, 'shape': (2,)";
        assert_eq!(array(&npy(header, &doubles)).unwrap(), [1.0, -2.5]);
        let header = "'descr': '<f4', 'fortran_order': False, 'shape': ()";
        assert_eq!(array(&npy(header, &singles[..4])).unwrap(), [1.0]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (entries, reason) in [
            ("'descr': '<i8', 'fortran_order': False, 'shape': (1,)", "<i8"),
            ("'descr': '<f4', 'fortran_order': True, 'shape': (1,)", "row-major"),
            ("'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "another number"),
            ("'descr': '<f4', 'fortran_order': False, 'shape': (x,)", "another number"),
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
