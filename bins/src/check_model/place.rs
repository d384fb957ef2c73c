//! What a model is checked on: the processor or a GPU, and in which of its compiled forms.

use std::str::FromStr;

use clockwork_executor::artifact::{Precision, Target};
use clockwork_executor::cuda::GpuInfo;

/// What the command line says of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The first GPU, if there is one and the model has a form for it; else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// A GPU by its number.
    Gpu(u32),
}

/// Where a model runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the processor.
    Processor {
        /// Why it is no GPU, unless the processor was asked for.
        why: Option<String>,
    },
    /// On this GPU, which computes with such numbers.
    Gpu(GpuInfo, Precision),
}

/// Why a model cannot run where it is wished.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unplaced {
    /// There is no GPU that can be used.
    #[error("no GPU: {0}")]
    NoGpu(String),
    /// There are GPUs, but none of this number.
    #[error("there is no GPU {number}; there are {count}, from 0 on")]
    Number {
        /// The number that was wished.
        number: u32,
        /// How many there are.
        count: usize,
    },
    /// The processor was to compute with numbers of GPUs.
    #[error("the processor computes in fp32 only{}", reason(.0.as_ref()))]
    Fp32Only(Option<String>),
    /// The model was not compiled for this.
    #[error(
        "it is compiled for {}, not for {}; compile it again: clockwork compile MODEL.onnx -o DIR {}",
        names(there, ", "),
        names(wanted, " or "),
        options(there, wanted)
    )]
    NotCompiled {
        /// What it was compiled for.
        there: Vec<Target>,
        /// What was looked for.
        wanted: Vec<Target>,
    },
}

/// Where a model with these forms is checked. GPUs are asked for only if one may be used.
pub(super) fn choose(
    wish: Wish,
    precision: Option<Precision>,
    forms: &[Target],
    gpus: impl FnOnce() -> Result<Vec<GpuInfo>, String>,
) -> Result<Place, Unplaced> {
    let wanted = precision.map_or_else(|| FASTEST.to_vec(), |precision| vec![precision]);
    let form = wanted.iter().copied().find(|&form| forms.contains(&Target::Cuda(form)));
    let not_compiled = || Unplaced::NotCompiled {
        there: forms.to_vec(),
        wanted: wanted.iter().rev().copied().map(Target::Cuda).collect(),
    };
    match (wish, form) {
        (Wish::Cpu, _) => processor(precision, forms, None),
        (Wish::Gpu(_), None) => Err(not_compiled()),
        (Wish::Gpu(number), Some(form)) => {
            let gpu = numbered(number, gpus().map_err(Unplaced::NoGpu)?)?;
            Ok(Place::Gpu(gpu, form))
        }
        (Wish::Auto, Some(form)) => match first(gpus()) {
            Ok(gpu) => Ok(Place::Gpu(gpu, form)),
            Err(why) => processor(precision, forms, Some(why)),
        },
        (Wish::Auto, None) if precision.is_some_and(|wish| wish != Precision::Fp32) => {
            Err(not_compiled())
        }
        (Wish::Auto, None) => processor(precision, forms, Some(NO_FORM.to_owned())),
    }
}

/// The largest error of such numbers, as a share of the largest magnitude of an output.
pub(super) const fn tolerance(place: &Place) -> f32 {
    match place {
        Place::Processor { .. } | Place::Gpu(_, Precision::Fp32) => 1e-4,
        Place::Gpu(_, Precision::Tf32) => 5e-3,
        Place::Gpu(_, Precision::Fp16) => 2e-2,
    }
}

fn processor(
    precision: Option<Precision>,
    forms: &[Target],
    why: Option<String>,
) -> Result<Place, Unplaced> {
    if precision.is_some_and(|wish| wish != Precision::Fp32) {
        return Err(Unplaced::Fp32Only(why));
    }
    if !forms.contains(&Target::Cpu) {
        return Err(Unplaced::NotCompiled { there: forms.to_vec(), wanted: vec![Target::Cpu] });
    }
    Ok(Place::Processor { why })
}

fn first(gpus: Result<Vec<GpuInfo>, String>) -> Result<GpuInfo, String> {
    gpus?.into_iter().next().ok_or_else(|| "there is none".to_owned())
}

fn numbered(number: u32, gpus: Vec<GpuInfo>) -> Result<GpuInfo, Unplaced> {
    let count = gpus.len();
    let found = gpus.into_iter().find(|gpu| u32::try_from(gpu.ordinal) == Ok(number));
    found.ok_or(Unplaced::Number { number, count })
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            number => number
                .parse()
                .map(Self::Gpu)
                .map_err(|_| "it is auto, cpu or the number of a GPU".to_owned()),
        }
    }
}

fn reason(why: Option<&String>) -> String {
    why.map(|why| format!(", and is the device because there is no GPU: {why}")).unwrap_or_default()
}

fn names(targets: &[Target], between: &str) -> String {
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    names.join(between)
}

/// The options of `clockwork compile` for what was there and what was wanted.
fn options(there: &[Target], wanted: &[Target]) -> String {
    let all = Target::ALL.into_iter().filter(|form| there.contains(form) || wanted.contains(form));
    let (mut devices, mut precisions) = (Vec::new(), Vec::new());
    for form in all {
        match form {
            Target::Cpu => devices.push("cpu"),
            Target::Cuda(precision) => precisions.push(name(precision)),
        }
    }
    if precisions.is_empty() {
        return format!("--devices {}", devices.join(","));
    }
    devices.push("cuda");
    format!("--devices {} --precision {}", devices.join(","), precisions.join(","))
}

/// As the command line calls it.
pub(super) const fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::Fp32 => "fp32",
        Precision::Tf32 => "tf32",
        Precision::Fp16 => "fp16",
    }
}

/// What a GPU takes if nothing is said, the first that there is: as a worker does.
const FASTEST: [Precision; 3] = [Precision::Fp16, Precision::Tf32, Precision::Fp32];

const NO_FORM: &str = "the model is not compiled for one";

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Target = Target::Cpu;
    const TF32: Target = Target::Cuda(Precision::Tf32);
    const FP16: Target = Target::Cuda(Precision::Fp16);

    fn gpu(ordinal: i32) -> GpuInfo {
        GpuInfo {
            ordinal,
            name: "GPU".to_owned(),
            capability: (9, 0),
            memory: 1 << 30,
            driver: 13_000,
            address: "0000:1b:00".to_owned(),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a question that may fail")]
    fn two() -> Result<Vec<GpuInfo>, String> {
        Ok(vec![gpu(0), gpu(1)])
    }

    fn nothing() -> Result<Vec<GpuInfo>, String> {
        Err("no driver".to_owned())
    }

    fn unasked() -> Result<Vec<GpuInfo>, String> {
        unreachable!("GPUs are not asked for")
    }

    #[test]
    fn the_first_gpu_is_taken_where_the_model_has_a_form_for_it() {
        let chosen = |precision, forms: &[_]| choose(Wish::Auto, precision, forms, two);
        assert_eq!(chosen(None, &[CPU, TF32, FP16]), Ok(Place::Gpu(gpu(0), Precision::Fp16)));
        let tf32 = Some(Precision::Tf32);
        assert_eq!(chosen(tf32, &[CPU, TF32, FP16]), Ok(Place::Gpu(gpu(0), Precision::Tf32)));
        let numbered = choose(Wish::Gpu(1), None, &[CPU, TF32], two);
        assert_eq!(numbered, Ok(Place::Gpu(gpu(1), Precision::Tf32)));
    }

    #[test]
    fn the_processor_is_taken_where_there_is_no_gpu_and_says_why() {
        let why = |place| match place {
            Ok(Place::Processor { why }) => why,
            other => panic!("{other:?}"),
        };
        let no_driver = choose(Wish::Auto, None, &[CPU, TF32], nothing);
        assert_eq!(why(no_driver).as_deref(), Some("no driver"));
        let none = choose(Wish::Auto, None, &[CPU, TF32], || Ok(Vec::new()));
        assert_eq!(why(none).as_deref(), Some("there is none"));
        assert_eq!(why(choose(Wish::Auto, None, &[CPU], unasked)).as_deref(), Some(NO_FORM));
        assert_eq!(why(choose(Wish::Cpu, Some(Precision::Fp32), &[CPU, TF32], unasked)), None);
    }

    #[test]
    fn a_refusal_says_what_there_is_and_how_to_get_the_rest() {
        let said = |wish, precision, forms: &[_], gpus: fn() -> _| {
            choose(wish, precision, forms, gpus).expect_err("it is refused").to_string()
        };
        let fp16 = Some(Precision::Fp16);
        assert_eq!(
            said(Wish::Gpu(0), fp16, &[CPU, TF32], unasked),
            "it is compiled for cpu-fp32, cuda-tf32, not for cuda-fp16; compile it again: \
             clockwork compile MODEL.onnx -o DIR --devices cpu,cuda --precision tf32,fp16"
        );
        let any = said(Wish::Gpu(0), None, &[CPU], unasked);
        assert!(any.contains("not for cuda-fp32 or cuda-tf32 or cuda-fp16;"), "{any}");
        let automatic = said(Wish::Auto, fp16, &[CPU], unasked);
        assert!(automatic.contains("not for cuda-fp16;"), "{automatic}");
        let processor = said(Wish::Cpu, None, &[TF32], unasked);
        assert!(processor.ends_with("--devices cpu,cuda --precision tf32"), "{processor}");
        assert_eq!(
            said(Wish::Gpu(7), None, &[TF32], two),
            "there is no GPU 7; there are 2, from 0 on"
        );
        assert_eq!(said(Wish::Gpu(0), None, &[TF32], nothing), "no GPU: no driver");
        let only = said(Wish::Cpu, fp16, &[CPU, FP16], unasked);
        assert_eq!(only, "the processor computes in fp32 only");
        let fallen = said(Wish::Auto, fp16, &[CPU, FP16], nothing);
        assert!(fallen.ends_with("there is no GPU: no driver"), "{fallen}");
    }

    #[test]
    fn a_device_is_a_word_or_a_number() {
        assert_eq!("auto".parse(), Ok(Wish::Auto));
        assert_eq!("cpu".parse(), Ok(Wish::Cpu));
        assert_eq!("3".parse(), Ok(Wish::Gpu(3)));
        assert!(["gpu", "-1", "", "0,1"].iter().all(|text| text.parse::<Wish>().is_err()));
    }

    #[test]
    fn coarser_numbers_may_be_further_off() {
        let on = |precision| tolerance(&Place::Gpu(gpu(0), precision)).to_bits();
        let [fp32, tf32, fp16] = [Precision::Fp32, Precision::Tf32, Precision::Fp16].map(on);
        assert_eq!([fp32, tf32, fp16], [1e-4_f32, 5e-3, 2e-2].map(f32::to_bits));
        assert_eq!(tolerance(&Place::Processor { why: None }).to_bits(), fp32);
    }
}
