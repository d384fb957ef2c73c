//! Tensors that a model keeps in files beside its own, as exporters write large ones.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::onnx::{EXTERNAL, TensorProto};

/// The folder of a model, if it has one: its tensors may lie in files there, and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside<'a>(pub(super) Option<&'a Path>);

impl Beside<'_> {
    /// A tensor with its data in it; `None` if that is so already; in words why it cannot be read.
    pub(super) fn fetch(self, proto: &TensorProto) -> Result<Option<TensorProto>, String> {
        if proto.data_location != EXTERNAL {
            return Ok(None);
        }
        let name = entry(proto, "location").ok_or("its data is in a file that has no name")?;
        let failed = |reason: String| {
            format!(
                "its data is in {name}, {reason}; put that file beside the model, or save the model with its \
                 data inside"
            )
        };
        let raw_data = self.read(proto, name).map_err(failed)?;
        let (dims, data_type) = (proto.dims.clone(), proto.data_type);
        Ok(Some(TensorProto { dims, data_type, raw_data, ..TensorProto::default() }))
    }

    fn read(self, proto: &TensorProto, name: &str) -> Result<Bytes, String> {
        let path = self.inside(name)?;
        let unread = |error: std::io::Error| format!("which cannot be read ({error})");
        let file = File::open(path).map_err(unread)?;
        let size = file.metadata().map_err(unread)?.len();
        let offset = number(proto, "offset")?.unwrap_or(0);
        let rest = size.checked_sub(offset);
        let len = number(proto, "length")?.or(rest).unwrap_or(0);
        if rest.is_none_or(|rest| len > rest) {
            return Err(format!("which has {size} bytes, not {len} from byte {offset} on"));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| "which is too large")?];
        file.read_exact_at(&mut bytes, offset).map_err(unread)?;
        Ok(bytes.into())
    }

    /// The path of a file in the folder. A model that somebody sent names no file elsewhere, not by a link
    /// either.
    fn inside(self, name: &str) -> Result<PathBuf, String> {
        let folder = self.0.ok_or("which nobody said where to look for")?;
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !Path::new(name).components().all(plain) {
            return Err("which is not in the model's folder".to_owned());
        }
        let real =
            |path: &Path| fs::canonicalize(path).map_err(|e| format!("which is missing ({e})"));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (found, folder) = (real(&folder.join(name))?, real(folder)?);
        if found.starts_with(folder) { Ok(found) } else { Err("which leads elsewhere".to_owned()) }
    }
}

fn entry<'a>(proto: &'a TensorProto, key: &str) -> Option<&'a str> {
    proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

fn number(proto: &TensorProto, key: &str) -> Result<Option<u64>, String> {
    let wrong = |text: &str| format!("at {key} {text:?}, which is no number");
    entry(proto, key).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::onnx::EntryProto;

    fn external(entries: &[(&str, &str)]) -> TensorProto {
        let entry = |&(key, value): &(&str, &str)| EntryProto {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let external_data = entries.iter().map(entry).collect();
        TensorProto { data_location: EXTERNAL, external_data, ..TensorProto::default() }
    }

    #[test]
    fn data_lies_beside_the_model_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let models = folder.path().join("models");
        fs::create_dir(&models).expect("made");
        fs::write(models.join("w"), [1, 2, 3, 4, 5]).expect("written");
        fs::write(folder.path().join("secret"), [9]).expect("written");
        std::os::unix::fs::symlink("../secret", models.join("link")).expect("linked");
        let beside = Beside(Some(&models));
        let data = |entries: &[(&str, &str)]| {
            let fetched = beside.fetch(&external(entries))?;
            Ok(fetched.expect("it was outside").raw_data.to_vec())
        };
        assert_eq!(data(&[("location", "w")]), Ok(vec![1, 2, 3, 4, 5]));
        assert_eq!(data(&[("location", "./w"), ("offset", "3")]), Ok(vec![4, 5]));
        let part = [("location", "w"), ("offset", "1"), ("length", "2")];
        assert_eq!(data(&part), Ok(vec![2, 3]));
        for (entries, words) in [
            (&[][..], "has no name"),
            (&[("location", "gone")], "gone, which is missing (No such file"),
            (&[("location", "../secret")], "which is not in the model's folder"),
            (&[("location", "/etc/passwd")], "which is not in the model's folder"),
            (&[("location", "link")], "which leads elsewhere"),
            (&[("location", "w"), ("length", "6")], "which has 5 bytes, not 6 from byte 0 on"),
            (&[("location", "w"), ("offset", "6")], "which has 5 bytes"),
            (&[("location", "w"), ("offset", "-1")], "offset \"-1\", which is no number"),
        ] {
            let refused: Result<Vec<u8>, String> = data(entries);
            let refused = refused.expect_err(words);
            assert!(refused.contains(words), "{refused}");
        }
        let nowhere = Beside(None).fetch(&external(&[("location", "w")])).expect_err("nowhere");
        assert!(nowhere.contains("put that file beside the model"), "{nowhere}");
        assert_eq!(beside.fetch(&TensorProto::default()), Ok(None));
    }
}
