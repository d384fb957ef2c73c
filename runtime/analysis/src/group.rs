//! Requests that are looked at by themselves.

use serde::{Deserialize, Serialize};

use crate::RequestRow;

/// A part of the requests, with figures of its own: the foreground of a mix, one model of many.
///
/// A request belongs to it if it lies in every range that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What it is called in tables and figures.
    pub name: String,
    /// Users, from the first to before the second: `[0, 6]` are users 0 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<[u32; 2]>,
    /// Models, from the first to before the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<[u32; 2]>,
}

impl Group {
    /// Whether a request belongs to it.
    pub fn contains(&self, row: &RequestRow) -> bool {
        let within = |range: Option<[u32; 2]>, value: u32| {
            range.is_none_or(|[from, until]| (from..until).contains(&value))
        };
        within(self.users, row.user_id.get()) && within(self.models, row.model_id.get())
    }
}
