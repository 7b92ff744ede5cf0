//! Usage records of bindings, as JSON and as CSV.

use serde::Serialize;

use super::{number, time};
use crate::domain::customer::CustomerApp;
use crate::domain::id::PublicIds;
use crate::domain::number::XNumber;
use crate::domain::operation::BindingOperation;
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// One operation on a binding. The order of the members is that of the columns of the CSV.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationAnswer {
    at: String,
    operation: &'static str,
    actor: &'static str,
    app_key: String,
    mode: &'static str,
    number: String,
    party_a: String,
    party_b: Option<String>,
    extension: Option<String>,
    temporary_callee: Option<String>,
    expires_at: Option<String>,
    subscription_id: String,
    y_number: Option<String>,
}

/// The header row of the CSV.
const HEADER: [&str; 13] = [
    "at",
    "operation",
    "actor",
    "appKey",
    "mode",
    "number",
    "partyA",
    "partyB",
    "extension",
    "temporaryCallee",
    "expiresAt",
    "subscriptionId",
    "yNumber",
];

impl OperationAnswer {
    /// For an operation on a binding of `app`.
    pub fn of(operation: &BindingOperation, app: &CustomerApp, ids: &PublicIds) -> Self {
        Self {
            at: format_rfc3339_millis(Timestamp::from_millis(operation.key.millis())),
            operation: operation.kind.as_str(),
            actor: operation.actor.as_str(),
            app_key: app.key.to_string(),
            mode: operation.mode.as_str(),
            number: operation.x.expose(),
            party_a: operation.a.expose(),
            party_b: number(operation.b),
            extension: operation.extension.map(|extension| extension.to_string()),
            temporary_callee: number(operation.callee),
            expires_at: time(operation.expires_at),
            subscription_id: ids.subscription(operation.binding),
            y_number: operation.y.map(XNumber::expose),
        }
    }
}

/// Rows of a CSV, and before the first of them the header row.
pub fn csv_rows(operations: &[OperationAnswer], with_header: bool) -> Vec<u8> {
    super::cdr::csv(&HEADER, operations, with_header)
}
