//! CDRs as operators see them, as JSON and as CSV.

use serde::Serialize;

use super::{number, party, time};
use crate::domain::call::Cdr;
use crate::domain::customer::CustomerApp;
use crate::domain::id::PublicIds;
use crate::domain::number::XNumber;
use crate::domain::time::Timestamp;
use crate::wire::callback::icid;
use crate::wire::time_text::format_rfc3339_millis;

/// One CDR. The members are those of callbacks.md and three of the gateway's own; the order of the members is
/// that of the columns of the CSV.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CdrAnswer {
    mode: &'static str,
    direction: u8,
    app_key: String,
    icid: String,
    bind_num: String,
    session_id: Box<str>,
    subscription_id: Option<String>,
    caller_num: Option<String>,
    callee_num: String,
    fwd_display_num: Option<String>,
    fwd_dst_num: Option<String>,
    call_in_time: Option<String>,
    fwd_start_time: Option<String>,
    fwd_alerting_time: Option<String>,
    fwd_answer_time: Option<String>,
    call_end_time: String,
    fwd_unasw_rsn: u16,
    fail_time: Option<String>,
    ul_fail_reason: u16,
    sip_status_code: u16,
    record_flag: u8,
    record_start_time: Option<String>,
    record_domain: Option<Box<str>>,
    record_bucket_name: Option<Box<str>>,
    record_object_name: Option<Box<str>>,
    service_type: &'static str,
    user_data: Option<Box<str>>,
    extend_number: Option<String>,
    closed_by_sweeper: bool,
    made_at: String,
}

/// The header row of the CSV.
const HEADER: [&str; 30] = [
    "mode",
    "direction",
    "appKey",
    "icid",
    "bindNum",
    "sessionId",
    "subscriptionId",
    "callerNum",
    "calleeNum",
    "fwdDisplayNum",
    "fwdDstNum",
    "callInTime",
    "fwdStartTime",
    "fwdAlertingTime",
    "fwdAnswerTime",
    "callEndTime",
    "fwdUnaswRsn",
    "failTime",
    "ulFailReason",
    "sipStatusCode",
    "recordFlag",
    "recordStartTime",
    "recordDomain",
    "recordBucketName",
    "recordObjectName",
    "serviceType",
    "userData",
    "extendNumber",
    "closedBySweeper",
    "madeAt",
];

impl CdrAnswer {
    /// For a CDR of `app`.
    pub fn of(cdr: &Cdr, app: &CustomerApp, ids: &PublicIds) -> Self {
        let recording = cdr.recording.as_ref();
        Self {
            mode: cdr.mode.as_str(),
            direction: cdr.direction,
            app_key: app.key.to_string(),
            icid: icid(cdr),
            bind_num: cdr.x.expose(),
            session_id: cdr.session.clone(),
            subscription_id: cdr.subscription.map(|id| ids.subscription(id)),
            caller_num: party(cdr.caller),
            callee_num: cdr.x.expose(),
            fwd_display_num: cdr.display.map(XNumber::expose),
            fwd_dst_num: number(cdr.destination),
            call_in_time: time(cdr.call_in),
            fwd_start_time: time(cdr.forward_start),
            fwd_alerting_time: time(cdr.alerting),
            fwd_answer_time: time(cdr.answer),
            call_end_time: format_rfc3339_millis(cdr.end),
            fwd_unasw_rsn: cdr.release.q850,
            fail_time: cdr.answer.is_none().then(|| format_rfc3339_millis(cdr.end)),
            ul_fail_reason: cdr.release.fail_reason,
            sip_status_code: cdr.release.sip,
            record_flag: u8::from(recording.is_some()),
            record_start_time: time(recording.map(|recording| recording.started_at)),
            record_domain: recording.map(|recording| recording.domain.clone()),
            record_bucket_name: recording.map(|recording| recording.bucket.clone()),
            record_object_name: recording.map(|recording| recording.object.clone()),
            service_type: cdr.mode.service_type(),
            user_data: cdr.user_data.clone(),
            extend_number: cdr.extension.map(|extension| extension.to_string()),
            closed_by_sweeper: cdr.swept,
            made_at: format_rfc3339_millis(Timestamp::from_millis(cdr.id.millis())),
        }
    }
}

/// Rows of a CSV, and before the first of them the header row.
pub fn csv_rows(cdrs: &[CdrAnswer], with_header: bool) -> Vec<u8> {
    csv(&HEADER, cdrs, with_header)
}

/// Rows with one plain value for each column, and before the first of them the header row.
pub(super) fn csv(header: &[&str], rows: &[impl Serialize], with_header: bool) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    let written = with_header.then(|| writer.write_record(header)).transpose();
    written.expect("writing into memory does not fail");
    for row in rows {
        writer.serialize(row).expect("writing into memory does not fail, and a row has only plain members");
    }
    writer.into_inner().expect("writing into memory does not fail")
}
