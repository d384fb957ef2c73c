//! What went into a scheduler and what came out, turn by turn, so that it can be done again.

use clockwork_scheduler::{Input, Output, Scheduler};
use clockwork_wire::Nanos;

use crate::world::Decider;

/// One turn of a scheduler.
#[derive(Clone, Debug)]
pub struct RecordedTurn {
    /// The clock, read once.
    pub now: Nanos,
    /// What had been received, in order.
    pub inputs: Vec<Input>,
    /// What was decided, in order.
    pub outputs: Vec<Output>,
}

/// All turns of a scheduler since it was made.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The turns, in order.
    pub turns: Vec<RecordedTurn>,
}

impl Recording {
    /// Puts a new scheduler through the same turns.
    ///
    /// # Errors
    /// If a turn decides anything else than was recorded: the index of the first such turn, and
    /// what it decided.
    pub fn replay(&self, scheduler: &mut dyn Scheduler) -> Result<(), Divergence> {
        for (index, turn) in self.turns.iter().enumerate() {
            for input in &turn.inputs {
                scheduler.handle(turn.now, input.clone());
            }
            let outputs: Vec<Output> = std::iter::from_fn(|| scheduler.poll(turn.now)).collect();
            // Outputs are plain data, and their debug text names every field.
            let same = format!("{outputs:?}") == format!("{:?}", turn.outputs);
            if !same {
                return Err(Divergence { turn: index, outputs });
            }
        }
        Ok(())
    }
}

/// A replay that went another way.
#[derive(Clone, Debug, thiserror::Error)]
#[error("turn {turn} of the recording now decides otherwise: {outputs:?}")]
pub struct Divergence {
    /// The first turn that differs.
    pub turn: usize,
    /// What it decides now.
    pub outputs: Vec<Output>,
}

/// Who decides, under observation.
#[derive(Debug)]
pub(crate) struct Recorder {
    decider: Decider,
    recording: Option<Recording>,
    turn: Option<RecordedTurn>,
}

impl Recorder {
    /// Observes who decides; keeps nothing unless `record`.
    pub(crate) fn new(decider: Decider, record: bool) -> Self {
        Self { decider, recording: record.then(Recording::default), turn: None }
    }

    pub(crate) fn handle(&mut self, now: Nanos, input: Input) {
        if self.recording.is_some() {
            self.current(now).inputs.push(input.clone());
        }
        self.decider.scheduler_mut().handle(now, input);
    }

    pub(crate) fn poll(&mut self, now: Nanos) -> Option<Output> {
        let output = self.decider.scheduler_mut().poll(now);
        if self.recording.is_some() {
            self.current(now).outputs.extend(output.clone());
        }
        output
    }

    pub(crate) fn next_wakeup(&self) -> Option<Nanos> {
        self.decider.scheduler().next_wakeup()
    }

    pub(crate) fn end_turn(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.turns.extend(self.turn.take());
        }
    }

    pub(crate) fn decider(&self) -> &Decider {
        &self.decider
    }

    pub(crate) fn into_recording(self) -> Option<Recording> {
        self.recording
    }

    fn current(&mut self, now: Nanos) -> &mut RecordedTurn {
        self.turn.get_or_insert_with(|| RecordedTurn {
            now,
            inputs: Vec::new(),
            outputs: Vec::new(),
        })
    }
}
