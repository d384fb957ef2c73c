use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::*;
use crate::rt::{Listener, Options, Stream, listen, run, spawn, yield_now};

/// Both ends of a connection: ours, and the peer's.
fn connection() -> (TcpStream, TcpStream) {
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, theirs)
}

#[test]
fn an_owner_that_is_always_late_does_not_starve_its_readers() {
    late_owner(&Options::default());
    late_owner(&Options { spin: SPINNING, ..Options::default() });
    late_owner(&Options { warm: WARM, ..Options::default() });
}

fn late_owner(options: &Options) {
    run(options, async {
        let (ours, mut theirs) = connection();
        let ours = Stream::adopt(ours).unwrap();
        let read = Rc::new(Cell::new(0));
        let reader = Rc::clone(&read);
        let reading = spawn(async move { reader.set(ours.read(&mut [0; 8]).await.unwrap()) });
        yield_now().await;
        theirs.write_all(&[7; 4]).unwrap();
        let bell = TurnBell::new();
        for _ in 0..100 {
            bell.wait(Some(Nanos::ZERO)).await;
        }
        assert_eq!(read.get(), 4);
        reading.await;
    })
    .unwrap();
}

#[test]
fn a_turn_comes_by_notification_ring_or_time() {
    run(&Options::default(), async {
        let bell = TurnBell::new();
        bell.notify();
        bell.wait(None).await;
        bell.foreign().ring();
        bell.wait(None).await;
        let at = clock::now() + Span::from_millis(1);
        bell.wait(Some(at)).await;
        assert!(clock::now() >= at);
    })
    .unwrap();
}

/// Without the guard this hangs within some ten thousand waits.
#[test]
fn a_core_whose_thread_must_share_its_cpu_does_not_sleep_through_its_turns() {
    let done = Arc::new(AtomicBool::new(false));
    let hogs = thread::available_parallelism().map_or(2, NonZero::get) * 2;
    let hogs: Vec<_> = (0..hogs)
        .map(|_| {
            let done = Arc::clone(&done);
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    run(&Options::default(), async {
        let bell = TurnBell::new();
        for _ in 0..10_000 {
            bell.wait(Some(clock::now() + Span::from_micros(30))).await;
        }
    })
    .unwrap();
    done.store(true, Ordering::Relaxed);
    for hog in hogs {
        hog.join().unwrap();
    }
}

const SPINNING: Span = Span::from_millis(1);
const WARM: Span = Span::from_millis(20);
const MARGIN: Span = Span::from_micros(60);

/// The ways in which a core listens to its sockets itself.
fn listening() -> [Options; 3] {
    [
        Options { spin: SPINNING, ..Options::default() },
        Options { warm: WARM, ..Options::default() },
        Options { warm: WARM, foreseen: MARGIN, ..Options::default() },
    ]
}

#[test]
fn a_core_that_listens_comes_by_notification_ring_or_time_and_never_early() {
    listening().iter().for_each(turns_by_all_means);
}

fn turns_by_all_means(options: &Options) {
    run(options, async {
        let bell = TurnBell::new();
        bell.notify();
        bell.wait(Some(Nanos::MAX)).await;
        bell.foreign().ring();
        bell.wait(None).await;
        // Less than it spins, and so much more that it sleeps in between.
        for ahead in [SPINNING.scale(0.5), SPINNING.times(5)] {
            let at = clock::now() + ahead;
            bell.wait(Some(at)).await;
            assert!(clock::now() >= at);
        }
    })
    .unwrap();
}

#[test]
fn a_core_that_listens_is_woken_by_other_threads() {
    for options in &listening() {
        let bell = TurnBell::new();
        let (go, gone) = mpsc::channel::<()>();
        let ringer = bell.foreign().ringer();
        let foreign = thread::spawn(move || gone.iter().for_each(|()| ringer()));
        let waited = bell_waits(options, &bell, &go);
        drop(go);
        foreign.join().unwrap();
        assert_eq!(waited, 300);
    }
}

/// Has the bell rung by the other thread, time after time.
fn bell_waits(options: &Options, bell: &TurnBell, go: &mpsc::Sender<()>) -> usize {
    run(options, async {
        let mut waited = 0;
        while waited < 300 {
            go.send(()).unwrap();
            bell.wait(None).await;
            waited += 1;
        }
        waited
    })
    .unwrap()
}

#[test]
fn a_core_that_listens_hears_new_connections_and_full_sockets_that_the_library_sees() {
    for options in &listening() {
        run(options, async {
            let door = Listener::adopt(listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap());
            let door = door.unwrap();
            let address = door.address();
            let peer = thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                all.len()
            });
            let bell = TurnBell::new();
            let local = bell.local();
            let writing = spawn(async move {
                let stream = Stream::adopt(door.accept().await.unwrap()).unwrap();
                stream.write_all(&vec![7; MANY]).await.unwrap();
                stream.shutdown();
                local.notify();
            });
            bell.notify();
            bell.wait(None).await;
            bell.wait(None).await;
            writing.await;
            assert_eq!(peer.join().unwrap(), MANY);
        })
        .unwrap();
    }
}

/// More bytes than the buffers of a connection hold.
const MANY: usize = 32 << 20;

#[test]
fn a_core_that_listens_reads_whether_it_does_sleeps_or_waits_for_something_else() {
    listening().iter().for_each(reads_in_all_ways);
}

fn reads_in_all_ways(options: &Options) {
    const MESSAGES: usize = 3_000;
    let (ours, theirs) = connection();
    let peer = thread::spawn(move || echo(&theirs));
    run(options, async {
        let ours = Stream::adopt(ours).unwrap();
        let bell = TurnBell::new();
        let (reader, local) = (ours.clone(), bell.local());
        let reading = spawn(async move {
            let mut read = 0;
            while read < MESSAGES {
                read += reader.read(&mut [0; 8]).await.unwrap();
                local.notify();
            }
        });
        for message in 1..=MESSAGES {
            ours.write_all(&[0]).await.unwrap();
            if message == MESSAGES {
                // No bell asks for the last answer.
                reading.await;
                break;
            }
            if message % 3 == 0 {
                spinner::rest();
                bell.sleep(Nanos::MAX).await;
            } else {
                bell.wait(None).await;
            }
        }
    })
    .unwrap();
    peer.join().unwrap();
}

/// Sends back what comes, until it ends.
fn echo(mut stream: &TcpStream) {
    let mut byte = [0; 1];
    while stream.read(&mut byte).is_ok_and(|read| read > 0) {
        if stream.write_all(&byte).is_err() {
            break;
        }
    }
}
