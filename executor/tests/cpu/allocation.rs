//! Running a plan allocates nothing.
#![expect(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use clockwork_executor::compile::digits;
use clockwork_executor::cpu::Kernels;

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
    let artifact = digits::artifact();
    for kernels in [Kernels::detect(), Kernels::portable()] {
        for plan in &artifact.cpu().plans {
            let mut bench = Bench::new(&artifact, plan, kernels);
            let before = ALLOCATIONS.get();
            bench.run();
            assert_eq!(ALLOCATIONS.get() - before, 0, "{kernels:?}, batch {}", plan.batch());
        }
    }
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![0_u8; 1]));
    assert_eq!(ALLOCATIONS.get() - before, 1, "the allocator counts");
}
