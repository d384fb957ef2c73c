//! A machine that runs launches on a processor: the kernels' source, compiled as C++.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clockwork_executor::cuda::kernels::source;
use clockwork_executor::cuda::launch::{Launch, functions};
use tempfile::TempDir;

use crate::case::Trial;
use crate::image::Image;
use crate::kernels::Machine;

/// A program that runs launches, each thread of a block as a fiber.
pub(crate) struct Emulator {
    folder: TempDir,
}

/// Where its memory begins; far from where programs are.
pub(crate) const BASE: u64 = 0x1000_0000_0000;

impl Emulator {
    /// Compiles it; `None` where there is no compiler, and says so.
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    pub(crate) fn build() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("kernels.cpp");
        std::fs::write(&file, program()).expect("a file is written");
        let mut compiler = Command::new("c++");
        compiler.args(["-std=c++17", "-O1", "-fno-strict-aliasing", "-ffp-contract=off"]);
        compiler.args(["-Wno-unknown-pragmas", "-o"]).arg(folder.path().join("emulator"));
        match compiler.arg(&file).output() {
            Err(error) => {
                println!("skipped: c++ cannot be run: {error}");
                None
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{said}");
                Some(Self { folder })
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("emulator")
    }
}

/// The kernels between what they need and what runs them.
fn program() -> String {
    let mut all = [include_str!("emulator.hpp"), &source()].concat();
    all.push_str(
        "struct Named { const char *name; void (*function)(const void *); size_t bytes; };\n",
    );
    all.push_str("static const Named FUNCTIONS[] = {\n");
    for name in functions() {
        writeln!(all, "{{\"{name}\", {name}, {name}_bytes}},").expect("a string takes all");
    }
    all.push_str("};\n");
    all.push_str(include_str!("emulator.cpp"));
    all
}

impl Machine for Emulator {
    /// Nothing but what the steps write may have changed.
    fn run(&mut self, trial: &Trial) -> Vec<f32> {
        let mut image = Image::new(trial, BASE);
        let launches = std::mem::take(&mut image.launches);
        self.launch(&mut image.bytes, &launches);
        image.assert_untouched(&trial.plan);
        image.output(&trial.plan)
    }
}

impl Emulator {
    /// Runs launches in order on memory that begins at [`BASE`].
    pub(crate) fn launch(&mut self, memory: &mut Vec<u8>, launches: &[Launch]) {
        let mut request = Vec::new();
        let length = u64::try_from(memory.len()).expect("a length fits 64 bits");
        request.extend(BASE.to_ne_bytes());
        request.extend(length.to_ne_bytes());
        request.extend_from_slice(memory);
        count(&mut request, launches.len());
        for launch in launches {
            count(&mut request, launch.function.len());
            request.extend(launch.function.bytes());
            for number in launch.grid.into_iter().chain(launch.block) {
                request.extend(number.to_ne_bytes());
            }
            count(&mut request, launch.parameters.bytes().len());
            request.extend_from_slice(launch.parameters.bytes());
        }
        let mut command = Command::new(self.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a program that was just made");
        // It reads all before it writes anything.
        let sent = child.stdin.take().expect("piped").write_all(&request);
        let output = child.wait_with_output().expect("a child ends");
        let names: Vec<_> = launches.iter().map(|launch| launch.function).collect();
        assert!(sent.is_ok() && output.status.success(), "{} in {names:?}", output.status);
        *memory = output.stdout;
    }
}

fn count(request: &mut Vec<u8>, number: usize) {
    request.extend(u32::try_from(number).expect("few").to_ne_bytes());
}
