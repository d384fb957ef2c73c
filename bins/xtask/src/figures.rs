//! Measures the figures of the README with the real processes on this machine.
//!
//! Every figure is the median of several intervals, with the spread beside it. What is compared is
//! measured in one run: `simple` beside bare hops over the same ground.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

type Figure = fn(&Arguments) -> Result<String, String>;

const FIGURES: [(&str, Figure); 6] = [
    ("simple", simple),
    ("inputs", inputs),
    ("idle", idle),
    ("poisson", poisson),
    ("capacity", capacity),
    ("loading", loading),
];

/// Where the binaries are and how long each interval is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder with `worker_dummy`, controller, client and (from the examples) hops
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Intervals of ten seconds per figure
    #[arg(long, default_value_t = 5)]
    intervals: usize,
    /// Only figures whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

/// Measures and prints one line per figure.
pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    for (name, figure) in FIGURES {
        if name.contains(&arguments.only) {
            crate::say(&format!("{name:9} {}", figure(arguments)?));
        }
    }
    Ok("done".into())
}

fn simple(arguments: &Arguments) -> Result<String, String> {
    let system = System::start(arguments, 2)?;
    let intervals = system.client(&["simple"], arguments.intervals, false)?;
    drop(system);
    let seconds = (arguments.intervals * 10).to_string();
    let hops = Command::new(arguments.binaries.join("hops")).args(["--seconds", &seconds]).output();
    let hops = hops.map_err(|error| format!("hops: {error}"))?;
    let hops = String::from_utf8_lossy(&hops.stdout).trim().to_owned();
    Ok(format!("{}\n          bare hops in the same run: {hops}", summary(&intervals)))
}

fn inputs(arguments: &Arguments) -> Result<String, String> {
    let system = System::start(arguments, 2)?;
    Ok(summary(&system.client(&["simple"], arguments.intervals, true)?))
}

/// CPU time of each process while nobody asks for anything.
fn idle(arguments: &Arguments) -> Result<String, String> {
    let system = System::start(arguments, 10)?;
    system.client(&["simple"], 1, false)?;
    let before = system.usage();
    thread::sleep(Duration::from_secs(20));
    let after = system.usage();
    let share = |at: usize| 100.0 * (after[at].cpu - before[at].cpu) / 20.0;
    Ok(format!("controller {:.2} % of a core, worker_dummy {:.2} %", share(1), share(0)))
}

fn poisson(arguments: &Arguments) -> Result<String, String> {
    let system = System::start_with(arguments, 10, &["0", "10", "5000000", "100000000"])?;
    let report = system.report(&["poisson-open-loop", "40", "2000"], 10 * arguments.intervals)?;
    let usage = system.usage();
    Ok(format!(
        "{} | resident: controller {:.1} MiB, worker_dummy {:.1} MiB",
        report.text(),
        usage[1].resident,
        usage[0].resident
    ))
}

/// The highest offered rate with at least 99.9 % in SLO, by bisection.
fn capacity(arguments: &Arguments) -> Result<String, String> {
    let mut lines = Vec::new();
    for gpus in [10_u32, 40, 160] {
        let bound = f64::from(gpus) * PER_GPU;
        let (mut low, mut high) = (0.0, bound * 1.05);
        let mut best = String::new();
        while high - low > bound * 0.02 {
            let rate = f64::midpoint(low, high).round();
            let system =
                System::start_with(arguments, gpus, &["0", &gpus.to_string(), "10000000"])?;
            let models = (gpus * 4).to_string();
            let report = system.report(&["poisson-open-loop", &models, &rate.to_string()], 12)?;
            let usage = system.usage();
            if report.in_slo >= 0.999 && report.offered_rps >= 0.97 * rate {
                low = rate;
                best = format!(
                    "{} | CPU s/s: controller {:.2}, worker_dummy {:.2}",
                    report.text(),
                    usage[1].cpu / report.seconds,
                    usage[0].cpu / report.seconds
                );
            } else {
                high = rate;
            }
        }
        lines.push(format!(
            "{gpus} GPUs: {low:.0}/s = {:.1} % of the devices' {bound:.0}/s; {best}",
            100.0 * low / bound
        ));
    }
    Ok(lines.join("\n          "))
}

/// As many models as the published zoo has with 66 copies each; the controller then waits a second
/// for more before it serves.
fn loading(arguments: &Arguments) -> Result<String, String> {
    let system = System::start(arguments, 1)?;
    let begin = std::time::Instant::now();
    system.run_client(&["simple-parametric", "4026", "1", "1", "1"], &[], false)?;
    let seconds = begin.elapsed().as_secs_f64();
    let usage = system.usage();
    Ok(format!(
        "4026 models loaded and one request served in {seconds:.2} s, 1 s of it the load stage's \
         patience; resident: controller {:.1} MiB, worker_dummy {:.1} MiB",
        usage[1].resident, usage[0].resident
    ))
}

/// A worker and a controller at work.
struct System<'a> {
    arguments: &'a Arguments,
    processes: Vec<Child>,
    address: String,
}

/// What a process has used.
struct Usage {
    cpu: f64,
    resident: f64,
}

impl<'a> System<'a> {
    fn start(arguments: &'a Arguments, gpus: u32) -> Result<Self, String> {
        Self::start_with(arguments, gpus, &[])
    }

    fn start_with(arguments: &'a Arguments, gpus: u32, options: &[&str]) -> Result<Self, String> {
        let gpus = gpus.to_string();
        let (worker, at) = spawn(arguments, "worker_dummy", &["-p", "0", "-n", &gpus])?;
        let workers = format!("127.0.0.1:{at}");
        let mut words = vec!["INFER5", &workers];
        words.extend(options);
        words.extend(["--port", "0"]);
        let (controller, port) = spawn(arguments, "controller", &words)?;
        let address = format!("127.0.0.1:{port}");
        Ok(Self { arguments, processes: vec![worker, controller], address })
    }

    fn run_client(
        &self,
        workload: &[&str],
        options: &[&str],
        inputs: bool,
    ) -> Result<Vec<String>, String> {
        let mut command = Command::new(self.arguments.binaries.join("client"));
        command.arg(&self.address).args(workload).args(options);
        if !inputs {
            command.env("CLOCKWORK_DISABLE_INPUTS", "1");
        }
        let output =
            command.stderr(Stdio::inherit()).output().map_err(|e| format!("client: {e}"))?;
        if !output.status.success() {
            return Err(format!("the client failed: {}", String::from_utf8_lossy(&output.stdout)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// The client's interval lines; the first interval, which has the cold starts, is left out.
    fn client(
        &self,
        workload: &[&str],
        intervals: usize,
        inputs: bool,
    ) -> Result<Vec<[f64; 4]>, String> {
        let seconds = (10 * (intervals + 1) + 1).to_string();
        let lines = self.run_client(workload, &["--seconds", &seconds], inputs)?;
        let rows = lines.iter().filter(|line| line.starts_with("total="));
        let value = |line: &str, key: &str| -> f64 {
            let found = line.split(' ').find_map(|word| word.strip_prefix(key));
            found.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
        };
        let keys = ["throughput=", "min=", "max=", "mean="];
        Ok(rows.skip(1).take(intervals).map(|line| keys.map(|key| value(line, key))).collect())
    }

    fn report(&self, workload: &[&str], seconds: usize) -> Result<Report, String> {
        let path = std::env::temp_dir().join(format!("figures-{}.json", std::process::id()));
        let file = path.display().to_string();
        let options = ["--seconds", &seconds.to_string(), "--json", &file];
        self.run_client(workload, &options, false)?;
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))
    }

    fn usage(&self) -> Vec<Usage> {
        self.processes.iter().map(|process| usage(process.id())).collect()
    }
}

impl Drop for System<'_> {
    fn drop(&mut self) {
        for process in &mut self.processes {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

/// What `client --json` writes.
#[derive(serde::Deserialize)]
struct Report {
    seconds: f64,
    offered_rps: f64,
    goodput_rps: f64,
    in_slo: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
}

impl Report {
    fn text(&self) -> String {
        format!(
            "offered {:.0}/s, goodput {:.0}/s, in SLO {:.4} %, p50 {:.2} p99 {:.2} p99.9 {:.2} max {:.2} ms",
            self.offered_rps,
            self.goodput_rps,
            100.0 * self.in_slo,
            self.p50_ms,
            self.p99_ms,
            self.p999_ms,
            self.max_ms
        )
    }
}

/// Starts a process that ends with its input, and reads the port that it listens on.
fn spawn(arguments: &Arguments, name: &str, words: &[&str]) -> Result<(Child, u16), String> {
    let program = arguments.binaries.join(name);
    let mut command = Command::new(&program);
    command.args(words).arg("--attached").stdin(Stdio::piped()).stdout(Stdio::piped());
    let failed = |error| format!("{}: {error}", program.display());
    let mut child = command.spawn().map_err(failed)?;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let address =
            line.strip_prefix("IO service thread listening ")?.rsplit(':').next()?.parse();
        address.ok()
    });
    // The rest is read and forgotten, so that the process never waits for a full pipe.
    thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    port.map(|port| (child, port)).ok_or_else(|| format!("{name} did not come up"))
}

fn usage(pid: u32) -> Usage {
    let proc = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let field = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    let status = fs::read_to_string(proc.join("status")).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let resident = resident.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    Usage { cpu: (field(12) + field(13)) / 100.0, resident: resident.unwrap_or_default() / 1024.0 }
}

/// Median and spread of intervals of throughput, min, max and mean.
fn summary(intervals: &[[f64; 4]]) -> String {
    let column = |at: usize| {
        let mut values: Vec<f64> = intervals.iter().map(|row| row[at]).collect();
        values.sort_by(f64::total_cmp);
        let of = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
        (of(values.len() / 2), of(0), of(values.len().saturating_sub(1)))
    };
    let ((rate, rate_low, rate_high), (mean, mean_low, mean_high)) = (column(0), column(3));
    format!(
        "{rate:.1}/s ({rate_low:.1} to {rate_high:.1}), mean {mean:.2} ms ({mean_low:.2} to {mean_high:.2}), \
         {} intervals of 10 s",
        intervals.len()
    )
}

/// What an emulated V100 does with `resnet50_v2` at batch 8: 8 / 12.439 ms.
const PER_GPU: f64 = 643.1;
