//! Columns of the request log.

use clockwork_wire::{ModelId, Nanos, Status, UserId};

use super::Row;
use super::cells::{BadCell, Cells};
use super::writer::Writer;
use crate::RequestRow;

impl Row for RequestRow {
    const COLUMNS: &'static [&'static str] = &[
        "t",
        "request_id",
        "result",
        "user_id",
        "model_id",
        "slo_factor",
        "latency",
        "deadline",
        "deadline_met",
        "arrival_count",
        "departure_count",
        "is_coldstart",
    ];

    fn parse(cells: &mut Cells<'_>) -> Result<Self, BadCell> {
        Ok(Self {
            t: Nanos::new(cells.uint()?),
            request_id: cells.uint()?,
            result: Status::new(cells.narrow()?),
            user_id: UserId::new(cells.narrow()?),
            model_id: ModelId::new(cells.narrow()?),
            slo_factor: cells.float()?,
            latency: cells.span()?,
            deadline: cells.limit()?,
            deadline_met: cells.flag()?,
            arrival_count: cells.narrow()?,
            departure_count: cells.narrow()?,
            is_coldstart: cells.flag()?,
        })
    }

    fn put(&self, writer: &mut Writer<'_>) {
        writer.uint(self.t.get());
        writer.uint(self.request_id);
        writer.uint(self.result.get());
        writer.uint(self.user_id.get());
        writer.uint(self.model_id.get());
        writer.float(self.slo_factor);
        writer.span(self.latency);
        writer.limit(self.deadline);
        writer.flag(self.deadline_met);
        writer.uint(self.arrival_count);
        writer.uint(self.departure_count);
        writer.flag(self.is_coldstart);
    }
}
