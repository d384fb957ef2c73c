//! Answers every request at once, with success and without output; never touches a worker. What it
//! measures is the way there and back.

use std::collections::VecDeque;

use clockwork_config::SchedulerConfig;
use clockwork_wire::{Nanos, Span, Status};

use crate::Scheduler;
use crate::message::{Input, Output, Request, Response};

/// The echo scheduler.
#[derive(Debug)]
pub struct Echo {
    default_slo: Span,
    decided: VecDeque<Output>,
}

impl Echo {
    /// An echo; only the default SLO of `config` is used, for the log.
    pub fn new(config: &SchedulerConfig) -> Self {
        Self { default_slo: config.default_slo, decided: VecDeque::new() }
    }

    fn answer(&self, now: Nanos, request: &Request) -> Response {
        Response {
            request: request.id,
            status: Status::OK,
            output: None,
            model: request.model,
            arrival: request.arrival,
            departure: now,
            slo: if request.slo.is_zero() { self.default_slo } else { request.slo },
            copies_at_arrival: 0,
            copies_at_departure: 0,
        }
    }
}

impl Scheduler for Echo {
    fn handle(&mut self, now: Nanos, input: Input) {
        match input {
            Input::Request(request) => {
                let response = self.answer(now, &request);
                self.decided.push_back(Output::Respond(response));
            }
            Input::WorkerUp { .. }
            | Input::ModelUp { .. }
            | Input::ModelDown { .. }
            | Input::Succeed { .. }
            | Input::WorkerDown { .. }
            | Input::Withdraw { .. }
            | Input::Result { .. } => {}
        }
    }

    fn poll(&mut self, _now: Nanos) -> Option<Output> {
        self.decided.pop_front()
    }

    fn next_wakeup(&self) -> Option<Nanos> {
        None
    }
}

#[cfg(test)]
mod tests {
    use clockwork_wire::{ModelId, RequestId};

    use super::*;

    #[test]
    fn every_request_is_answered_in_its_own_turn() {
        let mut echo = Echo::new(&SchedulerConfig::default());
        let now = Nanos::new(5);
        let request = Request {
            id: RequestId::new(9),
            model: ModelId::new(3),
            slo_factor: 0.0,
            slo: Span::ZERO,
            arrival: now,
            input_len: 0,
        };
        echo.handle(now, Input::Request(request));
        let Some(Output::Respond(response)) = echo.poll(now) else { panic!("no answer") };
        assert_eq!((response.request, response.status), (request.id, Status::OK));
        assert_eq!(response.slo, Span::from_millis(100));
        assert!(echo.poll(now).is_none());
    }
}
