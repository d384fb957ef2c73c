//! Which files an artifact may have.

use std::fs;
use std::io;
use std::path::Path;

use clockwork_wire::{BatchSize, UploadFile};

use crate::artifact::{MANIFEST, Target};

/// The files of the artifact in this folder, in an order that is always the same: the manifest, then each
/// variant's. Whatever else is there, such as what was measured on a device, is left out.
///
/// # Errors
/// If the folder cannot be read, or has no manifest.
pub fn list(folder: &Path) -> io::Result<Vec<UploadFile>> {
    if !folder.join(MANIFEST).is_file() {
        // A folder that is not there is told as such.
        fs::read_dir(folder)?;
        let missing = format!("it has no {MANIFEST}; `clockwork compile` makes one");
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let mut paths = vec![MANIFEST.to_owned()];
    for variant in names(&folder.join(VARIANTS))? {
        let inside = names(&folder.join(VARIANTS).join(&variant))?;
        paths.extend(inside.into_iter().map(|file| format!("{VARIANTS}/{variant}/{file}")));
    }
    let file = |path: String| {
        let len = fs::metadata(folder.join(&path))?.len();
        Ok(UploadFile { path, len })
    };
    paths.into_iter().filter(|path| is_allowed(path)).map(file).collect()
}

/// What stands for a file's path and length in the hash of an upload, before its bytes.
pub fn prefix(path: &str, len: u64) -> Vec<u8> {
    [path.as_bytes(), &[0], &len.to_le_bytes()].concat()
}

/// The bytes of all files together, if they are those of an artifact and at most `limit`.
pub(super) fn check(files: &[UploadFile], limit: u64) -> Result<u64, String> {
    let mut total = 0_u64;
    for (at, UploadFile { path, len }) in files.iter().enumerate() {
        if !is_allowed(path) {
            let shown: String = path.chars().take(80).collect();
            return Err(format!("`{}` is no file of an artifact", shown.escape_debug()));
        }
        if files[..at].iter().any(|before| before.path == *path) {
            return Err(format!("`{path}` is named twice"));
        }
        total = total.saturating_add(*len);
    }
    if total == 0 || total > limit {
        return Err(format!("it has {total} bytes; 1 to {limit} are allowed (worker.upload_max)"));
    }
    Ok(total)
}

/// `manifest.json`, `variants/VARIANT/weights.bin`, `variants/VARIANT/plan.BATCH.json`.
fn is_allowed(path: &str) -> bool {
    if path == MANIFEST {
        return true;
    }
    let Some((variant, file)) = path
        .strip_prefix(VARIANTS)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    variant.parse::<Target>().is_ok() && is_part(file)
}

fn is_part(file: &str) -> bool {
    let batch = file.strip_prefix("plan.").and_then(|rest| rest.strip_suffix(".json"));
    let size = batch.and_then(|batch| batch.parse().ok()).and_then(BatchSize::new);
    file == "weights.bin" || size.is_some_and(|size| batch == Some(size.to_string().as_str()))
}

/// The names in a folder, in order.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

const VARIANTS: &str = "variants";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_has_no_other_files() {
        for path in
            ["manifest.json", "variants/cpu-fp32/weights.bin", "variants/cuda-fp16/plan.16.json"]
        {
            assert!(is_allowed(path), "{path}");
        }
        for path in [
            "",
            "model.so",
            "../manifest.json",
            "/manifest.json",
            "variants/../weights.bin",
            "variants//weights.bin",
            "variants/cpu-fp32/../../manifest.json",
            "variants/cpu-fp32/x/weights.bin",
            "variants/else/weights.bin",
            "variants/cpu-fp32/plan.0.json",
            "variants/cpu-fp32/plan.01.json",
            "variants/cpu-fp32/plan.+1.json",
            "variants/cpu-fp32/plan.json",
            "variants/cpu-fp32",
            "variants\\cpu-fp32\\weights.bin",
            "device/cpu/profile.json",
        ] {
            assert!(!is_allowed(path), "{path}");
        }
    }
}
