//! `simpleclient HOST:PORT MODEL INPUT`: one model, one inference, its five largest outputs.

use std::fs;
use std::path::PathBuf;

use clap::Parser;
use clockwork_config::Sources;
use clockwork_runtime::client::{Answered, ClientError, Session};
use clockwork_runtime::{clock, rt};
use clockwork_wire::{
    Encoding, InferRequest, InputSpec, LoadResponse, Payload, RequestId, Span, Status, UserId,
};

use crate::check_model::top5;
use crate::process::say;
use crate::{Failure, process};

/// The command line.
#[derive(Debug, Parser)]
#[command(about = "Ask a model once, and show the five largest elements of its output")]
pub struct Arguments {
    /// The controller.
    #[arg(value_name = "HOST:PORT")]
    address: String,
    /// The model's name.
    #[arg(value_name = "MODEL")]
    name: String,
    /// A file with the raw elements of one input, little-endian; they are f32 unless the model says otherwise.
    input: PathBuf,
}

/// Asks. The exit codes are the original's: 1 if something failed, 2 if there is no such model, 3 if the
/// input has another size than the model's.
///
/// # Errors
/// If there is no output to show.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.input;
    let input = fs::read(path).map_err(|source| Refused::Read { path: path.clone(), source })?;
    process::begin(1)?;
    let resolved = Sources::of_process(None)?.resolve();
    let network = resolved.map_err(|error| Failure::usage(error.to_string()))?.config.network;
    rt::run(&rt::Options::default(), async {
        let connected = Session::connect(&arguments.address, &network, |line| say(&line)).await;
        let mut session = connected?;
        let answered = ask(&mut session, arguments, input).await;
        session.close().await;
        show(&answered?)
    })?
}

async fn ask(
    session: &mut Session,
    arguments: &Arguments,
    input: Vec<u8>,
) -> Result<Answered, Failure> {
    let loaded = session.load(&arguments.name, 1, USER).await.map_err(|error| {
        let is_unknown = matches!(error, ClientError::Load { .. });
        if is_unknown { Failure::coded(2, error) } else { error.into() }
    })?;
    let input = fitting(arguments, &loaded, input)?;
    while session.list().await?.status == Status::INITIALIZING {
        rt::sleep(PAUSE).await;
    }
    let len = loaded.input_size;
    let request = InferRequest {
        id: RequestId::new(0),
        user: USER,
        model: loaded.model,
        slo_factor: 0.0,
        slo: SLO,
        input: InputSpec { len, encoding: Encoding::Raw },
    };
    session.submit(request, input).map_err(Refused::Status)?;
    session.flush();
    loop {
        if let Some(answered) = session.answer()? {
            return Ok(answered);
        }
        session.wait(Some(clock::now() + SLO)).await;
    }
}

/// The input, if the model takes inputs of its size.
fn fitting(
    arguments: &Arguments,
    loaded: &LoadResponse,
    input: Vec<u8>,
) -> Result<clockwork_runtime::net::Part, Failure> {
    let (found, wanted) = (input.len(), loaded.input_size);
    if u32::try_from(found) == Ok(wanted) {
        return Ok(Payload::new(input));
    }
    let (path, name) = (arguments.input.clone(), arguments.name.clone());
    Err(Failure::coded(3, Refused::Size { path, name, found, wanted }))
}

fn show(answered: &Answered) -> Result<(), Failure> {
    if !answered.response.status.has_output() {
        return Err(Refused::Status(answered.response.status).into());
    }
    let elements = answered.output.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four));
    for (index, value) in top5(&elements.collect::<Vec<f32>>()) {
        say(&format!("{index} = {value}"));
    }
    Ok(())
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} has {found} bytes; an input of {name} has {wanted}", path.display())]
    Size { path: PathBuf, name: String, found: usize, wanted: u32 },
    #[error("the answer is status {0}")]
    Status(Status),
}

/// Who asks.
const USER: UserId = UserId::new(0);
/// How often to ask whether the controller serves yet.
const PAUSE: Span = Span::from_millis(50);
/// Long enough for any model: it is the answer that is wanted.
const SLO: Span = Span::from_secs(60);
