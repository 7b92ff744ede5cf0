//! AXE through the real listeners: from the bind over calls with an extension and calls back to the CDR.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::{STRANGER, cdrs, events};
use crate::world::{A, AXE, AXE_LIST, B, Customer, Pushed, STATUS, Switch, World, X, at};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const OTHER_A: &str = "+8613800000003";
const STAND_IN: &str = "+8613800000008";
const FOREIGN_X: &str = "+8617000000002";

async fn axe(digits: u8) -> (World, Customer) {
    let world = World::new().await;
    // Just after what the switch reports has happened.
    world.set_time(at("2026-01-02T03:05:41Z")).await;
    let app = world.app("AXE", &json!({"extensionDigits": digits})).await;
    world.number(&app, X).await;
    (world, app)
}

/// Binds A to X with more members. Returns the answer.
async fn bind(app: &Customer, more: Value) -> Value {
    let answer = try_bind(app, more).await;
    assert_eq!(answer["resultcode"], "0", "{answer}");
    answer
}

async fn try_bind(app: &Customer, more: Value) -> Value {
    let mut body = json!({"bindNum": A, "virtualNum": X});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    app.post(AXE, &body).await.json()
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// A call in which the caller keys `keyed` when asked, is connected, and the callee answers.
async fn call_through(world: &World, call: &str, caller: &str, keyed: &str) -> Value {
    let switch = world.switch();
    let asked = switch.route(call, caller, X).await;
    assert_eq!(asked["action"], "collect", "{asked}");
    let decision = switch.route_keyed(call, caller, X, keyed).await;
    assert_eq!(decision["action"], "connect", "{decision}");
    let mut reports = Switch::answered(call, caller, X);
    let keyed = Switch::event(call, "collectInfo", "2026-01-02T03:05:00Z", &json!({"digits": keyed}));
    reports.as_array_mut().unwrap().insert(1, keyed);
    switch.report(&reports).await;
    decision
}

#[tokio::test]
async fn a_caller_who_keys_the_extension_reaches_a_and_the_customer_hears_of_every_step() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "userData": "order 7"})).await;
    assert_eq!(
        (&bound["virtualNum"], &bound["extendNum"], &bound["bindExpiredTime"], &bound["callbackExpiredTime"]),
        (&json!(X), &json!("0042"), &json!(0), &json!(24))
    );
    let asked = world.switch().route("c", B, X).await;
    let session = text(&asked, "sessionId");
    let expected = json!({"action": "collect", "sessionId": session, "tone": "", "digits": 4, "timeout": 30});
    assert_eq!(asked, expected);
    assert_eq!(world.switch().route("c", B, X).await, expected, "asked again without digits");
    let decision = call_through(&world, "c", B, "0042").await;
    assert_eq!((&decision["callee"], &decision["displayNum"]), (&json!(A), &json!(X)));
    assert_eq!(decision["subscriptionId"], bound["subscriptionId"]);
    for keyed in ["0042", "0043", ""] {
        let again = world.switch().route_keyed("c", B, X, keyed).await;
        assert_eq!(again, decision, "the first answer to an extension binds");
    }

    let told = &events(&world).await[&session];
    let names: Vec<_> = told.iter().map(Pushed::event).collect();
    assert_eq!(names, ["callin", "collectInfo", "callout", "alerting", "answer", "disconnect"]);
    let info = |at: usize| told[at].json()["statusInfo"].clone();
    let callin = json!({"sessionId": session, "timestamp": "2026-01-02 03:05:00", "caller": B, "called": X});
    assert_eq!(info(0), callin);
    let keyed = json!({"sessionId": session, "timestamp": "2026-01-02 03:05:00", "digitInfo": "0042"});
    assert_eq!(info(1), keyed);
    for at in 2..6 {
        let info = info(at);
        assert_eq!((&info["caller"], &info["called"]), (&json!(X), &json!(A)));
        assert_eq!(
            (&info["subscriptionId"], &info["userData"]),
            (&bound["subscriptionId"], &json!("order 7"))
        );
    }
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await[&session].clone();
    for (member, expected) in [
        ("direction", json!(0)),
        ("serviceType", json!("005")),
        ("extendNumber", json!("0042")),
        ("extendNum", json!("0042")),
        ("subscriptionId", bound["subscriptionId"].clone()),
        ("callerNum", json!(B)),
        ("bindNum", json!(X)),
        ("fwdDstNum", json!(A)),
        ("ulFailReason", json!(0)),
        ("userData", json!("order 7")),
    ] {
        assert_eq!(cdr[member], expected, "{member}");
    }
}

#[tokio::test]
async fn a_switch_that_knows_the_extension_may_give_it_with_the_first_question() {
    let (world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    let decision = world.switch().route_keyed("c-1", B, X, "0042").await;
    assert_eq!((&decision["action"], &decision["callee"]), (&json!("connect"), &json!(A)));
    let empty = world.switch().route_keyed("c-2", B, X, "").await;
    assert_eq!(empty["action"], "collect", "nobody was asked for it yet");
}

/// Each way in which a call with an extension comes to nothing: what is keyed, how the switch ends it, stateCode.
const FAILURES: &[(&str, Option<&str>, &str, u16)] = &[
    ("hangs up before keying", None, r#"{"by":"caller","sip":487}"#, 7516),
    ("never keys and times out", None, r#"{"by":"timeout"}"#, 8033),
    ("keys nothing", Some(""), r#"{"by":"gateway","sip":403}"#, 8033),
    ("keys what is not bound", Some("0777"), r#"{"by":"gateway","sip":403}"#, 8022),
    ("keys too much", Some("00420"), r#"{"by":"gateway","sip":403}"#, 8022),
];

#[tokio::test]
async fn a_call_without_a_valid_extension_has_its_documented_cause_and_no_binding() {
    let (world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    for (n, (what, keyed, end, state)) in FAILURES.iter().enumerate() {
        let call = format!("c-{n}");
        let session = text(&world.switch().route(&call, B, X).await, "sessionId");
        let mut reports = vec![Switch::callin(&call, B, X)];
        if let Some(keyed) = keyed {
            let decision = world.switch().route_keyed(&call, B, X, keyed).await;
            assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(state)));
            let digits = json!({"digits": keyed});
            reports.push(Switch::event(&call, "collectInfo", "2026-01-02T03:05:01Z", &digits));
        }
        let end = serde_json::from_str(end).unwrap();
        reports.push(Switch::event(&call, "disconnect", "2026-01-02T03:05:31Z", &end));
        world.switch().report(&reports.into()).await;
        let told = events(&world).await.remove(&session).unwrap();
        let info = told.last().unwrap().json()["statusInfo"].clone();
        assert_eq!((&info["stateCode"], &info["subscriptionId"]), (&json!(state), &json!("")), "{what}");
        assert_eq!((&info["caller"], &info["called"]), (&json!(B), &json!(X)), "{what}");
        world.advance(SECOND).await;
        let cdr = cdrs(&world).await[&session].clone();
        assert_eq!((&cdr["ulFailReason"], &cdr["direction"]), (&json!(state), &json!(2)), "{what}");
        let extension = if *keyed == Some("0777") { json!("0777") } else { Value::Null };
        assert_eq!(cdr["extendNumber"], extension, "{what}");
    }
}

#[tokio::test]
async fn a_calls_back_the_last_caller_until_that_is_too_long_ago() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "callbackExpiredTime": 1})).await;
    let session = text(&call_through(&world, "c-1", STRANGER, "0042").await, "sessionId");
    call_through(&world, "c-2", B, "0042").await;
    let decision = world.switch().route("back", A, X).await;
    assert_eq!((&decision["action"], &decision["callee"]), (&json!("connect"), &json!(B)));
    assert_eq!(decision["subscriptionId"], bound["subscriptionId"]);
    world.switch().report(&Switch::answered("back", A, X)).await;
    let back = text(&decision, "sessionId");
    let told = events(&world).await;
    let names: Vec<_> = told[&back].iter().map(Pushed::event).collect();
    assert_eq!(names, ["callin", "callout", "alerting", "answer", "disconnect"]);
    assert_eq!(told[&back][0].json()["statusInfo"]["subscriptionId"], Value::Null);
    world.advance(SECOND).await;
    let records = cdrs(&world).await;
    let direction = |session: &str| records[session]["direction"].clone();
    assert_eq!((direction(&back), direction(&session)), (json!(1), json!(0)));
    assert_eq!(records[&back]["extendNum"], "0042");

    // The second caller was put through at 03:05:00.
    world.set_time(at("2026-01-02T04:04:59Z")).await;
    assert_eq!(world.switch().route("in time", A, X).await["callee"], B);
    world.set_time(at("2026-01-02T04:05:00Z")).await;
    let late = world.switch().route("late", A, X).await;
    assert_eq!((&late["action"], &late["stateCode"]), (&json!("reject"), &json!(8019)));
}

#[tokio::test]
async fn a_call_back_survives_a_restart_and_ends_with_its_binding() {
    let (mut world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    call_through(&world, "c-1", B, "0042").await;
    world.stop().await;
    world.start_again().await;
    assert_eq!(world.switch().route("back", A, X).await["callee"], B);
    let id = text(&bound, "subscriptionId");
    assert_eq!(app.delete(AXE, &format!("subscriptionId={id}")).await.code(), (200, "0".into()));
    bind(&app, json!({"extendNum": "0042"})).await;
    let decision = world.switch().route("another binding", A, X).await;
    assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(8019)));
}

#[tokio::test]
async fn a_call_whose_second_answer_was_lost_in_a_crash_is_made_whole_from_what_was_keyed() {
    let (mut world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    world.switch().route("c", B, X).await;
    let keyed = Switch::event("c", "collectInfo", "2026-01-02T03:05:01Z", &json!({"digits": "0042"}));
    world.switch().report(&json!([Switch::callin("c", B, X), keyed])).await;
    world.switch().route_keyed("c", B, X, "0042").await;
    world.stop().await; // No event has brought the second answer to the disk.
    world.start_again().await;
    let reports = Switch::answered("c", B, X);
    world.switch().report(&reports).await;
    let told = events(&world).await;
    let (_, told) = told.iter().next().unwrap();
    assert_eq!(told.last().unwrap().json()["statusInfo"]["subscriptionId"], bound["subscriptionId"]);
    world.advance(SECOND).await;
    let records = cdrs(&world).await;
    let (_, cdr) = records.iter().next().unwrap();
    assert_eq!((&cdr["fwdDstNum"], &cdr["direction"]), (&json!(A), &json!(0)));
    assert_eq!(world.switch().route("back", A, X).await["callee"], B);
}

#[tokio::test]
async fn a_caller_who_was_asked_before_a_restart_is_not_asked_again() {
    let (mut world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    for call in ["keys", "keys nothing"] {
        assert_eq!(world.switch().route(call, B, X).await["action"], "collect");
        world.switch().report(&json!([Switch::callin(call, B, X)])).await;
    }
    world.stop().await;
    world.start_again().await;
    assert_eq!(world.switch().route("keys", B, X).await["action"], "collect", "without digits, as before");
    assert_eq!(world.switch().route_keyed("keys", B, X, "0042").await["callee"], A);
    assert_eq!(world.switch().route_keyed("keys nothing", B, X, "").await["stateCode"], 8033);
}

#[tokio::test]
async fn with_nobody_to_call_back_a_meets_what_the_binding_or_the_app_has() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042", "callbackTone": "nobody.wav"})).await;
    let rejected = world.switch().route("c-1", A, X).await;
    assert_eq!((&rejected["stateCode"], &rejected["tone"]), (&json!(8019), &json!("nobody.wav")));
    assert!(text(&rejected, "reason").contains("nobody called"), "{rejected}");

    let id = text(&bound, "subscriptionId");
    let to_number = json!({"subscriptionId": id, "callbackNum": STAND_IN});
    assert_eq!(app.put(AXE, &to_number).await.code(), (200, "0".into()));
    let connected = world.switch().route("c-2", A, X).await;
    assert_eq!((&connected["action"], &connected["callee"]), (&json!("connect"), &json!(STAND_IN)));

    let neither = json!({"subscriptionId": id, "callbackNum": ""});
    assert_eq!(app.put(AXE, &neither).await.code(), (200, "0".into()));
    assert_eq!(world.switch().route("c-3", A, X).await["tone"], "");
    world.change_app(&app, &json!({"callbackTone": "app.wav", "extensionTone": "prompt.wav"})).await;
    assert_eq!(world.switch().route("c-4", A, X).await["tone"], "app.wav");
    assert_eq!(world.switch().route("c-5", B, X).await["tone"], "prompt.wav");
    world.change_app(&app, &json!({"callbackNum": STAND_IN})).await;
    assert_eq!(world.switch().route("c-6", A, X).await["callee"], STAND_IN);
}

/// Binds that are refused: the members, result code, what the text holds.
const REFUSED: &[(&str, &str, &str)] = &[
    (r#"{"bindNum":null}"#, "1010002", "bindNum is missing."),
    (r#"{"virtualNum":""}"#, "1010002", "Give virtualNum or areaCode."),
    (r#"{"virtualNum":"17000000001"}"#, "1012001", ""),
    (r#"{"virtualNum":"+8617000000002"}"#, "1012001", ""),
    (r#"{"virtualNum":null,"areaCode":"010"}"#, "1012008", "Of 0 X numbers in area 010"),
    (r#"{"extendNum":"42"}"#, "1010002", "extendNum must be 0001 to 9999."),
    (r#"{"extendNum":"0000"}"#, "1010002", "extendNum must be 0001 to 9999."),
    (r#"{"extendNum":"0001"}"#, "1020167", "No idle extend Number."),
    (r#"{"callbackTone":"t.wav","callbackNum":"+8613800000008"}"#, "1010002", "exclude each other"),
    (r#"{"callbackNum":"+8613800000001"}"#, "1010002", "bindNum and callbackNum must not be equal."),
    (r#"{"callbackNum":"+8617000000001"}"#, "1010002", "A party must not be a private number."),
    (r#"{"bindExpiredTime":721}"#, "1010002", "at most 720 hours or 43200 minutes."),
    (r#"{"timeUnit":1,"bindExpiredTime":43201}"#, "1010002", "bindExpiredTime must be 0 to 43200."),
    (
        r#"{"bindExpiredTime":2,"callbackExpiredTime":3}"#,
        "1010002",
        "must be 0 or at least callbackExpiredTime",
    ),
    (r#"{"virtualNum":"+8617000000002","bindExpiredTime":2,"callbackExpiredTime":3}"#, "1010002", "at least"),
    (r#"{"timeUnit":"2"}"#, "1010002", "timeUnit must be 0 to 1."),
    (r#"{"recordFlag":"true"}"#, "1012012", ""),
    (r#"{"displayNumMode":"x"}"#, "1010002", "displayNumMode must be 0 to 1."),
    (r#"{"callbackTone":"a b"}"#, "1010002", "callbackTone must be at most 128"),
];

#[tokio::test]
async fn a_bind_that_is_refused_has_its_documented_code_and_names_the_culprit() {
    let (world, app) = axe(4).await;
    let other = world.app("AXE", &Value::Null).await;
    world.number(&other, FOREIGN_X).await;
    bind(&app, json!({"extendNum": "0001"})).await;
    for (members, code, what) in REFUSED {
        let answer = try_bind(&app, serde_json::from_str(members).unwrap()).await;
        assert_eq!(answer["resultcode"], *code, "{members}: {answer}");
        assert!(text(&answer, "resultdesc").contains(what), "{members}: {answer}");
    }
    let suspended = json!({"status": "9"});
    world.operator().ask("POST", &format!("numbers/{}/status", &X[1..]), &suspended).await;
    assert_eq!(try_bind(&app, json!({})).await["resultcode"], "1012102");
    let axb = world.app("AXB", &Value::Null).await;
    assert_eq!(try_bind(&axb, json!({})).await["resultcode"], "1010040");
}

#[tokio::test]
async fn a_number_gives_out_each_extension_once_and_freed_ones_only_after_a_rest() {
    let (world, app) = axe(1).await;
    let mut bound = Vec::new();
    for _ in 0..9 {
        bound.push(bind(&app, json!({})).await);
    }
    let extensions: BTreeSet<_> = bound.iter().map(|bound| text(bound, "extendNum")).collect();
    assert_eq!(extensions, (1..=9).map(|n| n.to_string()).collect());
    let full = try_bind(&app, json!({})).await;
    let expected = "No idle extend Number.Of 9 extensions, 9 are bound and the others were a moment ago.";
    assert_eq!((&full["resultcode"], &full["resultdesc"]), (&json!("1020167"), &json!(expected)));
    let by_area = try_bind(&app, json!({"virtualNum": null, "areaCode": "0755"})).await;
    assert_eq!(by_area["resultcode"], "1012008");
    assert!(text(&by_area, "resultdesc").contains("1 are full"), "{by_area}");

    let freed = text(&bound[4], "extendNum");
    let selector = format!("virtualNum=%2B{}&extendNum={freed}", &X[1..]);
    assert_eq!(app.delete(AXE, &selector).await.code(), (200, "0".into()));
    assert_eq!(try_bind(&app, json!({})).await["resultcode"], "1020167");
    world.advance(5 * MINUTE).await;
    assert_eq!(text(&bind(&app, json!({})).await, "extendNum"), freed);
    let shown = world.operator().ask("GET", &format!("numbers/{}", &X[1..]), &Value::Null).await.json();
    assert_eq!((&shown["bound"], &shown["capacity"]), (&json!(9), &json!(9)));
}

#[tokio::test]
async fn a_binding_by_area_gets_an_extension_of_its_own_even_for_the_same_a() {
    let (world, app) = axe(2).await;
    world.number(&app, FOREIGN_X).await;
    let mut seen = BTreeSet::new();
    for _ in 0..6 {
        let bound = bind(&app, json!({"virtualNum": null, "areaCode": "0755", "extendNum": "ignored"})).await;
        assert!(seen.insert((text(&bound, "virtualNum"), text(&bound, "extendNum"))));
    }
    let numbers: BTreeSet<_> = seen.iter().map(|(x, _)| x.as_str()).collect();
    assert_eq!(numbers, BTreeSet::from([X, FOREIGN_X]));
}

#[tokio::test]
async fn a_query_shows_a_binding_by_each_selector_and_what_the_bind_gave_first() {
    let (_world, app) = axe(4).await;
    let members = json!({"extendNum": "0042", "timeUnit": "0", "bindExpiredTime": 2, "callbackExpiredTime": 1,
        "callbackTone": "t.wav", "displayNumMode": "1", "userData": "u"});
    let id = text(&bind(&app, members).await, "subscriptionId");
    let mut expected = json!({"resultcode": "0", "resultdesc": "Success", "subscriptionId": id, "virtualNum": X,
        "extendNum": "0042", "bindNum": A, "displayNumMode": "1", "recordFlag": "false", "callbackTone": "t.wav",
        "timeUnit": "0", "bindExpiredTime": 2, "callbackExpiredTime": 1, "userData": "u"});
    let by_x = format!("virtualNum=%2B{}&extendNum=0042", &X[1..]);
    for query in [format!("subscriptionId={id}"), by_x.clone(), format!("subscriptionId={id}&extendNum=9")] {
        assert_eq!(app.get(AXE, &query).await.json(), expected, "{query}");
    }
    let patch = json!({"virtualNum": X, "extendNum": "0042", "timeUnit": 1, "bindExpiredTime": "90",
        "callbackExpiredTime": 30, "bindNum": OTHER_A, "userData": ""});
    assert_eq!(app.put(AXE, &patch).await.code(), (200, "0".into()));
    expected["callbackExpiredTime"] = json!(30);
    expected.as_object_mut().unwrap().remove("userData");
    assert_eq!(app.get(AXE, &by_x).await.json(), expected, "A stays, and so does what the bind gave first");
}

#[tokio::test]
async fn a_life_that_was_modified_counts_although_a_query_does_not_show_it() {
    let (world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042", "bindExpiredTime": 2})).await;
    let patch = json!({"virtualNum": X, "extendNum": "0042", "timeUnit": 1, "bindExpiredTime": 30});
    assert_eq!(app.put(AXE, &patch).await.code(), (200, "0".into()));
    world.advance(Duration::from_secs(30 * 60 - 1)).await;
    let reaches = async |call: &str| world.switch().route_keyed(call, B, X, "0042").await["action"].clone();
    assert_eq!(reaches("in time").await, "connect");
    world.advance(SECOND).await;
    assert_eq!(reaches("too late").await, "reject");
    let by_x = format!("virtualNum=%2B{}&extendNum=0042", &X[1..]);
    assert_eq!(app.get(AXE, &by_x).await.code(), (403, "1016001".into()));
    world.advance(HOUR).await;
    assert_eq!(app.delete(AXE, &by_x).await.code(), (403, "1016001".into()));
}

#[tokio::test]
async fn selectors_that_lead_nowhere_have_their_documented_codes() {
    let (world, app) = axe(4).await;
    let other = world.app("AXE", &Value::Null).await;
    world.number(&other, FOREIGN_X).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    let x = &X[1..];
    let foreign = &FOREIGN_X[1..];
    for (query, unbind, query_code) in [
        (String::new(), "1012001", "1010002"),
        ("extendNum=0042".into(), "1012001", "1010002"),
        (format!("virtualNum=%2B{x}"), "1016001", "1016001"),
        (format!("virtualNum=%2B{x}&extendNum=0043"), "1016001", "1016001"),
        (format!("virtualNum=%2B{x}&extendNum=abc"), "1016001", "1016001"),
        (format!("virtualNum=%2B{foreign}&extendNum=0042"), "1012001", "1012001"),
        (format!("virtualNum={x}&extendNum=0042"), "1012001", "1012001"),
        ("subscriptionId=0167ecc9-0000-4eec-b671-0a7dab2ba78c".into(), "1016001", "1016001"),
    ] {
        assert_eq!(app.get(AXE, &query).await.member("resultcode"), query_code, "GET {query}");
        assert_eq!(app.delete(AXE, &query).await.member("resultcode"), unbind, "DELETE {query}");
    }
    let stolen = format!("subscriptionId={}", text(&bound, "subscriptionId"));
    for answer in [other.get(AXE, &stolen).await, other.delete(AXE, &stolen).await] {
        assert_eq!(answer.code(), (403, "1016001".into()));
    }
    assert_eq!(app.delete(AXE, &format!("virtualNum=%2B{x}&extendNum=0042")).await.code(), (200, "0".into()));
}

#[tokio::test]
async fn a_delete_without_a_query_is_read_from_its_body() {
    let (_world, app) = axe(4).await;
    bind(&app, json!({"extendNum": "0042"})).await;
    let body = json!({"virtualNum": X, "extendNum": "0042"}).to_string();
    assert_eq!(app.ask("DELETE", AXE, body.as_bytes()).await.code(), (200, "0".into()));
}

#[tokio::test]
async fn the_pages_of_a_list_follow_each_other_by_the_cursor() {
    let (world, app) = axe(4).await;
    let x = format!("virtualNum=%2B{}", &X[1..]);
    assert_eq!(app.get(AXE_LIST, &x).await.code(), (403, "1016001".into()));
    let mut bound = Vec::new();
    for n in 0..7 {
        bound.push(text(&bind(&app, json!({})).await, "subscriptionId"));
        if n % 2 == 0 {
            world.advance(SECOND).await; // Some share an instant.
        }
    }
    let (mut found, mut cursor) = (Vec::new(), "0000000000000_0".to_owned());
    loop {
        let page = app.get(AXE_LIST, &format!("{x}&cursor={cursor}&limit=3")).await.json();
        let items = page["extendNumList"].as_array().unwrap();
        assert!((1..=3).contains(&items.len()), "{page}");
        found.extend(items.iter().map(|item| text(item, "subscriptionId")));
        match page["nextCusor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, bound);
    let one = app.get(AXE_LIST, &format!("subscriptionId={}&cursor=nonsense", bound[2])).await.json();
    assert_eq!(one["extendNumList"].as_array().unwrap().len(), 1);
    let refused = app.get(AXE_LIST, &format!("{x}&cursor=1")).await;
    assert_eq!(refused.code(), (403, "1010002".into()));
}

#[tokio::test]
async fn operators_see_and_end_bindings_with_their_extensions() {
    let (world, app) = axe(4).await;
    let bound = bind(&app, json!({"extendNum": "0042"})).await;
    bind(&app, json!({"extendNum": "0043"})).await;
    let listed = world.operator().ask("GET", &format!("bindings?party=%2B{}", &A[1..]), &Value::Null).await;
    let extensions: Vec<_> =
        listed.json()["items"].as_array().unwrap().iter().map(|item| text(item, "extension")).collect();
    assert_eq!(extensions, ["0043", "0042"]);
    let id = text(&bound, "subscriptionId");
    let ended = world.operator().ask("DELETE", &format!("bindings/{id}"), &Value::Null).await;
    assert_eq!(ended.status, 204);
    assert_eq!(world.switch().route_keyed("c", B, X, "0042").await["stateCode"], 8022);
    let on_behalf = json!({"appKey": app.key, "bindNum": A, "virtualNum": X, "extendNum": "0044"});
    let made = world.operator().ask("POST", "bindings", &on_behalf).await;
    assert_eq!((made.status, text(&made.json(), "extension")), (201, "0044".into()));
    assert!(world.pushed(STATUS).await.is_empty());
}
