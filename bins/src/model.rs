//! `clockwork model list|load|unload|replace|upload`: which models a controller serves.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use clockwork_config::{NetworkConfig, Sources};
use clockwork_runtime::client::{ClientError, Session};
use clockwork_runtime::rt;
use clockwork_wire::codec::COPIES_MAX;
use clockwork_wire::{ModelId, Status, UserId};

use crate::process::say;
use crate::{Failure, process};

/// The command line.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Show the models: id, name, bytes of an input, bytes of an output
    List(Controller),
    /// Load copies of a model on every worker
    Load {
        #[command(flatten)]
        controller: Controller,
        /// The model's name.
        name: String,
        /// How many copies, each a model with an id of its own.
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        copies: u32,
    },
    /// Unload models: what is under way ends, what waits and what comes is refused
    Unload {
        #[command(flatten)]
        controller: Controller,
        /// The id of the first model.
        model: u32,
        /// How many models, with ids from that one on.
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        copies: u32,
    },
    /// Have a new version of a model served under the same ids: what the workers find under its name now
    Replace {
        #[command(flatten)]
        controller: Controller,
        /// The model's name.
        name: String,
    },
    /// Send a compiled model to every worker; `load` or `replace` then serves it
    Upload {
        #[command(flatten)]
        controller: Controller,
        /// The folder of the compiled model.
        folder: PathBuf,
        /// The name that clients will ask for [default: the folder's]
        #[arg(long = "as")]
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Controller {
    /// The controller, host:port.
    address: String,
}

/// Does what is wished.
///
/// # Errors
/// If the controller cannot be reached, or refuses.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::begin(1)?;
    let resolved = Sources::of_process(None)?.resolve();
    let network = resolved.map_err(|error| Failure::usage(error.to_string()))?.config.network;
    Ok(rt::run(&rt::Options::default(), fulfil(&arguments.wish, network))??)
}

async fn fulfil(wish: &Wish, network: NetworkConfig) -> Result<(), ClientError> {
    let (Wish::List(controller)
    | Wish::Load { controller, .. }
    | Wish::Unload { controller, .. }
    | Wish::Replace { controller, .. }
    | Wish::Upload { controller, .. }) = wish;
    let mut session = Session::connect(&controller.address, &network, |line| say(&line)).await?;
    let done = match wish {
        Wish::List(_) => list(&mut session).await,
        Wish::Load { name, copies, .. } => load(&mut session, name, *copies).await,
        Wish::Unload { model, copies, .. } => unload(&mut session, *model, *copies).await,
        Wish::Replace { name, .. } => replace(&mut session, name).await,
        Wish::Upload { folder, name, .. } => upload(&mut session, folder, name.as_deref()).await,
    };
    session.close().await;
    done
}

async fn list(session: &mut Session) -> Result<(), ClientError> {
    let listing = session.list().await?;
    if listing.status != Status::OK {
        return Err(ClientError::List(listing.status));
    }
    for model in listing.models {
        say(&format!(
            "{}\t{}\t{}\t{}",
            model.model, model.name, model.input_size, model.output_size
        ));
    }
    Ok(())
}

async fn load(session: &mut Session, name: &str, copies: u32) -> Result<(), ClientError> {
    for (_, copies) in portions(0, copies) {
        let loaded = session.load(name, copies, USER).await?;
        say(&format!("loaded {} copies of {name} from id {} on", loaded.copies, loaded.model));
    }
    Ok(())
}

async fn unload(session: &mut Session, first: u32, copies: u32) -> Result<(), ClientError> {
    for (first, copies) in portions(first, copies) {
        session.unload(ModelId::new(first), copies, USER).await?;
        say(&format!("unloaded {copies} models from id {first} on"));
    }
    Ok(())
}

async fn replace(session: &mut Session, name: &str) -> Result<(), ClientError> {
    let models = session.replace(name, USER).await?;
    say(&format!("{models} ids serve the new version of {name}"));
    Ok(())
}

async fn upload(
    session: &mut Session,
    folder: &Path,
    name: Option<&str>,
) -> Result<(), ClientError> {
    // `.` and `DIR/` name their folder as well.
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let own = whole.file_name().unwrap_or_default().to_string_lossy();
    let name = name.unwrap_or(&own);
    session.upload(name, folder).await?;
    say(&format!("every worker has {name}; load or replace serves it"));
    Ok(())
}

/// `copies` ids from `first` on in portions that one request may name. Ids end where numbers do.
fn portions(first: u32, copies: u32) -> impl Iterator<Item = (u32, u32)> {
    let end = first.saturating_add(copies);
    let begins = (first..end).step_by(PORTION);
    begins.map(move |begin| (begin, (end - begin).min(COPIES_MAX)))
}

/// Who asks.
const USER: UserId = UserId::new(0);
/// [`COPIES_MAX`], as a step.
const PORTION: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_models_are_asked_for_in_portions() {
        assert_eq!(portions(5, 3).collect::<Vec<_>>(), [(5, 3)]);
        let rest = 100_000 - COPIES_MAX;
        let two = [(7, COPIES_MAX), (7 + COPIES_MAX, rest)];
        assert_eq!(portions(7, 100_000).collect::<Vec<_>>(), two);
        assert_eq!(portions(u32::MAX - 1, 9).collect::<Vec<_>>(), [(u32::MAX - 1, 1)]);
        assert_eq!(u32::try_from(PORTION), Ok(COPIES_MAX));
    }
}
