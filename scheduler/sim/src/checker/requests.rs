//! Every request from its arrival to its one answer.

use clockwork_scheduler::{Order, Request, Response};
use clockwork_wire::{ActionId, Nanos, RequestId, Status};

use super::Violations;
use crate::sliding::Sliding;

/// Unanswered requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    open: Sliding<Open>,
}

/// An unanswered request.
#[derive(Clone, Copy, Debug)]
struct Open {
    request: Request,
    /// The INFER that carries it.
    carried_by: Option<ActionId>,
}

/// The result of an action that answers requests in the present turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier {
    pub(super) action: ActionId,
    pub(super) status: Status,
    /// Whether the request is the part of the batch that the response names.
    pub(super) holds: bool,
}

impl Requests {
    /// A request comes in; the controller numbers them in order.
    pub(super) fn open(&mut self, now: Nanos, request: &Request, violations: &mut Violations) {
        let number = self.open.push(Open { request: *request, carried_by: None });
        violations.unless(number == request.id.get(), now, || {
            format!("request {} is numbered out of order", request.id)
        });
    }

    /// An INFER carries requests: each is unanswered, of its model, and carried by no other.
    pub(super) fn carry(&mut self, now: Nanos, order: &Order, violations: &mut Violations) {
        let action = order.action;
        for id in &order.requests {
            let Some(open) = self.open.get_mut(id.get()) else {
                violations.add(
                    now,
                    format!("invariant 5: {action:?} carries request {id}, which is answered"),
                );
                continue;
            };
            violations.unless(open.request.model == action.model, now, || {
                format!("{action:?} carries request {id} of model {}", open.request.model)
            });
            if let Some(other) = open.carried_by.replace(action.id) {
                violations.add(
                    now,
                    format!("invariant 8: request {id} is carried by {other:?} and {action:?}"),
                );
            }
        }
    }

    /// A request is answered: once, and with OK only within its deadline.
    pub(super) fn close(
        &mut self,
        now: Nanos,
        response: &Response,
        carrier: Option<Carrier>,
        violations: &mut Violations,
    ) {
        let Some(open) = self.open.take(response.request.get()) else {
            violations.add(now, format!("invariant 5: {response:?} answers no open request"));
            return;
        };
        let request = open.request;
        violations.unless(
            response.departure == now && response.arrival == request.arrival,
            now,
            || format!("{response:?} answers {request:?} with other times"),
        );
        let deadline = request.arrival + response.slo;
        violations.unless(!response.status.is_ok() || now <= deadline, now, || {
            format!("invariant 9: {response:?} is OK after its deadline {}", deadline.get())
        });
        let own_slo =
            request.slo_factor > 0.0 || request.slo.is_zero() || request.slo == response.slo;
        violations.unless(own_slo, now, || format!("{response:?} has not the SLO of {request:?}"));
        let Some((action, _)) = response.output else { return };
        let carried = carrier.is_some_and(|carrier| {
            carrier.action == action && carrier.status.is_ok() && carrier.holds
        });
        violations.unless(carried && open.carried_by == Some(action), now, || {
            format!("{response:?} names an output that no result of this turn has")
        });
    }

    /// An action that carried a request has failed; the request, if it is not answered with that,
    /// may be carried again.
    pub(super) fn let_go(&mut self, id: RequestId, action: ActionId) {
        if let Some(open) = self.open.get_mut(id.get()) {
            open.carried_by = open.carried_by.filter(|carrier| *carrier != action);
        }
    }

    /// Unanswered requests.
    pub(super) const fn open_count(&self) -> usize {
        self.open.len()
    }
}
