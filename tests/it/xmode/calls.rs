//! Calls that the customer decides, from the question to the CDR.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privnum::domain::signature::{Scheme, digest};
use serde_json::{Value, json};

use super::{OTHER_X, answers, ask, connect, shown, xmode};
use crate::calls::{cdrs, events};
use crate::world::{A, AXB, B, Pushed, Receiver, STATUS, Switch, World, X};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_customer_is_asked_and_its_answer_carries_the_call_to_its_cdr() {
    let (world, _) = xmode(&json!({"recording": true})).await;
    answers(
        &world,
        &connect(&json!({"displayCalleeNum": OTHER_X, "maxDuration": "60", "waitVoice": "wait.wav",
            "recordFlag": "true", "recordHintTone": "record.wav", "lastMinVoice": "last.wav",
            "calleeHintVoice": "callee.wav", "userData": "order 7"})),
    );
    let (decision, question) = ask(&world, "c").await;
    let session = decision["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(
        question.body,
        format!(
            "{{\"eventType\":\"callin\",\"statusInfo\":{{\"sessionId\":\"{session}\",\
             \"timestamp\":\"2026-01-02 03:04:05\",\"caller\":\"{A}\",\"called\":\"{X}\",\"notifyMode\":\"Block\"}}}}"
        )
    );
    let mut expected = json!({"action": "connect", "sessionId": session, "callee": B, "displayNum": OTHER_X,
        "maxDuration": 3600, "recordFlag": 1, "callerTone": "wait.wav", "calleeTone": "callee.wav",
        "recordTone": "record.wav", "lastMinuteTone": "last.wav", "subscriptionId": ""});
    expected["appKey"] = decision["appKey"].clone();
    assert_eq!(decision, expected);

    world.switch().report(&Switch::answered("c", A, X)).await;
    let told = &events(&world).await[&session];
    let names: Vec<_> = told.iter().map(Pushed::event).collect();
    assert_eq!(names, ["callout", "alerting", "answer", "disconnect"], "the question is not pushed again");
    for push in told {
        let info = push.json()["statusInfo"].clone();
        assert_eq!((&info["caller"], &info["called"]), (&json!(OTHER_X), &json!(B)));
        assert_eq!((&info["userData"], &info["subscriptionId"]), (&json!("order 7"), &Value::Null));
        let hung_up = if push.event() == "disconnect" { json!(2) } else { Value::Null };
        assert_eq!(info["callRelDirection"], hung_up);
    }
    world.advance(SECOND).await;
    let push = world.pushed("/fee").await.remove(0);
    assert!(push.body.ends_with("\"callRelDirection\":2,\"notifyMode\":\"Block\"}]}"), "{}", push.body);
    let cdr = push.json()["feeLst"][0].clone();
    for (member, expected) in [
        ("direction", json!(0)),
        ("serviceType", json!("004")),
        ("subscriptionId", Value::Null),
        ("callerNum", json!(A)),
        ("bindNum", json!(X)),
        ("fwdDisplayNum", json!(OTHER_X)),
        ("fwdDstNum", json!(B)),
        ("ulFailReason", json!(0)),
        ("userData", json!("order 7")),
    ] {
        assert_eq!(cdr[member], expected, "{member}");
    }
    let call = shown(&world, &decision).await;
    assert_eq!((&call["mode"], &call["decision"]["basis"]), (&json!("X"), &json!("asked")));
    let question = &call["question"];
    assert_eq!((&question["status"], &question["failure"]), (&json!(200), &Value::Null));
    assert!(question["answer"].as_str().unwrap().contains("order 7"), "{question}");
    assert!(question["timings"]["total"].is_u64() && question["address"].is_string(), "{question}");
}

#[tokio::test]
async fn a_customer_that_closes_the_call_ends_it_with_its_tone_and_its_user_data() {
    let (world, _) = xmode(&Value::Null).await;
    let info = json!({"closeHintTone": "bye.wav", "userData": "no"});
    answers(&world, &json!({"operation": "close", "closeInfo": [info]}));
    let (decision, _) = ask(&world, "c").await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(8017)));
    assert_eq!(decision["tone"], "bye.wav");
    let end = Switch::event("c", "disconnect", "2026-01-02T03:05:01Z", &json!({"by": "gateway", "sip": 403}));
    world.switch().report(&json!([Switch::callin("c", A, X), end])).await;
    let session = decision["sessionId"].as_str().unwrap();
    let told = events(&world).await.remove(session).unwrap();
    assert_eq!(told.iter().map(Pushed::event).collect::<Vec<_>>(), ["disconnect"]);
    let info = told[0].json()["statusInfo"].clone();
    assert_eq!((&info["stateCode"], &info["userData"]), (&json!(8017), &json!("no")));
    assert_eq!((&info["caller"], &info["called"]), (&json!(A), &json!(X)));
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await[session].clone();
    assert_eq!((&cdr["ulFailReason"], &cdr["userData"]), (&json!(8017), &json!("no")));
    assert_eq!((&cdr["direction"], &cdr["notifyMode"]), (&json!(0), &json!("Block")));
}

#[tokio::test]
async fn the_same_call_is_asked_about_once_however_often_the_switch_asks() {
    let (world, _) = xmode(&Value::Null).await;
    answers(&world, &connect(&Value::Null));
    let switch = world.switch();
    let (one, two, three) =
        tokio::join!(switch.route("c", A, X), switch.route("c", A, X), switch.route("c", A, X));
    assert_eq!((&one, &one), (&two, &three));
    assert_eq!(one["action"], "connect");
    answers(&world, &json!({"operation": "close"}));
    assert_eq!(switch.route("c", A, X).await, one, "the first answer binds");
    world.switch().report(&Switch::answered("c", A, X)).await;
    assert_eq!(switch.route("c", A, X).await, one, "also once the call has taken it over");
    let asked = world.pushed(STATUS).await.into_iter().filter(|push| push.event() == "callin").count();
    assert_eq!(asked, 1);
    assert_eq!(switch.route("another", A, X).await["stateCode"], 8017, "each call is asked about");
}

#[tokio::test]
async fn a_call_that_is_reported_before_the_switch_asks_is_decided_all_the_same() {
    let (world, _) = xmode(&Value::Null).await;
    answers(&world, &connect(&json!({"userData": "u"})));
    let mut reports = Switch::answered("c", A, X).as_array().unwrap().clone();
    world.switch().report(&reports.remove(0)).await;
    let (decision, _) = ask(&world, "c").await;
    assert_eq!(decision["action"], "connect");
    world.switch().report(&reports.into()).await;
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await.into_values().next().unwrap();
    assert_eq!((&cdr["fwdDstNum"], &cdr["userData"]), (&json!(B), &json!("u")));
}

#[tokio::test]
async fn operations_on_bindings_belong_to_another_mode() {
    let (world, app) = xmode(&Value::Null).await;
    let answer = app.post(AXB, &json!({"callerNum": A, "calleeNum": B, "relationNum": X})).await;
    assert_eq!(answer.code(), (403, "1010040".into()));
    let body = json!({"appKey": app.key, "callerNum": A, "calleeNum": B, "relationNum": X});
    let refused = world.operator().ask("POST", "bindings", &body).await;
    assert!(refused.status >= 400 && refused.text().contains("1010040"), "{}", refused.text());
}

#[tokio::test]
async fn an_app_that_has_to_be_asked_has_an_address_for_it() {
    let (world, app) = xmode(&Value::Null).await;
    let body = json!({"name": "n", "mode": "X"});
    let refused = world.operator().ask("POST", "apps", &body).await.json();
    assert_eq!(refused["error"]["field"], "callStatusUrl", "{refused}");
    let path = format!("apps/{}", app.key);
    let refused = world.operator().ask("PATCH", &path, &json!({"callStatusUrl": null})).await.json();
    assert_eq!(refused["error"]["field"], "callStatusUrl", "{refused}");
    world.change_app(&app, &json!({"callStatusUrl": world.receiver.url("/moved")})).await;
    let tested = world.operator().ask("POST", &format!("{path}/testCallback"), &Value::Null).await.json();
    assert_eq!(tested["items"][0]["status"], 200, "{tested}");
    let question = world.receiver.next("/moved").await.json();
    assert_eq!(question["statusInfo"]["notifyMode"], "Block", "{question}");
    assert!(question["statusInfo"]["sessionId"].as_str().unwrap().starts_with("test-"), "{question}");
}

#[tokio::test]
async fn a_question_is_signed_as_every_push() {
    let (world, app) = xmode(&Value::Null).await;
    answers(&world, &connect(&Value::Null));
    for (n, (scheme, word, header)) in
        [(Scheme::Wsse, "WSSE", "X-WSSE"), (Scheme::Aksk, "AKSK", "X-AKSK")].into_iter().enumerate()
    {
        world.change_app(&app, &json!({"pushScheme": word})).await;
        let (_, question) = ask(&world, &format!("c-{n}")).await;
        assert_eq!(
            (question.method.as_str(), question.header("Content-Type")),
            ("POST", "application/json;charset=UTF-8")
        );
        assert!(question.header("Authorization").starts_with(word));
        let texts: Vec<_> = question.header(header).split('"').skip(1).step_by(2).collect();
        let [username, sent, nonce, created] = texts.as_slice() else { panic!("{texts:?}") };
        assert_eq!((*username, *created), (app.key.as_str(), "2026-01-02T03:04:05Z"));
        assert_eq!(*sent, STANDARD.encode(digest(scheme, &app.secret, nonce, created)));
    }
}

#[tokio::test]
async fn the_question_is_not_among_the_notices_to_fetch_and_the_call_can_be_stopped() {
    let control = Receiver::start().await;
    let more = format!("switch.control_url = \"http://{}\"", control.address);
    let (world, app) = World::one_app("X", &more).await;
    answers(&world, &connect(&Value::Null));
    let (decision, _) = ask(&world, "c").await;
    let mut reports = Switch::answered("c", A, X).as_array().unwrap().clone();
    let end = reports.pop().unwrap();
    world.switch().report(&reports.into()).await;
    let body = json!({"sessionid": decision["sessionId"], "signal": "call_stop"});
    assert_eq!(app.post("/rest/httpsessions/callStop/v2.0", &body).await.code(), (200, "0".into()));
    control.next("/calls/c/stop").await;
    world.switch().report(&end).await;
    world.quiet().await;
    let fetched = app.get("/rest/notifications/v1", "").await.json();
    let events: Vec<_> =
        fetched["items"].as_array().unwrap().iter().map(|item| &item["body"]["eventType"]).collect();
    assert_eq!(events, ["callout", "alerting", "answer", "disconnect"]);
}
