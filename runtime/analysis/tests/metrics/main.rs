//! The metrics on rows whose values were worked out by hand, and against plain recomputation.

mod by_hand;
mod cells;
mod naive;
mod rows;
