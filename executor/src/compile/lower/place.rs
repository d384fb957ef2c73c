//! Gives every buffer its place: those that are never needed at the same time share bytes.

use super::layout::{Lowering, Tensor};
use super::workspace::{Request, Workspace};
use crate::artifact::{Kernel, Place, PlanFile, Space, Step};

/// A step whose tensors have no place yet.
pub(super) struct Draft {
    pub(super) node: String,
    pub(super) kernel: Kernel,
    pub(super) reads: Vec<Operand>,
    pub(super) write: Operand,
}

/// What a step reads or writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// In the workspace.
    Tensor(Tensor),
    /// Elsewhere.
    Fixed(Place),
}

impl From<Tensor> for Operand {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl Lowering<'_> {
    /// The plan of all steps.
    pub(super) fn finish(self, batch: u16) -> PlanFile {
        let mut drafts = self.entering;
        drafts.extend(self.steps);
        let element = self.target.element().bytes();
        let mut workspace = Workspace::new(element);
        let mut lives = vec![None; self.buffers.len()];
        for (index, draft) in drafts.iter().enumerate() {
            for buffer in draft.buffers() {
                let (first, _) = lives[buffer].unwrap_or((index, index));
                lives[buffer] = Some((first, index));
            }
        }
        let mut offsets = vec![0; self.buffers.len()];
        let mut scratches = Vec::with_capacity(drafts.len());
        for (index, draft) in drafts.iter().enumerate() {
            let scratch = draft.kernel.lengths(self.target).map_or(0, |lengths| lengths.scratch);
            let request = Request { elements: scratch, first: index, last: index };
            scratches.push((scratch > 0).then(|| workspace.allocate(request)));
            for buffer in draft.buffers() {
                if let Some((first, last)) = lives[buffer].filter(|&(first, _)| first == index) {
                    let elements = self.buffers[buffer];
                    offsets[buffer] = workspace.allocate(Request { elements, first, last });
                    lives[buffer] = None;
                }
            }
        }
        let place = |operand: Operand| match operand {
            Operand::Fixed(place) => place,
            Operand::Tensor(Tensor { buffer, offset }) => {
                Place { space: Space::Workspace, offset: offsets[buffer] + offset * element }
            }
        };
        let steps = drafts.into_iter().zip(scratches).map(|(draft, scratch)| Step {
            node: draft.node,
            run: draft.kernel,
            reads: draft.reads.into_iter().map(place).collect(),
            scratch,
            write: place(draft.write),
        });
        PlanFile { batch, steps: steps.collect(), workspace_bytes: workspace.bytes() }
    }
}

impl Draft {
    /// The buffers that it needs.
    fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        self.reads.iter().chain([&self.write]).filter_map(|operand| match operand {
            Operand::Tensor(tensor) => Some(tensor.buffer),
            Operand::Fixed(_) => None,
        })
    }
}
