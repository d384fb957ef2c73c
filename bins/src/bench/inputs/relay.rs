//! A relay of three processes with plain blocking threads: what moving the same bytes costs by the
//! simplest means there are. A client sends messages of the size of an input, a forwarder passes
//! them on, a sink answers each with the size of an output.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::Failure;
use crate::process::say;

/// The command line of one of the processes.
#[derive(Debug, clap::Args)]
pub(in crate::bench) struct RelayArguments {
    /// Which one
    #[arg(value_enum)]
    part: Part,
    /// Bytes of a message
    #[arg(long)]
    bytes: usize,
    /// Where messages go
    #[arg(long)]
    next: Option<SocketAddr>,
    /// Connections of the client, each with its threads
    #[arg(long, default_value_t = 1)]
    lanes: u32,
    /// Messages under way on each
    #[arg(long, default_value_t = 64)]
    window: u32,
    /// Seconds that count, after one that does not
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Sends, and counts answers
    Client,
    /// Passes on
    Forwarder,
    /// Answers
    Sink,
}

/// Runs one of the processes; all but the client end with their standard input.
///
/// # Errors
/// If a connection cannot be made.
pub(in crate::bench) fn run(arguments: &RelayArguments) -> Result<(), Failure> {
    let next = || arguments.next.ok_or_else(|| Failure::usage("--next is needed"));
    match arguments.part {
        Part::Client => client(arguments, next()?),
        Part::Forwarder => {
            let (bytes, next) = (arguments.bytes, next()?);
            serve(move |stream| forward(&stream, next, bytes))
        }
        Part::Sink => {
            let bytes = arguments.bytes;
            serve(move |stream| answer(&stream, bytes))
        }
    }
}

/// Gives each connection a thread until standard input ends.
fn serve(
    each: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    say(&format!("IO service thread listening on {}", listener.local_addr()?));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let each = each.clone();
            // A connection that ends, ends its threads and nothing else.
            thread::spawn(move || drop(each(stream)));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn answer(mut stream: &TcpStream, bytes: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut message, answer) = (vec![0; bytes], [0; ANSWER]);
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&answer)?;
    }
}

fn forward(client: &TcpStream, next: SocketAddr, bytes: usize) -> io::Result<()> {
    let server = TcpStream::connect(next)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (back, answers) = (client.try_clone()?, server.try_clone()?);
    let returning = thread::spawn(move || pass_on(&answers, &back, ANSWER));
    let ended = pass_on(client, &server, bytes);
    server.shutdown(Shutdown::Both)?;
    let _ = returning.join();
    ended
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) -> io::Result<()> {
    let mut message = vec![0; bytes];
    loop {
        from.read_exact(&mut message)?;
        to.write_all(&message)?;
    }
}

/// Sends on every lane, and prints how many answers came per second.
fn client(arguments: &RelayArguments, next: SocketAddr) -> Result<(), Failure> {
    let answers = Arc::new(AtomicU64::new(0));
    let mut lanes = Vec::new();
    for _ in 0..arguments.lanes {
        lanes.push(lane(arguments, next, &answers)?);
    }
    thread::sleep(WARMUP);
    let (begin, before) = (Instant::now(), answers.load(Ordering::Relaxed));
    thread::sleep(Duration::from_secs_f64(arguments.seconds));
    let counted = answers.load(Ordering::Relaxed) - before;
    let rate = clockwork_wire::Span::new(counted).as_f64() / begin.elapsed().as_secs_f64();
    say(&format!("{RATE}{rate}"));
    for (stream, threads) in lanes {
        stream.shutdown(Shutdown::Both)?;
        for thread in threads {
            let _ = thread.join();
        }
    }
    Ok(())
}

type Lane = (TcpStream, [JoinHandle<io::Result<()>>; 2]);

/// One connection: a thread sends, as many messages as the window has room for; another counts
/// answers, each of which makes room for one more.
fn lane(
    arguments: &RelayArguments,
    next: SocketAddr,
    answers: &Arc<AtomicU64>,
) -> Result<Lane, Failure> {
    let stream = TcpStream::connect(next)?;
    stream.set_nodelay(true)?;
    let (mut sending, mut receiving) = (stream.try_clone()?, stream.try_clone()?);
    let (room, rooms) = mpsc::channel();
    for _ in 0..arguments.window {
        room.send(())?;
    }
    let message = vec![0; arguments.bytes];
    let sender = thread::spawn(move || {
        for () in rooms {
            sending.write_all(&message)?;
        }
        Ok(())
    });
    let answers = Arc::clone(answers);
    let receiver = thread::spawn(move || {
        let mut answer = [0; ANSWER];
        loop {
            receiving.read_exact(&mut answer)?;
            answers.fetch_add(1, Ordering::Relaxed);
            let _ = room.send(());
        }
    });
    Ok((stream, [sender, receiver]))
}

/// What the client's result begins with.
pub(super) const RATE: &str = "answers per second: ";
/// Bytes of an answer: the output of `resnet50_v2`.
const ANSWER: usize = 4_000;
const WARMUP: Duration = Duration::from_secs(1);
