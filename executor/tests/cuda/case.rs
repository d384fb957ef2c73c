//! Kernels to be tried, and one plan that runs many of them.

use std::ops::Range;

use clockwork_executor::artifact::{
    Activation, Area, Element, Kernel, Map, Place, Plan, PlanFile, Segment, Space, Step,
    TENSOR_ALIGNMENT, Target,
};
use clockwork_executor::cpu::{self, Kernels, Memory};

/// A kernel to be tried. Its inputs are brought into the workspace and its result out of it by copies
/// that have gaps where it has.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) kernel: Kernel,
    /// How many of the tensors that it reads, the last ones, are weights.
    pub(crate) constants: usize,
    /// Elements by which images with gaps are moved from their alignment.
    pub(crate) shift: usize,
    /// Whether it reads io memory itself.
    pub(crate) from_input: bool,
    /// Whether it writes io memory itself.
    pub(crate) to_output: bool,
    /// After how many elements inputs repeat.
    pub(crate) period: usize,
    /// The elements of inputs.
    pub(crate) elements: fn(usize) -> f32,
}

/// A plan that tries kernels one after the other, and all that it needs.
pub(crate) struct Trial {
    pub(crate) plan: Plan,
    pub(crate) input: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    /// Where each kernel's result is in the output.
    pub(crate) results: Vec<Range<usize>>,
}

impl From<Kernel> for Case {
    fn from(kernel: Kernel) -> Self {
        let (constants, shift, from_input, to_output) = (0, 0, false, false);
        let (period, elements): (_, fn(usize) -> f32) = (usize::MAX, number);
        Self { kernel, constants, shift, from_input, to_output, period, elements }
    }
}

impl Trial {
    pub(crate) fn new(cases: &[Case], target: Target) -> Self {
        let (input, weights) = (Vec::new(), Vec::new());
        let mut draft =
            Draft { target, input, weights, workspace: 0, output: 0, steps: Vec::new() };
        let results = cases.iter().map(|case| draft.add(case)).collect();
        let Draft { input, weights, steps, workspace, output, .. } = draft;
        let workspace_bytes = workspace * target.element().bytes();
        let segments = vec![Segment { steps: steps.len(), times: 1 }];
        let file = PlanFile { batch: 1, workspace_bytes, segments, steps };
        let plan = Plan::check("plan", file, target, (input.len(), output), weights.len());
        Self { plan: plan.expect("a sound plan"), input, weights, results }
    }

    /// What a processor answers.
    pub(crate) fn expected(&self) -> Vec<f32> {
        let sizes = self.plan.sizes();
        let mut output = vec![f32::NAN; sizes.output];
        let memory = Memory {
            input: &self.input,
            output: &mut output,
            workspace: &mut vec![f32::NAN; sizes.workspace],
            weights: &self.weights,
        };
        cpu::run(&Kernels::detect(), &self.plan, memory);
        output
    }
}

/// A plan while it is made, with elements of its memories.
struct Draft {
    target: Target,
    input: Vec<f32>,
    weights: Vec<f32>,
    workspace: usize,
    output: usize,
    steps: Vec<Step>,
}

impl Draft {
    /// Adds a kernel; where its result will be.
    fn add(&mut self, case: &Case) -> Range<usize> {
        let lengths = case.kernel.lengths(self.target).expect("a possible kernel");
        let areas: Vec<Area> = lengths.reads.iter().flatten().copied().collect();
        let mut reads = Vec::with_capacity(areas.len());
        for (index, &area) in areas.iter().enumerate() {
            let element = self.target.element();
            reads.push(if index + case.constants >= areas.len() {
                let offset =
                    given(&mut self.weights, element, area.span(), |at| number(at % case.period));
                Place { space: Space::Weights, offset, stride: 0 }
            } else {
                let len = area.rows * area.pitch;
                let offset = given(&mut self.input, Element::F32, len, |at| {
                    (case.elements)(at % case.period)
                });
                self.bring_in(case, area, Place { space: Space::Input, offset, stride: 0 })
            });
        }
        let area = lengths.write;
        let scratch = (lengths.scratch > 0).then(|| self.room(dense(lengths.scratch), 0).offset);
        let to_output = case.to_output && area.is_dense();
        let room = if to_output { None } else { Some(self.room(area, case.shift)) };
        let result = self.answer(area.rows * area.width);
        let out =
            Place { space: Space::Output, offset: result.start * size_of::<f32>(), stride: 0 };
        let write = room.unwrap_or(out);
        let node = "tried".to_owned();
        self.steps.push(Step { node, run: case.kernel.clone(), reads, scratch, write });
        if !to_output {
            self.steps.push(copy(area, write, out, [area.pitch, area.width]));
        }
        result
    }

    /// Where the kernel reads a tensor of the input.
    fn bring_in(&mut self, case: &Case, area: Area, place: Place) -> Place {
        if case.from_input {
            return place;
        }
        let room = self.room(area, case.shift);
        self.steps.push(copy(area, place, room, [area.width, area.pitch]));
        room
    }

    /// A place in the workspace.
    fn room(&mut self, area: Area, shift: usize) -> Place {
        let each = self.target.element().bytes();
        let shift = if area.width + shift <= area.pitch { shift } else { 0 };
        let begin = self.workspace.next_multiple_of(TENSOR_ALIGNMENT / each) + shift;
        self.workspace = begin + area.span();
        Place { space: Space::Workspace, offset: begin * each, stride: 0 }
    }

    /// A place in the output. What lies before it is written, too: copied from the input's begin.
    fn answer(&mut self, len: usize) -> Range<usize> {
        let each = size_of::<f32>();
        let begin = self.output.next_multiple_of(TENSOR_ALIGNMENT / each);
        if let Some(gap) = begin.checked_sub(self.output).filter(|&gap| gap > 0) {
            let area = Area { rows: 1, width: gap, pitch: gap + 1 };
            let from = Place { space: Space::Input, offset: 0, stride: 0 };
            let to = Place { space: Space::Output, offset: self.output * each, stride: 0 };
            self.steps.push(copy(area, from, to, [gap, gap + 1]));
        }
        self.output = begin + len;
        begin..self.output
    }
}

/// Appends a tensor; where it begins, in bytes.
fn given(
    memory: &mut Vec<f32>,
    element: Element,
    len: usize,
    elements: impl Fn(usize) -> f32,
) -> usize {
    let begin = memory.len().next_multiple_of(TENSOR_ALIGNMENT / element.bytes());
    memory.resize(begin, f32::NAN);
    memory.extend((0..len).map(elements));
    // At least what is copied into a gap of the output.
    memory.resize(memory.len().max(TENSOR_ALIGNMENT / element.bytes()), 0.0);
    begin * element.bytes()
}

/// Numbers between -2 and 2 that f16 holds exactly, in no order.
pub(crate) fn number(index: usize) -> f32 {
    let scattered = (index.wrapping_mul(2_654_435_761) >> 7) & 0x7f;
    (f32::from(u8::try_from(scattered).expect("seven bits")) - 64.0) / 32.0
}

const fn dense(len: usize) -> Area {
    Area { rows: 1, width: len, pitch: len }
}

fn copy(area: Area, read: Place, write: Place, pitches: [usize; 2]) -> Step {
    let Area { rows, width, .. } = area;
    let map = Map { rows, width, pitches, activation: Activation::None };
    Step { node: "copy".into(), run: Kernel::Map(map), reads: vec![read], scratch: None, write }
}
