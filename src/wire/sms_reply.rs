//! What a customer answers to the question what to do with a message (callbacks 6.4): read as leniently as real
//! receivers write it. Official samples write `actions` as an array or as a single object, and one without `message`.

use serde_json::Value;

use crate::domain::number::E164;
use crate::domain::sms::{SmsOperation, SmsReply};

/// Longest answer that is read, in bytes: the longest that says something is below 1 KiB.
pub const SMS_REPLY_BYTES_MAX: usize = 64 * 1_024;
/// Longest `userData` (callbacks 6.4).
const USER_DATA_CHARS_MAX: usize = 256;

/// Reads an answer; else why nothing follows from it.
pub fn sms_reply(body: &[u8]) -> Result<SmsReply, &'static str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?;
    let actions = value.get("actions").ok_or("the answer has no actions")?;
    let action = match actions {
        Value::Array(actions) => actions.first().ok_or("actions is empty")?,
        action => action,
    };
    let operation = action.get("operation").and_then(Value::as_str).ok_or("the action has no operation")?;
    let number = |name: &str| number(action.get("message")?.get(name)?);
    let operation = match operation.trim() {
        "vNumberRoute" => SmsOperation::Route { called: number("called"), calling: number("calling") },
        "DiscardMessage" => SmsOperation::Discard,
        _ => return Err("operation is neither vNumberRoute nor DiscardMessage"),
    };
    Ok(SmsReply { operation, user_data: action.get("userData").and_then(user_data) })
}

fn number(value: &Value) -> Option<E164> {
    let text = value.as_str()?.trim();
    E164::from_digits(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// What cannot be one is none: the message must not fail by it.
fn user_data(value: &Value) -> Option<Box<str>> {
    let text = value.as_str()?;
    let fits = (1..=USER_DATA_CHARS_MAX).contains(&text.chars().count());
    (fits && !text.contains(['{', '}'])).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const B: &str = "+8613800000002";

    fn route(called: Option<&str>, calling: Option<&str>) -> SmsOperation {
        let number = |text: Option<&str>| text.and_then(|text| E164::parse(text).ok());
        SmsOperation::Route { called: number(called), calling: number(calling) }
    }

    #[test]
    fn every_shape_that_samples_write_is_read() {
        for (body, operation) in [
            (r#"{"actions":[{"operation":"DiscardMessage"}]}"#, SmsOperation::Discard),
            (r#"{"actions":{"operation":"DiscardMessage"}}"#, SmsOperation::Discard),
            (r#"{"actions":[{"operation":"vNumberRoute"}]}"#, route(None, None)),
            (
                r#"{"actions":{"operation":"vNumberRoute","message":{"called":"+8613800000002"}}}"#,
                route(Some(B), None),
            ),
            (
                "\u{feff}{\"actions\":[{\"operation\":\" vNumberRoute \",\"message\":{\"called\":\"8613800000002\",\"calling\":\"+8613800000001\"}},{\"operation\":\"DiscardMessage\"}]}",
                route(Some(B), Some("+8613800000001")),
            ),
            (
                r#"{"actions":[{"operation":"vNumberRoute","message":{"called":13800000002}}]}"#,
                route(None, None),
            ),
        ] {
            assert_eq!(sms_reply(body.as_bytes()).unwrap().operation, operation, "{body}");
        }
    }

    #[test]
    fn user_data_that_cannot_be_one_is_none() {
        let user_data = |text: &str| {
            let body = serde_json::json!({"actions": [{"operation": "DiscardMessage", "userData": text}]});
            sms_reply(body.to_string().as_bytes()).unwrap().user_data
        };
        assert_eq!(user_data("order 7").as_deref(), Some("order 7"));
        for text in ["", "{}", "a}", &"x".repeat(257)] {
            assert_eq!(user_data(text), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read_or_refused_in_words(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(why) = sms_reply(&body) {
                prop_assert!(!why.is_empty());
            }
        }
    }
}
