//! Replays: what operators ask for and what they are shown.

use std::num::NonZeroU32;

use serde::Serialize;

use super::members::Members;
use super::{Unusable, empty_period, time};
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::{NoticeKind, State};
use crate::domain::replay::{PER_SECOND_DEFAULT, PER_SECOND_MAX, Replay, Selection};
use crate::domain::time::Timestamp;
use crate::wire::time_text::format_rfc3339_millis;

/// Longest sessionId that is looked for.
const SESSION_BYTES_MAX: usize = 256;

/// What `POST /operator/v1/replays` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReplay {
    /// `appKey`, as written.
    pub app_key: Option<String>,
    /// The other conditions.
    pub selection: Selection,
    /// `ratePerSecond`.
    pub per_second: NonZeroU32,
}

/// Reads `POST /operator/v1/replays`.
pub fn new_replay(body: &[u8]) -> Result<NewReplay, Unusable> {
    let mut members = Members::of_body(body)?;
    let app_key = members.text("appKey")?;
    let session = members.text("sessionId")?;
    if session.as_ref().is_some_and(|session| !(1..=SESSION_BYTES_MAX).contains(&session.len())) {
        return Err(members.wrong("sessionId", "must have 1 to 256 bytes"));
    }
    let selection = Selection {
        app: None,
        kind: members.word("kind", NoticeKind::from_word, "event, cdr, numStatus or sms")?,
        state: members.word("state", State::from_word, "pending, delivered or exhausted")?,
        session: session.map(String::into_boxed_str),
        from: members.time("from")?,
        to: members.time("to")?,
    };
    if let Some(why) = empty_period(selection.from, selection.to) {
        return Err(members.wrong("to", why));
    }
    let per_second = members.integer("ratePerSecond", 1, PER_SECOND_MAX)?.and_then(NonZeroU32::new);
    members.finish()?;
    Ok(NewReplay { app_key, selection, per_second: per_second.unwrap_or(PER_SECOND_DEFAULT) })
}

/// A replay as operators see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayAnswer {
    id: String,
    state: &'static str,
    total: u32,
    done: u32,
    gone: u32,
    rate_per_second: u32,
    created_at: String,
    ended_at: Option<String>,
    filter: FilterAnswer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FilterAnswer {
    app_key: Option<String>,
    kind: Option<&'static str>,
    state: Option<&'static str>,
    session_id: Option<Box<str>>,
    from: Option<String>,
    to: Option<String>,
}

impl ReplayAnswer {
    /// For a replay of deliveries to `app`, if it was asked for those of one app only.
    pub fn of(replay: &Replay, app: Option<&CustomerApp>) -> Self {
        let selection = &replay.selection;
        Self {
            id: replay.id.get().to_string(),
            state: replay.phase.as_str(),
            total: replay.total,
            done: replay.done(),
            gone: replay.gone,
            rate_per_second: replay.per_second.get(),
            created_at: format_rfc3339_millis(Timestamp::from_millis(replay.id.millis())),
            ended_at: time(replay.ended_at),
            filter: FilterAnswer {
                app_key: app.map(|app| app.key.to_string()),
                kind: selection.kind.map(NoticeKind::as_str),
                state: selection.state.map(State::as_str),
                session_id: selection.session.clone(),
                from: time(selection.from),
                to: time(selection.to),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_read_and_none_has_to_be_there() {
        let read = new_replay(
            br#"{"appKey":"k","kind":"cdr","state":"exhausted","sessionId":"s","ratePerSecond":7,
                "from":"2026-09-21T14:13:20Z","to":"2026-09-21T22:13:21+08:00"}"#,
        )
        .unwrap();
        let selection = Selection {
            app: None,
            kind: Some(NoticeKind::Cdr),
            state: Some(State::Exhausted),
            session: Some("s".into()),
            from: Some(Timestamp::from_secs(1_790_000_000)),
            to: Some(Timestamp::from_secs(1_790_000_001)),
        };
        assert_eq!(
            (read.app_key.as_deref(), &read.selection, read.per_second.get()),
            (Some("k"), &selection, 7)
        );
        let read = new_replay(b"{}").unwrap();
        assert_eq!((read.selection, read.per_second), (Selection::default(), PER_SECOND_DEFAULT));
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_its_name() {
        for (body, field) in [
            (r#"{"kind":"sms2"}"#, "kind"),
            (r#"{"kind":1}"#, "kind"),
            (r#"{"state":"lost"}"#, "state"),
            (r#"{"appKey":null}"#, "appKey"),
            (r#"{"sessionId":""}"#, "sessionId"),
            (r#"{"from":"yesterday"}"#, "from"),
            (r#"{"from":1790000000}"#, "from"),
            (r#"{"to":"1790000000"}"#, "to"),
            (r#"{"from":"2026-09-21T14:13:20Z","to":"2026-09-21T14:13:20Z"}"#, "to"),
            (r#"{"ratePerSecond":0}"#, "ratePerSecond"),
            (r#"{"ratePerSecond":1001}"#, "ratePerSecond"),
            (r#"{"ratePerSecond":"50"}"#, "ratePerSecond"),
            (r#"{"app":"k"}"#, "app"),
        ] {
            assert_eq!(new_replay(body.as_bytes()).unwrap_err().field.as_deref(), Some(field), "{body}");
        }
        assert_eq!(new_replay(b"[]").unwrap_err().field, None);
    }
}
