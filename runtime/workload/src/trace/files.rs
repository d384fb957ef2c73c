//! The files that workloads ask for, and where they are.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{FileError, Trace, plain};

/// Gives workloads the files that they ask for.
pub trait Files: Debug + Send + Sync {
    /// The trace of a day of the dataset, 1 to 14, and what it is called.
    ///
    /// # Errors
    /// If there is none, or it is no trace.
    fn day(&self, day: u32) -> Result<(String, Arc<Trace>), FileError>;

    /// The plain bytes of another file.
    ///
    /// # Errors
    /// If there is no such file.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>>;
}

/// There are no files.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Files for Nowhere {
    fn day(&self, day: u32) -> Result<(String, Arc<Trace>), FileError> {
        Err(FileError::of("", format!("there is no trace of day {day} here")))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        Err(io::Error::new(ErrorKind::NotFound, format!("no `{}` here", path.display())))
    }
}

/// Files of this machine.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Where the dataset's files are, called as it calls them, compressed or not.
    pub days: Option<PathBuf>,
    /// A trace that stands for every day instead.
    pub file: Option<PathBuf>,
}

impl Folder {
    /// The file of a day.
    fn find(&self, day: u32) -> Result<PathBuf, FileError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let Some(days) = &self.days else {
            let reason = "no trace is named: AZURE_TRACE_DIR is not set, and --trace is not given";
            return Err(FileError::of("", reason));
        };
        let names = ["svls.anon", "anon"].map(|kind| format!("{STEM}.{kind}.d{day:02}.csv"));
        let names = names.iter().flat_map(|n| ["", ".gz", ".zst"].map(|end| format!("{n}{end}")));
        let found = names.map(|name| days.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| {
            let wanted = format!("{STEM}.anon.d{day:02}.csv, with .gz or .zst or without");
            FileError::of(&days.display().to_string(), format!("the folder has no {wanted}"))
        })
    }
}

impl Files for Folder {
    fn day(&self, day: u32) -> Result<(String, Arc<Trace>), FileError> {
        let path = self.find(day)?;
        let name = path.display().to_string();
        let file = self.open(&path).map_err(|error| FileError::of(&name, error))?;
        let trace = Trace::read(&name, file)?;
        let short = path.file_name().unwrap_or_default().to_string_lossy();
        Ok((short.into_owned(), Arc::new(trace)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read>> {
        plain(File::open(path)?)
    }
}

const STEM: &str = "invocations_per_function_md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_found_under_the_datasets_names_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let days = Folder { days: Some(folder.path().into()), file: None };
        let error = days.day(3).unwrap_err().to_string();
        assert!(error.contains("invocations_per_function_md.anon.d03.csv"), "{error}");
        for (name, calls) in [("anon.d03.csv", 1), ("svls.anon.d03.csv", 2)] {
            let path = folder.path().join(format!("{STEM}.{name}"));
            std::fs::write(&path, format!("f,1\nx,{calls}\n")).unwrap();
            let (name, trace) = days.day(3).unwrap();
            assert_eq!((trace.total(), folder.path().join(name)), (calls, path));
        }
    }

    #[test]
    fn a_named_file_stands_for_every_day_and_errors_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv.gz");
        let named = Folder { days: None, file: Some(file.clone()) };
        assert!(named.day(1).unwrap_err().to_string().contains("t.csv.gz"));
        std::fs::write(&file, "f,1\nx\n").unwrap();
        let error = named.day(9).unwrap_err().to_string();
        assert!(
            error.ends_with("t.csv.gz`: line 2: it has 1 columns, the header has 2"),
            "{error}"
        );
        let error = Folder::default().day(1).unwrap_err().to_string();
        assert!(error.contains("AZURE_TRACE_DIR"), "{error}");
    }
}
