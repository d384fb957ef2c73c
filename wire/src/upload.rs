//! Models on their way to workers: compiled artifacts that clients upload.

use crate::{ActionId, Payload, RequestId, Status};

/// One file of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadFile {
    /// Its path inside the artifact's folder; at most 255 bytes.
    pub path: String,
    /// Its bytes.
    pub len: u64,
}

/// One step of an upload; each is answered before the next may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadStep {
    /// Says what will come.
    Begin {
        /// The name that clients will ask for; at most 255 bytes, never opened as a path.
        name: String,
        /// The files in the order in which they come; at most
        /// [`UPLOAD_FILES_MAX`](crate::codec::UPLOAD_FILES_MAX).
        files: Vec<UploadFile>,
        /// SHA-256 of all of it.
        sha256: [u8; 32],
    },
    /// The next bytes of the files, one after the other without gaps.
    Data {
        /// How many came before these.
        offset: u64,
        /// At most [`UPLOAD_DATA_MAX`](crate::codec::UPLOAD_DATA_MAX).
        bytes: Payload,
    },
    /// Nothing more will come, and nothing is to stay of what came.
    Drop,
}

/// Client to controller: a step of an upload to every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRequest {
    /// The client's number for this step; comes back in the response.
    pub id: RequestId,
    /// The client's number for the upload, the same for all of its steps.
    pub upload: RequestId,
    /// The step.
    pub step: UploadStep,
}

/// Answers an [`UploadRequest`]: to the last bytes when every worker has the model, or why one has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadResponse {
    /// The client's number for the step.
    pub id: RequestId,
    /// [`Status::OK`], or why the upload is over.
    pub status: Status,
    /// In words, when it failed: each worker, and why.
    pub message: String,
}

/// Controller to worker: a step of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadModel {
    /// Of this step.
    pub id: ActionId,
    /// Of the upload, the same for all of its steps.
    pub upload: ActionId,
    /// The step.
    pub step: UploadStep,
}

/// The one answer to an [`UploadModel`]; to the last bytes: whether the model is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUploaded {
    /// The step.
    pub id: ActionId,
    /// [`Status::OK`], or why the upload is over.
    pub status: Status,
    /// In words, when it failed.
    pub message: String,
}
