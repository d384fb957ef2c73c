//! What a worker has done so far.

use clockwork_wire::ActionKind;

/// Totals since the start, of which a driver prints the differences every ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// LOADs received.
    pub loads: u64,
    /// INFERs received.
    pub infers: u64,
    /// EVICTs received.
    pub evicts: u64,
    /// LOADMODELs received.
    pub load_models: u64,
    /// UNLOADMODELs received.
    pub unload_models: u64,
    /// Actions received again and ignored.
    pub duplicates: u64,
    /// Results sent, of every kind.
    pub results: u64,
    /// Of these, errors.
    pub errors: u64,
}

impl Counters {
    /// Everything received that still owes a result.
    pub const fn pending(&self) -> u64 {
        let models = self.load_models + self.unload_models;
        self.loads + self.infers + self.evicts + models - self.results
    }

    /// Counts an action that will have a result.
    pub(crate) const fn receive(&mut self, kind: ActionKind) {
        match kind {
            ActionKind::Load => self.loads += 1,
            ActionKind::Infer { .. } => self.infers += 1,
            ActionKind::Evict => self.evicts += 1,
        }
    }

    /// Counts a result.
    pub(crate) const fn send(&mut self, ok: bool) {
        self.results += 1;
        if !ok {
            self.errors += 1;
        }
    }
}
