//! Writes a configuration as a file that explains itself.

use crate::config::{Config, SECTIONS, SectionDoc};

/// `default.toml`: every key with its meaning and its default.
///
/// # Panics
/// Never: defaults are values that TOML can hold.
pub fn default_toml() -> String {
    INTRODUCTION.to_owned() + &documented(&Config::default())
}

/// A configuration as TOML with every key and its meaning; reads back to the same configuration.
///
/// # Panics
/// If a number is beyond 2^63 - 1, which TOML cannot hold.
pub fn documented(config: &Config) -> String {
    let table = toml::Table::try_from(config).expect("numbers are within TOML's range");
    SECTIONS.iter().map(|section| section_text(section, &table)).collect()
}

fn section_text(section: &SectionDoc, table: &toml::Table) -> String {
    let head = format!("\n{}[{}]\n", comment(section.about), section.name);
    section.keys.iter().fold(head, |text, key| {
        let value = &table[section.name][key.name];
        text + &comment(key.doc) + key.name + " = " + &value.to_string() + "\n"
    })
}

/// Doc lines carry the blank that follows `///`.
fn comment(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| ["#", line, "\n"]).collect()
}

const INTRODUCTION: &str = "\
# Every knob of Clockwork with its default. Written from the code: do not edit, copy.
#
# A file needs only the keys that it changes. Spans are numbers with ns, us, ms, s, min or h, or
# integers of nanoseconds; sizes are numbers with B, KiB, MiB, GiB or kB, MB, GB, or integers of
# bytes. What a file says is overridden by the variable CLOCKWORK_<SECTION>_<KEY>, and that by a
# flag of the command line.
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_default_file_reads_back_to_the_defaults() {
        assert_eq!(toml::from_str::<Config>(&default_toml()).unwrap(), Config::default());
    }

    /// With `CLOCKWORK_BLESS=1` it writes the file instead.
    #[test]
    fn the_default_file_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("default.toml");
        if std::env::var("CLOCKWORK_BLESS").is_ok_and(|bless| bless == "1") {
            std::fs::write(&path, default_toml()).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(file, default_toml(), "stale: CLOCKWORK_BLESS=1 cargo test -p clockwork-config");
    }
}
