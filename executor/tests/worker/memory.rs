//! Io and workspace memory: exhaustion is a typed result.

use clockwork_executor::DeviceSpec;
use clockwork_wire::{Status, Window};

use crate::rig::{INFER, Rig, profile, spec};

#[test]
fn an_infer_that_finds_no_io_memory_is_refused_and_takes_nothing() {
    let mut rig = Rig::with_spec(1, &DeviceSpec { io_pool: 0, ..spec(2) });
    rig.load_model(0, 1, profile("m", 2));
    let mut rig = rig.loaded(&[0]);
    for _ in 0..2 {
        rig.send(INFER, 0, Window::ALWAYS);
        assert_eq!(rig.finish()[0].status, Status::IO_POOL);
    }
}

#[test]
fn io_memory_comes_back_with_every_infer() {
    let mut rig = Rig::with_spec(1, &DeviceSpec { io_pool: 256, ..spec(2) });
    rig.load_model(0, 1, profile("m", 2));
    let mut rig = rig.loaded(&[0]);
    for _ in 0..1_000 {
        rig.send(INFER, 0, Window::ALWAYS);
    }
    assert!(rig.finish().iter().all(|result| result.status.is_ok()));
}
