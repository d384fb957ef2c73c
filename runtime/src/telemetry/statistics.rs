//! What one interval was like: for the clients, and on each device.

use std::fmt::{self, Formatter};

use clockwork_wire::{ActionKind, Span};

use super::{ActionRow, RequestRecord};

/// What clients got.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Of successes, late ones included.
    latency: Stat,
    /// Responses without an output.
    violations: u64,
}

impl Clients {
    /// Takes in an answered request.
    pub(super) fn add(&mut self, record: &RequestRecord) {
        if record.is_success() {
            self.latency.add(record.latency());
        } else {
            self.violations += 1;
        }
    }

    /// The line of the clients, whatever they got.
    pub(super) fn line(&self, f: &mut Formatter<'_>, interval: Span) -> fmt::Result {
        let Self { latency, violations } = self;
        let total = latency.count + violations;
        if total == 0 {
            return writeln!(f, "Client throughput=0");
        }
        if latency.count == 0 {
            return writeln!(f, "Client throughput=0 success=0% ({violations}/{total} violations)");
        }
        let success = 100.0 * float(latency.count) / float(total);
        write!(f, "Client throughput={:.1} success={success:.2}%", latency.rate(interval))?;
        if *violations > 0 {
            write!(f, " ({violations}/{total} violations)")?;
        }
        writeln!(
            f,
            " min={:.1} max={:.1} mean={:.1}",
            latency.min.as_millis_f64(),
            latency.max.as_millis_f64(),
            latency.mean()
        )
    }
}

/// What one device did.
#[derive(Debug, Default)]
pub(super) struct Device {
    loads: Actions,
    infers: Actions,
}

impl Device {
    /// Takes in an action that succeeded. An EVICT takes no time and has no line.
    pub(super) fn add(&mut self, row: &ActionRow) {
        match row.kind {
            ActionKind::Load => self.loads.add(row),
            ActionKind::Infer { .. } => self.infers.add(row),
            ActionKind::Evict => {}
        }
    }

    /// A line per kind of action; none for what the device did not do.
    pub(super) fn lines(
        &self,
        f: &mut Formatter<'_>,
        name: fmt::Arguments<'_>,
        interval: Span,
    ) -> fmt::Result {
        self.loads.line(f, format_args!("{name} LoadW"), interval)?;
        self.infers.line(f, format_args!("{name} Infer"), interval)
    }
}

/// Successful actions of one kind on one device.
#[derive(Debug, Default)]
struct Actions {
    /// On the device.
    duration: Stat,
    /// From the decision to the result at the controller.
    round_trip: Stat,
    /// On the device, if its clock had run at the default.
    normalised: Stat,
    /// Lowest and highest device clock, in MHz.
    clocks: Option<(u32, u32)>,
}

impl Actions {
    fn add(&mut self, row: &ActionRow) {
        let (clock, duration) = (row.clock_after, row.exec_duration);
        self.duration.add(duration);
        self.round_trip.add(row.round_trip);
        self.normalised.add(duration.scale(f64::from(clock) / CLOCK_DEFAULT));
        let (lowest, highest) = self.clocks.unwrap_or((clock, clock));
        self.clocks = Some((lowest.min(clock), highest.max(clock)));
    }

    /// Nothing for a device that did nothing.
    fn line(&self, f: &mut Formatter<'_>, name: fmt::Arguments<'_>, interval: Span) -> fmt::Result {
        let Some((lowest, highest)) = self.clocks else { return Ok(()) };
        let (duration, round_trip) = (&self.duration, &self.round_trip);
        write!(
            f,
            "{name} min={:.2} max={:.2} mean={:.2} e2emean={:.2} e2emax={:.2}",
            duration.min.as_millis_f64(),
            duration.max.as_millis_f64(),
            duration.mean(),
            round_trip.mean(),
            round_trip.max.as_millis_f64()
        )?;
        writeln!(
            f,
            " throughput={:.1} utilization={:.2} clock=[{lowest}-{highest}] norm_max={:.2} \
             norm_mean={:.2}",
            duration.rate(interval),
            duration.sum.as_secs_f64() / interval.as_secs_f64(),
            self.normalised.max.as_millis_f64(),
            self.normalised.mean()
        )
    }
}

/// Count, sum and bounds of some spans.
#[derive(Debug, Default)]
struct Stat {
    count: u64,
    sum: Span,
    min: Span,
    max: Span,
}

impl Stat {
    fn add(&mut self, span: Span) {
        self.min = if self.count == 0 { span } else { self.min.min(span) };
        self.max = self.max.max(span);
        self.sum += span;
        self.count += 1;
    }

    /// Milliseconds; 0 of nothing.
    fn mean(&self) -> f64 {
        self.sum.as_millis_f64() / float(self.count.max(1))
    }

    /// Per second.
    fn rate(&self, interval: Span) -> f64 {
        float(self.count) / interval.as_secs_f64()
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the events of an interval are far fewer than 2^53"
)]
fn float(count: u64) -> f64 {
    count as f64
}

/// MHz of the default device clock, to which durations are normalised.
const CLOCK_DEFAULT: f64 = 1380.0;
