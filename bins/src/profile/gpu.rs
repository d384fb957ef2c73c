//! What the driver says of this machine's GPUs.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The GPUs, if there is a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gpus {
    /// Whether the kernel has the driver.
    pub(super) driver: bool,
    pub(super) all: Vec<Gpu>,
    /// Libraries that are opened at run time, and cannot be found.
    pub(super) missing: Vec<&'static str>,
}

/// One GPU; `None` is what it does not have or does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gpu {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) capability: String,
    pub(super) exclusive: bool,
    pub(super) persistent: bool,
    /// MHz that its cores run at when they work, as it was asked to; and at most.
    pub(super) clock: Option<u32>,
    pub(super) clock_most: Option<u32>,
    /// Whether it changes its clock by itself.
    pub(super) auto_boost: Option<bool>,
}

impl Gpus {
    pub(super) fn here() -> Self {
        if !fs::exists("/proc/driver/nvidia/version").unwrap_or_default() {
            return Self::default();
        }
        let query = format!("--query-gpu={FIELDS}");
        let table = nvidia_smi(&[&query, "--format=csv,noheader,nounits"]).unwrap_or_default();
        let clocks = nvidia_smi(&["-q", "-d", "CLOCK"]).unwrap_or_default();
        let missing = LIBRARIES.into_iter().filter(|name| !is_found(name)).collect();
        Self { driver: true, all: parse(&table, &clocks), missing }
    }
}

/// Only asks: nothing is set.
fn nvidia_smi(arguments: &[&str]) -> Option<String> {
    let output = Command::new("nvidia-smi").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

fn parse(table: &str, clocks: &str) -> Vec<Gpu> {
    let boosts = clocks.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "Auto Boost").then(|| match value.trim() {
            "On" => Some(true),
            "Off" => Some(false),
            _ => None,
        })
    });
    let mut boosts = boosts.fuse();
    table.lines().filter_map(|line| Some(gpu(line)?.boosts(boosts.next().flatten()))).collect()
}

fn gpu(line: &str) -> Option<Gpu> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let &[index, name, capability, mode, persistence, clock, most] = cells.as_slice() else {
        return None;
    };
    Some(Gpu {
        index: index.parse().ok()?,
        name: name.to_owned(),
        capability: capability.to_owned(),
        exclusive: mode == "Exclusive_Process",
        persistent: persistence == "Enabled",
        clock: clock.parse().ok(),
        clock_most: most.parse().ok(),
        auto_boost: None,
    })
}

impl Gpu {
    fn boosts(self, auto_boost: Option<bool>) -> Self {
        Self { auto_boost, ..self }
    }
}

/// Whether a folder in which the system looks for libraries has a version of this one.
fn is_found(library: &str) -> bool {
    let wished = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = env::split_paths(&wished).chain(FOLDERS.iter().map(PathBuf::from));
    let mut files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    files.any(|file| file.file_name().to_string_lossy().starts_with(library))
}

const FIELDS: &str = "index,name,compute_cap,compute_mode,persistence_mode,\
                      clocks.applications.graphics,clocks.max.graphics";

/// Opened when a GPU is used: the driver, the compiler, convolutions and matrix products.
const LIBRARIES: [&str; 4] = ["libcuda.so", "libnvrtc.so", "libcudnn.so", "libcublasLt.so"];

const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/cuda/lib64",
    "/usr/local/lib",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_table_is_understood() {
        let table = "0, Tesla V100, 7.0, Exclusive_Process, Enabled, 1380, 1530\n\
                     1, NVIDIA H200, 9.0, Default, Disabled, [N/A], 1980\nnonsense\n";
        let clocks = "    Auto Boost                  : On\n  Auto Boost : N/A\n";
        let [old, new] = parse(table, clocks).try_into().unwrap();
        assert_eq!((old.exclusive, old.persistent, old.clock), (true, true, Some(1380)));
        assert_eq!((old.clock_most, old.auto_boost), (Some(1530), Some(true)));
        assert_eq!((new.exclusive, new.persistent, new.clock), (false, false, None));
        assert_eq!((new.name.as_str(), new.auto_boost), ("NVIDIA H200", None));
    }
}
