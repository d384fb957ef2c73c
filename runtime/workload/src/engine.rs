//! Drives the generators of one workload from loading to the last answer.

use std::collections::VecDeque;

use clockwork_wire::{ModelId, Nanos, Status};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::agenda::{Agenda, Alarm};
use crate::generator::Generator;
use crate::{Input, Output, Plan, Tag, Turn};

/// One workload under way: a pure function of its plan, its seed and what it is told.
#[derive(Debug)]
pub struct Engine {
    stage: Stage,
    /// What is to be told and loaded before it begins.
    preparations: VecDeque<Output>,
    actors: Vec<Actor>,
    /// How many actors have more to submit.
    active: usize,
    agenda: Agenda,
}

impl Engine {
    /// An engine for a workload; each generator gets a random stream of its own from `seed`.
    pub fn new(plan: Plan, seed: u64) -> Self {
        let (preparations, generators) = plan.into_parts();
        let actors: Vec<_> = (0..).zip(generators).map(|(i, g)| Actor::new(g, seed, i)).collect();
        let active = actors.len();
        Self { stage: Stage::Load, preparations, actors, active, agenda: Agenda::default() }
    }

    /// Takes in what happened. Work is bounded by what it causes to be submitted. `now` never
    /// decreases from call to call.
    ///
    /// # Panics
    /// If an answer comes that was not asked for: the driver pairs answers with requests, and
    /// checks that it got as many copies as it asked for.
    pub fn handle(&mut self, now: Nanos, input: Input) {
        match input {
            // Whoever stopped meanwhile needs no models.
            Input::Loaded { .. } | Input::Listed { .. } if self.is_over() => {}
            Input::Loaded { first, copies } => self.loaded(first, copies),
            Input::Listed { gpus } => self.listed(now, gpus),
            Input::Answered { tag, status } => self.answered(now, tag, status),
            Input::Stop => self.stop(),
        }
    }

    /// Takes out the next thing to do; `None` until something happens or `next_wakeup` passes.
    pub fn poll(&mut self, now: Nanos) -> Option<Output> {
        match self.stage {
            Stage::Load => Some(self.load_next()),
            Stage::AwaitLoad(_) | Stage::AwaitList | Stage::Done => None,
            Stage::Run => self.run(now),
            Stage::Drain | Stage::Ending if !self.agenda.prints.is_empty() => self.print(),
            Stage::Drain if self.agenda.unanswered > 0 => None,
            Stage::Drain | Stage::Ending => {
                self.stage = Stage::Done;
                Some(Output::Done)
            }
        }
    }

    /// When to poll again if nothing arrives; `None` means "only when something arrives".
    pub fn next_wakeup(&self) -> Option<Nanos> {
        self.agenda.next_wakeup()
    }

    /// Requests submitted and not answered.
    pub fn unanswered(&self) -> u64 {
        self.agenda.unanswered
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Drain | Stage::Ending | Stage::Done)
    }

    fn loaded(&mut self, first: ModelId, copies: u32) {
        assert_eq!(self.stage, Stage::AwaitLoad(copies), "loaded other than what was asked for");
        self.agenda.models.extend((first.get()..).take(index(copies)).map(ModelId::new));
        self.stage = Stage::Load;
    }

    fn listed(&mut self, now: Nanos, gpus: u32) {
        assert_eq!(self.stage, Stage::AwaitList, "listed without being asked");
        self.stage = Stage::Run;
        self.agenda.gpus = gpus;
        for actor in 0..self.actors.len() {
            self.act(now, actor, Alarm::Next, |generator, turn| generator.start(turn));
        }
    }

    /// The next model to load, or something to tell before; the list after all of them.
    fn load_next(&mut self) -> Output {
        let next = self.preparations.pop_front().unwrap_or(Output::List);
        match &next {
            Output::Load(load) => self.stage = Stage::AwaitLoad(load.copies),
            Output::List => self.stage = Stage::AwaitList,
            Output::Print(_) | Output::Submit(_) | Output::Done => {}
        }
        next
    }

    fn print(&mut self) -> Option<Output> {
        self.agenda.prints.pop_front().map(Output::Print)
    }

    fn run(&mut self, now: Nanos) -> Option<Output> {
        loop {
            if let Some(submit) = self.agenda.submissions.pop_front() {
                return Some(Output::Submit(submit));
            }
            if self.agenda.ended {
                return self.terminate();
            }
            if let Some(print) = self.print() {
                return Some(print);
            }
            if self.active == 0 && self.agenda.unanswered == 0 {
                self.stage = Stage::Ending;
                return Some(Output::Print("Terminating engine".into()));
            }
            let (at, generator, alarm) = self.agenda.due(now)?;
            self.act(at, index(generator), alarm, |generator, turn| generator.due(turn));
        }
    }

    /// A generator has ended all of them.
    fn terminate(&mut self) -> Option<Output> {
        self.agenda.prints.push_back("Terminating engine".into());
        self.stop();
        self.print()
    }

    fn answered(&mut self, now: Nanos, tag: Tag, status: Status) {
        let unanswered = self.agenda.unanswered.checked_sub(1);
        self.agenda.unanswered = unanswered.expect("one answer per request");
        if self.active > 0 {
            let answered = |generator: &mut dyn Generator, turn: &mut Turn<'_>| {
                generator.answered(turn, status);
            };
            self.act(now, tag.generator(), Alarm::Next, answered);
        }
    }

    /// Lets a generator act at `at`, and notices when it has submitted all that it ever will.
    fn act(
        &mut self,
        at: Nanos,
        index: usize,
        alarm: Alarm,
        act: impl FnOnce(&mut dyn Generator, &mut Turn<'_>),
    ) {
        let Actor { generator, random, finished } = &mut self.actors[index];
        let number = u32::try_from(index).expect("a plan bounds its generators");
        let agenda = &mut self.agenda;
        act(&mut **generator, &mut Turn { now: at, alarm, random, generator: number, agenda });
        if !*finished && generator.is_finished() {
            *finished = true;
            self.active -= 1;
        }
    }

    fn stop(&mut self) {
        self.active = 0;
        self.agenda.clear();
        if self.stage != Stage::Done {
            self.stage = Stage::Drain;
        }
    }
}

/// Where an engine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Ask for the next model, or for the list if there is none.
    Load,
    /// So many copies were asked for.
    AwaitLoad(u32),
    /// The list was asked for.
    AwaitList,
    /// Submitting, or waiting for the last answers.
    Run,
    /// Stopped, waiting for the last answers.
    Drain,
    /// All over but for saying so.
    Ending,
    /// It has been said.
    Done,
}

/// A generator with its random stream.
#[derive(Debug)]
struct Actor {
    generator: Box<dyn Generator>,
    random: Xoshiro256PlusPlus,
    finished: bool,
}

impl Actor {
    fn new(generator: Box<dyn Generator>, seed: u64, salt: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(salt.wrapping_mul(SALT)));
        Self { generator, random, finished: false }
    }
}

/// A small number as an index.
fn index(number: u32) -> usize {
    usize::try_from(number).expect("a u32 fits usize")
}

/// 2^64 divided by the golden ratio: neighbouring salts land far apart, and no two of them agree.
const SALT: u64 = 0x9E37_79B9_7F4A_7C15;
