//! The metrics on rows whose values were worked out by hand, and against plain recomputation.

mod by_hand;
mod naive;
mod rows;
