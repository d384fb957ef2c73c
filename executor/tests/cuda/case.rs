//! A kernel with everything around it that makes it a plan, on a processor and as launches.

use clockwork_executor::artifact::{
    Activation, Area, Element, Kernel, Map, Place, Plan, PlanFile, Space, Step, TENSOR_ALIGNMENT,
    Target,
};
use clockwork_executor::cpu::{self, Kernels, Memory};
use clockwork_executor::cuda::launch::{Addresses, Launch, Tables, launch};

/// What can run launches: memory at an address of its own.
pub(crate) trait Machine {
    /// Where its memory begins, a multiple of 256.
    fn base(&self) -> u64;

    /// Fills its memory, runs launches in order, and reads it back.
    fn run(&mut self, memory: &mut Vec<u8>, launches: &[Launch]);
}

/// A kernel to be tried.
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
}

/// A tensor's place while a plan is made.
struct Room {
    element: Element,
    bytes: usize,
}

impl Room {
    const fn new(element: Element) -> Self {
        Self { element, bytes: 0 }
    }

    /// A place for a tensor.
    fn place(&mut self, space: Space, area: Area, shift: usize) -> Place {
        let shift = if area.width + shift <= area.pitch { shift } else { 0 };
        let offset = self.bytes + shift * self.element.bytes();
        let end = offset + area.span() * self.element.bytes();
        self.bytes = end.next_multiple_of(TENSOR_ALIGNMENT);
        Place { space, offset }
    }

    const fn elements(&self) -> usize {
        self.bytes / self.element.bytes()
    }
}

impl From<Kernel> for Case {
    fn from(kernel: Kernel) -> Self {
        Self { kernel, constants: 0, shift: 0, from_input: false, to_output: false }
    }
}

impl Case {
    /// The plan that brings inputs in, runs the kernel and brings its result out.
    pub(crate) fn plan(&self, target: Target) -> Plan {
        let lengths = self.kernel.lengths(target).expect("a possible kernel");
        let (mut input, mut output) = (Room::new(Element::F32), Room::new(Element::F32));
        let mut workspace = Room::new(target.element());
        let mut weights = Room::new(target.element());
        let areas: Vec<Area> = lengths.reads.iter().flatten().copied().collect();
        let mut steps = Vec::new();
        let mut reads = Vec::new();
        for (index, &area) in areas.iter().enumerate() {
            if index + self.constants >= areas.len() {
                reads.push(weights.place(Space::Weights, area, 0));
            } else if self.from_input {
                reads.push(input.place(Space::Input, area, 0));
            } else {
                let read = input.place(Space::Input, packed(area), 0);
                let write = workspace.place(Space::Workspace, area, self.shift);
                steps.push(copy(area, read, write, [area.width, area.pitch]));
                reads.push(write);
            }
        }
        let area = lengths.write;
        let whole = Area { rows: 1, width: area.span(), pitch: area.span() };
        let to_output = self.to_output && area.is_dense();
        let write = if to_output {
            output.place(Space::Output, whole, 0)
        } else {
            workspace.place(Space::Workspace, area, self.shift)
        };
        let dense = |len: usize| Area { rows: 1, width: len, pitch: len };
        let scratch = (lengths.scratch > 0)
            .then(|| workspace.place(Space::Workspace, dense(lengths.scratch), 0).offset);
        steps.push(Step { node: "tried".into(), run: self.kernel.clone(), reads, scratch, write });
        let results = area.rows * area.width;
        if !to_output {
            let to = output.place(Space::Output, packed(area), 0);
            steps.push(copy(area, write, to, [area.pitch, area.width]));
        }
        let file = PlanFile { batch: 1, workspace_bytes: workspace.bytes, steps };
        let per_input = (input.elements(), if to_output { area.span() } else { results });
        Plan::check("plan", file, target, per_input, weights.elements()).expect("a sound plan")
    }

    /// What a processor makes of elements that are given by their index.
    fn expected(&self, inputs: &dyn Fn(usize) -> f32) -> Vec<f32> {
        let plan = self.plan(Target::Cpu);
        let sizes = plan.sizes();
        let mut output = vec![f32::NAN; sizes.output];
        let memory = Memory {
            input: &tensors(&plan, Space::Input, sizes.input, inputs),
            output: &mut output,
            workspace: &mut vec![f32::NAN; sizes.workspace],
            weights: &tensors(&plan, Space::Weights, sizes.weights, inputs),
        };
        cpu::run(&Kernels::detect(), &plan, memory);
        output
    }

    /// What a machine makes of them, having written nothing else.
    pub(crate) fn actual(
        &self,
        machine: &mut dyn Machine,
        target: Target,
        inputs: &dyn Fn(usize) -> f32,
    ) -> Vec<f32> {
        let plan = self.plan(target);
        let mut image = MemoryImage::new(&plan, machine.base(), inputs);
        let mut tables = Tables::default();
        let made = |step| launch(step, target.element(), &image.at, &mut tables);
        let launches: Result<Vec<Launch>, _> = plan.steps().iter().map(made).collect();
        image.tables(&tables);
        let before = image.bytes.clone();
        machine.run(&mut image.bytes, &launches.expect("small steps"));
        assert_eq!(image.bytes.len(), before.len());
        image.assert_untouched(&plan, &before);
        image.output(&plan)
    }

    /// Compares what a machine makes of the kernel with what a processor does.
    pub(crate) fn check(
        &self,
        machine: &mut dyn Machine,
        target: Target,
        inputs: &dyn Fn(usize) -> f32,
    ) {
        let (actual, expected) = (self.actual(machine, target, inputs), self.expected(inputs));
        let error = worst(&actual, &expected, target.element());
        assert!(error < 1.0, "{error} x what is allowed: {target} {self:?}");
    }
}

/// The largest difference, in what is allowed for these elements.
fn worst(actual: &[f32], expected: &[f32], element: Element) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let largest = expected.iter().filter(|e| e.is_finite()).fold(0.0_f32, |l, e| l.max(e.abs()));
    let allowed = match element {
        Element::F32 => 2e-6 * largest + 1e-6,
        Element::F16 => 2e-3 * largest + 1e-4,
    };
    let difference = |(a, e): (&f32, &f32)| {
        let same = a.to_bits() == e.to_bits() || (a.is_nan() && e.is_nan());
        let difference = if same { 0.0 } else { (a - e).abs() / allowed };
        if difference.is_nan() { f32::INFINITY } else { difference }
    };
    actual.iter().zip(expected).map(difference).fold(0.0, f32::max)
}

/// The same rows without gaps.
const fn packed(area: Area) -> Area {
    Area { pitch: area.width, ..area }
}

fn copy(area: Area, read: Place, write: Place, pitches: [usize; 2]) -> Step {
    let Area { rows, width, .. } = area;
    let map = Map { rows, width, pitches, activation: Activation::None };
    Step { node: "copy".into(), run: Kernel::Map(map), reads: vec![read], scratch: None, write }
}

/// A space of the plan in which the elements of tensors are given by their index, whatever lies
/// between them.
fn tensors(plan: &Plan, space: Space, len: usize, inputs: &dyn Fn(usize) -> f32) -> Vec<f32> {
    let mut all = vec![f32::NAN; len];
    let mut index = 0;
    for extent in plan.steps().iter().flat_map(|step| &step.reads) {
        if extent.space != space {
            continue;
        }
        for row in all[extent.range.clone()].chunks_mut(extent.area.pitch.max(1)) {
            let width = extent.area.width.min(row.len());
            for element in &mut row[..width] {
                *element = inputs(index);
                index += 1;
            }
        }
    }
    all
}

/// All memory of a plan.
struct MemoryImage {
    bytes: Vec<u8>,
    at: Addresses,
    base: u64,
    element: Element,
    output: usize,
}

/// Bytes for tables.
const TABLES: usize = 1 << 14;

impl MemoryImage {
    fn new(plan: &Plan, base: u64, inputs: &dyn Fn(usize) -> f32) -> Self {
        let element = plan.target().element();
        let sizes = plan.sizes();
        let mut bytes = vec![0xff; 256 + TABLES];
        let mut part = |len: usize| {
            let begin = bytes.len();
            // Something between the parts shows who writes there.
            bytes.resize((begin + len + 256).next_multiple_of(256), 0xff);
            begin
        };
        let input = part(sizes.input * 4);
        let output = part(sizes.output * 4);
        let workspace = part(plan.workspace_bytes());
        let weights = part(sizes.weights * element.bytes());
        let address = |offset: usize| base + u64::try_from(offset).expect("64 bits");
        let at = Addresses {
            descriptor: base,
            workspace: address(workspace),
            weights: address(weights),
            tables: base + 256,
        };
        bytes[..8].copy_from_slice(&address(input).to_ne_bytes());
        bytes[8..16].copy_from_slice(&address(output).to_ne_bytes());
        let given = tensors(plan, Space::Input, sizes.input, inputs);
        put(&mut bytes[input..], &given, Element::F32);
        put(&mut bytes[weights..], &tensors(plan, Space::Weights, sizes.weights, inputs), element);
        Self { bytes, at, base, element, output }
    }

    fn tables(&mut self, tables: &Tables) {
        assert!(tables.bytes().len() <= TABLES);
        self.bytes[256..256 + tables.bytes().len()].copy_from_slice(tables.bytes());
    }

    fn output(&self, plan: &Plan) -> Vec<f32> {
        let bytes = &self.bytes[self.output..][..plan.sizes().output * 4];
        bytes.as_chunks().0.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect()
    }

    /// Nothing but what steps write has changed.
    fn assert_untouched(&self, plan: &Plan, before: &[u8]) {
        let offset = usize::try_from(self.at.workspace - self.base).expect("in memory");
        let mut written = vec![false; self.bytes.len()];
        for step in plan.steps() {
            let (begin, each) = match step.write.space {
                Space::Output => (self.output, 4),
                Space::Workspace | Space::Input | Space::Weights => (offset, self.element.bytes()),
            };
            for row in 0..step.write.area.rows {
                let at = step.write.range.start + row * step.write.area.pitch;
                written[begin + at * each..][..step.write.area.width * each].fill(true);
            }
        }
        for (index, written) in written.into_iter().enumerate() {
            let same = self.bytes[index] == before[index];
            assert!(written || same, "byte {index} was written by nobody's right");
        }
    }
}

fn put(bytes: &mut [u8], elements: &[f32], element: Element) {
    for (index, &number) in elements.iter().enumerate() {
        match element {
            Element::F32 => bytes[index * 4..][..4].copy_from_slice(&number.to_ne_bytes()),
            Element::F16 => {
                let bits = half::f16::from_f32(number).to_bits();
                bytes[index * 2..][..2].copy_from_slice(&bits.to_ne_bytes());
            }
        }
    }
}
