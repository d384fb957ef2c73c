//! A client that does what a test says, through the client library.

use std::net::SocketAddr;

use clockwork_config::NetworkConfig;
use clockwork_runtime::client::{Answered, Session};
use clockwork_runtime::rt;
use clockwork_wire::{
    Encoding, InferRequest, InputSpec, LoadResponse, ModelId, Payload, RequestId, Span, Status,
    UserId,
};

/// Talks to the controller at `address`; a talk that never ends fails.
pub(crate) fn talk<T>(address: SocketAddr, talk: impl AsyncFnOnce(&mut Session) -> T) -> T {
    let conversation = async {
        let network = NetworkConfig::default();
        let session = Session::connect(&address.to_string(), &network, |_| {}).await;
        let mut session = session.expect("the controller is there");
        let result = talk(&mut session).await;
        session.close().await;
        result
    };
    let deadline = async {
        rt::sleep(PATIENCE).await;
        panic!("the controller at {address} does not answer");
    };
    let options = rt::Options::default();
    rt::run(&options, futures_lite::future::or(conversation, deadline)).expect("a core")
}

/// Loads a model and waits until the controller serves it.
pub(crate) async fn load(session: &mut Session, name: &str) -> LoadResponse {
    let loaded = session.load(name, 1, UserId::new(0)).await.expect("the model can be loaded");
    while session.list().await.expect("the controller is there").status != Status::OK {
        rt::sleep(Span::from_millis(10)).await;
    }
    loaded
}

/// An inference with an input of `bytes` bytes, not yet sent; 0 sends none.
pub(crate) fn submit(session: &mut Session, id: u64, model: ModelId, bytes: u32) {
    submit_as(session, id, model, InputSpec { len: bytes, encoding: Encoding::Raw });
}

/// An inference with an input that is said to be like this, not yet sent.
pub(crate) fn submit_as(session: &mut Session, id: u64, model: ModelId, spec: InputSpec) {
    let request = InferRequest {
        id: RequestId::new(id),
        user: UserId::new(0),
        model,
        slo_factor: 0.0,
        slo: PATIENCE,
        input: spec,
    };
    let input = vec![7; usize::try_from(spec.len).expect("a size fits")];
    session.submit(request, Payload::new(input)).expect("few requests are under way");
}

/// The next answer.
pub(crate) async fn answer(session: &mut Session) -> Answered {
    session.flush();
    loop {
        match session.answer().expect("the controller is there") {
            Some(answered) => return answered,
            None => session.wait(None).await,
        }
    }
}

/// Sends an inference and waits for its answer.
pub(crate) async fn ask(session: &mut Session, id: u64, model: ModelId, bytes: u32) -> Answered {
    submit(session, id, model, bytes);
    answer(session).await
}

/// How long a talk may take, and the SLO of what is asked in it.
pub(crate) const PATIENCE: Span = Span::from_secs(60);
