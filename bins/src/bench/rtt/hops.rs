//! What the ground costs: two hops there and back and one timer, over the same frames and links as
//! Clockwork's, but with nothing decided. What a request takes beyond this is Clockwork's own.

use std::collections::VecDeque;
use std::net::SocketAddr;

use clockwork_config::unit;
use clockwork_runtime::clock;
use clockwork_runtime::net::{
    Answer, Ask, ClientSide, Event, Hub, LinkId, Part, ServiceSide, Settings, hello,
};
use clockwork_runtime::rt::{self, Listener, Options, TurnBell};
use clockwork_runtime::shutdown::Shutdown;
use clockwork_wire::{
    Encoding, InferRequest, InferResponse, InputSpec, ModelId, Nanos, Payload, RequestId, Role,
    Span, UserId,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::process::say;
use crate::{Failure, attached, process};

/// The command line of one hop: a process that passes requests on, or answers them after the time
/// of an inference.
#[derive(Debug, clap::Args)]
pub(in crate::bench) struct HopArguments {
    /// Where to pass requests on to
    #[arg(long)]
    next: Option<SocketAddr>,
    /// Ask for what comes for so long before sleeping
    #[arg(long, default_value = "0us")]
    spin: String,
}

/// Serves until its standard input ends.
///
/// # Errors
/// If there is no port, or the next hop is not there.
pub(in crate::bench) fn serve(arguments: &HopArguments) -> Result<(), Failure> {
    process::begin(1)?;
    let shutdown = Shutdown::on_signals()?;
    attached::end_with_input(&shutdown)?;
    rt::run(&core("hop", &arguments.spin)?, run(arguments.next, &shutdown))?
}

async fn run(next: Option<SocketAddr>, shutdown: &Shutdown) -> Result<(), Failure> {
    let listener = Listener::adopt(rt::listen(SocketAddr::from(([127, 0, 0, 1], 0)))?)?;
    let address = listener.address();
    let bell = TurnBell::new();
    let clients = Hub::<ServiceSide>::new(bell.local(), Settings::default());
    let accepting = clients.accept(listener, |_, _| Ok(hello(Role::Controller)));
    let servers = Hub::<ClientSide>::new(bell.local(), Settings::default());
    let next = match next {
        Some(next) => Some(connect(&servers, &bell, next).await?),
        None => None,
    };
    say(&format!("IO service thread listening on {address}"));
    let output = Payload::new(vec![0; OUTPUT]);
    let mut hop = Hop { clients, servers, next, client: None, due: VecDeque::new(), output };
    while !shutdown.is_wanted() {
        hop.turn(clock::now());
        let until = hop.due.front().map(|&(at, _)| at);
        futures_lite::future::or(bell.wait(until), shutdown.wait()).await;
    }
    accepting.cancel().await;
    hop.servers.shutdown(Span::ZERO).await;
    hop.clients.shutdown(Span::ZERO).await;
    Ok(())
}

/// One hop at work, with one client.
struct Hop {
    clients: Hub<ServiceSide>,
    servers: Hub<ClientSide>,
    next: Option<LinkId>,
    client: Option<LinkId>,
    /// Requests that are answered here, and when.
    due: VecDeque<(Nanos, RequestId)>,
    output: Part,
}

impl Hop {
    fn turn(&mut self, now: Nanos) {
        while let Some(event) = self.clients.next() {
            if let Event::Heard { link, message: Ask::Infer { request, input }, .. } = event {
                self.client = Some(link);
                self.asked(now, request, input);
            }
        }
        while let Some(event) = self.servers.next() {
            if let Event::Heard { message: Answer::Infer { response, output }, .. } = event {
                self.answer(response, output);
            }
        }
        while let Some((_, id)) = self.due.pop_front_if(|(at, _)| *at <= now) {
            let len = u32::try_from(self.output.len()).expect("an output is small");
            let response = InferResponse { id, output_len: len, ..InferResponse::default() };
            self.answer(response, self.output.clone());
        }
        self.servers.flush();
        self.clients.flush();
    }

    fn asked(&mut self, now: Nanos, request: InferRequest, input: Payload) {
        match self.next {
            Some(next) => drop(self.servers.send(next, Ask::Infer { request, input })),
            None => self.due.push_back((now + TIMER, request.id)),
        }
    }

    fn answer(&self, response: InferResponse, output: Part) {
        if let Some(client) = self.client {
            self.clients.send(client, Answer::Infer { response, output });
        }
    }
}

/// Sends a Poisson stream of requests to a hop and measures what each answer takes beyond the timer,
/// from the time at which its request was meant to be sent, in nanoseconds. The first `warmup`
/// seconds do not count.
///
/// # Errors
/// If the hop is not there, or does not answer.
pub(super) fn measure(hop: SocketAddr, stream: &Stream) -> Result<Vec<u64>, Failure> {
    rt::run(&core("driver", &stream.spin)?, drive(hop, stream))?
}

/// A stream of requests.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Requests per second.
    pub(super) rate: f64,
    /// Seconds that do not count.
    pub(super) warmup: f64,
    /// Seconds that do.
    pub(super) seconds: f64,
    /// Bytes of an input.
    pub(super) input: u32,
    /// How long to spin before sleeping.
    pub(super) spin: String,
    /// Which random stream.
    pub(super) seed: u64,
}

/// Dials, and waits until the link is usable.
async fn connect(
    hub: &Hub<ClientSide>,
    bell: &TurnBell,
    address: SocketAddr,
) -> Result<LinkId, Failure> {
    let link = hub.dial(address, hello(Role::Client)).await?;
    loop {
        match hub.next() {
            Some(Event::Up { .. }) => return Ok(link),
            Some(Event::Down { .. }) => return Err(Gone.into()),
            Some(Event::Heard { .. } | Event::Dropped { .. }) => {}
            None => bell.wait(None).await,
        }
    }
}

async fn drive(hop: SocketAddr, stream: &Stream) -> Result<Vec<u64>, Failure> {
    let bell = TurnBell::new();
    let hub = Hub::<ClientSide>::new(bell.local(), Settings::default());
    let link = connect(&hub, &bell, hop).await?;
    let mut driver = Driver::new(stream, clock::now());
    loop {
        let now = clock::now();
        while let Some(event) = hub.next() {
            match event {
                Event::Heard { message: Answer::Infer { response, .. }, received, .. } => {
                    driver.answered(response.id, received);
                }
                Event::Down { .. } => return Err(Gone.into()),
                Event::Up { .. } | Event::Heard { .. } | Event::Dropped { .. } => {}
            }
        }
        while let Some(id) = driver.submit(now) {
            let (request, input) = driver.request(id);
            hub.send(link, Ask::Infer { request, input });
        }
        hub.flush();
        if driver.is_done() {
            break;
        }
        if now > driver.end + PATIENCE {
            return Err(Gone.into());
        }
        // A wait for what has passed would not let anybody read the last answers.
        let over = driver.next >= driver.end;
        let until = if over { driver.end + PATIENCE } else { driver.next };
        bell.wait(Some(until)).await;
    }
    hub.shutdown(Span::ZERO).await;
    Ok(driver.beyond)
}

#[derive(Debug, thiserror::Error)]
#[error("the hops do not answer")]
struct Gone;

/// Who sends what when.
struct Driver {
    mean_gap: f64,
    measured_from: Nanos,
    end: Nanos,
    /// When the next request is meant to be sent; never after the end.
    next: Nanos,
    random: Xoshiro256PlusPlus,
    /// When each request was meant to be sent, by its id.
    intended: Vec<Nanos>,
    answered: usize,
    input: Part,
    beyond: Vec<u64>,
}

impl Driver {
    fn new(stream: &Stream, now: Nanos) -> Self {
        let span = |seconds: f64| Span::from_f64(seconds * 1e9);
        let size = usize::try_from(stream.input).expect("a u32 fits usize");
        Self {
            mean_gap: 1e9 / stream.rate,
            measured_from: now + span(stream.warmup),
            end: now + span(stream.warmup) + span(stream.seconds),
            next: now,
            random: Xoshiro256PlusPlus::seed_from_u64(stream.seed),
            intended: Vec::new(),
            answered: 0,
            input: Payload::new(vec![0; size]),
            beyond: Vec::new(),
        }
    }

    /// A request that is due.
    fn submit(&mut self, now: Nanos) -> Option<RequestId> {
        if self.next > now || self.next >= self.end {
            return None;
        }
        let id = RequestId::new(u64::try_from(self.intended.len()).expect("ids fit a u64"));
        self.intended.push(self.next);
        // The exponential distribution by inversion; 1 - u is never 0.
        let gap = -(1.0 - self.random.random::<f64>()).ln() * self.mean_gap;
        self.next = (self.next + Span::from_f64(gap)).min(self.end);
        Some(id)
    }

    fn request(&self, id: RequestId) -> (InferRequest, Part) {
        let len = u32::try_from(self.input.len()).expect("it was made of a u32");
        let input = InputSpec { len, encoding: Encoding::Raw };
        let request = InferRequest {
            id,
            user: UserId::new(0),
            model: ModelId::new(0),
            slo_factor: 0.0,
            slo: Span::ZERO,
            input,
        };
        (request, self.input.clone())
    }

    fn answered(&mut self, id: RequestId, received: Nanos) {
        let intended = usize::try_from(id.get()).ok().and_then(|at| self.intended.get(at));
        let Some(&intended) = intended else { return };
        self.answered += 1;
        if intended >= self.measured_from {
            self.beyond.push((received.since(intended) - TIMER).get());
        }
    }

    fn is_done(&self) -> bool {
        self.next >= self.end && self.answered == self.intended.len()
    }
}

fn core(name: &str, spin: &str) -> Result<Options, Failure> {
    let spin = unit::parse_span(spin).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Options { spin, ..Options::named(name) })
}

/// `resnet50_v2` at batch 1.
pub(super) const TIMER: Span = Span::from_micros(3_322);
/// Bytes of its output.
const OUTPUT: usize = 4_000;
/// How long to wait for the last answers.
const PATIENCE: Span = Span::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_sends_at_its_rate_until_its_end_and_counts_after_the_warm_up() {
        let stream = Stream {
            rate: 1_000.0,
            warmup: 1.0,
            seconds: 4.0,
            input: 16,
            spin: "0us".into(),
            seed: 3,
        };
        let begin = Nanos::new(1_000_000_000);
        let mut driver = Driver::new(&stream, begin);
        while let Some(id) = driver.submit(begin + Span::from_secs(9)) {
            assert_eq!(driver.request(id).1.len(), 16);
        }
        assert!((4_700..5_300).contains(&driver.intended.len()), "{}", driver.intended.len());
        assert!(!driver.is_done());
        for (id, at) in (0..).zip(driver.intended.clone()) {
            driver.answered(RequestId::new(id), at + TIMER + Span::from_micros(7));
        }
        assert!(driver.is_done() && driver.beyond.iter().all(|&ns| ns == 7_000));
        assert!((3_700..4_300).contains(&driver.beyond.len()), "{}", driver.beyond.len());
    }
}
