//! Models that are loaded and unloaded together.

use std::sync::Arc;

use clockwork_wire::ModelId;

/// Models with contiguous ids and one name.
#[derive(Clone, Debug)]
pub struct Group {
    /// The first of the contiguous ids.
    pub(super) first: ModelId,
    /// How many.
    pub(super) copies: u32,
    /// Their name.
    pub(super) name: Arc<str>,
    /// The id that clients know the first one by, the others following: its own, unless these are
    /// a later version of other models.
    pub(super) shown: ModelId,
}

impl Group {
    /// Models that clients know by their own ids.
    pub(super) const fn own(first: ModelId, copies: u32, name: Arc<str>) -> Self {
        Self { first, copies, name, shown: first }
    }

    /// One more than the last id, as a table index.
    pub(super) fn end(&self) -> usize {
        self.first.index() + usize::try_from(self.copies).expect("copies fit usize")
    }

    /// The ids.
    pub(super) fn models(&self) -> impl Iterator<Item = ModelId> + use<> {
        (self.first.index()..self.end()).map(ModelId::from_index)
    }

    /// Whether one of them has this id.
    pub(super) fn has(&self, id: ModelId) -> bool {
        (self.first.index()..self.end()).contains(&id.index())
    }

    /// The id that clients know one of them by.
    pub(super) fn shown(&self, id: ModelId) -> ModelId {
        ModelId::from_index(self.shown.index() + (id.index() - self.first.index()))
    }

    /// Groups of the contiguous among rising ids of this group.
    pub(super) fn parts(&self, ids: impl Iterator<Item = ModelId>) -> Vec<Self> {
        let part = |run: Self| Self { shown: self.shown(run.first), ..run };
        Self::runs(ids, &self.name).into_iter().map(part).collect()
    }

    /// Groups of the contiguous among rising ids.
    pub(super) fn runs(ids: impl Iterator<Item = ModelId>, name: &Arc<str>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for id in ids {
            match runs.last_mut() {
                Some(run) if run.end() == id.index() => run.copies += 1,
                _ => runs.push(Self::own(id, 1, Arc::clone(name))),
            }
        }
        runs
    }
}
