//! The bodies of what is pushed about short messages (callbacks 6).

use serde::Serialize;

use super::callback::party;
use super::time_text::format_rfc3339_millis;
use crate::domain::id::{AppKey, BindingId, PublicIds};
use crate::domain::number::{CallingParty, E164};
use crate::domain::sms::{Message, SendResult, SmsDecision, SmsDirection, SmsText};
use crate::domain::time::Timestamp;

/// Member order as in the documented sample (callbacks 6.3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SmsBody<'a> {
    app_key: &'a str,
    sms_event: SmsEvent<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SmsEvent<'a> {
    sms_identifier: &'a str,
    notification_mode: &'static str,
    /// Empty when the sender is withheld, because the member must be there (callbacks 6.2).
    calling: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    virtual_number: String,
    event: &'static str,
    time_stamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms_content: Option<&'a str>,
    ext_info: ExtInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_result: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtInfo {
    ext_paras: [ExtPara; 2],
}

#[derive(Serialize)]
struct ExtPara {
    key: &'static str,
    value: String,
}

/// What a notice tells of a message.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What customers know it by.
    pub identifier: &'a str,
    /// Who wrote it.
    pub sender: CallingParty,
    /// The X it was sent to.
    pub x: Option<E164>,
    /// When it came in.
    pub at: Timestamp,
    /// Segments, as it came in or as it was sent.
    pub segments: u8,
    /// Which way it goes.
    pub direction: SmsDirection,
    /// What was written, for an app that may read it.
    pub text: Option<&'a SmsText>,
}

/// The notice of how a message ended. `text` for an app that may read it.
pub fn result(message: &Message, text: Option<&SmsText>, app: &AppKey, ids: &PublicIds) -> Vec<u8> {
    let ended = message.ended.as_ref();
    let told = Told {
        identifier: &message.identifier,
        sender: message.sender,
        x: message.x,
        at: message.at,
        segments: ended.map_or(0, |ended| ended.segments),
        direction: message.direction,
        text,
    };
    let sms_event = SmsEvent {
        called: match message.decision {
            SmsDecision::Forward(forward) => Some(forward.to.expose()),
            SmsDecision::Discard(_) => None,
        },
        subscription_id: message.subscription.map(|id| ids.subscription(id)),
        user_data: message.user_data.as_deref(),
        send_result: ended.map(|ended| ended.result.code()),
        ..event("Notify", &told)
    };
    body(app, sms_event)
}

/// The question what is to become of a message.
pub fn question(
    told: &Told<'_>,
    subscription: Option<BindingId>,
    user_data: Option<&str>,
    app: &AppKey,
    ids: &PublicIds,
) -> Vec<u8> {
    let subscription_id = subscription.map(|id| ids.subscription(id));
    body(app, SmsEvent { subscription_id, user_data, ..event("Block", told) })
}

/// What is pushed to try the URL of an app: a message that was sent to `called`, or the question what to do with it.
pub fn test(told: &Told<'_>, called: Option<E164>, app: &AppKey) -> Vec<u8> {
    let (mode, send_result) = match called {
        Some(_) => ("Notify", Some(SendResult::SUCCESS.code())),
        None => ("Block", None),
    };
    body(app, SmsEvent { called: called.map(E164::expose), send_result, ..event(mode, told) })
}

fn event<'a>(notification_mode: &'static str, told: &Told<'a>) -> SmsEvent<'a> {
    let para = |key, value: u8| ExtPara { key, value: value.to_string() };
    SmsEvent {
        sms_identifier: told.identifier,
        notification_mode,
        calling: party(told.sender),
        called: None,
        virtual_number: told.x.map(E164::expose).unwrap_or_default(),
        event: "TextSMS",
        time_stamp: format_rfc3339_millis(told.at),
        subscription_id: None,
        sms_content: told.text.map(SmsText::expose),
        ext_info: ExtInfo {
            ext_paras: [para("splitNum", told.segments), para("direction", told.direction.code())],
        },
        send_result: None,
        user_data: None,
    }
}

fn body(app: &AppKey, sms_event: SmsEvent<'_>) -> Vec<u8> {
    let body = SmsBody { app_key: app.as_str(), sms_event };
    serde_json::to_vec(&body).expect("bodies have text keys and no failing members")
}
