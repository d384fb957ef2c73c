//! Requests that the scheduler has not answered, and what it must not see of them.

use clockwork_wire::{ClientId, InputSpec, ModelId, Payload, RequestId};

use crate::telemetry::Asked;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Entry {
    /// Who waits.
    pub(super) client: ClientId,
    /// What the client said.
    pub(super) asked: Asked,
    /// The model that was asked for, and which of its versions it was given to.
    pub(super) model: ModelId,
    pub(super) version: ModelId,
    /// What travels with it.
    pub(super) spec: InputSpec,
    /// The input, until it is sent.
    pub(super) input: Payload,
    /// Whether the input was made up here, so that nobody wants the output.
    pub(super) made_up: bool,
}

/// Requests by the id that the scheduler knows them by.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
}

impl Ledger {
    /// Enters a request.
    pub(super) fn insert(&mut self, entry: Entry) -> RequestId {
        let at = self.free.pop().unwrap_or(self.entries.len());
        if at == self.entries.len() {
            self.entries.push(Some(entry));
        } else {
            self.entries[at] = Some(entry);
        }
        RequestId::from_index(at)
    }

    /// The request with this id.
    pub(super) fn at(&mut self, id: RequestId) -> Option<&mut Entry> {
        self.entries.get_mut(id.index())?.as_mut()
    }

    /// Takes a request out: it is being answered.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Entry> {
        let entry = self.entries.get_mut(id.index())?.take()?;
        self.free.push(id.index());
        Some(entry)
    }

    /// How many were given to one of these models.
    pub(super) fn count(&self, given: impl Fn(ModelId) -> bool) -> usize {
        self.entries.iter().flatten().filter(|entry| given(entry.version)).count()
    }

    /// A client's requests, and the models that they were given to.
    pub(super) fn of_client(&self, client: ClientId) -> Vec<(RequestId, ModelId)> {
        let entries = self.entries.iter().enumerate();
        entries
            .filter_map(|(at, entry)| Some((at, entry.as_ref()?)))
            .filter(|(_, entry)| entry.client == client)
            .map(|(at, entry)| (RequestId::from_index(at), entry.version))
            .collect()
    }

    /// How many are on their way.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}
