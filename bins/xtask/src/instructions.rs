//! Instructions per request of the pure scheduler: a figure that no other process on the machine
//! disturbs, so that a change of a few percent shows.

use std::process::Command;

/// Counts and compares; with `bless` what is counted becomes the baseline.
pub(crate) fn run(bless: bool) -> Result<String, String> {
    let counted = if bless { BASELINE } else { COUNTED };
    clockwork(&["bench", "instructions", "--json", counted])?;
    if bless {
        return Ok(format!("{BASELINE} is the baseline"));
    }
    clockwork(&["bench", "compare", BASELINE, COUNTED, "--fail-above", LIMIT_PERCENT])?;
    Ok(format!("no cell is worse than its baseline by more than {LIMIT_PERCENT} %"))
}

fn clockwork(words: &[&str]) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--quiet", "--"]).args(words);
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("clockwork {} failed", words.join(" "))) }
}

const BASELINE: &str = "docs/results/instructions.json";
const COUNTED: &str = "target/instructions.json";
/// Less than any change that is worth a thought, more than what a new compiler moves.
const LIMIT_PERCENT: &str = "3";
