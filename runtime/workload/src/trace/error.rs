//! What can be wrong with a file that a workload reads.

use std::fmt;

/// A file that cannot be used: which, where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file, or what was looked for.
    pub file: String,
    /// Where, as far as that is known: lines and columns count from 1.
    pub line: Option<usize>,
    /// The name of the column, if one is to blame.
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl FileError {
    /// The file as a whole is wrong.
    pub fn of(file: &str, reason: impl fmt::Display) -> Self {
        Self { file: file.into(), line: None, field: None, reason: reason.to_string() }
    }

    /// A line of it is wrong.
    #[must_use]
    pub fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    /// One field of a line is wrong.
    #[must_use]
    pub fn field(self, name: &str) -> Self {
        Self { field: Some(name.into()), ..self }
    }
}

impl std::error::Error for FileError {}

/// File, line, column and reason, as far as they are known.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, field, reason } = self;
        if !file.is_empty() {
            write!(f, "`{file}`: ")?;
        }
        if let Some(line) = line {
            write!(f, "line {line}: ")?;
        }
        if let Some(field) = field {
            write!(f, "column `{field}`: ")?;
        }
        f.write_str(reason)
    }
}
