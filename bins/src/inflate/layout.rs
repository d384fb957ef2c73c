//! What each kind of record has, and the columns that it becomes.

use std::io::Read;

use super::record::{Broken, Records};

/// A kind of record.
pub(super) trait Layout {
    /// The header.
    fn columns() -> Vec<String>;

    /// The cells of the next record; `None` at the end.
    fn read<R: Read>(records: &mut Records<R>) -> Result<Option<Vec<String>>, Broken>;
}

/// A task on one of a worker's executors.
pub(super) struct Task {
    action_type: i32,
    kind: i32,
    executor_id: i32,
    gpu_id: i32,
    model_id: i32,
    action_id: i32,
    batch_size: i32,
    status: i32,
    enqueued: u64,
    eligible: u64,
    dequeued: u64,
    exec_complete: u64,
    async_complete: u64,
    async_wait: u64,
    async_duration: u64,
}

impl Task {
    /// Reads the values of a task, which are not in the order of the columns: expressions of a struct
    /// are evaluated in the order in which they stand here.
    fn values<R: Read>(records: &mut Records<R>) -> Result<Self, Broken> {
        Ok(Self {
            action_type: records.narrow()?,
            kind: records.narrow()?,
            executor_id: records.narrow()?,
            gpu_id: records.narrow()?,
            model_id: records.narrow()?,
            action_id: records.narrow()?,
            batch_size: records.narrow()?,
            status: records.narrow()?,
            enqueued: records.wide()?,
            eligible: records.wide()?,
            dequeued: records.wide()?,
            exec_complete: records.wide()?,
            async_complete: records.wide()?,
            async_wait: records.wide()?,
            async_duration: records.wide()?,
        })
    }

    fn cells(&self) -> Vec<String> {
        let ids = [self.action_id, self.action_type, self.kind, self.executor_id, self.gpu_id];
        let ids = ids.into_iter().chain([self.status, self.model_id, self.batch_size]);
        let times = [self.enqueued, self.eligible, self.dequeued, self.exec_complete];
        let times =
            times.into_iter().chain([self.async_complete, self.async_wait, self.async_duration]);
        let spans =
            [since(self.dequeued, self.enqueued), since(self.async_complete, self.enqueued)];
        ids.map(|id| id.to_string())
            .chain(times.map(|time| time.to_string()))
            .chain(spans)
            .collect()
    }
}

impl Layout for Task {
    fn columns() -> Vec<String> {
        [
            "action_id",
            "action_type",
            "task_type",
            "executor_id",
            "gpu_id",
            "status",
            "model_id",
            "batch_size",
            "enqueued",
            "eligible_for_dequeue",
            "dequeued",
            "exec_complete",
            "async_complete",
            "async_wait",
            "async_duration",
            "queue_latency",
            "total_latency",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn read<R: Read>(records: &mut Records<R>) -> Result<Option<Vec<String>>, Broken> {
        if !records.begin()? {
            return Ok(None);
        }
        let cells = Self::values(records)?.cells();
        records.count += 1;
        Ok(Some(cells))
    }
}

/// An action that came, or its result that went.
pub(super) struct Action;

impl Layout for Action {
    fn columns() -> Vec<String> {
        ["telemetry_type", "action_id", "action_type", "status", "timestamp"]
            .map(str::to_owned)
            .to_vec()
    }

    fn read<R: Read>(records: &mut Records<R>) -> Result<Option<Vec<String>>, Broken> {
        if !records.begin()? {
            return Ok(None);
        }
        let mut cells = Vec::new();
        for _ in 0..4 {
            cells.push(records.narrow()?.to_string());
        }
        cells.push(records.wide()?.to_string());
        records.count += 1;
        Ok(Some(cells))
    }
}

/// A request and its tasks, as old workers had it.
pub(super) struct Request;

impl Layout for Request {
    fn columns() -> Vec<String> {
        let request = [
            "request_id",
            "model_id",
            "arrived",
            "submitted",
            "complete",
            "execution_latency",
            "total_latency",
        ];
        let tasks = EXECUTORS
            .iter()
            .flat_map(|name| ["", "_queue", "_sync", "_async"].map(|part| format!("{name}{part}")));
        request.map(str::to_owned).into_iter().chain(tasks).collect()
    }

    fn read<R: Read>(records: &mut Records<R>) -> Result<Option<Vec<String>>, Broken> {
        if !records.begin()? {
            return Ok(None);
        }
        let (model, request) = (records.narrow()?, records.narrow()?);
        let (arrived, submitted, complete) = (records.wide()?, records.wide()?, records.wide()?);
        let mut tasks = Vec::new();
        for _ in 0..records.parts()? {
            records.begin_inner()?;
            tasks.push(Task::values(records)?);
        }
        let ids = [request, model].map(|id| id.to_string());
        let times = [arrived, submitted, complete].map(|time| time.to_string());
        let spans = [since(complete, submitted), since(complete, arrived)];
        let own = ids.into_iter().chain(times).chain(spans);
        let row = own.chain(parts(&tasks, complete, records.count)?).collect();
        records.count += 1;
        Ok(Some(row))
    }
}

/// The cells of a request's tasks by executor; of several on one executor the last. The time of a task
/// goes to the beginning of the next, or to the end of the request.
fn parts(tasks: &[Task], complete: u64, record: u64) -> Result<Vec<String>, Broken> {
    let mut cells = vec![String::new(); 4 * EXECUTORS.len()];
    for (at, task) in tasks.iter().enumerate() {
        let kind = usize::try_from(task.kind).ok().filter(|kind| *kind < EXECUTORS.len());
        let kind = kind.ok_or(Broken::TaskType { record, kind: task.kind })?;
        let end = tasks.get(at + 1).map_or(complete, |next| next.enqueued);
        let spans = [
            since(end, task.dequeued),
            since(task.dequeued, task.eligible),
            since(task.exec_complete, task.dequeued),
            task.async_duration.to_string(),
        ];
        cells[4 * kind..4 * kind + 4].clone_from_slice(&spans);
    }
    Ok(cells)
}

/// From `earlier` to `later`, in nanoseconds; negative if it is the other way round.
fn since(later: u64, earlier: u64) -> String {
    (i128::from(later) - i128::from(earlier)).to_string()
}

/// A worker's executors, by the number that tasks have.
const EXECUTORS: [&str; 5] =
    ["CPU", "PCIe_H2D_Weights", "PCIe_H2D_Inputs", "GPU", "PCIe_D2H_Output"];

#[cfg(test)]
mod tests {
    use super::*;

    fn task(kind: i32, begin: u64) -> Vec<u8> {
        let ids = [2, kind, 7, 1, 30, 40, 8, 0];
        let times = [begin, begin + 10, begin + 15, begin + 35, begin + 50, 5, 20];
        let ids = ids.iter().flat_map(|id: &i32| id.to_le_bytes());
        let times = times.iter().flat_map(|time: &u64| time.to_le_bytes());
        1_u32.to_le_bytes().into_iter().chain(ids).chain(times).collect()
    }

    fn read<L: Layout>(bytes: &[u8]) -> (Vec<Vec<String>>, Option<Broken>) {
        let mut records = Records::new(bytes);
        let mut rows = Vec::new();
        loop {
            match L::read(&mut records) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => return (rows, None),
                Err(broken) => return (rows, Some(broken)),
            }
        }
    }

    #[test]
    fn the_headers_are_the_originals() {
        let [task, action, request] =
            [Task::columns(), Action::columns(), Request::columns()].map(|names| names.join(" "));
        assert_eq!(
            task,
            "action_id action_type task_type executor_id gpu_id status model_id batch_size enqueued \
             eligible_for_dequeue dequeued exec_complete async_complete async_wait async_duration queue_latency \
             total_latency"
        );
        assert_eq!(action, "telemetry_type action_id action_type status timestamp");
        let (own, tasks) = request.split_at(request.find(" CPU").unwrap());
        assert_eq!(
            own,
            "request_id model_id arrived submitted complete execution_latency total_latency"
        );
        let names = ["CPU", "PCIe_H2D_Weights", "PCIe_H2D_Inputs", "GPU", "PCIe_D2H_Output"];
        let wanted = names.map(|name| format!(" {name} {name}_queue {name}_sync {name}_async"));
        assert_eq!(tasks, wanted.concat());
    }

    #[test]
    fn a_tasks_columns_are_in_the_originals_order_and_its_latencies_added() {
        let (rows, broken) = read::<Task>(&task(3, 1_000));
        assert!(broken.is_none());
        let wanted = "40 2 3 7 1 0 30 8 1000 1010 1015 1035 1050 5 20 15 50";
        assert_eq!(rows[0].join(" "), wanted);
        assert_eq!(rows[0].len(), Task::columns().len());
    }

    #[test]
    fn an_action_is_five_numbers() {
        let ids = [1_i32, 40, 2, 81].map(i32::to_le_bytes).concat();
        let bytes = [&1_u32.to_le_bytes()[..], &ids, &9_u64.to_le_bytes()].concat();
        assert_eq!(read::<Action>(&bytes).0, [["1", "40", "2", "81", "9"].map(str::to_owned)]);
    }

    #[test]
    fn a_request_has_its_tasks_beside_each_other() {
        let mut bytes = [1_u32.to_le_bytes(), 30_u32.to_le_bytes(), 17_u32.to_le_bytes()].concat();
        bytes.extend([900_u64, 950, 2_060].map(u64::to_le_bytes).concat());
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([task(2, 1_000), task(3, 2_000)].concat());
        let (rows, broken) = read::<Request>(&bytes);
        assert!(broken.is_none(), "{broken:?}");
        let row = rows[0].join(" ");
        assert_eq!(rows[0].len(), Request::columns().len());
        // Inputs: 2000 - 1015, then 5, 20, 20; GPU: 2060 - 2015, then the same.
        assert_eq!(row, "17 30 900 950 2060 1110 1160         985 5 20 20 45 5 20 20    ");
    }

    #[test]
    fn wherever_a_file_is_cut_the_records_before_are_kept() {
        let bytes = [task(3, 1), task(3, 2)].concat();
        for length in 1..bytes.len() {
            let (rows, broken) = read::<Task>(&bytes[..length]);
            assert_eq!(rows.len(), length / 92);
            assert_eq!(matches!(broken, Some(Broken::Cut { .. })), length != 92, "{broken:?}");
        }
    }

    #[test]
    fn what_is_no_telemetry_is_refused_with_a_hint() {
        let text = |bytes: &[u8]| read::<Task>(bytes).1.expect("it is refused").to_string();
        assert!(text(b"t\taction_id\n").contains("record 0 has version"));
        assert!(text(b"CWLOG\x01").contains("clockwork log"));
        let mut bytes = [1_u32.to_le_bytes(); 3].concat();
        bytes.extend([0; 24]);
        bytes.extend(u32::MAX.to_le_bytes());
        let broken = read::<Request>(&bytes).1.expect("it is refused");
        assert!(broken.to_string().contains("claims 4294967295 tasks"), "{broken}");
    }
}
