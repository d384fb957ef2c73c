//! Sockets of a core that spins.
//!
//! A socket that waits through the library is watched by the kernel's ring: what arrives makes the kernel
//! interrupt or wake the core, and the library go through its three rings before it runs the reader. A
//! core that is not to sleep asks itself instead, again and again, which of its sockets have something, and
//! runs their readers at once: a message then costs little more than its two system calls.
//!
//! The [`TurnBell`](super::TurnBell) does the asking while it waits. Before the core sleeps, and when
//! no bell asks any more, the readers wait through the library.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Waker};

use clockwork_wire::{Nanos, Span};
use glommio::timer::Timer;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::{Notify, spawn};
use crate::clock;

/// What this core spins for, and on what.
#[derive(Debug, Default)]
struct Spinner {
    /// How long the core goes on asking when there is nothing to do; zero never asks.
    span: Cell<Span>,
    /// The kernel's list of our sockets.
    sockets: RefCell<Option<OwnedFd>>,
    /// The reader of each.
    readers: RefCell<BTreeMap<u64, Reader>>,
    next_key: Cell<u64>,
    /// Whether somebody asks.
    asking: Cell<bool>,
    /// Rung when somebody begins to.
    begun: RefCell<Notify>,
    /// When the library was last given the core, and how often that was.
    looked: Cell<Nanos>,
    looks: Cell<u64>,
}

/// A waiting reader, if there is one.
type Reader = Rc<RefCell<Option<Waker>>>;

thread_local! {
    /// A core is a thread.
    static SPINNER: Spinner = Spinner::default();
}

/// Runs `future` on a core that is to spin so long with nothing to do. Zero, or a kernel that has no
/// room for another list of sockets, leaves all waiting to the library.
pub(super) async fn with<T>(span: Span, future: impl Future<Output = T>) -> T {
    let sockets = (!span.is_zero()).then(|| epoll::create(CreateFlags::CLOEXEC).ok()).flatten();
    SPINNER.with(|spinner| {
        spinner.span.set(if sockets.is_some() { span } else { Span::ZERO });
        spinner.asking.set(false);
        spinner.begun.take();
        *spinner.sockets.borrow_mut() = sockets;
    });
    if span.is_zero() {
        return future.await;
    }
    let handing_over = spawn(hand_over());
    let result = future.await;
    handing_over.cancel().await;
    SPINNER.with(|spinner| spinner.begun.take());
    result
}

/// How long this core goes on asking when there is nothing to do.
pub(super) fn span() -> Span {
    SPINNER.with(|spinner| spinner.span.get())
}

/// The core asks from here on.
pub(super) fn ask() {
    SPINNER.with(|spinner| {
        if !spinner.asking.replace(true) {
            spinner.begun.borrow().notify();
        }
    });
}

/// The core asks no more: every reader that waits does so through the library.
pub(super) fn rest() {
    SPINNER.with(|spinner| {
        if spinner.asking.replace(false) {
            for reader in spinner.readers.borrow().values() {
                wake(reader);
            }
        }
    });
}

/// Whether it is time for the library to look at its own timers and rings.
pub(super) fn is_look_due(now: Nanos) -> bool {
    SPINNER.with(|spinner| now.since(spinner.looked.get()) > LOOK)
}

/// The library has looked.
pub(super) fn looked() {
    SPINNER.with(|spinner| {
        spinner.looked.set(clock::now());
        spinner.looks.set(spinner.looks.get() + 1);
    });
}

/// Wakes the readers of all sockets that have something; gives whether there was one.
pub(super) fn wake_readers() -> bool {
    SPINNER.with(|spinner| {
        let sockets = spinner.sockets.borrow();
        let Some(sockets) = sockets.as_ref() else { return false };
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // An error means that there is nothing to be had now; the library meets it too, if it stays.
        let ready = epoll::wait(sockets, &mut events, Some(&at_once));
        let readers = spinner.readers.borrow();
        let mut any = false;
        for event in ready.map_or(&mut [][..], |(ready, _)| ready) {
            if let Some(reader) = readers.get(&event.data.u64()) {
                any |= wake(reader);
            }
        }
        any
    })
}

/// Gives whether somebody waited.
fn wake(reader: &Reader) -> bool {
    let waiting = reader.borrow_mut().take();
    waiting.map(Waker::wake).is_some()
}

/// Where nobody asks any more although readers wait for it, as when the owner of a bell waits for
/// something else, they are handed over to the library.
async fn hand_over() {
    let begun = SPINNER.with(|spinner| spinner.begun.borrow().clone());
    loop {
        begun.wait().await;
        let mut before = None;
        loop {
            let looks = SPINNER.with(|spinner| spinner.asking.get().then(|| spinner.looks.get()));
            if looks.is_none() || before == looks {
                break;
            }
            before = looks;
            Timer::new(clock::duration(PATIENCE)).await;
        }
        rest();
    }
}

/// A socket that a spinning core asks for.
#[derive(Debug)]
pub(super) struct Watch {
    key: u64,
    reader: Reader,
}

impl Watch {
    /// Puts a socket on the list; `None` on a core that does not spin.
    pub(super) fn new(socket: BorrowedFd<'_>) -> Option<Self> {
        SPINNER.with(|spinner| {
            let sockets = spinner.sockets.borrow();
            let key = spinner.next_key.get();
            epoll::add(sockets.as_ref()?, socket, EventData::new_u64(key), EventFlags::IN).ok()?;
            spinner.next_key.set(key + 1);
            let reader = Reader::default();
            spinner.readers.borrow_mut().insert(key, Rc::clone(&reader));
            Some(Self { key, reader })
        })
    }

    /// Has the reader of `cx` woken when there is something. `false` if the core does not ask: the
    /// caller must wait through the library, too.
    pub(super) fn wait(&self, cx: &Context<'_>) -> bool {
        *self.reader.borrow_mut() = Some(cx.waker().clone());
        SPINNER.with(|spinner| spinner.asking.get())
    }

    /// Takes the socket off the list.
    pub(super) fn end(self, socket: BorrowedFd<'_>) {
        SPINNER.with(|spinner| {
            spinner.readers.borrow_mut().remove(&self.key);
            if let Some(sockets) = spinner.sockets.borrow().as_ref() {
                // It fails where the socket is gone already, and then it is off the list.
                let _ = epoll::delete(sockets, socket);
            }
        });
    }
}

/// Sockets that one question may find.
const EVENTS: usize = 64;
/// How often a core that spins gives itself to the library, for timers, new connections and full sockets.
const LOOK: Span = Span::from_micros(200);
/// A core that has not asked for so long asks no more.
const PATIENCE: Span = Span::from_millis(2);
