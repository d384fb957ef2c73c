//! How far a long command has come: a bar on a terminal, lines anywhere else.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The stages of a command, on standard error. Nothing is shown of a command that turns out to be short.
pub(crate) struct Stages {
    count: usize,
    shown: bool,
    bar: Option<ProgressBar>,
}

impl Stages {
    pub(crate) const fn new(count: usize) -> Self {
        Self { count, shown: false, bar: None }
    }

    /// Shows stages from here on, if the command is known to take long.
    pub(crate) fn show_from(&mut self, long: bool) {
        if long && !self.shown {
            self.shown = true;
            self.bar = io::stderr().is_terminal().then(|| bar(self.count));
        }
    }

    /// The next stage begins.
    pub(crate) fn turn_to(&mut self, stage: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(stage.to_owned());
                bar.inc(1);
            }
            None if self.shown => eprintln!("{stage}"),
            None => {}
        }
    }
}

/// The bar goes; what remains is said in lines.
impl Drop for Stages {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
