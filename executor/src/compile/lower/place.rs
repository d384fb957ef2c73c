//! Gives every buffer its place: those that are never needed at the same time share bytes.
//!
//! What only one part of a plan needs holds the requests that are computed together there, and every
//! repetition uses the same bytes. What several parts need holds the whole batch, each repetition has
//! its own requests of it, and nobody else has those bytes until the last repetition is done.

use std::ops::Range;

use super::layout::{Lowering, Tensor};
use super::workspace::{Request, Workspace};
use crate::artifact::{Element, Kernel, Place, PlanFile, Segment, Space, Step, Target};

/// Steps that are done for some requests at a time, and repeated until that is the batch.
pub(super) struct Part {
    /// How many requests.
    requests: usize,
    /// Steps that bring inputs in.
    pub(super) entering: Vec<Draft>,
    /// All other steps.
    pub(super) steps: Vec<Draft>,
}

/// A step whose tensors have no place yet.
pub(super) struct Draft {
    /// The node of the graph that it was made for.
    pub(super) node: usize,
    /// For people.
    pub(super) name: String,
    pub(super) kernel: Kernel,
    pub(super) reads: Vec<Operand>,
    pub(super) write: Operand,
}

/// What a step reads or writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// In the workspace.
    Tensor(Tensor),
    /// Among the weights.
    Fixed(Place),
    /// In io memory: elements to the first request's, and from one request to the next.
    Outside { space: Space, offset: usize, stride: usize },
}

/// A range of the workspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer {
    /// Elements for one request.
    pub(super) elements: usize,
    /// Whether every request has its own.
    pub(super) batched: bool,
}

impl From<Tensor> for Operand {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl Lowering<'_> {
    /// The plan of all steps.
    pub(super) fn finish(self, batch: u16) -> PlanFile {
        let size = usize::from(batch);
        let mut sections = Vec::with_capacity(self.parts.len());
        let mut drafts = Vec::new();
        for part in self.parts {
            let begin = drafts.len();
            drafts.extend(part.entering.into_iter().chain(part.steps));
            sections.push(Section { steps: begin..drafts.len(), requests: part.requests, size });
        }
        let lives = lives(&drafts, &sections, self.buffers.len());
        let mut layout = Layout {
            target: self.target,
            sections: &sections,
            offsets: vec![None; lives.len()],
            buffers: self.buffers,
            lives,
            workspace: Workspace::new(self.target.element().bytes()),
        };
        let steps: Vec<_> = drafts
            .into_iter()
            .enumerate()
            .map(|(index, draft)| layout.step(index, draft))
            .collect();
        let segments = sections.iter().map(Section::segment).collect();
        PlanFile { batch, segments, steps, workspace_bytes: layout.workspace.bytes() }
    }
}

impl Part {
    pub(super) const fn new(requests: usize) -> Self {
        Self { requests, entering: Vec::new(), steps: Vec::new() }
    }
}

impl Draft {
    /// The buffers that it needs.
    pub(super) fn buffers(&self) -> impl Iterator<Item = usize> + '_ {
        self.reads.iter().chain([&self.write]).filter_map(|operand| match operand {
            Operand::Tensor(tensor) => Some(tensor.buffer),
            Operand::Fixed(_) | Operand::Outside { .. } => None,
        })
    }
}

/// Which steps a part has.
struct Section {
    steps: Range<usize>,
    /// The requests that are computed together.
    requests: usize,
    /// The requests of the batch.
    size: usize,
}

impl Section {
    fn segment(&self) -> Segment {
        Segment { steps: self.steps.len(), times: self.times() }
    }

    const fn times(&self) -> usize {
        self.size / self.requests
    }
}

/// The steps from which to which a buffer is needed, both included.
#[derive(Clone, Copy)]
struct Life {
    first: usize,
    last: usize,
    /// Whether several parts need it.
    crosses: bool,
}

fn lives(drafts: &[Draft], sections: &[Section], buffers: usize) -> Vec<Life> {
    let mut lives = vec![Life { first: usize::MAX, last: 0, crosses: false }; buffers];
    for (index, draft) in drafts.iter().enumerate() {
        for buffer in draft.buffers() {
            let life = &mut lives[buffer];
            (life.first, life.last) = (life.first.min(index), index);
        }
    }
    for life in lives.iter_mut().filter(|life| life.first <= life.last) {
        let (first, last) = (section(sections, life.first), section(sections, life.last));
        life.crosses = first.steps != last.steps;
        if life.crosses && first.times() > 1 {
            life.first = first.steps.start;
        }
        if life.crosses && last.times() > 1 {
            life.last = last.steps.end - 1;
        }
    }
    lives
}

/// The section of a step.
fn section(sections: &[Section], step: usize) -> &Section {
    let index = sections.partition_point(|section| section.steps.end <= step);
    &sections[index]
}

/// The workspace while steps are given their places in it.
struct Layout<'a> {
    target: Target,
    sections: &'a [Section],
    buffers: Vec<Buffer>,
    lives: Vec<Life>,
    /// Bytes from the workspace's begin to each buffer's, once it is needed.
    offsets: Vec<Option<usize>>,
    workspace: Workspace,
}

impl Layout<'_> {
    fn step(&mut self, index: usize, draft: Draft) -> Step {
        let elements = draft.kernel.lengths(self.target).map_or(0, |lengths| lengths.scratch);
        let request = Request { elements, first: index, last: index };
        let scratch = (elements > 0).then(|| self.workspace.allocate(request));
        let section = section(self.sections, index);
        let mut place = |operand| self.place(operand, section);
        Step {
            node: draft.name,
            run: draft.kernel,
            reads: draft.reads.into_iter().map(&mut place).collect(),
            scratch,
            write: place(draft.write),
        }
    }

    fn place(&mut self, operand: Operand, section: &Section) -> Place {
        let (outside, element) = (Element::F32.bytes(), self.target.element().bytes());
        // Elements from one repetition to the next.
        let repeated = |each: usize| if section.times() > 1 { each * section.requests } else { 0 };
        match operand {
            Operand::Fixed(place) => place,
            Operand::Outside { space, offset, stride } => {
                Place { space, offset: offset * outside, stride: repeated(stride) * outside }
            }
            Operand::Tensor(Tensor { buffer, offset }) => {
                let moves = self.buffers[buffer].batched && self.lives[buffer].crosses;
                let each = if moves { self.buffers[buffer].elements } else { 0 };
                let offset = self.offset(buffer, section) + offset * element;
                Place { space: Space::Workspace, offset, stride: repeated(each) * element }
            }
        }
    }

    /// Where a buffer begins.
    fn offset(&mut self, buffer: usize, section: &Section) -> usize {
        if let Some(offset) = self.offsets[buffer] {
            return offset;
        }
        let Life { first, last, crosses } = self.lives[buffer];
        let Buffer { elements, batched } = self.buffers[buffer];
        let copies = match (batched, crosses) {
            (false, _) => 1,
            (true, false) => section.requests,
            (true, true) => section.size,
        };
        let offset = self.workspace.allocate(Request { elements: elements * copies, first, last });
        self.offsets[buffer] = Some(offset);
        offset
    }
}
