//! File, environment, flags: who says what, and who wins.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::config::SECTIONS;
use crate::{Check, Config, ConfigError, libconfig};

/// What is said beside the defaults, from the weakest voice to the strongest.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Where the file came from, and its text: our TOML or the original's `.cfg`.
    pub file: Option<(PathBuf, String)>,
    /// Variables as name and value. Those named `CLOCKWORK_<SECTION>_<KEY>` count, and the
    /// original's; an empty value counts as unset.
    pub environment: Vec<(String, String)>,
    /// Flags as `section.key` and value.
    pub flags: Vec<(String, String)>,
}

/// A configuration, and what in it was said by somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// What holds.
    pub config: Config,
    /// Keys that were set, in the order in which they were; a later one wins.
    pub overridden: Vec<Overridden>,
}

/// A key that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The key with its section.
    pub key: String,
    /// What it was set to.
    pub value: String,
    /// By which file, variable or flag.
    pub origin: String,
}

/// Prints the original's line.
impl fmt::Display for Overridden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The default setting {} was overwritten to {}", self.key, self.value)
    }
}

impl Sources {
    /// The file named by a flag, else by `CLOCKWORK_CONFIG_FILE`, and the process's environment.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn of_process(flag: Option<&Path>) -> Result<Self, ConfigError> {
        let environment: Vec<_> = std::env::vars().filter(|(_, v)| !v.is_empty()).collect();
        let variable = environment.iter().find(|(name, _)| name == "CLOCKWORK_CONFIG_FILE");
        let path = flag.or_else(|| variable.map(|(_, path)| Path::new(path)));
        let file = path.map(|path| {
            let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read {
                path: path.into(),
                cause: cause.to_string(),
            })?;
            Ok((path.to_owned(), text))
        });
        Ok(Self { file: file.transpose()?, environment, flags: Vec::new() })
    }

    /// Adds a flag, stronger than all before it; `None` means that it was not given.
    #[must_use]
    pub fn flag(mut self, key: &str, value: Option<impl ToString>) -> Self {
        self.flags.extend(value.map(|value| (key.into(), value.to_string())));
        self
    }

    /// What holds when all are heard: defaults < file < environment < flags.
    ///
    /// # Errors
    /// If a key is unknown, or a value is of the wrong kind or out of its range.
    ///
    /// # Panics
    /// Never: the defaults are values that TOML can hold.
    pub fn resolve(&self) -> Result<Resolved, ConfigError> {
        let defaults = Table::try_from(Config::default()).expect("TOML holds the defaults");
        let mut merge = Merge { table: defaults, overridden: Vec::new() };
        if let Some((path, text)) = &self.file {
            merge.file(path, text)?;
        }
        for (name, value) in self.environment.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some((section, key, value)) = variable(name, value) {
                merge.text(section, key, value, name)?;
            }
        }
        for (path, value) in &self.flags {
            let (section, key) = find(path).ok_or_else(|| unknown(path))?;
            merge.text(section, key, value, &format!("flag for {path}"))?;
        }
        let config = read(merge.table, "configuration")?;
        config.check()?;
        Ok(Resolved { config, overridden: merge.overridden })
    }
}

/// The configuration so far, as a table.
struct Merge {
    table: Table,
    overridden: Vec<Overridden>,
}

impl Merge {
    /// The file is read on its own first: that finds every mistake with its line.
    fn file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let origin = path.display().to_string();
        let syntax = |cause: String| ConfigError::Syntax { origin: origin.clone(), cause };
        let table = if libconfig::is_libconfig(path, text) {
            libconfig::read(text).map_err(|error| syntax(error.to_string()))?
        } else {
            toml::from_str::<Config>(text).map_err(|error| syntax(error.to_string()))?;
            text.parse().map_err(|error: toml::de::Error| syntax(error.to_string()))?
        };
        for (section, keys) in table {
            for (key, value) in keys.as_table().cloned().unwrap_or_default() {
                self.set(&section, &key, value, &origin);
            }
        }
        Ok(())
    }

    /// Reads a value as what the key holds by default: text as it is, everything else as TOML.
    fn text(
        &mut self,
        section: &str,
        key: &str,
        text: &str,
        origin: &str,
    ) -> Result<(), ConfigError> {
        let verbatim = || Value::String(text.into());
        let value = if self.table[section][key].is_str() {
            verbatim()
        } else {
            text.parse().unwrap_or_else(|_| verbatim())
        };
        let one = Table::from_iter([(key.to_owned(), value.clone())]);
        read(Table::from_iter([(section.to_owned(), Value::Table(one))]), origin)?;
        self.set(section, key, value, origin);
        Ok(())
    }

    fn set(&mut self, section: &str, key: &str, value: Value, origin: &str) {
        let printed = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.overridden.push(Overridden {
            key: format!("{section}.{key}"),
            value: printed,
            origin: origin.into(),
        });
        self.table[section][key] = value;
    }
}

/// Which key a variable sets, and to what: the original's names, then ours.
fn variable<'a>(name: &str, value: &'a str) -> Option<(&'static str, &'static str, &'a str)> {
    match name {
        "CLOCKWORK_DISABLE_INPUTS" => {
            let disable = if value == "1" { "true" } else { "false" };
            return Some(("client", "disable_inputs", disable));
        }
        "CLOCKWORK_MODEL_DIR" => return Some(("worker", "model_dir", value)),
        _ => {}
    }
    let rest = name.strip_prefix("CLOCKWORK_")?.to_ascii_lowercase();
    let (section, key) = SECTIONS.iter().find_map(|section| {
        let key = rest.strip_prefix(section.name)?.strip_prefix('_')?;
        Some((section.name, section.keys.iter().find(|known| known.name == key)?.name))
    })?;
    Some((section, key, value))
}

/// A key by its path, `section.key`.
fn find(path: &str) -> Option<(&'static str, &'static str)> {
    let (section, key) = path.split_once('.')?;
    let section = SECTIONS.iter().find(|known| known.name == section)?;
    let key = section.keys.iter().find(|known| known.name == key)?;
    Some((section.name, key.name))
}

fn unknown(path: &str) -> ConfigError {
    let keys =
        SECTIONS.iter().flat_map(|s| s.keys.iter().map(|k| format!("{}.{}", s.name, k.name)));
    let cause = format!("unknown key: allowed is one of {}", keys.collect::<Vec<_>>().join(", "));
    ConfigError::Syntax { origin: path.into(), cause }
}

fn read(table: Table, origin: &str) -> Result<Config, ConfigError> {
    Config::deserialize(table)
        .map_err(|error| ConfigError::Syntax { origin: origin.into(), cause: error.to_string() })
}
