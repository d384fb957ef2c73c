//! Where the trace of Azure Functions is.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clockwork_simulator::Trace;
use ruzstd::decoding::StreamingDecoder;

/// Reads the trace at `path`, or the sample in the shared data; compressed with zstd if it is named
/// so.
///
/// # Errors
/// If it is not there or is no trace.
pub(super) fn read(path: Option<&Path>) -> Result<Arc<Trace>, String> {
    let path = path.map_or_else(sample, Path::to_owned);
    let about =
        |error: &dyn std::fmt::Display| format!("no trace in `{}`: {error}", path.display());
    let file = File::open(&path).map_err(|error| about(&error))?;
    let compressed = path.extension().is_some_and(|extension| extension == "zst");
    let plain: Box<dyn Read> = if compressed {
        Box::new(StreamingDecoder::new(file).map_err(|error| about(&error))?)
    } else {
        Box::new(file)
    };
    Trace::read(BufReader::new(plain)).map(Arc::new).map_err(|error| about(&error))
}

/// The sample's place: in the folder that `CLOCKWORK_SHARED_DATA` names, or in `../shared/data`.
fn sample() -> PathBuf {
    let folder = std::env::var_os("CLOCKWORK_SHARED_DATA");
    let folder = folder.unwrap_or_else(|| "../shared/data".into());
    PathBuf::from(folder).join("traces/invitro_azure2019_1350_inv.csv.zst")
}
