//! Samples of inputs from a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::ClientError;

/// Reads samples of inputs of `size` bytes: the first `count` files by name in the folder called by
/// that number. A file holds exactly those bytes, or an LZ4 block of them.
///
/// # Errors
/// If there are none, or one is of another size.
pub(super) fn read(folder: &Path, size: u32, count: u32) -> Result<Vec<Vec<u8>>, ClientError> {
    let folder = folder.join(size.to_string());
    let wrong =
        |path: &Path, reason: String| ClientError::Inputs { path: path.into(), size, reason };
    let entries = fs::read_dir(&folder).map_err(|error| wrong(&folder, error.to_string()))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort_unstable();
    files.truncate(usize::try_from(count).expect("a u32 fits usize"));
    if files.is_empty() {
        return Err(wrong(&folder, "it has no files".into()));
    }
    let read = |file: &PathBuf| sample(file, size).map_err(|reason| wrong(file, reason));
    files.iter().map(read).collect()
}

fn sample(file: &Path, size: u32) -> Result<Vec<u8>, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let size = usize::try_from(size).expect("a u32 fits usize");
    if bytes.len() == size {
        return Ok(bytes);
    }
    let plain = lz4_flex::block::decompress(&bytes, size);
    plain.ok().filter(|plain| plain.len() == size).ok_or_else(|| {
        format!("its {} bytes are neither a sample nor an LZ4 block of one", bytes.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("8")).unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join("8").join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn plain_and_compressed_samples_are_read_in_the_order_of_their_names() {
        let packed = lz4_flex::block::compress(&[7; 8]);
        let folder = folder(&[("c", b"cccccccc"), ("b", &packed), ("a", b"aaaaaaaa")]);
        assert_eq!(read(folder.path(), 8, 2).unwrap(), [b"aaaaaaaa".to_vec(), vec![7; 8]]);
        assert_eq!(read(folder.path(), 8, 9).unwrap().len(), 3);
    }

    #[test]
    fn what_is_missing_or_of_another_size_is_named() {
        for (files, size, wrong) in [
            (&[("a", &b"aaaa"[..])][..], 8, "its 4 bytes are neither"),
            (&[("a", b"aaaaaaaa!")], 8, "its 9 bytes are neither"),
            (&[], 8, "it has no files"),
            (&[], 9, "No such file"),
        ] {
            let error = read(folder(files).path(), size, 3).unwrap_err().to_string();
            assert!(error.contains(wrong) && error.contains(&format!("{size} bytes")), "{error}");
        }
    }
}
