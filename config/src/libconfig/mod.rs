//! The original's configuration file: libconfig syntax, group `WorkerConfig`.
//!
//! Only what such files contain is understood: groups `name : { ... };` or `name = { ... };`,
//! settings `key = value;` with integers (decimal or `0x`, with or without `L`), strings, `true` and
//! `false`, and comments `//`, `#` and `/* */`. Separators after a value or a group may be left out.

mod lexer;

use std::path::Path;

use lexer::{Lexer, LibconfigError, Token};
use toml::{Table, Value};

/// Whether a file is the original's: by its extension, else by how it begins.
pub(crate) fn is_libconfig(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("cfg") => true,
        Some("toml") => false,
        _ => matches!(Lexer::new(text).next(), Ok(Some((_, Token::Name(name)))) if name == ROOT),
    }
}

/// Reads a file as sections of our configuration.
///
/// # Errors
/// If the syntax is broken, a key is unknown or a value is of the wrong kind.
pub(crate) fn read(text: &str) -> Result<Table, LibconfigError> {
    let mut parser = Parser { lexer: Lexer::new(text), section: Table::new() };
    parser.group("")?;
    let mut table = Table::new();
    table.insert("executor".into(), Value::Table(parser.section));
    Ok(table)
}

/// The group that a file consists of.
const ROOT: &str = "WorkerConfig";

/// The groups of a file, by their paths.
const GROUPS: [&str; 4] = [
    "WorkerConfig",
    "WorkerConfig.memory_settings",
    "WorkerConfig.telemetry_settings",
    "WorkerConfig.log_dir",
];

/// The original's settings by their paths, and what they are called in our section `executor`.
const KEYS: [(&str, &str); 9] = [
    ("WorkerConfig.memory_settings.weights_cache_size", "weights_cache_size"),
    ("WorkerConfig.memory_settings.weights_cache_page_size", "page_size"),
    ("WorkerConfig.memory_settings.io_pool_size", "io_pool_size"),
    ("WorkerConfig.memory_settings.workspace_pool_size", "workspace_pool_size"),
    ("WorkerConfig.memory_settings.host_io_pool_size", "host_io_pool_size"),
    ("WorkerConfig.telemetry_settings.enable_task_telemetry", "enable_task_telemetry"),
    ("WorkerConfig.telemetry_settings.enable_action_telemetry", "enable_action_telemetry"),
    ("WorkerConfig.log_dir.telemetry_log_dir", "telemetry_log_dir"),
    ("WorkerConfig.allow_zero_size_inputs", "allow_zero_size_inputs"),
];

struct Parser<'a> {
    lexer: Lexer<'a>,
    section: Table,
}

impl Parser<'_> {
    /// Reads settings until the group's end; `path` is empty for the file itself.
    fn group(&mut self, path: &str) -> Result<(), LibconfigError> {
        loop {
            match self.lexer.next()? {
                Some((line, Token::Name(name))) => self.setting(line, &join(path, &name))?,
                Some((_, Token::Separator)) => {}
                Some((_, Token::Close)) if !path.is_empty() => return Ok(()),
                None if path.is_empty() => return Ok(()),
                None => return Err(self.lexer.error(format!("`{path}` is not closed by `}}`"))),
                Some((line, other)) => {
                    let cause = format!("{other:?} where a key or group was expected");
                    return Err(LibconfigError { line, cause });
                }
            }
        }
    }

    /// What follows a name. Depth is bounded by the known groups.
    fn setting(&mut self, line: usize, path: &str) -> Result<(), LibconfigError> {
        if !matches!(self.lexer.next()?, Some((_, Token::Assign))) {
            return Err(LibconfigError {
                line,
                cause: format!("`{path}` needs `=` or `:` after it"),
            });
        }
        match self.lexer.next()? {
            Some((_, Token::Open)) if GROUPS.contains(&path) => self.group(path),
            Some((_, Token::Value(value))) => self.value(line, path, value),
            Some((_, Token::Open)) => {
                let cause =
                    format!("unknown group `{path}`: allowed is one of {}", GROUPS.join(", "));
                Err(LibconfigError { line, cause })
            }
            _ => Err(LibconfigError { line, cause: format!("`{path}` needs a value or a group") }),
        }
    }

    fn value(&mut self, line: usize, path: &str, value: Value) -> Result<(), LibconfigError> {
        let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == path) else {
            let known = KEYS.map(|(known, _)| known).join(", ");
            let cause = format!("unknown key `{path}`: allowed is one of {known}");
            return Err(LibconfigError { line, cause });
        };
        let kind = kind_of(key);
        if !kind.fits(&value) {
            let cause = format!("`{path}` is {value}: allowed is {}", kind.allowed());
            return Err(LibconfigError { line, cause });
        }
        self.section.insert((*key).into(), value);
        Ok(())
    }
}

/// What a setting of the original holds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Size,
    Flag,
    Text,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Size => value.as_integer().is_some_and(|size| size >= 0),
            Self::Flag => value.is_bool(),
            Self::Text => value.is_str(),
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Size => "an integer of bytes, such as 16777216L",
            Self::Flag => "true or false",
            Self::Text => "text in quotation marks",
        }
    }
}

fn kind_of(key: &str) -> Kind {
    match key {
        "telemetry_log_dir" => Kind::Text,
        "enable_task_telemetry" | "enable_action_telemetry" | "allow_zero_size_inputs" => {
            Kind::Flag
        }
        _ => Kind::Size,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}
