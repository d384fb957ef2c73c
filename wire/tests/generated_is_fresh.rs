//! The checked-in code belongs to the checked-in schema.

use std::fs;
use std::path::Path;

#[test]
fn the_generated_code_names_the_hash_of_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = fs::read(root.join("schema/clockwork.fbs")).unwrap();
    let generated = fs::read_to_string(root.join("src/codec/generated.rs")).unwrap();
    let hash = format!("FNV-1a {:016x}", fnv1a(&schema));
    let first = generated.lines().next().unwrap();
    assert!(
        first.contains(&hash),
        "the schema has {hash}, but the generated code says {first:?}; run `cargo xtask codegen` \
         (see bins/xtask)"
    );
}

/// 64-bit FNV-1a: stable, and five lines. `cargo xtask codegen` writes the same.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
