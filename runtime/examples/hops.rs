//! What the ground costs: two hops of TCP there and back, and one timer, without any of Clockwork's
//! own work. `hops [--seconds N]` starts a relay and a server as processes of their own and sends two
//! closed loops of small messages through them; the server answers each 3.322 ms after it came, as an
//! emulated GPU would. What `simple` takes beyond this is Clockwork's.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use clockwork_runtime::clock;
use clockwork_runtime::rt::{self, Listener, Options, Stream, TurnBell};
use clockwork_wire::{Nanos, Span};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["server"] => rt::run(&Options::named("server"), serve(None))?,
        ["relay", next] => rt::run(&Options::named("relay"), serve(Some(next.parse()?)))?,
        ["--seconds", seconds] => measure(seconds.parse()?),
        [] => measure(10),
        _ => Err("usage: hops [--seconds N]".into()),
    }
}

/// Starts the two other processes and drives both loops.
fn measure(seconds: u64) -> Outcome<()> {
    let (mut server, at) = start(&["server"])?;
    let (mut relay, at) = start(&["relay", &at.to_string()])?;
    let loops = rt::run(&Options::named("client"), async move {
        let _awake = stay_awake();
        let end = clock::now() + Span::from_secs(seconds);
        let one = rt::spawn(async move { closed_loop(at, end).await.unwrap_or_default() });
        let other = closed_loop(at, end).await.unwrap_or_default();
        [one.await, other]
    })?;
    let count: u64 = loops.iter().map(|l| l.count).sum();
    let total: Span = loops.iter().map(|l| l.total).sum();
    let mean = total.scale(1.0 / f64::from(u32::try_from(count.max(1))?));
    let rate = f64::from(u32::try_from(count)?) / f64::from(u32::try_from(seconds)?);
    let ground = mean - TIMER;
    let hop = ground.scale(0.25);
    #[expect(clippy::print_stdout, reason = "this is the program's output")]
    {
        println!(
            "throughput={rate:.1} mean={:.3}ms beyond the timer {ground}, {hop} for each of four messages",
            mean.as_millis_f64()
        );
    }
    for child in [&mut server, &mut relay] {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, Default)]
struct Loop {
    count: u64,
    total: Span,
}

async fn closed_loop(address: SocketAddr, end: Nanos) -> Outcome<Loop> {
    let stream = rt::connect(address, Span::from_secs(5)).await?;
    let mut done = Loop::default();
    let mut message = [0; MESSAGE];
    while clock::now() < end {
        let begin = clock::now();
        stream.write_all(&message).await?;
        stream.read_exact(&mut message).await?;
        done.count += 1;
        done.total += clock::now() - begin;
    }
    Ok(done)
}

/// Keeps a core from sleeping through ready tasks, as Clockwork's turn tasks do for theirs.
fn stay_awake() -> rt::Task<()> {
    rt::spawn(async {
        let bell = TurnBell::new();
        loop {
            bell.wait(Some(clock::now() + Span::from_millis(20))).await;
        }
    })
}

/// Accepts for ever; passes messages on to `next`, or answers them after the timer.
async fn serve(next: Option<SocketAddr>) -> Outcome<()> {
    let _awake = stay_awake();
    let listener = Listener::adopt(rt::listen(SocketAddr::from(([127, 0, 0, 1], 0)))?)?;
    #[expect(clippy::print_stdout, reason = "the starter reads the address")]
    {
        println!("{}", listener.address());
    }
    loop {
        let stream = Rc::new(Stream::adopt(listener.accept().await?)?);
        rt::spawn(async move {
            // A broken connection ends its own loop; the others go on.
            let _ = answer(&stream, next).await;
        })
        .detach();
    }
}

async fn answer(stream: &Stream, next: Option<SocketAddr>) -> Outcome<()> {
    let onward = match next {
        Some(address) => Some(rt::connect(address, Span::from_secs(5)).await?),
        None => None,
    };
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message).await?;
        match &onward {
            Some(onward) => {
                onward.write_all(&message).await?;
                onward.read_exact(&mut message).await?;
            }
            None => rt::sleep_until(clock::now() + TIMER).await,
        }
        stream.write_all(&message).await?;
    }
}

fn start(arguments: &[&str]) -> Outcome<(Child, SocketAddr)> {
    let mut command = Command::new(env::current_exe()?);
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut line)?;
    Ok((child, line.trim().parse()?))
}

/// As many bytes as a frame with one inference takes.
const MESSAGE: usize = 128;
/// `resnet50_v2` at batch 1.
const TIMER: Span = Span::from_micros(3_322);
