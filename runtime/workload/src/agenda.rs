//! What generators have coming: one heap of timers and one queue of submissions for all of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use clockwork_wire::{ModelId, Nanos};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{Submit, Tag, Target};

/// A generator's view of its engine while it is asked what to do.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When this happens: a timer's scheduled time, not the time at which somebody looked.
    pub now: Nanos,
    /// What the timer was for that is due.
    pub alarm: Alarm,
    /// The generator's own random stream.
    pub random: &'a mut Xoshiro256PlusPlus,
    pub(crate) generator: u32,
    pub(crate) agenda: &'a mut Agenda,
}

impl Turn<'_> {
    /// Submits a request, meant to be sent now.
    ///
    /// # Panics
    /// If the plan loads no such model.
    pub fn submit(&mut self, target: Target) {
        let agenda = &mut *self.agenda;
        agenda.submitted += 1;
        agenda.unanswered += 1;
        agenda.submissions.push_back(Submit {
            tag: Tag::new(self.generator, agenda.submitted),
            user: target.user,
            model: agenda.models
                [usize::try_from(target.model).expect("a model's place fits usize")],
            slo_factor: target.slo_factor,
            intended: self.now,
        });
    }

    /// Asks for a timer. Several of one generator are allowed; ties fire in the order of asking.
    pub fn wake_at(&mut self, at: Nanos) {
        self.wake_for(Alarm::Next, at);
    }

    /// The same for another purpose than the next request.
    pub fn wake_for(&mut self, alarm: Alarm, at: Nanos) {
        self.agenda.asked += 1;
        self.agenda.timers.push(Reverse((at, self.agenda.asked, self.generator, alarm)));
    }

    /// Tells the user something.
    pub fn print(&mut self, text: String) {
        self.agenda.prints.push_back(text);
    }

    /// Ends the whole workload: nobody submits any more.
    pub fn end(&mut self) {
        self.agenda.ended = true;
    }

    /// How many devices the controller reported when the workload began.
    pub fn gpus(&self) -> u32 {
        self.agenda.gpus
    }
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The next request.
    #[default]
    Next,
    /// The next step of a [ramp](crate::generator::Ramp).
    Step,
    /// A change between busy and idle.
    Phase,
}

/// Timers, submissions, and the counts that say when all is over.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The models by their place in load order.
    pub(crate) models: Vec<ModelId>,
    /// Submitted and not taken out yet.
    pub(crate) submissions: VecDeque<Submit>,
    /// Submitted and not answered yet.
    pub(crate) unanswered: u64,
    /// What is to be told.
    pub(crate) prints: VecDeque<String>,
    /// Devices that the controller reported.
    pub(crate) gpus: u32,
    /// Whether a generator has ended the workload.
    pub(crate) ended: bool,
    /// When, in which order asked for, by whom, what for.
    timers: BinaryHeap<Reverse<(Nanos, u64, u32, Alarm)>>,
    submitted: u64,
    asked: u64,
}

impl Agenda {
    /// The earliest timer, if it is due: its scheduled time, its generator, and what it is for.
    pub(crate) fn due(&mut self, now: Nanos) -> Option<(Nanos, u32, Alarm)> {
        if self.next_wakeup()? > now {
            return None;
        }
        self.timers.pop().map(|Reverse((at, _, generator, alarm))| (at, generator, alarm))
    }

    /// When the earliest timer is due.
    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// Forgets everything that is not under way. What was submitted but not taken out was never
    /// sent, hence will not be answered.
    pub(crate) fn clear(&mut self) {
        self.timers.clear();
        let unsent = u64::try_from(self.submissions.len()).expect("a queue length fits u64");
        self.unanswered -= unsent;
        self.submissions.clear();
    }
}
