#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _accepted = clockwork_wire_fuzz::responses(data);
});
