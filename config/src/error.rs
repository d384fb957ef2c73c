//! What can be wrong with a configuration: always the operator's to mend, so every error names the
//! key, the value and what is allowed.

use std::fmt::Display;
use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {cause}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The text is not what its format allows, or has an unknown key, or a value of the wrong kind.
    #[error("{origin}: {cause}")]
    Syntax {
        /// Which file, variable or flag.
        origin: String,
        /// What is wrong, where, and what is allowed.
        cause: String,
    },
    /// A value is out of its range.
    #[error("`{key}` is {value}: allowed is {allowed}")]
    Range {
        /// The key with its section.
        key: String,
        /// What it was set to.
        value: String,
        /// What it may be.
        allowed: String,
    },
}

impl ConfigError {
    /// A value out of its range.
    pub fn range(key: &str, value: impl Display, allowed: impl Display) -> Self {
        Self::Range { key: key.into(), value: value.to_string(), allowed: allowed.to_string() }
    }

    /// An error unless the condition holds.
    pub(crate) fn unless(
        holds: bool,
        key: &str,
        value: impl Display,
        allowed: impl Display,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::range(key, value, allowed)) }
    }
}

/// A section that can say whether its values and their relations make sense.
pub trait Check {
    /// Checks ranges and relations.
    ///
    /// # Errors
    /// The first value out of its range.
    fn check(&self) -> Result<(), ConfigError>;
}
