//! Reads the controller's logs as scripts do.

use std::fs;
use std::path::Path;

/// A log: its columns by name, and its rows.
#[derive(Debug)]
pub(crate) struct Log {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Log {
    /// The requests logged in `dir`; checks that the log is complete.
    pub(crate) fn requests(dir: &Path) -> Self {
        Self::read(&dir.join("clockwork_request_log.tsv"), REQUEST_HEADER)
    }

    /// The actions logged in `dir`; checks that the log is complete.
    pub(crate) fn actions(dir: &Path) -> Self {
        Self::read(&dir.join("clockwork_action_log.tsv"), ACTION_HEADER)
    }

    fn read(path: &Path, header: &str) -> Self {
        let text = fs::read_to_string(path).expect("the controller writes its logs");
        assert!(text.ends_with('\n'), "the last row of {} is cut off", path.display());
        let split = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let mut lines = text.lines();
        let columns = split(lines.next().unwrap_or_default());
        assert_eq!(columns.join(" "), header, "{}", path.display());
        let rows: Vec<_> = lines.map(split).collect();
        let torn = rows.iter().find(|row| row.len() != columns.len());
        assert!(torn.is_none(), "a row of {} lacks columns: {torn:?}", path.display());
        Self { columns, rows }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A column as numbers.
    pub(crate) fn column(&self, name: &str) -> Vec<f64> {
        let at = self.columns.iter().position(|column| column == name);
        let at = at.unwrap_or_else(|| panic!("there is no column `{name}`"));
        let number = |row: &Vec<String>| row[at].parse().expect("every column is a number");
        self.rows.iter().map(number).collect()
    }

    /// How many rows have this value in this column.
    pub(crate) fn count(&self, name: &str, value: u32) -> usize {
        let value = f64::from(value);
        self.column(name).iter().filter(|cell| (**cell - value).abs() < 0.5).count()
    }
}

const REQUEST_HEADER: &str = "t request_id result user_id model_id slo_factor latency deadline \
     deadline_met arrival_count departure_count is_coldstart";
const ACTION_HEADER: &str = "t action_id action_type status worker_id gpu_id model_id batch_size \
     expected_exec_duration worker_exec_duration expected_exec_complete worker_exec_complete \
     expected_gpu_clock worker_gpu_clock_before worker_gpu_clock worker_copy_output_complete \
     worker_action_received worker_result_sent controller_result_enqueue \
     controller_action_duration goodput requests_queued copies_loaded";
