//! A controller that echoes inputs, a client, and a peer that speaks raw bytes.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use clockwork_runtime::net::{
    self, Answer, Ask, ClientSide, Dialect, Event, Hub, LinkId, Part, ServiceSide, Settings, hello,
};
use clockwork_runtime::rt::{self, Listener, Options, Stream, Task, TurnBell};
use clockwork_wire::codec::{Ping, encode_hello, encode_ping, stamp};
use clockwork_wire::{
    Hello, Home, InferRequest, InferResponse, InputSpec, ModelId, Origin, Payload, RequestId, Role,
    SessionId, Span, Status, UserId,
};

/// Runs a test on a core; one that hangs fails.
pub(crate) fn on_core(test: impl Future<Output = ()>) {
    let deadline = async {
        rt::sleep(Span::from_secs(30)).await;
        panic!("the test hangs");
    };
    rt::run(&Options::default(), futures_lite::future::or(test, deadline)).unwrap();
}

/// A hub with the bell that it rings.
pub(crate) struct End<D: Dialect> {
    pub(crate) hub: Hub<D>,
    pub(crate) bell: TurnBell,
}

impl<D: Dialect> End<D> {
    pub(crate) fn new(settings: Settings) -> Self {
        let bell = TurnBell::new();
        Self { hub: Hub::new(bell.local(), settings), bell }
    }

    /// The next event.
    pub(crate) async fn next(&self) -> Event<D::Hear> {
        loop {
            if let Some(event) = self.hub.next() {
                return event;
            }
            self.hub.flush();
            self.bell.wait(None).await;
        }
    }

    /// The next message.
    pub(crate) async fn hear(&self) -> D::Hear {
        loop {
            match self.next().await {
                Event::Heard { message, .. } => return message,
                Event::Up { .. } | Event::Dropped { .. } => {}
                Event::Down { reason, .. } => panic!("the link is gone: {reason}"),
            }
        }
    }

    /// The link that comes up next.
    pub(crate) async fn up(&self) -> LinkId {
        loop {
            if let Event::Up { link, .. } = self.next().await {
                return link;
            }
        }
    }
}

/// A controller that answers every inference with its input.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub<ServiceSide>,
    /// Why its links went down, in words.
    pub(crate) ends: Rc<RefCell<Vec<String>>>,
    tasks: Vec<Task<()>>,
}

impl Echo {
    pub(crate) fn start(settings: Settings) -> Self {
        Self::admitting(settings, |_, _| Ok(hello(Role::Controller)))
    }

    pub(crate) fn admitting(
        settings: Settings,
        admit: impl FnMut(&Hello, SocketAddr) -> Result<Hello, String> + 'static,
    ) -> Self {
        let end = End::<ServiceSide>::new(settings);
        let listener = listener();
        let address = listener.address();
        let accepting = end.hub.accept(listener, admit);
        Self::serving(end, address, vec![accepting])
    }

    /// Some echoes behind one door.
    pub(crate) fn behind_one_door(count: usize) -> Vec<Self> {
        let listener = listener();
        let address = listener.address();
        let ends: Vec<End<ServiceSide>> =
            (0..count).map(|_| End::new(Settings::default())).collect();
        let hubs: Vec<_> = ends.iter().map(|end| end.hub.clone()).collect();
        let door = net::attend(listener, Settings::default(), count, move |core, arrival| {
            hubs[core].welcome(arrival, |_, _| Ok(hello(Role::Controller)));
        });
        let mut door = Some(door);
        let serving = |end| Self::serving(end, address, door.take().into_iter().collect());
        ends.into_iter().map(serving).collect()
    }

    fn serving(end: End<ServiceSide>, address: SocketAddr, mut tasks: Vec<Task<()>>) -> Self {
        let hub = end.hub.clone();
        let ends = Rc::default();
        tasks.push(rt::spawn(serve(end, Rc::clone(&ends))));
        Self { address, hub, ends, tasks }
    }

    /// Waits until a link has ended; gives the reason.
    pub(crate) async fn end(&self) -> String {
        loop {
            if let Some(end) = self.ends.borrow_mut().pop() {
                return end;
            }
            rt::sleep(Span::from_millis(1)).await;
        }
    }

    pub(crate) async fn stop(self) {
        for task in self.tasks {
            task.cancel().await;
        }
        self.hub.shutdown(Span::from_secs(1)).await;
    }
}

/// A listener on a free port.
fn listener() -> Listener {
    let listener = rt::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    Listener::adopt(listener).unwrap()
}

async fn serve(end: End<ServiceSide>, ends: Rc<RefCell<Vec<String>>>) {
    loop {
        match end.next().await {
            Event::Heard { link, message: Ask::Infer { request, input }, received } => {
                let response = InferResponse {
                    id: request.id,
                    status: Status::OK,
                    origin: Origin::Exact,
                    home: Home::UNKNOWN,
                    model: request.model,
                    output_len: u32::try_from(input.len()).unwrap(),
                    arrival: received,
                    departure: received,
                };
                end.hub.send(link, Answer::Infer { response, output: input });
            }
            Event::Down { reason, .. } => ends.borrow_mut().push(reason.to_string()),
            Event::Heard { .. } | Event::Up { .. } | Event::Dropped { .. } => {}
        }
    }
}

/// A client of the echo, with its link.
pub(crate) async fn client(address: SocketAddr) -> (End<ClientSide>, LinkId) {
    let end = End::new(Settings::default());
    let session = Hello { session: SessionId::new(7), ..hello(Role::Client) };
    end.hub.dial(address, session).await.unwrap();
    let link = end.up().await;
    (end, link)
}

/// An inference with an input of `len` bytes that all differ from their neighbours.
pub(crate) fn infer(id: u64, len: usize) -> Ask<Part> {
    let request = InferRequest {
        id: RequestId::new(id),
        user: UserId::new(0),
        model: ModelId::new(0),
        slo_factor: 0.0,
        slo: Span::ZERO,
        input: InputSpec { len: u32::try_from(len).unwrap(), ..InputSpec::default() },
    };
    Ask::Infer { request, input: input(id, len) }
}

/// The input of that inference.
pub(crate) fn input(id: u64, len: usize) -> Payload {
    let seed = usize::try_from(id).unwrap();
    Payload::new((0..len).map(|i| u8::try_from((i + seed) % 251).unwrap()).collect())
}

/// A peer that speaks raw bytes, after a proper hello as a client.
pub(crate) async fn raw_client(address: SocketAddr, hello: &Hello) -> Stream {
    let stream = rt::connect(address, Span::from_secs(5)).await.unwrap();
    let mut bytes = Vec::new();
    encode_hello(hello, &mut bytes);
    stream.write_all(&bytes).await.unwrap();
    stream
}

/// A ping as the `sequence`th frame.
pub(crate) fn ping(sequence: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_ping(&Ping { delta_min: Some(0) }, &mut bytes);
    stamp(&mut bytes, clockwork_runtime::clock::now(), sequence, 0);
    bytes
}

/// Reads until the other side closes.
pub(crate) async fn read_to_end(stream: &Stream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return all,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
        }
    }
}
