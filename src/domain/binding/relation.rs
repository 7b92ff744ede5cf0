//! Who is connected with whom, per mode.

use crate::domain::number::{E164, Pair};
use crate::domain::time::Timestamp;

/// AX: X belongs to one A. Anyone who dials X reaches A; A dialling X reaches the temporary callee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ax {
    /// The protected subscriber (`origNum`).
    pub a: E164,
    /// Whom A's own calls to X reach, if set (customer-api 3.5).
    pub next_callee: Option<Box<NextCallee>>,
    /// Whether `callDirection` was ever given: a query leaves it out if not (customer-api 3.4).
    pub direction_given: bool,
    /// `turnFlag`: kept and echoed; switches nothing here (customer-api 3.1).
    pub turned_on: bool,
}

/// The temporary callee of an AX binding. Valid, also for several calls, until `until` (customer-api 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCallee {
    /// Whom A reaches.
    pub callee: E164,
    /// From this instant on the setting no longer counts.
    pub until: Timestamp,
    /// Echoed in the notices of A's calls, in place of the binding's own.
    pub user_data: Option<Box<str>>,
}

/// AXB: A and B reach each other through X, each seeing only X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axb {
    /// The two parties.
    pub pair: Pair,
    /// `duration` as asked for, in seconds; 0 = never expires. A query echoes it.
    pub duration_secs: u32,
}
