//! What goes into a worker and what comes out.

use std::sync::Arc;

use clockwork_wire::{
    Action, ActionId, ActionResult, Encoding, LoadModel, ModelLoaded, ModelProfile, ModelUnloaded,
    Payload, UnloadModel,
};

use crate::artifact::Artifact;
use crate::library::LibraryModel;
use crate::{Unprepared, Wanted};

/// Where a model comes from; found by name by whoever drives the worker, because a worker opens no
/// files.
#[derive(Clone, Debug)]
pub enum ModelSource {
    /// Durations and sizes, for an emulated device.
    Profile(Arc<ModelProfile>),
    /// A compiled model.
    Artifact(Arc<Artifact>),
    /// A shared object that somebody else compiled.
    Library(Arc<LibraryModel>),
}

impl ModelSource {
    /// The profile, if it is one.
    pub const fn profile(&self) -> Option<&Arc<ModelProfile>> {
        match self {
            Self::Profile(profile) => Some(profile),
            Self::Artifact(_) | Self::Library(_) => None,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// An action, complete with its inputs.
    Action {
        /// What to do.
        action: Action,
        /// INFER: the inputs.
        inputs: Inputs,
    },
    /// Make a model servable.
    LoadModel(LoadModel),
    /// Forget models.
    UnloadModel(UnloadModel),
    /// Answers [`Output::Resolve`].
    Resolved {
        /// The [`LoadModel`] that asked.
        id: ActionId,
        /// The model, or why there is none.
        source: Result<ModelSource, Unprepared>,
    },
    /// Do not start this action.
    Cancel {
        /// The action.
        id: ActionId,
    },
    /// Another controller than before has come. It numbers its actions from the start, and its
    /// epoch may be its predecessor's if both were started within a second.
    NewController,
}

/// The inputs of an INFER.
#[derive(Debug, Default)]
pub struct Inputs {
    /// All inputs, one after the other.
    pub body: Payload,
    /// Bytes of each, one entry per input of the batch; all zero when absent.
    pub sizes: Vec<u32>,
    /// How the bytes are to be read.
    pub encoding: Encoding,
}

/// What the worker has to say.
#[derive(Debug)]
pub enum Output {
    /// The one result of an action, with the outputs of the batch.
    Result {
        /// What was done.
        result: ActionResult,
        /// The outputs, one after the other.
        output: Payload,
    },
    /// Find a model by name and come back with [`Input::Resolved`].
    Resolve {
        /// The [`LoadModel`] that asks.
        id: ActionId,
        /// The name.
        name: String,
        /// How many models will be made of it.
        copies: u32,
        /// Which batch sizes they will need.
        wanted: Wanted,
    },
    /// The one result of a [`LoadModel`].
    ModelLoaded(ModelLoaded),
    /// The one result of an [`UnloadModel`].
    ModelUnloaded(ModelUnloaded),
    /// Answers a cancel: either the action's result is [`Status::CANCELLED`]
    /// (which follows), or it was too late.
    ///
    /// [`Status::CANCELLED`]: clockwork_wire::Status::CANCELLED
    CancelReply {
        /// The action.
        id: ActionId,
        /// Whether it was cancelled.
        cancelled: bool,
    },
}
