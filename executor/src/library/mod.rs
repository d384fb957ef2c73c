//! Models that were compiled ahead of time by anything, as shared objects behind a small C interface.
//!
//! The interface is `executor/include/clockwork_model.h`, which a wrapper includes; `docs/libraries.md` is the
//! guide. The original's models had this form. Here a library brings code only: its weights are paged and its
//! memory is owned like those of a compiled artifact, by the same device core (`cpu`), so that both forms can be
//! served side by side.
//!
//! A library is code, and is trusted as this program is: it is opened only by name and only from the
//! folder that the operator configured for that (`worker.libraries_dir`), which nothing that comes over the
//! network ever writes to. One that may crash runs in a worker process of its own.

mod abi;
mod error;
mod model;

pub use error::LibraryError;
pub use model::{LibraryModel, OBJECT, WEIGHTS};
