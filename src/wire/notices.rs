//! Fetching notices: the query, and an answer in which every body stands as it is pushed (interfaces, "Pull").

use serde::Serialize;
use serde_json::value::RawValue;

use super::customer::Envelope;
use super::fields::{Fields, Unreadable};
use super::operator::record::frozen_body;
use super::time_text::format_rfc3339_millis;
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, PublicIds, RowKey};
use crate::domain::time::Timestamp;

/// Most notices in one answer.
const LIMIT_MAX: u32 = 1_000;
/// Notices in one answer unless asked otherwise.
const LIMIT_DEFAULT: u32 = 100;

/// Behind which delivery of `app` to begin, `None` = with the oldest kept, and how many are wanted at most.
pub fn notices_query(
    fields: &Fields,
    app: AppNo,
    ids: &PublicIds,
) -> Result<(Option<RowKey>, usize), Unreadable> {
    let after = match fields.text("after")? {
        None => None,
        Some(cursor) => {
            let delivery = ids.notice(app, cursor);
            Some(
                delivery
                    .ok_or_else(|| Unreadable::invalid("after must be a cursor that this app was given."))?,
            )
        }
    };
    let limit = fields.integer("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    Ok((after, usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// One notice.
#[derive(Debug, Serialize)]
struct Item {
    cursor: String,
    kind: &'static str,
    at: String,
    body: Box<RawValue>,
}

/// The answer to a fetch.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticesAnswer {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    items: Vec<Item>,
    next_cursor: String,
    #[serde(skip)]
    app: AppNo,
}

impl NoticesAnswer {
    /// An empty one, after which `app` goes on behind `reached`. When there is nothing yet there is a cursor all
    /// the same: it leads to the beginning.
    pub fn behind(reached: Option<RowKey>, app: AppNo, ids: &PublicIds) -> Self {
        let next_cursor = ids.notice_cursor(app, reached.unwrap_or(RowKey::floor(0)));
        Self { envelope: Envelope::SUCCESS, items: Vec::new(), next_cursor, app }
    }

    /// Adds a notice, byte for byte as it is pushed.
    pub fn add(&mut self, delivery: RowKey, kind: NoticeKind, body: &[u8], ids: &PublicIds) {
        self.items.push(Item {
            cursor: ids.notice_cursor(self.app, delivery),
            kind: kind.as_str(),
            at: format_rfc3339_millis(Timestamp::from_millis(delivery.millis())),
            body: frozen_body(body),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppNo = AppNo(1);

    fn ids() -> PublicIds {
        PublicIds::new(&[7; 32])
    }

    fn read(query: &str) -> Result<(Option<RowKey>, usize), Unreadable> {
        notices_query(&Fields::from_query(Some(query)), APP, &ids())
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_its_name() {
        assert_eq!(read(""), Ok((None, 100)));
        assert_eq!(read("after=&limit=1000"), Ok((None, 1_000)));
        for query in ["limit=0", "limit=1001", "limit=x", "limit=-1"] {
            assert_eq!(read(query).unwrap_err().what, "limit must be 1 to 1000.", "{query}");
        }
        let others = ids().notice_cursor(AppNo(2), RowKey::floor(9));
        for cursor in ["x", "1", &others] {
            let refused = read(&format!("after={cursor}")).unwrap_err();
            assert_eq!(refused.what, "after must be a cursor that this app was given.", "{cursor}");
        }
    }

    #[test]
    fn a_body_stands_in_the_answer_byte_for_byte() {
        let body = br#"{"b":1.50,  "a":"\u00e9"}"#;
        let mut answer = NoticesAnswer::behind(None, APP, &ids());
        answer.add(RowKey::floor(1_790_000_000_000), NoticeKind::Event, body, &ids());
        let text = serde_json::to_string(&answer).unwrap();
        assert!(text.contains(std::str::from_utf8(body).unwrap()), "{text}");
        assert!(text.contains(r#""kind":"event","at":"2026-09-21T14:13:20.000Z""#), "{text}");
        assert!(text.starts_with(r#"{"resultcode":"0","resultdesc":"Success","items":["#), "{text}");
    }

    #[test]
    fn a_reader_of_nothing_is_given_a_cursor_to_the_beginning() {
        let answer = serde_json::to_value(NoticesAnswer::behind(None, APP, &ids())).unwrap();
        let cursor = answer["nextCursor"].as_str().unwrap();
        let (after, _) = read(&format!("after={cursor}")).unwrap();
        assert!(after.is_some_and(|after| after < RowKey::floor(1)));
    }
}
