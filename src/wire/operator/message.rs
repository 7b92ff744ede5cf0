//! Short messages as operators see them, as JSON and as CSV. Their text is not among it.

use serde::Serialize;

use super::record::{AttemptAnswer, DeliveryAnswer};
use super::{number, party, time};
use crate::domain::customer::{CustomerApp, Mode};
use crate::domain::id::PublicIds;
use crate::domain::sms::{Message, SmsDecision};
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// One message in a list. The order of the members is that of the columns of the CSV.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAnswer {
    at: String,
    sms_identifier: Box<str>,
    app_key: Option<String>,
    mode: Option<&'static str>,
    number: Option<String>,
    sender: Option<String>,
    receiver: Option<String>,
    direction: u8,
    segments: u8,
    subscription_id: Option<String>,
    user_data: Option<Box<str>>,
    action: &'static str,
    cause: Option<&'static str>,
    send_result: Option<u8>,
    split_num: Option<u8>,
    ended_at: Option<String>,
    closed_by_sweeper: bool,
}

/// The header row of the CSV.
const HEADER: [&str; 17] = [
    "at",
    "smsIdentifier",
    "appKey",
    "mode",
    "number",
    "sender",
    "receiver",
    "direction",
    "segments",
    "subscriptionId",
    "userData",
    "action",
    "cause",
    "sendResult",
    "splitNum",
    "endedAt",
    "closedBySweeper",
];

/// One message with everything about it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDetail {
    #[serde(flatten)]
    message: MessageAnswer,
    message_id: String,
    sent_at: String,
    reason: Option<&'static str>,
    question: Option<AttemptAnswer>,
    deliveries: Vec<DeliveryAnswer>,
}

impl MessageAnswer {
    /// For a message to a number of `app`, if it is one of ours.
    pub fn of(message: &Message, app: Option<&CustomerApp>, ids: &PublicIds) -> Self {
        let ended = message.ended.as_ref();
        let (action, receiver, cause) = match message.decision {
            SmsDecision::Forward(forward) => ("forward", Some(forward.to), None),
            SmsDecision::Discard(cause) => ("discard", None, Some(cause.as_str())),
        };
        Self {
            at: format_rfc3339_millis(Timestamp::from_millis(message.key.millis())),
            sms_identifier: message.identifier.clone(),
            app_key: app.map(|app| app.key.to_string()),
            mode: message.mode.map(Mode::as_str),
            number: number(message.x),
            sender: party(message.sender),
            receiver: number(receiver),
            direction: message.direction.code(),
            segments: message.segments,
            subscription_id: message.subscription.map(|id| ids.subscription(id)),
            user_data: message.user_data.clone(),
            action,
            cause,
            send_result: ended.map(|ended| ended.result.code()),
            split_num: ended.map(|ended| ended.segments),
            ended_at: time(ended.map(|ended| ended.at)),
            closed_by_sweeper: ended.is_some_and(|ended| ended.swept),
        }
    }
}

impl MessageDetail {
    /// For a message to a number of `app`, if it is one of ours, with the notices about it.
    pub fn of(
        message: &Message,
        app: Option<&CustomerApp>,
        ids: &PublicIds,
        deliveries: Vec<DeliveryAnswer>,
    ) -> Self {
        Self {
            message: MessageAnswer::of(message, app, ids),
            message_id: message.id.expose().to_owned(),
            sent_at: format_rfc3339_millis(message.at),
            reason: match message.decision {
                SmsDecision::Forward(_) => None,
                SmsDecision::Discard(cause) => Some(cause.in_words()),
            },
            question: message.question.as_deref().cloned().map(AttemptAnswer::from),
            deliveries,
        }
    }
}

/// Rows of a CSV, and before the first of them the header row.
pub fn csv_rows(messages: &[MessageAnswer], with_header: bool) -> Vec<u8> {
    super::cdr::csv(&HEADER, messages, with_header)
}
