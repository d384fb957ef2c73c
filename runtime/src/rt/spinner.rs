//! Sockets of a core that listens to them itself.
//!
//! A socket that waits through the library is watched by the kernel's ring: what arrives makes the kernel
//! interrupt or wake the core, and the library go through its three rings, with a barrier for all threads of
//! the process, before it runs the reader. A core that is at work asks the kernel itself instead which of
//! its sockets have something, again and again or asleep until one has, and runs their readers at once: a
//! message then costs little more than its own system calls.
//!
//! The [`TurnBell`](super::TurnBell) does the asking while it waits. Before the core sleeps for long, and
//! when no bell asks any more, the readers wait through the library.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use clockwork_wire::{Nanos, Span};
use glommio::timer::Timer;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::alarm::{self, Alarm};
use super::{Notify, spawn};
use crate::clock;

/// How long a core listens to its sockets itself; zero does not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// Awake, when there is nothing to do.
    pub(super) awake: Span,
    /// Asleep, since it last heard something.
    pub(super) asleep: Span,
    /// Awake, before and after something that is foreseen, and before a due time.
    pub(super) foreseen: Span,
}

impl Patience {
    /// Whether the core leaves all waiting to the library.
    pub(super) fn is_none(&self) -> bool {
        self.awake.is_zero() && self.asleep.is_zero()
    }
}

/// What this core listens for, and to what.
#[derive(Debug, Default)]
struct Spinner {
    patience: Cell<Patience>,
    /// What other threads ring, where that must wake the core.
    alarm: RefCell<Option<Arc<Alarm>>>,
    /// How much is under way that only the library sees.
    needs: Cell<usize>,
    /// The kernel's list of our sockets.
    sockets: RefCell<Option<OwnedFd>>,
    /// The reader of each.
    readers: RefCell<BTreeMap<u64, Reader>>,
    next_key: Cell<u64>,
    /// Whether somebody asks.
    asking: Cell<bool>,
    /// Rung when somebody begins to.
    begun: RefCell<Notify>,
    /// Whether the owner of a bell waits with it now, and how often one has.
    attended: Cell<bool>,
    waits: Cell<u64>,
    /// When the library was last given the core.
    looked: Cell<Nanos>,
}

/// A waiting reader, if there is one.
type Reader = Rc<RefCell<Option<Waker>>>;

thread_local! {
    /// A core is a thread.
    static SPINNER: Spinner = Spinner::default();
}

/// Runs `future` on a core that is to listen so long. No patience at all, or a kernel that has no
/// room for another list of sockets, leaves all waiting to the library.
pub(super) async fn with<T>(patience: Patience, future: impl Future<Output = T>) -> T {
    if patience.is_none() || begin(patience).is_err() {
        give_up();
        return future.await;
    }
    let handing_over = spawn(hand_over());
    let result = future.await;
    handing_over.cancel().await;
    SPINNER.with(|spinner| spinner.begun.take());
    result
}

/// Makes the list of sockets, with the alarm on it.
fn begin(patience: Patience) -> rustix::io::Result<()> {
    let sockets = epoll::create(CreateFlags::CLOEXEC)?;
    let alarm = alarm::here().ok_or(Errno::MFILE)?;
    epoll::add(&sockets, alarm.as_fd(), EventData::new_u64(ALARM), EventFlags::IN)?;
    SPINNER.with(|spinner| {
        spinner.patience.set(patience);
        spinner.asking.set(false);
        spinner.needs.set(0);
        spinner.next_key.set(FIRST_READER);
        spinner.begun.take();
        *spinner.alarm.borrow_mut() = Some(alarm);
        *spinner.sockets.borrow_mut() = Some(sockets);
    });
    Ok(())
}

fn give_up() {
    SPINNER.with(|spinner| {
        spinner.patience.take();
        spinner.asking.set(false);
        spinner.begun.take();
        spinner.alarm.take();
        spinner.sockets.take();
    });
}

/// How long this core listens.
pub(super) fn patience() -> Patience {
    SPINNER.with(|spinner| spinner.patience.get())
}

/// How much earlier than something foreseen this core is to be awake; zero: it sleeps through to it.
pub fn margin() -> Span {
    patience().foreseen
}

/// What other threads must ring, beside waking a task, to wake this core; `None` if it leaves all
/// sleeping to the library.
pub(super) fn alarm() -> Option<Arc<Alarm>> {
    SPINNER.with(|spinner| spinner.alarm.borrow().clone())
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

/// When it is time for the library to look at its own timers and rings again.
pub(super) fn look_due() -> Nanos {
    SPINNER.with(|spinner| {
        let every = if spinner.needs.get() > 0 { LOOK_AT_NEEDS } else { LOOK };
        spinner.looked.get() + every
    })
}

/// Whether something is under way that only the library sees: the core should not sleep without it.
pub(super) fn is_library_needed() -> bool {
    SPINNER.with(|spinner| spinner.needs.get() > 0)
}

/// The library has looked.
pub(super) fn looked() {
    SPINNER.with(|spinner| spinner.looked.set(clock::now()));
}

/// Whoever rang has been heard.
pub(super) fn heed() {
    SPINNER.with(|spinner| {
        if let Some(alarm) = spinner.alarm.borrow().as_ref() {
            alarm.heed();
        }
    });
}

/// What a core has heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Readers were woken, and are ready.
    pub(super) readers: bool,
    /// The library has something to look at: a ring for one of its tasks, a new connection.
    pub(super) look: bool,
}

/// Wakes the readers of all sockets that have something; sleeps until there is one, somebody rings or
/// `nap` is over.
pub(super) fn listen(nap: Span) -> Heard {
    SPINNER.with(|spinner| {
        let (sockets, alarm) = (spinner.sockets.borrow(), spinner.alarm.borrow());
        let (Some(sockets), Some(alarm)) = (sockets.as_ref(), alarm.as_ref()) else {
            return Heard::default();
        };
        if nap.is_zero() {
            return spinner.ask(sockets, alarm, nap);
        }
        if !alarm.lie_down() {
            return Heard { look: true, readers: false };
        }
        let heard = spinner.ask(sockets, alarm, nap);
        alarm.get_up();
        heard
    })
}

impl Spinner {
    fn ask(&self, sockets: &OwnedFd, alarm: &Alarm, nap: Span) -> Heard {
        if !nap.is_zero() {
            // The list's own wait counts milliseconds on kernels before 5.11.
            let mut list = [PollFd::new(sockets, PollFlags::IN)];
            match poll(&mut list, Some(&timespec(nap))) {
                Ok(0) | Err(_) => return Heard::default(),
                Ok(_) => {}
            }
        }
        let mut events = [MaybeUninit::<epoll::Event>::uninit(); EVENTS];
        // An error means that there is nothing to be had now; the library meets it too, if it stays.
        let ready = epoll::wait(sockets, &mut events, Some(&timespec(Span::ZERO)));
        let ready = ready.map_or(&mut [][..], |(ready, _)| ready);
        let readers = self.readers.borrow();
        let mut heard = Heard::default();
        for event in ready {
            let key = event.data.u64();
            if key == ALARM {
                alarm.silence();
            }
            heard.look |= key < FIRST_READER;
            heard.readers |= readers.get(&key).is_some_and(wake);
        }
        heard
    }
}

fn timespec(span: Span) -> Timespec {
    let span = clock::duration(span);
    Timespec {
        tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    }
}

/// Gives whether somebody waited.
fn wake(reader: &Reader) -> bool {
    let waiting = reader.borrow_mut().take();
    waiting.map(Waker::wake).is_some()
}

/// While this lives the owner of a bell waits with it.
#[derive(Debug)]
pub(super) struct Attention(());

impl Attention {
    pub(super) fn new() -> Self {
        SPINNER.with(|spinner| {
            spinner.attended.set(true);
            spinner.waits.set(spinner.waits.get().wrapping_add(1));
        });
        Self(())
    }
}

impl Drop for Attention {
    fn drop(&mut self) {
        SPINNER.with(|spinner| spinner.attended.set(false));
    }
}

/// Where nobody asks any more although readers wait for it, as when the owner of a bell waits for
/// something else, they are handed over to the library.
async fn hand_over() {
    let begun = SPINNER.with(|spinner| spinner.begun.borrow().clone());
    let waits = || SPINNER.with(|spinner| spinner.waits.get());
    loop {
        begun.wait().await;
        while SPINNER.with(|spinner| spinner.asking.get()) {
            let before = waits();
            Timer::new(clock::duration(PATIENCE)).await;
            if before == waits() && !SPINNER.with(|spinner| spinner.attended.get()) {
                rest();
            }
        }
    }
}

/// A socket that a core listens to itself.
#[derive(Debug)]
pub(super) struct Watch {
    key: u64,
    reader: Reader,
}

impl Watch {
    /// Puts a socket on the list; `None` on a core that leaves that to the library.
    pub(super) fn new(socket: BorrowedFd<'_>) -> Option<Self> {
        SPINNER.with(|spinner| {
            let sockets = spinner.sockets.borrow();
            let key = spinner.next_key.get();
            epoll::add(sockets.as_ref()?, socket, EventData::new_u64(key), NEWS).ok()?;
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

/// Something under way that only the library sees, such as a full socket, for as long as this lives.
#[derive(Debug)]
pub(super) struct Need(());

impl Need {
    pub(super) fn new() -> Self {
        SPINNER.with(|spinner| spinner.needs.set(spinner.needs.get() + 1));
        Self(())
    }
}

impl Drop for Need {
    fn drop(&mut self) {
        SPINNER.with(|spinner| spinner.needs.set(spinner.needs.get().saturating_sub(1)));
    }
}

/// Has the library look when there is a new connection, which it accepts itself.
pub(super) fn watch_door(listener: BorrowedFd<'_>) {
    SPINNER.with(|spinner| {
        if let Some(sockets) = spinner.sockets.borrow().as_ref() {
            // Without it a connection waits for the next look. It is off the list when it is closed.
            let _ = epoll::add(sockets, listener, EventData::new_u64(DOOR), NEWS);
        }
    });
}

/// Sockets that one question may find.
const EVENTS: usize = 64;
/// A socket is reported once for all that has come, until more comes: its reader may be busy with
/// something else, and reads before it waits.
const NEWS: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);
/// The keys of the list: the alarm, listeners, and then the readers.
const ALARM: u64 = 0;
const DOOR: u64 = 1;
const FIRST_READER: u64 = 2;
/// How often a core that listens gives itself to the library, for its timers,
const LOOK: Span = Span::from_millis(5);
/// and while there is something that only the library sees.
const LOOK_AT_NEEDS: Span = Span::from_micros(200);
/// A core that has not asked for so long asks no more.
const PATIENCE: Span = Span::from_millis(2);
