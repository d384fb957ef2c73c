//! All memory of a plan as one range of bytes.

use clockwork_executor::artifact::{Element, Plan, Space};
use clockwork_executor::cuda::launch::{Addresses, Launch, Tables, launch};
use half::f16;

use crate::case::Trial;

/// All memory of a plan: the descriptor, tables, inputs, outputs, workspace, weights. Whatever is not
/// given is NaN, in f32 and f16.
pub(crate) struct Image {
    pub(crate) bytes: Vec<u8>,
    pub(crate) launches: Vec<Launch>,
    before: Vec<u8>,
    output: usize,
    workspace: usize,
}

impl Image {
    /// The memory as it is before a run, from this address on.
    pub(crate) fn new(trial: &Trial, base: u64) -> Self {
        let plan = &trial.plan;
        let (element, sizes) = (plan.target().element(), plan.sizes());
        let mut bytes = Vec::new();
        let mut part = |len: usize| {
            let begin = bytes.len();
            // Something between the parts shows who writes there.
            bytes.resize((begin + len + 256).next_multiple_of(256), 0xff_u8);
            begin
        };
        let descriptor = part(16);
        let (input, output) = (part(sizes.input * 4), part(sizes.output * 4));
        let workspace = part(plan.workspace_bytes());
        let weights = part(sizes.weights * element.bytes());
        let tables = part(0);
        let address = |offset: usize| base + u64::try_from(offset).expect("64 bits");
        let at = Addresses {
            descriptor: address(descriptor),
            workspace: address(workspace),
            weights: address(weights),
            tables: address(tables),
        };
        let mut lists = Tables::default();
        let made = |step| launch(step, element, &at, &mut lists).expect("a small step");
        let launches = plan.steps().iter().map(made).collect();
        bytes.truncate(tables);
        bytes.extend_from_slice(lists.bytes());
        bytes[..8].copy_from_slice(&address(input).to_ne_bytes());
        bytes[8..16].copy_from_slice(&address(output).to_ne_bytes());
        put(&mut bytes[input..], &trial.input, Element::F32);
        put(&mut bytes[weights..], &trial.weights, element);
        Self { before: bytes.clone(), bytes, launches, output, workspace }
    }

    /// What has been answered.
    pub(crate) fn output(&self, plan: &Plan) -> Vec<f32> {
        let bytes = &self.bytes[self.output..][..plan.sizes().output * 4];
        bytes.as_chunks().0.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect()
    }

    /// Nothing but what steps write has changed.
    pub(crate) fn assert_untouched(&self, plan: &Plan) {
        assert_eq!(self.bytes.len(), self.before.len());
        let mut written = vec![false; self.bytes.len()];
        for step in plan.steps() {
            let (begin, each) = match step.write.space {
                Space::Output => (self.output, 4),
                Space::Workspace | Space::Input | Space::Weights => {
                    (self.workspace, plan.target().element().bytes())
                }
            };
            for row in 0..step.write.area.rows {
                let at = step.write.range.start + row * step.write.area.pitch;
                written[begin + at * each..][..step.write.area.width * each].fill(true);
            }
        }
        for (index, written) in written.into_iter().enumerate() {
            let same = self.bytes[index] == self.before[index];
            assert!(written || same, "byte {index} was written by nobody's right");
        }
    }
}

fn put(bytes: &mut [u8], elements: &[f32], element: Element) {
    for (index, &number) in elements.iter().enumerate() {
        match element {
            Element::F32 => bytes[index * 4..][..4].copy_from_slice(&number.to_ne_bytes()),
            Element::F16 => {
                bytes[index * 2..][..2].copy_from_slice(&f16::from_f32(number).to_ne_bytes());
            }
        }
    }
}
