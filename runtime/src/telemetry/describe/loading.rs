//! Models on their way in: what clients ask, what the controller orders, what came of it.

use std::fmt::{Display, Formatter, Result};

use clockwork_wire::{LoadModel, LoadRequest, LoadResponse, ModelLoaded, Nanos, RequestId, Status};

use super::ModelText;

/// A client's wish for a model: `Req0:LoadModel path=<name>`.
#[derive(Clone, Copy, Debug)]
pub struct LoadRequestText<'a>(pub &'a LoadRequest);

/// The order to load a model: `A0:LoadModelFromDisk model=0 [0.0, <latest>] <name>`.
#[derive(Clone, Copy, Debug)]
pub struct LoadActionText<'a>(pub &'a LoadModel);

/// The outcome of loading a model: `R0:LoadModelFromDisk input=602112 ...`, or
/// `R0:LoadModelFromDisk error 41: no such model, or its files cannot be used`.
#[derive(Clone, Copy, Debug)]
pub struct LoadResultText<'a> {
    /// The outcome.
    pub loaded: &'a ModelLoaded,
    /// Whether ` duration=14.9` follows, as the worker prints it and the controller does not.
    pub with_duration: bool,
}

/// The controller's answer to it: `Rsp0:LoadModel model_id=[0->1] input=602112 output=4000`, or
/// `Rsp0:LoadModel error 41: no such model, or its files cannot be used`.
#[derive(Clone, Copy, Debug)]
pub struct LoadResponseText<'a>(pub &'a LoadResponse);

/// A client's question for the list of models: `Req1:LS`.
#[derive(Clone, Copy, Debug)]
pub struct ListRequestText(pub RequestId);

/// A refused answer: `Rsp1:LS error 5: Controller initializing`. An empty message prints the
/// status's own words.
#[derive(Clone, Copy, Debug)]
pub struct RefusalText<'a> {
    /// The client's number for the request.
    pub id: RequestId,
    /// What was asked: `LS`, `LoadModel`, `Infer`.
    pub request: &'a str,
    /// Why not.
    pub status: Status,
    /// Why not, in words; may be empty.
    pub message: &'a str,
}

impl Display for LoadRequestText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Req{}:LoadModel path={}", self.0.id, self.0.name)
    }
}

impl Display for LoadActionText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(load) = self;
        // Loading a model has no window here. The original sends "from 0 to the end of time", and
        // prints both in milliseconds.
        let latest = Nanos::MAX.since(Nanos::ZERO).as_millis_f64();
        let (id, model, name) = (load.id, load.model, &load.name);
        write!(f, "A{id}:LoadModelFromDisk model={model} [0.0, {latest:.1}] {name}")
    }
}

impl Display for LoadResultText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let loaded = self.loaded;
        write!(f, "R{}:LoadModelFromDisk ", loaded.id)?;
        match &loaded.profile {
            Some(profile) => ModelText(profile).fmt(f)?,
            None => write_error(f, loaded.status, &loaded.message)?,
        }
        if self.with_duration {
            write!(f, " duration={:.1}", loaded.duration.as_millis_f64())?;
        }
        Ok(())
    }
}

impl Display for LoadResponseText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(response) = self;
        write!(f, "Rsp{}:LoadModel ", response.id)?;
        if !response.status.is_ok() {
            return write_error(f, response.status, &response.message);
        }
        let first = response.model.get();
        let last = first.saturating_add(response.copies.saturating_sub(1));
        let (input, output) = (response.input_size, response.output_size);
        write!(f, "model_id=[{first}->{last}] input={input} output={output}")
    }
}

impl Display for ListRequestText {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Req{}:LS", self.0)
    }
}

impl Display for RefusalText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Rsp{}:{} ", self.id, self.request)?;
        write_error(f, self.status, self.message)
    }
}

fn write_error(f: &mut Formatter<'_>, status: Status, message: &str) -> Result {
    let words = if message.is_empty() { status.text() } else { message };
    write!(f, "error {}: {words}", status.get())
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{ActionId, BatchSize, ModelId, ModelProfile, Span, UserId};

    use super::*;
    use crate::telemetry::describe::fixture::{RESNET50, resnet50};

    #[test]
    fn loading_prints_the_documented_lines_on_both_sides() {
        let action = LoadModel {
            id: ActionId::default(),
            model: ModelId::new(0),
            copies: 2,
            name: "resnet50_v2".into(),
            max_batch: BatchSize::ONE,
            max_exec: Span::ZERO,
            shown: ModelId::new(0),
        };
        assert_eq!(
            LoadActionText(&action).to_string(),
            "A0:LoadModelFromDisk model=0 [0.0, 18446744073709.6] resnet50_v2"
        );
        let loaded = loaded(Some(resnet50()), Status::OK);
        let controller = LoadResultText { loaded: &loaded, with_duration: false }.to_string();
        assert_eq!(controller, format!("R0:LoadModelFromDisk {RESNET50}"));
        let worker = LoadResultText { loaded: &loaded, with_duration: true }.to_string();
        assert_eq!(worker, format!("R0:LoadModelFromDisk {RESNET50} duration=14.9"));
    }

    #[test]
    fn a_model_that_cannot_be_loaded_is_an_error_line() {
        let loaded = loaded(None, Status::BAD_MODEL_PATH);
        assert_eq!(
            LoadResultText { loaded: &loaded, with_duration: false }.to_string(),
            "R0:LoadModelFromDisk error 41: no such model, or its files cannot be used"
        );
    }

    #[test]
    fn the_client_link_prints_the_documented_lines() {
        let request = LoadRequest {
            id: RequestId::new(0),
            user: UserId::new(0),
            name: "resnet50_v2".into(),
            copies: 2,
        };
        assert_eq!(LoadRequestText(&request).to_string(), "Req0:LoadModel path=resnet50_v2");
        let response = LoadResponse {
            copies: 2,
            input_size: 602_112,
            output_size: 4_000,
            ..LoadResponse::default()
        };
        assert_eq!(
            LoadResponseText(&response).to_string(),
            "Rsp0:LoadModel model_id=[0->1] input=602112 output=4000"
        );
        assert_eq!(ListRequestText(RequestId::new(1)).to_string(), "Req1:LS");
        let refusal = RefusalText {
            id: RequestId::new(1),
            request: "LS",
            status: Status::INITIALIZING,
            message: "",
        };
        assert_eq!(refusal.to_string(), "Rsp1:LS error 5: Controller initializing");
    }

    fn loaded(profile: Option<ModelProfile>, status: Status) -> ModelLoaded {
        ModelLoaded {
            id: ActionId::default(),
            status,
            message: String::new(),
            model: ModelId::new(0),
            copies: 2,
            profile: profile.map(Into::into),
            duration: Span::new(14_900_000),
        }
    }
}
