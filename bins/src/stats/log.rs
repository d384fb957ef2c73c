//! The log of ParM's frontend: one line for each query and kind of latency, in microseconds.
//!
//! `log.txt` has the lines, `meta.txt` beside it what is needed to read them. The harness's own scripts
//! read them as they are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clockwork_wire::Span;

/// The name of the log in a run's folder.
pub(crate) const LOG: &str = "log.txt";

/// The name of the file that says how to read it.
pub(crate) const META: &str = "meta.txt";

/// A batch, with its queries in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    pub(crate) queries: Vec<Query>,
}

/// How long a query took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Query {
    /// From its arrival to its output.
    pub(crate) e2e: Span,
    /// From its arrival until it was sent.
    pub(crate) queue: Span,
    /// From then to its output.
    pub(crate) model: Span,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: `{key}` is missing or no value for it", path.display())]
    Meta { path: PathBuf, key: &'static str },
    #[error("{}:{line}: this is no line of a latency", path.display())]
    Line { path: PathBuf, line: usize },
}

/// The latencies that count of batches in their order, without the first `ignored`: one each, the last
/// query's.
pub(crate) fn counted(batches: &[Batch], ignored: u64) -> Vec<Span> {
    let ignored = usize::try_from(ignored).unwrap_or(usize::MAX);
    let last = |batch: &Batch| batch.queries.last().map(|query| in_us(query.e2e));
    batches.iter().skip(ignored).filter_map(last).collect()
}

/// Writes the lines of batches, which are numbered in their order and are groups of their own.
pub(crate) fn write(dir: &Path, batches: &[Batch]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(dir.join(LOG))?);
    for (number, batch) in batches.iter().enumerate() {
        let size = batch.queries.len();
        for (place, query) in batch.queries.iter().enumerate() {
            let values = [("QUEUE", query.queue), ("MODEL", query.model), ("E2E", query.e2e)];
            for (kind, latency) in values {
                writeln!(
                    file,
                    "{kind}_LATENCY:group_id={number},batch_id={number},query_id={place},\
                     batch_size={size},is_reconstruction=false,latency_micros={}",
                    latency.get() / 1_000
                )?;
            }
        }
    }
    file.flush()
}

/// Reads the latencies that count, by the harness's rules.
///
/// # Errors
/// If a file cannot be read, or is not what the harness writes.
pub(crate) fn read(dir: &Path) -> Result<Vec<Span>, LogError> {
    let meta = Meta::read(&dir.join(META))?;
    let path = dir.join(LOG);
    let unreadable = |source| LogError::Unreadable { path: path.clone(), source };
    let mut batches: BTreeMap<u64, Answers> = BTreeMap::new();
    let lines = BufReader::new(File::open(&path).map_err(unreadable)?).lines();
    for (number, line) in (1..).zip(lines) {
        let line = line.map_err(unreadable)?;
        let Some((_, values)) = line.split_once("E2E_LATENCY:") else { continue };
        let wrong = || LogError::Line { path: path.clone(), line: number };
        let (batch, decoded, latency) = parse(values).ok_or_else(wrong)?;
        if batch >= meta.ignored {
            batches.entry(batch).or_default().add(decoded, latency, meta.batch_size);
        }
    }
    Ok(meta.latencies(batches.into_values().collect()))
}

/// Batch, whether it was decoded, and its latency.
fn parse(values: &str) -> Option<(u64, bool, Span)> {
    let value = |key: &str| {
        values.split(',').find_map(|pair| pair.trim().split_once('=').filter(|(k, _)| *k == key))
    };
    let number = |key| value(key)?.1.parse::<u64>().ok();
    let us = number("latency_micros")?;
    let latency = Span::new(us.checked_mul(1_000)?);
    Some((number("batch_id")?, value("is_reconstruction")?.1 == "true", latency))
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Answers {
    originals: Vec<Span>,
    decoded: Vec<Span>,
}

impl Answers {
    fn add(&mut self, decoded: bool, latency: Span, batch_size: u64) {
        let answers = if decoded { &mut self.decoded } else { &mut self.originals };
        if batch_size > 1 {
            // A batch has one latency: its last query's.
            answers.clear();
        }
        answers.push(latency);
    }
}

/// What a log needs to be read.
#[derive(Debug)]
struct Meta {
    mode: String,
    batch_size: u64,
    /// Batches that do not count, by their numbers.
    ignored: u64,
}

impl Meta {
    fn read(path: &Path) -> Result<Self, LogError> {
        let unreadable = |source| LogError::Unreadable { path: path.into(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let words = || text.split_whitespace().filter_map(|word| word.split_once('='));
        let word = |key: &'static str| {
            let found = words().find(|(name, _)| *name == key).map(|(_, value)| value);
            found.ok_or_else(|| LogError::Meta { path: path.into(), key })
        };
        let number = |key: &'static str| {
            let parsed = word(key)?.parse::<u32>().map(u64::from).ok();
            parsed.ok_or_else(|| LogError::Meta { path: path.into(), key })
        };
        let (clients, k) = (number("num_clients")?, number("ec_k_val")?);
        let (batch_size, ignored) = (number("batch_size")?, number("num_ignore")?);
        let mode = word("red_mode")?.to_owned();
        // Numbers count what redundancy adds, too.
        let (group, ignored) = match mode.as_str() {
            "none" | "equal" => (k, ignored),
            "cheap" => (2 * k, 2 * ignored),
            "coded" if k > 0 => (k + 1, ignored * (k + 1) / k),
            _ => return Err(LogError::Meta { path: path.into(), key: "red_mode" }),
        };
        Ok(Self { mode, batch_size, ignored: clients * WARM_UP * group + ignored })
    }

    fn latencies(&self, batches: Vec<Answers>) -> Vec<Span> {
        let mut originals: Vec<_> = batches.iter().flat_map(|b| b.originals.clone()).collect();
        originals.sort_unstable();
        let median = originals.get(originals.len() / 2).copied().unwrap_or_default();
        let of = |batch: Answers| match (batch.decoded.is_empty(), self.mode.as_str()) {
            (true, _) => batch.originals,
            // An answer that is approximate is used only where the exact one takes its time.
            (false, "cheap") if !batch.originals.is_empty() => {
                let pairs = batch.originals.into_iter().zip(batch.decoded);
                pairs.map(|(original, decoded)| original.min(decoded.max(median))).collect()
            }
            (false, _) => batch.decoded,
        };
        batches.into_iter().flat_map(of).collect()
    }
}

/// As the log has it.
const fn in_us(span: Span) -> Span {
    Span::new(span.get() / 1_000 * 1_000)
}

/// Rounds of groups that each client sends before its queries.
const WARM_UP: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn query(e2e: u64) -> Query {
        let [e2e, queue, model] = [e2e, 1, e2e - 1].map(Span::from_millis);
        Query { e2e, queue, model }
    }

    fn folder(meta: &str, log: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(META), meta).unwrap();
        fs::write(dir.path().join(LOG), log).unwrap();
        dir
    }

    fn line(batch: u64, decoded: bool, us: u64) -> String {
        format!(
            "[t] [info] [EC] E2E_LATENCY:group_id=0,batch_id={batch},query_id=0,batch_size=1,\
             is_reconstruction={decoded},latency_micros={us}\n"
        )
    }

    #[test]
    fn what_is_written_is_read_without_what_is_ignored() {
        let dir = folder("red_mode=equal num_clients=1 ec_k_val=2 batch_size=2 num_ignore=4\n", "");
        let batch = |ms: u64| Batch { queries: vec![query(ms + 500), query(ms)] };
        let batches: Vec<_> = (1..=20).map(batch).collect();
        write(dir.path(), &batches).unwrap();
        // Five rounds of two batches, and four more: six are left.
        let wanted: Vec<_> = (15..=20).map(Span::from_millis).collect();
        assert_eq!(read(dir.path()).unwrap(), wanted);
        assert_eq!(counted(&batches, 14), wanted);
        let log = fs::read_to_string(dir.path().join(LOG)).unwrap();
        let first = "QUEUE_LATENCY:group_id=0,batch_id=0,query_id=0,batch_size=2,\
                     is_reconstruction=false,latency_micros=1000\n";
        assert!(log.starts_with(first) && log.lines().count() == 20 * 2 * 3);
    }

    #[test]
    fn a_decoded_batch_counts_as_its_mode_has_it() {
        // Warm-up: 5 rounds of 3, or of 4; batch 30 is decoded, late and early.
        let log = |decoded| {
            line(30, false, 900)
                + &line(30, true, decoded)
                + &line(31, false, 500)
                + &line(32, false, 400)
                + &line(33, true, 77)
        };
        let us = |meta: &str, decoded| {
            let dir = folder(meta, &log(decoded));
            let found = read(dir.path()).unwrap();
            found.into_iter().map(|span| span.get() / 1_000).collect::<Vec<_>>()
        };
        let coded = "red_mode=coded num_clients=1 ec_k_val=2 batch_size=1 num_ignore=10";
        assert_eq!(us(coded, 700), [700, 500, 400, 77]);
        let cheap = "red_mode=cheap num_clients=1 ec_k_val=2 batch_size=1 num_ignore=5";
        assert_eq!(us(cheap, 700), [700, 500, 400, 77]);
        assert_eq!(us(cheap, 200), [500, 500, 400, 77], "not before the median");
    }

    #[test]
    fn what_is_no_log_is_refused_with_its_place() {
        let meta = "red_mode=none num_clients=1 ec_k_val=2 batch_size=1 num_ignore=0";
        let fault = |meta: &str, log: &str| {
            let dir = folder(meta, log);
            read(dir.path()).unwrap_err().to_string()
        };
        assert!(fault(meta, "a\nE2E_LATENCY:batch_id=x,latency_micros=3").contains("log.txt:2"));
        assert!(fault("num_clients=1", "").contains("`ec_k_val`"));
        assert!(fault(&meta.replace("none", "rr"), "").contains("`red_mode`"));
        assert!(fault(&meta.replace("=2", "=-2"), "").contains("`ec_k_val`"));
        let zero = meta.replace("none", "coded").replace("ec_k_val=2", "ec_k_val=0");
        assert!(fault(&zero, "").contains("`red_mode`"));
        assert!(read(Path::new("nowhere")).unwrap_err().to_string().contains("nowhere"));
    }
}
