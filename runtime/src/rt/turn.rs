//! What makes a core take its next turn.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use clockwork_wire::{Nanos, Span, Window};

use super::guard::Guard;
use super::spinner::Attention;
use super::task::{look_around, settle};
use super::vigil::{Condition, Next, Vigil};
use super::{Doorbell, Notify, lateness, pace, sleep_until, spinner};
use crate::clock;

/// Wakes a core's turn task: something arrived on this core, another thread has something, or a
/// timer is due.
#[derive(Clone, Debug, Default)]
pub struct TurnBell {
    local: Notify,
    foreign: Doorbell,
    guard: Rc<RefCell<Guard>>,
    /// When somebody last asked for a turn.
    heard: Rc<Cell<Nanos>>,
}

impl TurnBell {
    /// Not rung.
    pub fn new() -> Self {
        Self::default()
    }

    /// Not rung; `foreign` is the bell that other threads have.
    pub fn rung_by(foreign: Doorbell) -> Self {
        Self { foreign, ..Self::default() }
    }

    /// Asks for a turn, from a task of the same core.
    pub fn notify(&self) {
        self.local.notify();
    }

    /// The bell for readers on the same core.
    pub fn local(&self) -> Notify {
        self.local.clone()
    }

    /// The bell for other threads and cores.
    pub fn foreign(&self) -> Doorbell {
        self.foreign.clone()
    }

    /// Waits until somebody asks for a turn or `until` has come, whichever is first. With `None`
    /// no time ends it. Takes every notification made so far. How it waits is the core's: asleep in the library,
    /// listening to its sockets itself, asleep or awake ([`Options`](super::Options)). On
    /// a busy core at least an interval passes between two turns ([`Options::tick`](super::Options::tick)).
    ///
    /// However late its owner is, the core's other tasks run in between, and its sockets are looked at.
    pub async fn wait(&self, until: Option<Nanos>) {
        self.wait_foreseeing(until, None).await;
    }

    /// [`TurnBell::wait`], while something is foreseen to come in a window of time, in which the core is not
    /// to sleep if it [may](super::Options::foreseen) stay awake for that.
    pub async fn wait_foreseeing(&self, until: Option<Nanos>, foreseen: Option<Window>) {
        let until = until.unwrap_or(Nanos::MAX);
        let patience = spinner::patience();
        let looked = pace::interval().await;
        if patience.is_none() || pace::is_paced() {
            spinner::rest();
            if until <= clock::now() && !looked {
                look_around().await;
            }
            if self.sleep(until).await {
                self.heard.set(clock::now());
            }
            return;
        }
        let foreseen = foreseen.filter(|_| !patience.foreseen.is_zero());
        let vigil = Vigil { until, foreseen, patience, begun: clock::now() };
        self.listen(&vigil).await;
    }

    /// Listens to the core's sockets until there is a turn to take.
    async fn listen(&self, vigil: &Vigil) {
        let _attention = Attention::new();
        spinner::ask();
        self.foreign.is_heard_here();
        let (mut vigil, mut asked, mut awake) = (*vigil, false, None);
        loop {
            settle().await;
            let now = clock::now();
            if let Some(since) = awake.take() {
                pace::waited_awake(now.since(since));
            }
            let rung = self.is_rung();
            if rung || vigil.until <= now || pace::is_paced() {
                if rung {
                    self.heard.set(now);
                }
                // An owner that is always late, or rung for always, must hear its sockets, too.
                if !asked && spinner::listen(Span::ZERO).readers {
                    settle().await;
                    self.is_rung();
                }
                return;
            }
            let nap = match vigil.next(now, &self.condition()) {
                Next::Look => {
                    self.look().await;
                    continue;
                }
                Next::Leave(at) => {
                    spinner::rest();
                    if self.sleep(at).await {
                        self.heard.set(clock::now());
                        return;
                    }
                    spinner::ask();
                    continue;
                }
                Next::Nap(nap) => nap,
                Next::Listen => {
                    awake = Some(now);
                    Span::ZERO
                }
            };
            asked = true;
            let heard = spinner::listen(nap);
            if heard.readers {
                vigil.begun = clock::now();
            } else if heard.look && !self.foreign.is_rung() {
                self.look().await;
            } else if !nap.is_zero() {
                lateness::observe_own(clock::now().since(now + nap));
            }
        }
    }

    fn condition(&self) -> Condition {
        Condition {
            heard: self.heard.get(),
            look_due: spinner::look_due(),
            is_library_needed: spinner::is_library_needed(),
            lead: lateness::own_lead(),
        }
    }

    /// Gives the core to the library once, and keeps it from sleeping through that.
    async fn look(&self) {
        let mut around = pin!(look_around());
        poll_fn(|cx| {
            self.guard.borrow_mut().active(cx);
            around.as_mut().poll(cx)
        })
        .await;
        spinner::looked();
    }

    /// Whether somebody has asked for a turn; takes it.
    fn is_rung(&self) -> bool {
        // Both are taken.
        let (local, foreign) = (self.local.take(), self.foreign.take());
        if foreign {
            spinner::heed();
        }
        local || foreign
    }

    /// Sleeps until somebody asks for a turn, or until a time; gives whether somebody asked.
    async fn sleep(&self, until: Nanos) -> bool {
        let mut timer = pin!(sleep_until(until));
        let mut woken = false;
        poll_fn(|cx| {
            let mut guard = self.guard.borrow_mut();
            if std::mem::replace(&mut woken, true) {
                guard.quiet(cx);
            } else {
                guard.active(cx);
            }
            drop(guard);
            let local = self.local.poll_wait(cx).is_ready();
            let foreign = self.foreign.poll_wait(cx).is_ready();
            let wanted = pace::is_wanted(cx);
            if local || foreign || wanted {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(cx).map(|()| false)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
