//! Finds a model by its name: in the worker's own folders, among its libraries, then in the built-in zoo.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "compile")]
use std::sync::LazyLock;

use super::original;
use crate::ModelSource;
use crate::artifact::{Artifact, HostCache, MANIFEST, Target};
#[cfg(feature = "compile")]
use crate::compile::digits;
use crate::library::{LibraryModel, OBJECT};

/// The models that a worker may serve.
///
/// A client says a *name*. It never reaches a path of its choice: names with separators are
/// refused, except that the paths of the original's clients, `.../NAME/model`, are reduced to
/// `NAME`.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folders: Vec<PathBuf>,
    libraries: Option<PathBuf>,
    copies: HostCache,
    targets: Vec<Target>,
    emulated: bool,
    compiled: bool,
}

impl Catalogue {
    /// A catalogue of these folders, each with one sub-folder per model; `emulated`: and of the
    /// built-in zoo.
    pub fn new(folders: Vec<PathBuf>, emulated: bool) -> Self {
        let (copies, targets) = (HostCache::default(), vec![Target::Cpu]);
        Self { folders, libraries: None, copies, targets, emulated, compiled: false }
    }

    /// The same catalogue with at most so many bytes of weights in host memory; what does not fit is read from
    /// its file whenever it is loaded.
    #[must_use]
    pub fn with_host_copies(mut self, limit: u64) -> Self {
        self.copies = HostCache::new(limit);
        self
    }

    /// The same catalogue for devices that run the first of these forms which a model has, not those for
    /// processors.
    #[must_use]
    pub fn with_targets(mut self, targets: Vec<Target>) -> Self {
        self.targets = targets;
        self
    }

    /// The same catalogue with the libraries in this folder, one sub-folder per model: code that is trusted as
    /// this program is, so it is never one of the other folders.
    #[must_use]
    pub fn with_libraries(mut self, folder: PathBuf) -> Self {
        self.libraries = Some(folder);
        self
    }

    /// The same catalogue with the model that is compiled in: `digits`, for a device that runs
    /// compiled models. Without the feature `compile` there is none.
    #[must_use]
    pub fn with_compiled(mut self) -> Self {
        self.compiled = cfg!(feature = "compile");
        self
    }

    /// Finds a model.
    ///
    /// # Errors
    /// In words: the name is not allowed, or unknown (with names that are not), or its files are
    /// broken.
    pub fn resolve(&self, name: &str) -> Result<ModelSource, String> {
        let name = model_name(name)?;
        for folder in &self.folders {
            if let Some(found) = self.open(&folder.join(name), name) {
                return found;
            }
        }
        if let Some(folder) = self.libraries.as_ref().map(|folder| folder.join(name))
            && is_library(&folder)
        {
            let library = LibraryModel::open(&folder).map_err(|error| error.to_string())?;
            return Ok(ModelSource::Library(Arc::new(library)));
        }
        if self.compiled
            && let Some(source) = compiled(name)
        {
            return Ok(source);
        }
        let built_in = if self.emulated { super::profile(name) } else { None };
        built_in.map(ModelSource::Profile).ok_or_else(|| self.unknown(name))
    }

    /// The names of all models, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for folder in &self.folders {
            names.extend(names_in(folder, is_model));
        }
        if let Some(folder) = &self.libraries {
            names.extend(names_in(folder, is_library));
        }
        if self.compiled {
            names.extend(COMPILED.iter().map(|&name| name.to_owned()));
        }
        if self.emulated {
            names.extend(super::names().map(str::to_owned));
        }
        names.into_iter().collect()
    }

    /// The model in a folder, if there is one.
    fn open(&self, folder: &Path, name: &str) -> Option<Result<ModelSource, String>> {
        if folder.join(MANIFEST).is_file() {
            let artifact = Artifact::read_sharing(folder, &self.targets, &self.copies)
                .map_err(|error| error.to_string());
            return Some(artifact.map(|artifact| ModelSource::Artifact(Arc::new(artifact))));
        }
        let prefix = folder.join(ORIGINAL_PREFIX);
        if !original::exists(&prefix) {
            return None;
        }
        let profile = original::read(&prefix, name);
        Some(profile.map(|p| ModelSource::Profile(Arc::new(p))).map_err(|error| error.to_string()))
    }

    fn unknown(&self, name: &str) -> String {
        let mut names = self.names();
        let total = names.len();
        if total == 0 {
            return format!("no model `{name}`: this worker has none; name a folder of models");
        }
        // The names that begin most like it, in alphabetical order.
        names.sort_by_key(|known| std::cmp::Reverse(common_prefix(known, name)));
        names.truncate(SUGGESTIONS);
        names.sort_unstable();
        let shown = names.len();
        let more =
            if total > shown { format!(" and {} more", total - shown) } else { String::new() };
        format!("no model `{name}`; this worker has {}{more}", names.join(", "))
    }
}

/// The name of a model, from a name or from the path that the original's clients send.
///
/// # Errors
/// In words, if it is no name: it has a separator or a control character, begins with a dot, is empty
/// or longer than 255 bytes.
pub fn model_name(asked: &str) -> Result<&str, String> {
    let path = asked.strip_suffix("/model");
    let name = path.map_or(asked, |path| path.rsplit('/').next().unwrap_or(path));
    let forbidden = |c: char| matches!(c, '/' | '\\') || c.is_control();
    if name.is_empty() || name.starts_with('.') || name.len() > 255 || name.contains(forbidden) {
        let shown: String = asked.chars().take(80).collect();
        return Err(format!(
            "`{}` is not a model name: a name has no `/` or `\\` and does not begin with `.`",
            shown.escape_debug()
        ));
    }
    Ok(name)
}

/// The names of the sub-folders that hold a model; none if the folder cannot be read.
fn names_in(folder: &Path, holds: fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let folders = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let models = folders.filter(|path| holds(path));
    let names = models.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    // No name leads to one that is still being uploaded.
    names.filter(|name| !name.starts_with('.')).collect()
}

fn is_model(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file() || original::exists(&folder.join(ORIGINAL_PREFIX))
}

fn is_library(folder: &Path) -> bool {
    folder.join(OBJECT).exists()
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// The compiled model of this name that is built in.
#[cfg(feature = "compile")]
fn compiled(name: &str) -> Option<ModelSource> {
    static DIGITS: LazyLock<Arc<Artifact>> = LazyLock::new(|| Arc::new(digits::artifact()));
    (name == digits::NAME).then(|| ModelSource::Artifact(Arc::clone(&DIGITS)))
}

#[cfg(not(feature = "compile"))]
fn compiled(_name: &str) -> Option<ModelSource> {
    None
}

/// The names of the compiled models that are built in.
#[cfg(feature = "compile")]
const COMPILED: &[&str] = &[digits::NAME];
#[cfg(not(feature = "compile"))]
const COMPILED: &[&str] = &[];

/// What the files of an original model begin with.
const ORIGINAL_PREFIX: &str = "model";
/// Names that are shown to somebody who asked for one that does not exist.
const SUGGESTIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_in_name_and_model_is_reduced_to_the_name() {
        for asked in ["resnet50_v2", "resnet50_v2/model", "/some/where/resnet50_v2/model"] {
            assert_eq!(model_name(asked), Ok("resnet50_v2"));
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folders() {
        for asked in [
            "",
            "..",
            "../model",
            "a/b",
            "/etc/passwd",
            "../x/y",
            ".hidden",
            "a\\b",
            "a\0b",
            "/model",
            "x/../model",
        ] {
            assert!(model_name(asked).is_err(), "{asked:?}");
        }
        assert!(model_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn an_unknown_name_is_answered_with_names_that_exist() {
        let message = Catalogue::new(Vec::new(), true).resolve("resnet50_v3").unwrap_err();
        assert!(message.contains("resnet50_v2") && message.contains("53 more"), "{message}");
        let message = Catalogue::new(Vec::new(), false).resolve("resnet50_v2").unwrap_err();
        assert!(message.contains("this worker has none"), "{message}");
    }

    #[test]
    #[cfg(feature = "compile")]
    fn compiled_models_are_found_built_in_and_in_folders() {
        let built_in = Catalogue::new(Vec::new(), false).with_compiled();
        assert_eq!(built_in.names(), ["digits"]);
        let Ok(ModelSource::Artifact(digits)) = built_in.resolve("digits") else { panic!() };
        let folder = tempfile::tempdir().unwrap();
        digits.write(&folder.path().join("other")).unwrap();
        let on_disk = Catalogue::new(vec![folder.path().to_owned()], false);
        assert_eq!(on_disk.names(), ["other"]);
        let Ok(ModelSource::Artifact(read)) = on_disk.resolve("other/model") else { panic!() };
        assert_eq!(read.cpu(), digits.cpu());
        fs::write(folder.path().join("other").join(MANIFEST), "{").unwrap();
        assert!(on_disk.resolve("other").unwrap_err().contains(MANIFEST));
    }

    #[test]
    fn the_zoo_is_found_by_name_also_where_it_is_not_listed() {
        let catalogue = Catalogue::new(Vec::new(), true);
        assert_eq!(catalogue.names().len(), 61);
        for name in ["resnet50_v2", "resnet50_tuned_1_8x"] {
            assert!(catalogue.resolve(name).is_ok(), "{name}");
        }
    }
}
