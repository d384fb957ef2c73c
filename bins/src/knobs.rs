//! Knobs of the scheduler, as tools that simulate take them: `--set scheduler.KEY=VALUE`.

use clockwork_config::{SchedulerConfig, Sources};

use crate::Failure;

/// The scheduler's knobs, if any is set: the defaults with these changes.
pub(crate) fn scheduler(changes: &[String]) -> Result<Option<SchedulerConfig>, Failure> {
    let mut sources = Sources::default();
    for change in changes {
        let knob = change.split_once('=').filter(|(key, _)| key.starts_with("scheduler."));
        let (key, value) = knob.ok_or_else(|| {
            Failure::usage(format!("--set is `{change}`; scheduler.KEY=VALUE is needed"))
        })?;
        sources = sources.flag(key, Some(value));
    }
    let resolved = sources.resolve().map_err(|error| Failure::usage(error.to_string()))?;
    Ok((!changes.is_empty()).then_some(resolved.config.scheduler))
}
