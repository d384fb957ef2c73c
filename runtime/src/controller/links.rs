//! Which link belongs to whom.

use std::collections::BTreeMap;

use crate::net::LinkId;

/// The links of a core and their owners.
#[derive(Debug)]
pub(super) struct Links<T> {
    by_link: BTreeMap<LinkId, T>,
    by_owner: BTreeMap<T, LinkId>,
}

impl<T: Copy + Ord> Links<T> {
    pub(super) fn insert(&mut self, link: LinkId, owner: T) {
        self.by_link.insert(link, owner);
        self.by_owner.insert(owner, link);
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<T> {
        let owner = self.by_link.remove(&link)?;
        if self.by_owner.get(&owner) == Some(&link) {
            self.by_owner.remove(&owner);
        }
        Some(owner)
    }

    pub(super) fn len(&self) -> usize {
        self.by_link.len()
    }

    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.by_link.keys().copied()
    }

    pub(super) fn owner(&self, link: LinkId) -> Option<T> {
        self.by_link.get(&link).copied()
    }

    pub(super) fn link(&self, owner: T) -> Option<LinkId> {
        self.by_owner.get(&owner).copied()
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self { by_link: BTreeMap::new(), by_owner: BTreeMap::new() }
    }
}
