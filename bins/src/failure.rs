//! How a process ends when it cannot do what it was asked.

use std::error::Error;
use std::process::ExitCode;

/// Why a process gives up.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense; exit code 2.
    Usage(String),
    /// The work could not be done; exit code 1.
    Work(Box<dyn Error>),
    /// The work could not be done, for a reason with an exit code of its own.
    Coded(u8, Box<dyn Error>),
}

impl Failure {
    /// A failure of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// A failure with an exit code of its own.
    pub fn coded(code: u8, error: impl Error + 'static) -> Self {
        Self::Coded(code, Box::new(error))
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Work(Box::new(error))
    }
}

/// The exit code of a process; says on one line why it failed.
pub fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(Failure::Work(error)) => {
            eprintln!("error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
        Err(Failure::Coded(code, error)) => {
            eprintln!("error: {}", chain(error.as_ref()));
            ExitCode::from(code)
        }
    }
}

/// An error and what caused it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors already say what caused them.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_says_each_cause_once() {
        let inner = std::io::Error::other("disk on fire");
        let outer = std::io::Error::other(inner);
        assert_eq!(chain(&outer), "disk on fire");
    }
}
