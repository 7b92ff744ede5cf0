//! Notices that stand for nothing: what is pushed to try an app's URLs.
//!
//! They have exactly the members of real ones, since a receiver may refuse what it does not know. What marks them
//! is in the values: the sessionId, and the smsIdentifier, begin with `test-`; the numbers are `+86` and eleven
//! digits that no number begins with.

use super::callback::{self, Origin};
use super::sms_notice::{self, Told};
use crate::domain::call::{Basis, Call, CallEvent, CallId, Cdr, Decision, Stage};
use crate::domain::customer::{CustomerApp, Mode, NumberStatus};
use crate::domain::extension::Extension;
use crate::domain::id::RowKey;
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::release::{Release, StateCode};
use crate::domain::route::{Reject, RejectCause, Route};
use crate::domain::sms::SmsDirection;
use crate::domain::time::Timestamp;

/// X and the two parties.
const X: u64 = 8_600_000_000_000;
const A: u64 = 8_600_000_000_001;
const B: u64 = 8_600_000_000_002;

/// A test notice and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestNotice {
    /// The setting that holds the URL.
    pub setting: &'static str,
    /// The kind of notice, as in a delivery.
    pub kind: &'static str,
    /// The URL.
    pub url: Box<str>,
    /// What is pushed.
    pub body: Vec<u8>,
}

/// One for each URL that the app has. `session` begins with `test-`.
pub fn test_notices(app: &CustomerApp, session: &str, now: Timestamp, origin: &Origin) -> Vec<TestNotice> {
    let urls = &app.urls;
    let notice = |setting, kind, url: &Option<Box<str>>, body: &dyn Fn() -> Vec<u8>| {
        url.clone().map(|url| TestNotice { setting, kind, url, body: body() })
    };
    let notices = [
        notice("callStatusUrl", "event", &urls.call_status, &|| call_event(app, session, now, origin)),
        notice("cdrUrl", "cdr", &urls.cdr, &|| callback::fee(&[cdr(app, session, now)], &app.key, origin)),
        notice("numberStatusUrl", "numStatus", &urls.number_status, &|| {
            callback::number_status(&[(XNumber::new(number(X)), NumberStatus::Normal)])
        }),
        notice("smsNotifyUrl", "sms", &urls.sms_notify, &|| sms(app, session, now, Some(number(B)))),
        notice("smsControlUrl", "sms", &urls.sms_control, &|| sms(app, session, now, None)),
    ];
    notices.into_iter().flatten().collect()
}

fn number(word: u64) -> E164 {
    E164::from_word(word).expect("has thirteen digits")
}

/// A call from A to X has come in. In X mode that is a question; whatever is answered, no call goes anywhere.
fn call_event(app: &CustomerApp, session: &str, now: Timestamp, origin: &Origin) -> Vec<u8> {
    if app.mode == Mode::X {
        return callback::question(session, number(A), number(X), now);
    }
    let id = CallId::new("test").expect("is short");
    let mut call = Call::new(RowKey::floor(now.millis()), id, session.into());
    let (caller, called) = (CallingParty::Number(number(A)), Some(number(X)));
    call.decide(Decision {
        at: now,
        caller,
        called,
        app: Some(app.no),
        mode: Some(app.mode),
        route: Route::Reject(Reject { cause: RejectCause::UnknownNumber, through: None, tone: None }),
        basis: Basis::Asked,
        question: None,
    });
    call.report(CallEvent {
        event_id: "test".into(),
        stage: Stage::Incoming,
        at: now,
        received_at: now,
        caller: Some(caller),
        called,
        sip: None,
        q850: None,
        digits: None,
        by: None,
    });
    callback::event(&call, Stage::Incoming, origin).expect("the stage has just been reported")
}

/// A call from A through X to B that was not answered: nothing to bill.
fn cdr(app: &CustomerApp, session: &str, now: Timestamp) -> Cdr {
    Cdr {
        id: RowKey::floor(now.millis()),
        call: RowKey::floor(now.millis()),
        app: app.no,
        mode: app.mode,
        session: session.into(),
        x: XNumber::new(number(X)),
        caller: CallingParty::Number(number(A)),
        bound_x: None,
        destination: Some(number(B)),
        display: Some(XNumber::new(number(X))),
        extension: Extension::new(app.extension_digits, 1).filter(|_| app.mode == Mode::Axe),
        direction: 0,
        subscription: None,
        user_data: None,
        call_in: Some(now),
        forward_start: Some(now),
        alerting: None,
        answer: None,
        end: now,
        release: Release {
            state: StateCode::NO_ANSWER,
            fail_reason: StateCode::NO_ANSWER.number(),
            q850: 19,
            sip: 408,
        },
        released_by: None,
        recording: None,
        swept: false,
        delivery: None,
    }
}

/// A message from A to X: its result, if it was sent to `called`, or else the question what to do with it.
fn sms(app: &CustomerApp, session: &str, now: Timestamp, called: Option<E164>) -> Vec<u8> {
    let told = Told {
        identifier: session,
        sender: CallingParty::Number(number(A)),
        x: Some(number(X)),
        at: now,
        segments: 1,
        direction: SmsDirection::FromA,
        text: None,
    };
    sms_notice::test(&told, called, &app.key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::id::PublicIds;
    use crate::wire::operator::app::{Drawn, new_app};

    const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn bodies(members: &str) -> Vec<(&'static str, Box<str>, Value)> {
        bodies_in("AXB", members)
    }

    fn bodies_in(mode: &str, members: &str) -> Vec<(&'static str, Box<str>, Value)> {
        let origin = Origin {
            ids: PublicIds::new(&[7; 32]),
            sp_id: "sp".into(),
            host_name: "host".into(),
            record_domain: "host".into(),
        };
        let drawn = Drawn { key: "drawn-key".into(), secret: "drawn-secret".into() };
        let body = format!(r#"{{"name":"x","mode":"{mode}"{members}}}"#);
        let app = new_app(body.as_bytes(), drawn, NOON).unwrap();
        let notices = test_notices(&app, "test-1", NOON, &origin).into_iter();
        notices.map(|it| (it.setting, it.url, serde_json::from_slice(&it.body).unwrap())).collect()
    }

    #[test]
    fn each_url_that_is_set_gets_a_notice_of_its_kind_with_the_members_of_a_real_one() {
        let found = bodies(
            r#","callStatusUrl":"http://h/1","cdrUrl":"http://h/2","numberStatusUrl":"http://h/3",
                "smsNotifyUrl":"http://h/4","smsControlUrl":"http://h/5""#,
        );
        let event = json!({"eventType": "callin", "statusInfo": {"sessionId": "test-1",
            "timestamp": "2026-09-21 14:13:20", "caller": "+8600000000001", "called": "+8600000000000",
            "subscriptionId": ""}});
        let urls: Vec<_> = found.iter().map(|(setting, url, _)| (*setting, &**url)).collect();
        let expected = [
            ("callStatusUrl", "http://h/1"),
            ("cdrUrl", "http://h/2"),
            ("numberStatusUrl", "http://h/3"),
            ("smsNotifyUrl", "http://h/4"),
            ("smsControlUrl", "http://h/5"),
        ];
        assert_eq!(urls, expected);
        assert_eq!(found[0].2, event);
        let fee = &found[1].2["feeLst"][0];
        assert_eq!((&fee["sessionId"], &fee["ulFailReason"]), (&json!("test-1"), &json!(8101)));
        assert_eq!(
            found[2].2,
            json!({"eventType": "numStatus", "numInfo": [{"number": "+8600000000000", "status": "5"}]})
        );
        let (result, question) = (&found[3].2["smsEvent"], &found[4].2["smsEvent"]);
        assert_eq!((&result["notificationMode"], &result["sendResult"]), (&json!("Notify"), &json!(0)));
        assert_eq!((&question["notificationMode"], &question["sendResult"]), (&json!("Block"), &Value::Null));
        assert_eq!(
            (&result["smsIdentifier"], &question["smsIdentifier"]),
            (&json!("test-1"), &json!("test-1"))
        );
    }

    #[test]
    fn the_cdr_for_an_app_of_axe_has_an_extension() {
        let fee = bodies_in("AXE", r#","cdrUrl":"http://h/2""#).remove(0).2["feeLst"][0].clone();
        assert_eq!((&fee["extendNum"], &fee["sessionId"]), (&json!("0001"), &json!("test-1")));
    }

    #[test]
    fn a_url_that_is_not_set_gets_nothing() {
        assert_eq!(bodies(""), []);
        assert_eq!(bodies(r#","cdrUrl":"http://h/2","pushNumberStatus":true"#).len(), 1);
    }
}
