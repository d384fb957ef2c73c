//! Running a plan allocates nothing.
#![expect(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use clockwork_executor::artifact::{Artifact, Kernel};
use clockwork_executor::compile::{compile, digits};
use clockwork_executor::cpu::Kernels;
use clockwork_wire::BatchSize;
use clockwork_zoo::{Model, OPSET};

use crate::memory::Bench;

/// The system's allocator, counting per thread: tests run beside each other.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_inference_allocates_nothing() {
    for kernels in [Kernels::detect(), Kernels::portable()] {
        assert_allocates_nothing(&digits::artifact(), kernels);
    }
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![0_u8; 1]));
    assert_eq!(ALLOCATIONS.get() - before, 1, "the allocator counts");
}

#[test]
fn an_inference_of_repeated_steps_allocates_nothing() {
    // The one has convolutions by tiles, the other convolutions of each channel by itself.
    for (name, kernel) in [("squeezenet1_1", "winograd"), ("mobilenet_v2", "depthwise")] {
        let artifact = architecture(name);
        let plan = artifact.cpu().plans.last().expect("a plan").file();
        assert!(plan.segments.iter().any(|segment| segment.times > 1), "{name}");
        let has = |run: &Kernel| serde_json::to_value(run).is_ok_and(|run| run["kernel"] == kernel);
        assert!(plan.steps.iter().any(|step| has(&step.run)), "{name}");
        assert_allocates_nothing(&artifact, Kernels::detect());
    }
}

fn assert_allocates_nothing(artifact: &Artifact, kernels: Kernels) {
    for plan in &artifact.cpu().plans {
        let mut bench = Bench::new(artifact, plan, kernels);
        let before = ALLOCATIONS.get();
        bench.run();
        assert_eq!(ALLOCATIONS.get() - before, 0, "{kernels:?}, batch {}", plan.batch());
    }
}

/// An architecture with seeded weights, for batches of 1 and 4.
fn architecture(name: &str) -> Artifact {
    let mut onnx = Vec::new();
    let model = Model::of(name, OPSET).expect("an architecture");
    model.write(1, &mut onnx).expect("memory takes all");
    let sizes = [1, 4].map(|size| BatchSize::new(size).expect("a batch size"));
    compile(&onnx, &sizes).expect("a model")
}
