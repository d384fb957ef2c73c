//! Logs of single requests.

use std::io::Read;
use std::str::FromStr;

use clockwork_wire::UserId;

use super::{FileError, Lines};

/// The requests of a log, in order of the time at which they came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Log {
    pub(crate) asked: Vec<Asked>,
}

/// A recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// When it came, in nanoseconds of some clock.
    pub(crate) at: u64,
    pub(crate) model: u32,
    pub(crate) user: UserId,
    pub(crate) slo_factor: f32,
}

impl Log {
    /// Reads tab-separated columns under a header. When a request came is its column `intended`, as
    /// the client writes it, or else `t` (when it was answered) less `latency`, as controllers do.
    ///
    /// # Errors
    /// If a column is missing, a field is no number, a line is shorter than the header, or there is no
    /// request.
    pub(crate) fn read(file: &str, from: impl Read) -> Result<Self, FileError> {
        let mut lines = Lines::new(file, from);
        let Some((_, header)) = lines.next()? else {
            return Err(FileError::of(file, "it is empty"));
        };
        let columns = Columns::parse(header)
            .map_err(|name| FileError::of(file, format!("column `{name}` is missing")).at(1))?;
        let mut asked = Vec::new();
        while let Some((number, line)) = lines.next()? {
            if line.is_empty() {
                continue;
            }
            asked.push(
                columns.row(line).map_err(|(field, reason)| {
                    FileError::of(file, reason).at(number).field(field)
                })?,
            );
        }
        if asked.is_empty() {
            return Err(FileError::of(file, "it has no request"));
        }
        asked.sort_by_key(|asked: &Asked| asked.at);
        Ok(Self { asked })
    }
}

/// Where the columns are.
struct Columns {
    at: At,
    model: usize,
    user: Option<usize>,
    slo_factor: Option<usize>,
}

enum At {
    Intended(usize),
    Answered { t: usize, latency: usize },
}

impl Columns {
    /// Finds them by name; the error is the name of one that is missing.
    fn parse(header: &str) -> Result<Self, &'static str> {
        let find = |name: &str| header.split('\t').position(|column| column == name);
        let at = match find("intended") {
            Some(column) => At::Intended(column),
            None => At::Answered {
                t: find("t").ok_or("t")?,
                latency: find("latency").ok_or("latency")?,
            },
        };
        let model = find("model_id").ok_or("model_id")?;
        Ok(Self { at, model, user: find("user_id"), slo_factor: find("slo_factor") })
    }

    fn row(&self, line: &str) -> Result<Asked, (&'static str, String)> {
        let at = match self.at {
            At::Intended(column) => number(line, column, "intended")?,
            At::Answered { t, latency } => {
                let t: u64 = number(line, t, "t")?;
                t.saturating_sub(number(line, latency, "latency")?)
            }
        };
        let user = self.user.map_or(Ok(0), |column| number(line, column, "user_id"))?;
        let slo_factor: f32 =
            self.slo_factor.map_or(Ok(0.0), |column| number(line, column, "slo_factor"))?;
        if !(0.0..=FACTOR_MAX).contains(&slo_factor) {
            return Err(("slo_factor", format!("{slo_factor} is not from 0 to {FACTOR_MAX}")));
        }
        let model = number(line, self.model, "model_id")?;
        Ok(Asked { at, model, user: UserId::new(user), slo_factor })
    }
}

fn number<T: FromStr>(
    line: &str,
    column: usize,
    name: &'static str,
) -> Result<T, (&'static str, String)> {
    let field = line.split('\t').nth(column);
    let field = field.ok_or_else(|| (name, "the line ends before it".to_owned()))?;
    field.parse().map_err(|_| {
        let cut: String = field.chars().take(60).collect();
        (name, format!("`{cut}` is no such number"))
    })
}

const FACTOR_MAX: f32 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_logs_are_read_in_order_of_arrival() {
        let controller = "t\trequest_id\tmodel_id\tslo_factor\tuser_id\tlatency\n\
                          900\t1\t7\t2.5\t3\t100\n800\t2\t5\t0\t1\t300\n";
        let client = "request_id\tmodel_id\tstatus\tintended\n1\t7\t0\t800\n2\t5\t4\t500\n";
        for (text, users, factors) in
            [(controller, [1, 3], [0.0, 2.5]), (client, [0, 0], [0.0, 0.0])]
        {
            let log = Log::read("l", text.as_bytes()).unwrap();
            assert_eq!(
                log.asked.iter().map(|a| (a.at, a.model)).collect::<Vec<_>>(),
                [(500, 5), (800, 7)]
            );
            assert_eq!(log.asked.iter().map(|a| a.user.get()).collect::<Vec<_>>(), users);
            assert_eq!(log.asked.iter().map(|a| a.slo_factor).collect::<Vec<_>>(), factors);
        }
    }

    #[test]
    fn what_is_no_log_is_refused_with_line_and_column() {
        for (text, wrong) in [
            ("", "`l`: it is empty"),
            ("t\tmodel_id\n", "line 1: column `latency` is missing"),
            ("intended\tuser\n", "line 1: column `model_id` is missing"),
            ("intended\tmodel_id\n", "`l`: it has no request"),
            ("intended\tmodel_id\n5\n", "line 2: column `model_id`: the line ends before it"),
            ("intended\tmodel_id\n5\tx\n", "line 2: column `model_id`: `x` is no such number"),
            ("intended\tmodel_id\tslo_factor\n5\t1\tNaN\n", "column `slo_factor`: NaN is not from"),
        ] {
            let error = Log::read("l", text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
