//! Short messages: the switch's question what to do with one, and its report of what came of it.
//!
//! As with calls, what makes no sense is answered with a decision, because an error would come again and again.

use serde::Serialize;
use serde_json::Value;

use super::{Members, number};
use crate::domain::number::CallingParty;
use crate::domain::sms::{
    MESSAGE_ID_LEN_MAX, Message, MessageId, SEGMENTS_MAX, SendResult, SmsDecision, SmsText, Submitted,
};
use crate::domain::time::Timestamp;

/// Reads a question about a message. `None` = there is no usable messageId, so that no message could be told from
/// another.
pub fn message(body: &[u8], now: Timestamp) -> Option<Submitted> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let members = Members::of(&value)?;
    let text = match members.0.get("text") {
        None | Some(Value::Null) => Some(""),
        Some(text) => text.as_str(),
    };
    Some(Submitted {
        id: MessageId::new(members.text("messageId")?)?,
        at: members.time("ts").unwrap_or(now),
        sender: sender(&members),
        x: members.number("x"),
        text: text.and_then(SmsText::new),
        segments: segments(&members).unwrap_or(1).max(1),
    })
}

fn sender(members: &Members<'_>) -> CallingParty {
    match members.text("sender") {
        None => CallingParty::Withheld,
        Some(text) => number(text).map_or(CallingParty::Unusable, CallingParty::Number),
    }
}

/// `segments`; more than there can be count as the most.
fn segments(members: &Members<'_>) -> Option<u8> {
    let segments: u64 = members.integer("segments")?;
    Some(u8::try_from(segments).unwrap_or(SEGMENTS_MAX))
}

/// Reads what came of a message, and how many segments were sent, if the switch says so. `None` = there is no
/// usable sendResult.
pub fn message_result(body: &[u8]) -> Option<(SendResult, Option<u8>)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let members = Members::of(&value)?;
    Some((SendResult::new(members.integer("sendResult")?)?, segments(&members)))
}

/// The answer to a question about a message: always a decision.
#[derive(Debug, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum MessageAnswer<'a> {
    /// Send it on.
    #[serde(rename_all = "camelCase")]
    Forward {
        /// What customers know the message by.
        sms_identifier: &'a str,
        /// Whom to send it to.
        to: String,
        /// Whom to show as the sender: always an X.
        display_num: String,
        /// What to send.
        text: String,
    },
    /// Drop it.
    #[serde(rename_all = "camelCase")]
    Discard {
        /// What customers know the message by.
        sms_identifier: &'a str,
        /// What the customer is told.
        send_result: u8,
        /// In words.
        reason: &'static str,
    },
}

impl<'a> MessageAnswer<'a> {
    /// For a message that was decided about.
    pub fn of(message: &'a Message) -> Self {
        let sms_identifier = &*message.identifier;
        match (message.decision, message.forwarded_text()) {
            (SmsDecision::Forward(forward), Some(text)) => {
                let (to, display_num) = (forward.to.expose(), forward.display.expose());
                Self::Forward { sms_identifier, to, display_num, text }
            }
            // What came of it is on record, so it was sent, or has been given up: not once more.
            (SmsDecision::Forward(_), None) => {
                let result = message.ended.map_or(SendResult::INTERNAL_ERROR, |ended| ended.result);
                let reason = "what came of this message is on record";
                Self::Discard { sms_identifier, send_result: result.code(), reason }
            }
            (SmsDecision::Discard(cause), _) => {
                let (send_result, reason) = (cause.send_result().code(), cause.in_words());
                Self::Discard { sms_identifier, send_result, reason }
            }
        }
    }

    /// For a question without a usable messageId.
    pub const fn senseless() -> Self {
        const REASON: &str = "messageId must be 1 to 256 characters";
        const { assert!(MESSAGE_ID_LEN_MAX == 256) };
        Self::Discard { sms_identifier: "", send_result: SendResult::INTERNAL_ERROR.code(), reason: REASON }
    }
}
