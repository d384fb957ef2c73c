//! Static memory for intermediate tensors: tensors that are never needed at the same time share
//! their bytes.

use crate::artifact::TENSOR_ALIGNMENT;

/// The workspace of one plan while it is laid out.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Bytes of an element.
    element: usize,
    /// What is laid out so far, by offset.
    areas: Vec<Area>,
}

/// A tensor that needs a place from one step to another, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) elements: usize,
    pub(super) first: usize,
    pub(super) last: usize,
}

#[derive(Debug)]
struct Area {
    offset: usize,
    end: usize,
    request: Request,
}

impl Workspace {
    /// An empty one for elements of so many bytes.
    pub(super) fn new(element: usize) -> Self {
        Self { element, areas: Vec::new() }
    }

    /// The lowest offset in bytes at which the tensor meets no other that is alive with it.
    pub(super) fn allocate(&mut self, request: Request) -> usize {
        let bytes = (request.elements * self.element).next_multiple_of(TENSOR_ALIGNMENT);
        let mut offset = 0;
        for area in self.areas.iter().filter(|area| area.request.lives_with(&request)) {
            if offset + bytes <= area.offset {
                break;
            }
            offset = offset.max(area.end);
        }
        let index = self.areas.partition_point(|area| area.offset <= offset);
        self.areas.insert(index, Area { offset, end: offset + bytes, request });
        offset
    }

    /// Bytes in all.
    pub(super) fn bytes(&self) -> usize {
        self.areas.iter().map(|area| area.end).max().unwrap_or(0)
    }
}

impl Request {
    fn lives_with(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(elements: usize, first: usize, last: usize) -> Request {
        Request { elements, first, last }
    }

    #[test]
    fn tensors_that_live_together_do_not_overlap_and_others_share() {
        let mut workspace = Workspace::new(size_of::<f32>());
        assert_eq!(workspace.allocate(request(16, 0, 1)), 0);
        assert_eq!(workspace.allocate(request(17, 1, 2)), 64);
        assert_eq!(workspace.allocate(request(16, 2, 3)), 0, "the first is dead by then");
        assert_eq!(workspace.allocate(request(32, 3, 3)), 64, "the second is dead by then");
        assert_eq!(workspace.bytes(), 192);
    }

    #[test]
    fn no_two_living_tensors_overlap_in_any_small_arrangement() {
        // Every assignment of four lifetimes within four steps to four sizes.
        let lives: Vec<_> = (0..4).flat_map(|a| (a..4).map(move |b| (a, b))).collect();
        for code in 0..lives.len().pow(4) {
            let mut workspace = Workspace::new(size_of::<f32>());
            for (digit, elements) in [(0, 16), (1, 1), (2, 48), (3, 32)] {
                let (first, last) = lives[code / lives.len().pow(digit) % lives.len()];
                workspace.allocate(request(elements, first, last));
            }
            for (i, a) in workspace.areas.iter().enumerate() {
                for b in &workspace.areas[..i] {
                    let apart = a.end <= b.offset || b.end <= a.offset;
                    assert!(apart || !a.request.lives_with(&b.request), "{a:?} meets {b:?}");
                }
            }
        }
    }
}
