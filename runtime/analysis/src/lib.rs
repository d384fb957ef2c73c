//! What a run comes to: the metrics of the Clockwork paper, over its two logs.
//!
//! A run is two streams of rows: [`RequestRow`], one per answered request, and [`ActionRow`], one per
//! action that is over. They come out of log files, ours or the original's, or straight from the
//! simulator. An [`Accumulator`] takes them in one by one, in memory that does not grow with
//! their number, and gives an [`Analysis`]: a [`Summary`], a [`Series`] over time and the [`Tails`] of
//! its distributions.
//!
//! | metric | definition |
//! |---|---|
//! | goodput | requests with `result` 0 and `deadline_met` 1, per second |
//! | offered (the papers' throughput) | all requests, per second |
//! | satisfaction | the part of all requests with `deadline_met` 1 |
//! | latency | of all requests (refusals and timeouts too), and of successes |
//! | tail | 1000 quantiles 1 − 10^−x, x evenly spaced |
//! | GPU utilisation | Σ `worker_exec_duration` of INFERs / (devices × time); GPU goodput: Σ `goodput` likewise |
//! | PCI utilisation | the same of LOADs |
//! | batch size | Σb² / Σb over INFERs: what the average request sees |
//! | cold starts | successes with `is_coldstart` 1; cold models: distinct models among them |
//! | prediction error | `worker_exec_duration` − `expected_exec_duration`, above and below zero apart |
//! | completion error | `worker_exec_complete` − `expected_exec_complete`, likewise |
//! | goodput p99, p95, p90 | goodput, and late successes up to 1, 5, 10 % of the sum |
//!
//! Errors are those of actions that were done: nothing was measured of the others. A row belongs to
//! the bucket of its `t`, which is the departure of a request and the receipt of a result.
//!
//! *Why own the rows here, beside the records that the controller logs?* Those carry what the
//! controller knows while it serves, in its own types; these are what a log says, and another
//! program's log may say it too.
//!
//! ```
//! use clockwork_analysis::{Accumulator, Options, RequestRow, Window};
//! use clockwork_wire::{ModelId, Nanos, Span, Status, UserId};
//!
//! let window = Window { from: Nanos::ZERO, until: Nanos::ZERO + Span::from_secs(10) };
//! let mut run = Accumulator::new(Options::new(window)).unwrap();
//! run.request(&RequestRow {
//!     t: Nanos::new(5_000_000),
//!     request_id: 1,
//!     result: Status::OK,
//!     user_id: UserId::new(0),
//!     model_id: ModelId::new(0),
//!     slo_factor: 0.0,
//!     latency: Span::from_millis(4),
//!     deadline: Span::from_millis(100),
//!     deadline_met: true,
//!     arrival_count: 1,
//!     departure_count: 1,
//!     is_coldstart: false,
//! });
//! let summary = run.finish().summary;
//! assert_eq!(summary.requests.goodput, 0.1);
//! assert_eq!(summary.requests.latency_ms.p50, 4.0);
//! ```

mod accumulator;
mod action;
mod actions;
mod cells;
mod distribution;
mod errors;
mod group;
mod logs;
mod number;
mod request;
mod requests;
mod series;
pub mod summary;
pub mod tsv;
mod window;

pub use accumulator::{Accumulator, Options};
pub use action::{ActionRow, ActionType};
pub use actions::ActionBucket;
pub use cells::{Cell, CellAccumulator, CellOptions, Cells, CutBy};
pub use distribution::{Distribution, Quantiles, Spread, TAIL_POINTS, TailPoint};
pub use group::Group;
pub use logs::{Logs, View};
pub use request::RequestRow;
pub use requests::{RequestBucket, RequestCounts};
pub use summary::{Analysis, Series, Summary, Tails};
pub use window::{BUCKETS_MAX, Cut, Window, WindowError};
