//! The fuzz targets on stable Rust: seeded random bytes, mutated valid frames, and the corpus.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
mod decode;

use decode::seed;

type Target = (&'static str, fn(&[u8]) -> bool, fn() -> Vec<Vec<u8>>);

const TARGETS: [Target; 8] = [
    ("preamble", decode::preamble, seed::preambles),
    ("hello", decode::hello, seed::hellos),
    ("ping", decode::ping, seed::pings),
    ("body", decode::body, seed::bodies),
    ("requests", decode::requests, seed::requests),
    ("responses", decode::responses, seed::responses),
    ("actions", decode::actions, seed::actions),
    ("results", decode::results, seed::results),
];

const CASES: u32 = 20_000;

#[test]
fn random_bytes_neither_panic_nor_break_a_bound() {
    let mut random = Random(1);
    for (_, target, _) in TARGETS {
        for _ in 0..CASES {
            let len = random.below(256);
            let bytes: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            target(&bytes);
        }
    }
}

#[test]
fn mutated_frames_neither_panic_nor_break_a_bound() {
    let mut random = Random(2);
    for (_, target, seeds) in TARGETS {
        let seeds = seeds();
        for _ in 0..CASES {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &mut random);
            }
            target(&bytes);
        }
    }
}

#[test]
fn every_single_bit_and_every_cut_of_a_valid_frame_is_survived() {
    for (_, target, seeds) in TARGETS {
        for mut bytes in seeds() {
            assert!(target(&bytes), "a seed is valid");
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                target(&bytes);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            for len in 0..bytes.len() {
                target(&bytes[..len]);
            }
        }
    }
}

#[test]
fn the_corpus_is_survived() {
    for (name, target, _) in TARGETS {
        let Ok(folder) = fs::read_dir(corpus(name)) else { continue };
        for file in folder {
            target(&fs::read(file.unwrap().path()).unwrap());
        }
    }
}

/// With `CLOCKWORK_BLESS=1` it writes them instead, for the fuzzer to start from.
#[test]
fn the_seeds_in_the_corpus_are_fresh() {
    let bless = std::env::var("CLOCKWORK_BLESS").is_ok_and(|bless| bless == "1");
    for (name, _, seeds) in TARGETS {
        let seeds = seeds();
        for (n, bytes) in seeds.iter().enumerate() {
            let path = corpus(name).join(format!("seed-{n}"));
            if bless {
                fs::create_dir_all(corpus(name)).unwrap();
                fs::write(&path, bytes).unwrap();
            }
            assert!(fs::read(&path).is_ok_and(|file| file == *bytes), "{} {STALE}", path.display());
        }
        let left = corpus(name).join(format!("seed-{}", seeds.len()));
        assert!(!left.exists(), "{} is of no seed any longer: delete it", left.display());
    }
}

const STALE: &str = "is stale: CLOCKWORK_BLESS=1 cargo test -p clockwork-wire --test fuzz_plain";

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.byte(),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        3 => bytes.truncate(at),
        4 => bytes.insert(at, random.byte()),
        _ => {
            let from = random.below(bytes.len());
            let len = 8.min(bytes.len() - at.max(from));
            bytes.copy_within(from..from + len, at);
        }
    }
}

/// Marsaglia's xorshift: enough disorder, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((self.next() >> 11) % bound).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[4]
    }
}
