//! Where the tensors of a step lie, and how many threads work on them.

use super::parts::{Place, long};
use super::{Addresses, Launch, Parameters};
use crate::artifact::{CheckedStep, Element, Extent, Space};

/// A step and where its memories are.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) step: &'a CheckedStep,
    pub(super) element: Element,
    pub(super) at: &'a Addresses,
}

/// A tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) element: Element,
}

impl Site<'_> {
    /// What the step reads.
    pub(super) fn read(&self, index: usize) -> Operand {
        self.operand(&self.step.reads[index])
    }

    /// What the step writes.
    pub(super) fn write(&self) -> Operand {
        self.operand(&self.step.write)
    }

    fn operand(&self, extent: &Extent) -> Operand {
        let Addresses { descriptor, workspace, weights, .. } = *self.at;
        let (element, begin, slot) = match extent.space {
            Space::Input => (Element::F32, 0, descriptor),
            Space::Output => (Element::F32, 0, descriptor + 8),
            Space::Workspace => (self.element, workspace, 0),
            Space::Weights => (self.element, weights, 0),
        };
        let address = begin + long(extent.range.start * element.bytes());
        Operand { place: Place { address, slot }, element }
    }

    /// Elements that a thread has side by side where it is wide.
    pub(super) fn lanes(&self) -> usize {
        self.element.lanes()
    }
}

impl Operand {
    /// Its address; not for what may lie in io memory.
    pub(super) fn address(self) -> u64 {
        assert_eq!(self.place.slot, 0, "a checked step that computes touches no io memory");
        self.place.address
    }

    /// Whether the begins of its rows can be read 16 bytes at once.
    pub(super) fn aligned(self, pitch: usize, lanes: usize) -> bool {
        self.place.address.is_multiple_of(16) && pitch.is_multiple_of(lanes)
    }
}

impl Element {
    /// Elements in 16 bytes.
    pub(super) const fn lanes(self) -> usize {
        16 / self.bytes()
    }
}

/// So many threads in a row, each with an item of its own: in small blocks where larger ones would
/// leave processors without work.
pub(super) fn linear<P: bytemuck::Pod>(
    function: &'static str,
    items: u32,
    parameters: &P,
) -> Launch {
    let threads = match items {
        0..16_384 => 32,
        16_384..65_536 => 128,
        _ => 256,
    };
    let (grid, block) = ([items.div_ceil(threads), 1, 1], [threads, 1, 1]);
    Launch { function, grid, block, parameters: Parameters::new(parameters) }
}
