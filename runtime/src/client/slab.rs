//! What is under way, found again by the id that it got.

use clockwork_wire::RequestId;

/// Entries at fixed places, each with an id that is never given twice: the place in the lower bits,
/// a running number in the upper ones. Putting in and taking out touch one entry and, once there
/// have been as many at a time, allocate nothing.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// The first of the free places, which are chained.
    free: Option<usize>,
    len: usize,
    issued: u64,
}

#[derive(Debug)]
enum Place<T> {
    /// Free; the next free place.
    Free(Option<usize>),
    Taken(RequestId, T),
}

impl<T> Slab<T> {
    /// Nothing is under way.
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: None, len: 0, issued: 0 }
    }

    /// Whether there is room for one more; there is for 16 million.
    pub(super) const fn has_room(&self) -> bool {
        self.len < PLACES_MAX
    }

    /// Puts an entry in.
    ///
    /// # Panics
    /// If there is no [room](Self::has_room).
    pub(super) fn insert(&mut self, entry: T) -> RequestId {
        let index = self.free.unwrap_or(self.places.len());
        assert!(index < PLACES_MAX, "{} requests are under way", self.len);
        self.issued += 1;
        let place = u64::try_from(index).expect("a place fits 64 bits");
        let id = RequestId::new(self.issued << PLACE_BITS | place);
        let taken = Place::Taken(id, entry);
        if let Some(place) = self.places.get_mut(index) {
            let Place::Free(next) = std::mem::replace(place, taken) else {
                unreachable!("a place in the chain is free")
            };
            self.free = next;
        } else {
            self.places.push(taken);
        }
        self.len += 1;
        id
    }

    /// Takes an entry out; `None` if this id was never given or is out already.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<T> {
        let index = usize::try_from(id.get() & PLACE_MASK).expect("a place fits usize");
        let place = self.places.get_mut(index)?;
        if !matches!(place, Place::Taken(known, _) if *known == id) {
            return None;
        }
        let Place::Taken(_, entry) = std::mem::replace(place, Place::Free(self.free)) else {
            unreachable!("it was taken a line above")
        };
        self.free = Some(index);
        self.len -= 1;
        Some(entry)
    }

    /// The ids of all entries for which this holds.
    pub(super) fn ids_where(&self, holds: impl Fn(&T) -> bool) -> Vec<RequestId> {
        let id = |place: &Place<T>| match place {
            Place::Taken(id, entry) if holds(entry) => Some(*id),
            Place::Taken(..) | Place::Free(_) => None,
        };
        self.places.iter().filter_map(id).collect()
    }
}

const PLACE_BITS: u32 = 24;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
const PLACES_MAX: usize = 1 << PLACE_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_out_once_and_its_place_is_used_again_under_another_id() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!((slab.remove(a), slab.remove(a), slab.len), (Some('a'), None, 1));
        let c = slab.insert('c');
        assert_eq!(c.get() & PLACE_MASK, a.get() & PLACE_MASK);
        assert_eq!((slab.remove(a), slab.remove(b), slab.remove(c)), (None, Some('b'), Some('c')));
        assert_eq!(slab.len, 0);
    }

    #[test]
    fn ids_of_somebody_else_are_not_found() {
        let mut slab = Slab::new();
        slab.insert('a');
        for id in [0, 1, u64::MAX, 1 << PLACE_BITS | 1] {
            assert_eq!(slab.remove(RequestId::new(id)), None);
        }
    }

    #[test]
    fn all_entries_of_a_kind_can_be_named() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..6).map(|n| slab.insert(n)).collect();
        slab.remove(ids[2]);
        assert_eq!(slab.ids_where(|n| n % 2 == 0), [ids[0], ids[4]]);
    }
}
