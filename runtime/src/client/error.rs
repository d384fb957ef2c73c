//! Why a client ends without having done its work.

use std::path::PathBuf;

use clockwork_wire::codec::NAME_MAX;
use clockwork_wire::{ModelId, Status};

/// Why a client ends without having done its work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The controller's address makes no sense or names no host.
    #[error("cannot find the controller `{address}` (HOST:PORT): {cause}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A model's name is too long to be sent.
    #[error("the model name `{0}` is too long: allowed are {NAME_MAX} bytes")]
    Name(String),
    /// The controller did not load a model.
    #[error("cannot load {copies} copies of model `{name}`: status {status}: {message}")]
    Load {
        /// The model.
        name: String,
        /// How many copies were asked for.
        copies: u32,
        /// The controller's answer.
        status: Status,
        /// The controller's words.
        message: String,
    },
    /// The controller did not remove models.
    #[error("cannot unload {copies} models from {first} on: status {status}: {message}")]
    Unload {
        /// The first model.
        first: ModelId,
        /// How many.
        copies: u32,
        /// The controller's answer.
        status: Status,
        /// The controller's words.
        message: String,
    },
    /// The controller did not put a new version in a model's place.
    #[error("cannot replace model `{name}`: status {status}: {message}")]
    Replace {
        /// The model.
        name: String,
        /// The controller's answer.
        status: Status,
        /// The controller's words.
        message: String,
    },
    /// A model was not uploaded, or not to every worker.
    #[error("cannot upload model `{name}`: status {status}: {message}")]
    Upload {
        /// The model.
        name: String,
        /// The controller's answer.
        status: Status,
        /// The controller's words.
        message: String,
    },
    /// The folder of a model cannot be read.
    #[error("{} cannot be read as a compiled model", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The controller does not list its models.
    #[error("the controller does not list its models: status {0}")]
    List(Status),
    /// The controller answers what was not asked.
    #[error("the controller broke the protocol: {0}")]
    Protocol(String),
    /// The connection broke.
    #[error("lost the controller: {0}")]
    Lost(String),
    /// There are no samples for a model's inputs, or one of them is wrong.
    #[error("no samples of {size} bytes in {}: {reason}", path.display())]
    Inputs {
        /// The folder, or the file.
        path: PathBuf,
        /// Bytes of an input.
        size: u32,
        /// What is wrong.
        reason: String,
    },
    /// The records of the requests cannot be written.
    #[error("cannot write what became of the requests to {}", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}
