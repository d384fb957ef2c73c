//! Columns of the action log.

use clockwork_wire::{GpuId, ModelId, Nanos, Status, WorkerId};

use super::Row;
use super::cells::{BadCell, Cells, whole};
use super::writer::Writer;
use crate::{ActionRow, ActionType};

impl Row for ActionRow {
    const COLUMNS: &'static [&'static str] = &[
        "t",
        "action_id",
        "action_type",
        "status",
        "worker_id",
        "gpu_id",
        "model_id",
        "batch_size",
        "expected_exec_duration",
        "worker_exec_duration",
        "expected_exec_complete",
        "worker_exec_complete",
        "expected_gpu_clock",
        "worker_gpu_clock_before",
        "worker_gpu_clock",
        "worker_copy_output_complete",
        "worker_action_received",
        "worker_result_sent",
        "controller_result_enqueue",
        "controller_action_duration",
        "goodput",
        "requests_queued",
        "copies_loaded",
    ];

    fn parse(cells: &mut Cells<'_>) -> Result<Self, BadCell> {
        let kind = |text: &str| ActionType::from_number(whole(text)?);
        Ok(Self {
            t: Nanos::new(cells.uint()?),
            action_id: cells.uint()?,
            action_type: cells.next("1 (LOAD), 2 (INFER) or 3 (EVICT)", kind)?,
            status: Status::new(cells.narrow()?),
            worker_id: WorkerId::new(cells.narrow()?),
            gpu_id: GpuId::new(cells.narrow()?),
            model_id: ModelId::new(cells.narrow()?),
            batch_size: cells.narrow()?,
            expected_exec_duration: cells.span()?,
            worker_exec_duration: cells.span()?,
            expected_exec_complete: cells.span()?,
            worker_exec_complete: cells.span()?,
            expected_gpu_clock: cells.narrow()?,
            worker_gpu_clock_before: cells.narrow()?,
            worker_gpu_clock: cells.narrow()?,
            worker_copy_output_complete: cells.span()?,
            worker_action_received: cells.span()?,
            worker_result_sent: cells.span()?,
            controller_result_enqueue: cells.span()?,
            controller_action_duration: cells.span()?,
            goodput: cells.span()?,
            requests_queued: cells.narrow()?,
            copies_loaded: cells.narrow()?,
        })
    }

    fn put(&self, writer: &mut Writer<'_>) {
        writer.uint(self.t.get());
        writer.uint(self.action_id);
        writer.uint(self.action_type.number());
        writer.uint(self.status.get());
        writer.uint(self.worker_id.get());
        writer.uint(self.gpu_id.get());
        writer.uint(self.model_id.get());
        writer.uint(self.batch_size);
        writer.span(self.expected_exec_duration);
        writer.span(self.worker_exec_duration);
        writer.span(self.expected_exec_complete);
        writer.span(self.worker_exec_complete);
        writer.uint(self.expected_gpu_clock);
        writer.uint(self.worker_gpu_clock_before);
        writer.uint(self.worker_gpu_clock);
        writer.span(self.worker_copy_output_complete);
        writer.span(self.worker_action_received);
        writer.span(self.worker_result_sent);
        writer.span(self.controller_result_enqueue);
        writer.span(self.controller_action_duration);
        writer.span(self.goodput);
        writer.uint(self.requests_queued);
        writer.uint(self.copies_loaded);
    }
}
