//! What a customer answers to the question where a call goes (X mode, callbacks 3): read as leniently as any
//! customer's message, and refused with a text that names the member.

use super::fields::{Fields, Unreadable};
use crate::domain::binding::MAX_DURATION_MINUTES_MAX;
use crate::domain::route::{Close, Forward, Reply};

/// Longest answer that is read, in bytes: the longest that says something is about 2 KiB.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Longest `operation` that is repeated in a refusal.
const OPERATION_CHARS_MAX: usize = 32;

/// Reads an answer; else what is wrong with which member.
pub fn call_reply(body: &[u8]) -> Result<Reply, String> {
    let in_words = |unreadable: Unreadable| unreadable.what.trim_end_matches('.').to_owned();
    let fields = Fields::from_json_or_only(body).map_err(in_words)?;
    let operation = fields.text("operation").map_err(in_words)?;
    match operation.map(str::trim) {
        Some("connect") => match fields.inner_or_only("connectInfo").map_err(in_words)? {
            Some(info) => forward(&info).map_err(|wrong| format!("connectInfo.{}", in_words(wrong))),
            None => Err("connectInfo is missing".into()),
        },
        Some("close") => match fields.inner_or_only("closeInfo").map_err(in_words)? {
            Some(info) => close(&info).map_err(|wrong| format!("closeInfo.{}", in_words(wrong))),
            None => Ok(Reply::Close(Close::default())),
        },
        Some(other) => {
            let shown = other.chars().take(OPERATION_CHARS_MAX);
            let shown: String = shown.map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
            Err(format!("operation must be connect or close, not {shown}"))
        }
        None => Err("operation is missing".into()),
    }
}

fn forward(fields: &Fields) -> Result<Reply, Unreadable> {
    let max_duration = fields.integer("maxDuration", 0, MAX_DURATION_MINUTES_MAX.into())?.unwrap_or(0);
    Ok(Reply::Connect(Box::new(Forward {
        callee: fields.required_number("calleeNum")?,
        display: fields.number("displayCalleeNum")?,
        max_duration_minutes: u16::try_from(max_duration).expect("was just read as at most 1,440"),
        record: fields.boolean("recordFlag")?.unwrap_or(false),
        wait_tone: tone(fields, "waitVoice")?,
        callee_tone: tone(fields, "calleeHintVoice")?,
        record_tone: tone(fields, "recordHintTone")?,
        last_minute_tone: tone(fields, "lastMinVoice")?,
        user_data: user_data(fields)?,
    })))
}

fn close(fields: &Fields) -> Result<Reply, Unreadable> {
    Ok(Reply::Close(Close { tone: tone(fields, "closeHintTone")?, user_data: user_data(fields)? }))
}

/// Empty is none: an answer changes nothing that stood before.
fn tone(fields: &Fields, name: &str) -> Result<Option<Box<str>>, Unreadable> {
    Ok(fields.tone(name)?.filter(|tone| !tone.is_empty()))
}

fn user_data(fields: &Fields) -> Result<Option<Box<str>>, Unreadable> {
    Ok(fields.user_data()?.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::number::E164;

    const CALLEE: &str = "+8613800000002";

    fn read(reply: &Value) -> Result<Reply, String> {
        call_reply(reply.to_string().as_bytes())
    }

    /// `connect` with a callee and `more`.
    fn connect(more: &Value) -> Result<Forward, String> {
        let mut info = json!({"calleeNum": CALLEE});
        info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match read(&json!({"operation": "connect", "connectInfo": info}))? {
            Reply::Connect(forward) => Ok(*forward),
            Reply::Close(_) => panic!("connect was read as close"),
        }
    }

    #[test]
    fn the_documented_answers_are_read_whole() {
        let reply = read(&json!({"operation": "connect", "connectInfo": {
            "displayCalleeNum": "+8617000000001", "calleeNum": CALLEE, "maxDuration": 60, "waitVoice": "wait.wav",
            "recordFlag": "true", "recordHintTone": "record.wav", "lastMinVoice": "last.wav",
            "calleeHintVoice": "callee.wav", "userData": "userflag001"}}));
        let tone = |name: &str| Some(Box::from(name));
        let forward = Forward {
            callee: E164::parse(CALLEE).unwrap(),
            display: Some(E164::parse("+8617000000001").unwrap()),
            max_duration_minutes: 60,
            record: true,
            wait_tone: tone("wait.wav"),
            callee_tone: tone("callee.wav"),
            record_tone: tone("record.wav"),
            last_minute_tone: tone("last.wav"),
            user_data: tone("userflag001"),
        };
        assert_eq!(reply, Ok(Reply::Connect(Box::new(forward))));
        let reply = read(&json!({"operation": "close",
            "closeInfo": {"closeHintTone": "bye.wav", "userData": "testuserdate"}}));
        assert_eq!(reply, Ok(Reply::Close(Close { tone: tone("bye.wav"), user_data: tone("testuserdate") })));
    }

    #[test]
    fn the_answer_may_stand_alone_in_an_array_and_several_are_none() {
        let close = json!({"operation": "close"});
        assert_eq!(read(&json!([close])), Ok(Reply::Close(Close::default())));
        for wrong in [json!([]), json!([close, close]), json!([[close]]), json!([null])] {
            assert_eq!(read(&wrong), Err("The body must be a JSON object".into()), "{wrong}");
        }
    }

    #[test]
    fn the_info_may_stand_alone_in_an_array_as_one_official_sample_writes_it() {
        let object = json!({"calleeNum": CALLEE});
        let plain = read(&json!({"operation": "connect", "connectInfo": object})).unwrap();
        assert_eq!(read(&json!({"operation": "connect", "connectInfo": [object]})), Ok(plain));
        let closed = read(&json!({"operation": "close", "closeInfo": [{"userData": "u"}]})).unwrap();
        assert_eq!(read(&json!({"operation": "close", "closeInfo": {"userData": "u"}})), Ok(closed));
        for wrong in [json!([]), json!([object, object]), json!([1]), json!("x"), json!(1)] {
            let refused = read(&json!({"operation": "connect", "connectInfo": wrong})).unwrap_err();
            assert_eq!(refused, "connectInfo must be an object, or an array of one", "{wrong}");
        }
    }

    #[test]
    fn what_is_absent_null_or_empty_has_its_documented_default() {
        let bare = connect(&json!({})).unwrap();
        let empty = json!({"displayCalleeNum": "", "maxDuration": "", "waitVoice": "", "recordFlag": "",
            "recordHintTone": null, "lastMinVoice": "", "calleeHintVoice": null, "userData": ""});
        assert_eq!(connect(&empty).unwrap(), bare);
        assert_eq!((bare.max_duration_minutes, bare.record, bare.display), (0, false, None));
        for info in [json!({"operation": "close"}), json!({"operation": "close", "closeInfo": null})] {
            assert_eq!(read(&info), Ok(Reply::Close(Close::default())));
        }
    }

    #[test]
    fn numbers_and_flags_come_in_every_spelling_that_clients_use() {
        for (minutes, expected) in [
            (json!(0), 0),
            (json!(1_440), 1_440),
            (json!("1440"), 1_440),
            (json!(" 60 "), 60),
            (json!(60.0), 60),
        ] {
            let read = connect(&json!({"maxDuration": minutes}));
            assert_eq!(read.unwrap().max_duration_minutes, expected, "{minutes}");
        }
        for (flag, expected) in [
            (json!("true"), true),
            (json!(true), true),
            (json!(1), true),
            (json!("1"), true),
            (json!("False"), false),
            (json!(0), false),
        ] {
            assert_eq!(connect(&json!({"recordFlag": flag})).unwrap().record, expected, "{flag}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_the_member_it_is_wrong_in() {
        for (more, words) in [
            (json!({"maxDuration": 7_200}), "connectInfo.maxDuration must be 0 to 1440"),
            (json!({"maxDuration": -1}), "connectInfo.maxDuration must be 0 to 1440"),
            (json!({"maxDuration": "an hour"}), "connectInfo.maxDuration must be 0 to 1440"),
            (json!({"calleeNum": null}), "connectInfo.calleeNum is missing"),
            (json!({"calleeNum": 13_800_000_002_u64}), "connectInfo.calleeNum must be a string"),
            (json!({"recordFlag": "maybe"}), "connectInfo.recordFlag must be true or false"),
            (
                json!({"waitVoice": "a b.wav"}),
                "connectInfo.waitVoice must be at most 128 letters, digits and -_.@ ",
            ),
            (json!({"userData": "x".repeat(257)}), "connectInfo.userData has more than 256 characters"),
        ] {
            assert_eq!(connect(&more).unwrap_err(), words, "{more}");
        }
        for (reply, words) in [
            (json!({"connectInfo": {}}), "operation is missing"),
            (json!({"operation": 1}), "operation must be a string"),
            (json!({"operation": "playCollect"}), "operation must be connect or close, not playCollect"),
            (json!({"operation": "connect"}), "connectInfo is missing"),
            (json!([]), "The body must be a JSON object"),
        ] {
            assert_eq!(read(&reply).unwrap_err(), words, "{reply}");
        }
        assert_eq!(call_reply(b"OK").unwrap_err(), "The body is not JSON at line 1 column 1");
    }

    #[test]
    fn a_byte_order_mark_and_unknown_members_do_no_harm() {
        let reply = "\u{feff}{\"operation\":\"close\",\"resultcode\":\"0\",\"closeInfo\":{\"x\":[1]}}";
        assert_eq!(call_reply(reply.as_bytes()), Ok(Reply::Close(Close::default())));
    }

    proptest! {
        #[test]
        fn whatever_is_answered_is_read_or_refused_in_a_short_printable_text(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(words) = call_reply(&body) {
                prop_assert!(words.len() < 300 && words.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{}", words);
            }
        }

        #[test]
        fn a_member_of_any_kind_is_read_or_refused_by_its_name(
            member in prop::sample::select(vec!["calleeNum", "displayCalleeNum", "maxDuration", "recordFlag", "waitVoice",
                "recordHintTone", "lastMinVoice", "calleeHintVoice", "userData"]),
            value in prop_oneof![
                any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from), any::<bool>().prop_map(Value::from),
                ".{0,300}".prop_map(Value::from), Just(json!([1])), Just(json!({"a": 1}))],
        ) {
            if let Err(words) = connect(&json!({member: value})) {
                let named = format!("connectInfo.{member}");
                prop_assert!(words.starts_with(&named), "{}", words);
            }
        }
    }
}
