//! How often real functions were called, minute by minute: a trace of Azure Functions.

use std::io::BufRead;

/// Calls of each function in each minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// One row per function, one count per minute.
    functions: Vec<Vec<u32>>,
}

/// A trace that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// A line is not what the format says.
    #[error("line {line}: {reason}")]
    Format {
        /// Counts from 1; the header is the first.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Trace {
    /// Reads a trace in the format of the dataset "Azure Functions 2019" and of samples from it:
    /// a header whose columns of minutes end in a number (`1`, `minute_1`) and follow those with
    /// names, then a line per function.
    ///
    /// # Errors
    /// If it cannot be read, has no minutes, or a line has other columns than the header.
    pub fn read(from: impl BufRead) -> Result<Self, TraceError> {
        let format = |line, reason| TraceError::Format { line, reason };
        let mut lines = (1..).zip(from.lines());
        let Some((_, header)) = lines.next() else { return Err(format(1, "there is no header")) };
        let header = header?;
        let columns = header.split(',').count();
        let names = header.split(',').take_while(|name| !is_minute(name)).count();
        if names == columns {
            return Err(format(1, "no column is a minute"));
        }
        let mut functions = Vec::new();
        for (number, line) in lines {
            let line = line?;
            if line.split(',').count() != columns {
                return Err(format(number, "it has other columns than the header"));
            }
            let counts = line.split(',').skip(names).map(|count| count.trim().parse());
            let counts = counts.collect::<Result<Vec<u32>, _>>();
            functions.push(counts.map_err(|_| format(number, "a count is no number"))?);
        }
        if functions.iter().flatten().all(|&count| count == 0) {
            return Err(format(1, "nothing is called"));
        }
        Ok(Self { functions })
    }

    /// How many functions there are.
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// How many minutes there are.
    pub fn minutes(&self) -> usize {
        self.functions.first().map_or(0, Vec::len)
    }

    /// Calls of each function in `count` minutes from `first` on, going round at the end; if there
    /// are none at all, in the whole trace.
    pub(crate) fn calls(&self, first: usize, count: usize) -> Vec<f64> {
        let minutes = self.minutes().max(1);
        let sum = |row: &Vec<u32>| {
            let within = (first..first + count).map(|minute| f64::from(row[minute % minutes]));
            within.sum()
        };
        let calls: Vec<f64> = self.functions.iter().map(sum).collect();
        if count < minutes && calls.iter().all(|&n| n == 0.0) {
            return self.calls(0, minutes);
        }
        calls
    }
}

fn is_minute(name: &str) -> bool {
    name.trim().ends_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_are_read() {
        for header in
            ["HashOwner,HashApp,HashFunction,Trigger,1,2,3", "a,b,c,d,minute_1,minute_2,minute_3"]
        {
            let text = format!("{header}\nx,y,z,http,1,0,2\nx,y,w,timer,5,5,5\n");
            let trace = Trace::read(text.as_bytes()).unwrap();
            assert_eq!((trace.functions(), trace.minutes()), (2, 3));
            assert_eq!(trace.calls(2, 2), [3.0, 10.0]);
        }
    }

    #[test]
    fn a_time_without_calls_is_as_popular_as_all_others() {
        let trace = Trace::read("f,1,2,3\nx,0,7,0\ny,0,2,0\n".as_bytes()).unwrap();
        assert_eq!(trace.calls(2, 2), [7.0, 2.0]);
    }

    #[test]
    fn what_is_no_trace_is_refused_with_the_line() {
        for (text, line) in [
            ("", 1),
            ("a,b\n1,2\n", 1),
            ("f,1,2\nx,1\n", 2),
            ("f,1\nx,1\ny,-1\n", 3),
            ("f,1\nx,0\n", 1),
        ] {
            let error = Trace::read(text.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("line {line}:")), "{text}: {error}");
        }
    }
}
