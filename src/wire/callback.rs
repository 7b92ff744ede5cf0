//! The bodies of what is pushed to customers: call events, CDRs and X-number status (callbacks 2, 5 and 7).
//! A body is written once, when the notice is queued, and pushed byte for byte the same each time.

use serde::Serialize;

use super::time_text::format_utc;
use crate::domain::call::{Call, Cdr, Stage};
use crate::domain::customer::{Mode, NumberStatus};
use crate::domain::id::{AppKey, PublicIds};
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::release::ReleasedBy;
use crate::domain::route::Route;
use crate::domain::time::Timestamp;

/// `notifyMode` of what a customer has to answer.
const BLOCK: &str = "Block";

/// What the bodies of all apps have in common.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Makes subscriptionIds.
    pub ids: PublicIds,
    /// `spId` in a CDR.
    pub sp_id: Box<str>,
    /// `hostName` in a CDR.
    pub host_name: Box<str>,
    /// `recordDomain` of recordings that lie with the gateway.
    pub record_domain: Box<str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventBody<'a> {
    event_type: &'static str,
    status_info: StatusInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusInfo<'a> {
    session_id: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digit_info: Option<&'a str>,
    /// "Block" in a question, whose answer decides (callbacks 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_desc: Option<&'static str>,
    /// Empty when no binding is concerned: real receivers want the member always (client-tolerances G48). Absent
    /// in AXE before the extension, and in X mode (callbacks 2.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
    /// Who hung up, in X mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_rel_direction: Option<u8>,
}

/// The question to a customer of X mode where a call of `caller` to `called` goes (callbacks 3).
pub fn question(session: &str, caller: E164, called: E164, now: Timestamp) -> Vec<u8> {
    to_json(&EventBody {
        event_type: Stage::Incoming.as_str(),
        status_info: StatusInfo {
            session_id: session,
            timestamp: format_utc(now),
            caller: Some(caller.expose()),
            called: Some(called.expose()),
            digit_info: None,
            notify_mode: Some(BLOCK),
            state_code: None,
            state_desc: None,
            subscription_id: None,
            user_data: None,
            call_rel_direction: None,
        },
    })
}

/// The notice of one stage of a call; `None` when the stage has not been reported.
pub fn event(call: &Call, stage: Stage, origin: &Origin) -> Option<Vec<u8>> {
    let event = call.event(stage)?;
    let mode = call.decision.as_ref().and_then(|decision| decision.mode);
    let before_extension = mode == Some(Mode::Axe) && matches!(stage, Stage::Incoming | Stage::Collected);
    let without_binding = before_extension || mode == Some(Mode::X);
    let through = call.through().filter(|_| !before_extension);
    let (caller, called) = shown_numbers(call, stage).unzip();
    let release = (stage == Stage::Released).then(|| call.release());
    let subscription = through.and_then(|through| through.subscription);
    let subscription = subscription.map(|subscription| origin.ids.subscription(subscription));
    let body = EventBody {
        event_type: stage.as_str(),
        status_info: StatusInfo {
            session_id: &call.session,
            timestamp: format_utc(event.at),
            caller,
            called,
            digit_info: (stage == Stage::Collected).then(|| event.digits.as_deref().unwrap_or_default()),
            notify_mode: None,
            state_code: release.map(|release| release.state.number()),
            state_desc: release.map(|release| release.state.desc()),
            subscription_id: (!without_binding).then(|| subscription.unwrap_or_default()),
            user_data: through.and_then(|through| through.user_data.as_deref()),
            call_rel_direction: mode.and_then(|mode| hung_up(mode, event.by)),
        },
    };
    Some(to_json(&body))
}

/// `callRelDirection`: which side hung up. Told in X mode alone (callbacks 2.1, 5.1).
const fn hung_up(mode: Mode, by: Option<ReleasedBy>) -> Option<u8> {
    match (mode, by) {
        (Mode::X, Some(ReleasedBy::Caller)) => Some(1),
        (Mode::X, Some(ReleasedBy::Callee)) => Some(2),
        _ => None,
    }
}

/// `caller` and `called` as callbacks 2.2 has them: the real caller and X while the call comes in; X and the
/// real callee from the moment the gateway's side dials. A call that was never forwarded stays with the first;
/// what was keyed comes without either.
fn shown_numbers(call: &Call, stage: Stage) -> Option<(String, String)> {
    if stage == Stage::Collected {
        return None;
    }
    let decision = call.decision.as_ref();
    let dialled = decision.and_then(|decision| decision.called);
    let forwarded = stage != Stage::Incoming && call.reached(Stage::Outgoing).is_some();
    Some(match decision.map(|decision| &decision.route) {
        Some(Route::Connect(connect)) if forwarded || !matches!(stage, Stage::Incoming | Stage::Released) => {
            (connect.display.expose(), connect.callee.expose())
        }
        _ => (decision.map(|decision| party(decision.caller)).unwrap_or_default(), exposed(dialled)),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeBody<'a> {
    event_type: &'static str,
    fee_lst: Vec<FeeInfo<'a>>,
}

/// Member order as in the documented sample (callbacks 5.2).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeInfo<'a> {
    direction: u8,
    sp_id: &'a str,
    app_key: &'a str,
    icid: String,
    bind_num: String,
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<String>,
    caller_num: String,
    callee_num: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_display_num: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_dst_num: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_in_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_alerting_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwd_answer_time: Option<String>,
    call_end_time: String,
    fwd_unasw_rsn: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_time: Option<String>,
    ul_fail_reason: u16,
    sip_status_code: u16,
    call_out_unasw_rsn: u16,
    record_flag: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_bucket_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_object_name: Option<&'a str>,
    tts_play_times: u8,
    tts_trans_duration: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    mpty_id: Option<String>,
    service_type: &'static str,
    host_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
    /// The field table of the documentation has this name, its samples the next (callbacks 5.1): both are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_num: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_rel_direction: Option<u8>,
    /// Tells a CDR of X mode from one of AXB, whose serviceType it has. The last member, as documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_mode: Option<&'static str>,
}

/// The notice of one to 50 CDRs of one app.
pub fn fee(cdrs: &[Cdr], app: &AppKey, origin: &Origin) -> Vec<u8> {
    let fee_lst = cdrs.iter().map(|cdr| fee_record(cdr, app, origin)).collect();
    to_json(&FeeBody { event_type: "fee", fee_lst })
}

fn fee_record<'a>(cdr: &'a Cdr, app: &'a AppKey, origin: &'a Origin) -> FeeInfo<'a> {
    let subscription = cdr.subscription.map(|id| origin.ids.subscription(id));
    let recording = cdr.recording.as_ref();
    let extension = cdr.extension.map(|extension| extension.to_string());
    FeeInfo {
        direction: cdr.direction,
        sp_id: &origin.sp_id,
        app_key: app.as_str(),
        icid: icid(cdr),
        bind_num: cdr.bound_x.unwrap_or(cdr.x).expose(),
        session_id: &cdr.session,
        subscription_id: subscription.clone(),
        caller_num: party(cdr.caller),
        callee_num: cdr.x.expose(),
        fwd_display_num: cdr.display.map(XNumber::expose),
        fwd_dst_num: cdr.destination.map(E164::expose),
        call_in_time: cdr.call_in.map(format_utc),
        fwd_start_time: cdr.forward_start.map(format_utc),
        fwd_alerting_time: cdr.alerting.map(format_utc),
        fwd_answer_time: cdr.answer.map(format_utc),
        call_end_time: format_utc(cdr.end),
        fwd_unasw_rsn: cdr.release.q850,
        fail_time: cdr.answer.is_none().then(|| format_utc(cdr.end)),
        ul_fail_reason: cdr.release.fail_reason,
        sip_status_code: cdr.release.sip,
        call_out_unasw_rsn: 0,
        record_flag: u8::from(recording.is_some()),
        record_start_time: recording.map(|recording| format_utc(recording.started_at)),
        record_domain: recording.map(|recording| &*recording.domain),
        record_bucket_name: recording.map(|recording| &*recording.bucket),
        record_object_name: recording.map(|recording| &*recording.object),
        tts_play_times: 0,
        tts_trans_duration: 0,
        mpty_id: subscription,
        service_type: cdr.mode.service_type(),
        host_name: &origin.host_name,
        user_data: cdr.user_data.as_deref(),
        extend_number: extension.clone(),
        extend_num: extension,
        call_rel_direction: hung_up(cdr.mode, cdr.released_by),
        notify_mode: (cdr.mode == Mode::X).then_some(BLOCK),
    }
}

/// `icid`: unique per CDR and the same on every push (client-tolerances G52).
pub fn icid(cdr: &Cdr) -> String {
    format!("{}.{}", cdr.session, cdr.id.get())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NumberStatusBody {
    event_type: &'static str,
    num_info: Vec<NumInfo>,
}

#[derive(Serialize)]
struct NumInfo {
    number: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// The notice that X numbers changed their status; at most 100 in one.
pub fn number_status(numbers: &[(XNumber, NumberStatus)]) -> Vec<u8> {
    let num_info = numbers.iter().map(|(x, status)| NumInfo {
        number: x.expose(),
        status: status.code(),
        cause: status.cause().map(|cause| cause.to_string()),
    });
    to_json(&NumberStatusBody { event_type: "numStatus", num_info: num_info.collect() })
}

/// A calling party as customers see it: a withheld one is an empty text, because the member must be there
/// (client-tolerances G48).
pub(super) fn party(party: CallingParty) -> String {
    match party {
        CallingParty::Number(number) => number.expose(),
        CallingParty::Withheld | CallingParty::Unusable => String::new(),
    }
}

fn exposed(number: Option<E164>) -> String {
    number.map(E164::expose).unwrap_or_default()
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies have text keys and no failing members")
}
