//! `clockwork zoo list|make`: models of well-known architectures, with seeded weights.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use clockwork_zoo::{Model, OPSET, names};

use crate::Failure;
use crate::process::say;

/// The command line.
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Show the architectures: name, input, millions of weights, operators; batch normalizations that
    /// can be folded into a convolution are left out
    List,
    /// Write an ONNX file
    Make {
        /// The architecture's name.
        name: String,
        /// Where its weights come from: the same seed gives the same file.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The file [default: NAME.onnx].
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The version of the operators, 17 to 20.
        #[arg(long, default_value_t = OPSET)]
        opset: i64,
    },
}

/// Does what is wished.
///
/// # Errors
/// If there is no such architecture, or the file cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.wish {
        Wish::List => {
            for name in names() {
                say(&line(&Model::of(name, OPSET)?, name));
            }
            Ok(())
        }
        Wish::Make { name, seed, output, opset } => {
            let model =
                Model::of(name, *opset).map_err(|error| Failure::usage(error.to_string()))?;
            let path = output.clone().unwrap_or_else(|| format!("{name}.onnx").into());
            make(&model, *seed, &path)
                .map_err(|source| Unwritten { path: path.clone(), source })?;
            say(&format!("{}: {} bytes", path.display(), model.bytes()));
            Ok(())
        }
    }
}

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
struct Unwritten {
    path: PathBuf,
    source: std::io::Error,
}

fn line(model: &Model, name: &str) -> String {
    let input: Vec<_> = model.input().iter().map(usize::to_string).collect();
    let (weights, operators) = model.folded();
    let mut operators: Vec<_> = operators.into_iter().collect();
    operators.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let operators: Vec<_> =
        operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let tenths = (weights + 50_000) / 100_000;
    let millions = format!("{}.{}", tenths / 10, tenths % 10);
    format!("{name}\t{}\t{millions}\t{}", input.join("x"), operators.join(", "))
}

fn make(model: &Model, seed: u64, path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    model.write(seed, &mut out)?;
    out.flush()
}
