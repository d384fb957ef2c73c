//! Answers to loads, unloads, replacements and lists.

use clockwork_wire::codec::Listing;
use clockwork_wire::{LoadResponse, ReplaceResponse, RequestId, UnloadResponse, UploadResponse};

use super::ClientError;

/// An answer to what is no inference.
pub(super) enum Reply {
    Load(LoadResponse),
    Unload(UnloadResponse),
    Replace(ReplaceResponse),
    Upload(UploadResponse),
    List(Listing),
}

impl Reply {
    /// What it answers.
    pub(super) const fn id(&self) -> RequestId {
        match self {
            Self::Load(response) => response.id,
            Self::Unload(response) => response.id,
            Self::Replace(response) => response.id,
            Self::Upload(response) => response.id,
            Self::List(listing) => listing.id,
        }
    }
}

/// An answer is of another kind than its question.
pub(super) fn confused() -> ClientError {
    ClientError::Protocol("an answer is of another kind than its question".into())
}

/// A load's answer, if it is the one that was asked for.
pub(super) fn checked(
    name: &str,
    copies: u32,
    response: LoadResponse,
) -> Result<LoadResponse, ClientError> {
    let LoadResponse { status, message, .. } = response.clone();
    if !status.is_ok() {
        return Err(ClientError::Load { name: name.into(), copies, status, message });
    }
    if response.copies != copies {
        let made = response.copies;
        let words = format!("{made} copies of `{name}` were made instead of {copies}");
        return Err(ClientError::Protocol(words));
    }
    Ok(response)
}
