//! How far what happened lies from what was expected.

use std::cmp::Ordering;

use clockwork_wire::Span;

use crate::distribution::Distribution;
use crate::summary::{ErrorSummary, ErrorTails};

/// Errors by sign. None at all is in both.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    over: Distribution,
    under: Distribution,
    /// How often there was none; apart, so that nothing is recorded twice.
    exact: u64,
}

impl Errors {
    pub(crate) fn count(&mut self, happened: Span, expected: Span) {
        match happened.cmp(&expected) {
            Ordering::Greater => self.over.record((happened - expected).get()),
            Ordering::Less => self.under.record((expected - happened).get()),
            Ordering::Equal => self.exact += 1,
        }
    }

    /// All, without their sign.
    pub(crate) fn either(&self) -> Distribution {
        self.with_exact(&self.over.with(&self.under))
    }

    pub(crate) fn summary(&self) -> ErrorSummary {
        let quantiles = |side| self.with_exact(side).quantiles_ms();
        let (over, under) = (quantiles(&self.over), quantiles(&self.under));
        ErrorSummary { over, under, either: self.either().quantiles_ms() }
    }

    pub(crate) fn tails(&self) -> ErrorTails {
        let tail = |side| self.with_exact(side).tail();
        ErrorTails { over: tail(&self.over), under: tail(&self.under) }
    }

    fn with_exact(&self, side: &Distribution) -> Distribution {
        let mut all = side.clone();
        all.record_many(0, self.exact);
        all
    }
}
