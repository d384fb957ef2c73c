//! What a device takes for each model: a table of profiles, a folder of models, or the emulated V100.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use clockwork_executor::ModelSource;
use clockwork_executor::zoo::{self, Catalogue, table};
use clockwork_wire::{BatchSize, ModelProfile};

use crate::Failure;

/// The profiles of a device, by the names of their models.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    /// What they are called in messages.
    pub(super) place: String,
    pub(super) by_name: BTreeMap<String, Arc<ModelProfile>>,
    /// The models that are meant where none is named.
    pub(super) listed: Vec<String>,
}

impl Profiles {
    /// Those of a file or a folder; without one, of the emulated V100.
    ///
    /// # Errors
    /// If it cannot be read, is no table, or has no model.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            let models = |name: &str| Some((name.to_owned(), zoo::profile(name)?));
            let listed = zoo::names().map(str::to_owned).collect();
            let by_name = zoo::names().filter_map(models).collect();
            return Ok(Self { place: "the emulated V100".into(), by_name, listed });
        };
        let place = path.display().to_string();
        let profiles = if path.is_dir() { folder(path) } else { file(path) };
        let profiles =
            profiles.map_err(|reason| Failure::usage(format!("--profile {place}: {reason}")))?;
        let by_name: BTreeMap<_, _> =
            profiles.into_iter().map(|profile| (profile.name.clone(), profile)).collect();
        let listed = by_name.keys().cloned().collect();
        Ok(Self { place, by_name, listed })
    }

    /// The profile of a model.
    ///
    /// # Errors
    /// If there is none; names some that there are.
    pub(super) fn find(&self, name: &str) -> Result<&Arc<ModelProfile>, Failure> {
        self.by_name.get(name).ok_or_else(|| {
            let some: Vec<_> = self.listed.iter().take(SHOWN).map(String::as_str).collect();
            let rest = self.listed.len().saturating_sub(SHOWN);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let (place, some) = (&self.place, some.join(", "));
            Failure::usage(format!("--models: {place} has no model `{name}`; it has {some}{more}"))
        })
    }
}

/// A table as in `zoo/profiles`.
fn file(path: &Path) -> Result<Vec<Arc<ModelProfile>>, String> {
    let bytes = fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to())
    })?;
    let profiles = table::parse(&text).map_err(|error| error.to_string())?;
    for profile in &profiles {
        check(profile)?;
    }
    if profiles.is_empty() {
        return Err("it has no model".into());
    }
    Ok(profiles.into_iter().map(Arc::new).collect())
}

/// A folder of the original's models, with their measurements.
fn folder(path: &Path) -> Result<Vec<Arc<ModelProfile>>, String> {
    let catalogue = Catalogue::new(vec![path.to_owned()], false);
    let mut profiles = Vec::new();
    for name in catalogue.names() {
        match catalogue.resolve(&name).map_err(|reason| format!("{name}: {reason}"))? {
            ModelSource::Profile(profile) => {
                check(&profile)?;
                profiles.push(profile);
            }
            ModelSource::Artifact(_) | ModelSource::Library(_) => {
                return Err(format!(
                    "{name} is a compiled model, of which no profile is known: write a table"
                ));
            }
        }
    }
    if profiles.is_empty() {
        return Err("the folder has no model with measurements".into());
    }
    Ok(profiles)
}

/// A device that takes no time is no device.
fn check(profile: &ModelProfile) -> Result<(), String> {
    let ModelProfile { name, batches, .. } = profile;
    let single = batches.first().filter(|entry| entry.batch == BatchSize::ONE);
    if single.is_none() || batches.iter().any(|entry| entry.exec.is_zero()) {
        return Err(format!("{name}: batch 1 is needed, and no batch may take 0 ns"));
    }
    Ok(())
}

/// Names that are shown to somebody who asked for one that does not exist.
const SHOWN: usize = 8;
