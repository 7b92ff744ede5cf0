//! Calls both ways, the first call of an unknown B, and what refuses a call.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    OTHER_A, OTHER_B, SECOND, axyb, bind_both, bind_x, bind_y, number, rows, text, try_bind, unbind,
};
use crate::calls::{STRANGER, cdrs, events};
use crate::world::{A, B, Pushed, Switch, World};

/// A call that is connected and answered. Returns its sessionId.
async fn call_through(world: &World, call: &str, caller: &str, called: &str) -> String {
    let decision = world.switch().route(call, caller, called).await;
    assert_eq!(decision["action"], "connect", "{decision}");
    world.switch().report(&Switch::answered(call, caller, called)).await;
    text(&decision, "sessionId")
}

#[tokio::test]
async fn each_side_reaches_the_other_by_the_number_it_knows_and_the_customer_hears_of_both_calls() {
    let (world, app) = axyb(2).await;
    let (subscription, x) = bind_x(&app, A, json!({"userData": "order 7"})).await;
    let y = bind_y(&app, &subscription, B, json!({})).await;
    let to_a = call_through(&world, "c-1", B, &x).await;
    let to_b = call_through(&world, "c-2", A, &y).await;
    let mut told = events(&world).await;
    world.advance(SECOND).await;
    let cdrs = cdrs(&world).await;
    for (session, caller, dialled, shown, callee, direction) in
        [(&to_a, B, &x, &y, A, 0), (&to_b, A, &y, &x, B, 1)]
    {
        let told = told.remove(session).unwrap();
        let names: Vec<_> = told.iter().map(Pushed::event).collect();
        assert_eq!(names, ["callin", "callout", "alerting", "answer", "disconnect"]);
        for (at, push) in told.iter().enumerate() {
            let info = push.json()["statusInfo"].clone();
            let parties = if at == 0 { (caller, dialled.as_str()) } else { (shown.as_str(), callee) };
            assert_eq!((&info["caller"], &info["called"]), (&json!(parties.0), &json!(parties.1)));
            assert_eq!(
                (&info["subscriptionId"], &info["userData"]),
                (&json!(subscription), &json!("order 7"))
            );
        }
        for (member, expected) in [
            ("direction", json!(direction)),
            ("serviceType", json!("007")),
            ("subscriptionId", json!(subscription)),
            ("callerNum", json!(caller)),
            ("calleeNum", json!(dialled)),
            ("bindNum", json!(x)),
            ("fwdDisplayNum", json!(shown)),
            ("fwdDstNum", json!(callee)),
            ("ulFailReason", json!(0)),
            ("userData", json!("order 7")),
        ] {
            assert_eq!(cdrs[session][member], expected, "{member}");
        }
    }
}

#[tokio::test]
async fn an_unknown_b_who_calls_gets_a_y_that_stands_also_after_a_restart() {
    let (mut world, app) = axyb(3).await;
    let (subscription, x) = bind_x(&app, A, json!({"ybDuration": 600})).await;
    let first = world.switch().route("c-1", B, &x).await;
    let y = text(&first, "displayNum");
    assert_eq!((&first["action"], &first["callee"]), (&json!("connect"), &json!(A)));
    assert_eq!(first["subscriptionId"], json!(subscription));
    assert_ne!(y, x);
    let row = rows(&app, &format!("subscriptionId={subscription}")).await.remove(0);
    assert_eq!((&row["numB"], &row["numY"], &row["ybDuration"]), (&json!(B), &json!(y), &json!("600")));

    assert_eq!(world.switch().route("c-1", B, &x).await, first, "the same question");
    let second = world.switch().route("c-2", B, &x).await;
    assert_eq!(
        (&second["displayNum"], rows(&app, &format!("subscriptionId={subscription}")).await.len()),
        (&json!(y), 1)
    );
    let other = text(&world.switch().route("c-3", OTHER_B, &x).await, "displayNum");
    assert!(other != y && other != x, "A must tell its B apart");
    world.stop().await;
    world.start_again().await;
    let back = world.switch().route("c-4", A, &y).await;
    assert_eq!((&back["callee"], &back["displayNum"]), (&json!(B), &json!(x)));
    let operations = world.operator().ask("GET", "usage/bindings?operation=bind", &Value::Null).await.json();
    let actors: Vec<_> =
        operations["items"].as_array().unwrap().iter().map(|line| line["actor"].clone()).collect();
    assert_eq!(actors, [json!("system"), json!("system"), json!("customer")]);
    world.advance(600 * SECOND).await;
    assert_eq!(world.switch().route("c-5", A, &y).await["stateCode"], 8030);
}

#[tokio::test]
async fn one_b_who_calls_many_times_at_once_gets_one_y() {
    let (world, app) = axyb(5).await;
    let (subscription, x) = bind_x(&app, A, json!({})).await;
    let mut calls = JoinSet::new();
    for n in 0..16 {
        let (switch, x) = (world.switch(), x.clone());
        calls.spawn(async move { text(&switch.route(&format!("c-{}", n / 2), B, &x).await, "displayNum") });
    }
    let shown = calls.join_all().await;
    let row = rows(&app, &format!("subscriptionId={subscription}")).await;
    assert_eq!(row.len(), 1);
    assert!(shown.iter().all(|y| row[0]["numY"] == json!(y)), "{shown:?}");
}

#[tokio::test]
async fn a_call_whose_b_can_be_given_no_y_is_refused_with_8031_and_the_reason() {
    let (world, app) = axyb(1).await;
    let (subscription, x) = bind_x(&app, A, json!({})).await;
    let none = world.switch().route("c-1", B, &x).await;
    assert_eq!((&none["action"], &none["stateCode"]), (&json!("reject"), &json!(8031)));
    assert_eq!(
        none["reason"],
        "+86138****0002 dialled +86170****0001 and was given no Y: the app has no number that can be one"
    );
    world.switch().report(&json!([Switch::callin("c-1", B, &x)])).await;
    let end = json!({"by": "gateway", "sip": 403});
    world.switch().report(&json!([Switch::event("c-1", "disconnect", "2026-01-02T03:05:01Z", &end)])).await;
    let told = events(&world).await.remove(&text(&none, "sessionId")).unwrap();
    let info = told[1].json()["statusInfo"].clone();
    assert_eq!((&info["stateCode"], &info["subscriptionId"]), (&json!(8031), &json!(subscription)));
    assert_eq!(info["stateDesc"], "No Y number could be allocated.");
    world.advance(SECOND).await;
    let cdr = cdrs(&world).await.remove(&text(&none, "sessionId")).unwrap();
    assert_eq!((&cdr["ulFailReason"], &cdr["bindNum"]), (&json!(8031), &json!(x)));

    for n in 2..=7 {
        world.number(&app, &number(n)).await;
    }
    for n in 11..=15 {
        bind_y(&app, &subscription, &format!("+86138000000{n}"), json!({})).await;
    }
    let sixth = world.switch().route("c-2", B, &x).await;
    assert_eq!(sixth["stateCode"], 8031);
    assert!(text(&sixth, "reason").ends_with("the binding has as many B as there may be"));
    let lent = world.switch().route("c-3", &number(7), &x).await;
    assert_eq!(lent["stateCode"], 8031, "a caller that is itself a lent number");
    assert_eq!(world.metric("privnum_routes_total{answer=\"noYFree\"}"), 1);
}

#[tokio::test]
async fn a_y_that_the_store_does_not_take_is_not_used() {
    let (world, app) = axyb(2).await;
    let (subscription, x) = bind_x(&app, A, json!({})).await;
    let shell = rusqlite::Connection::open(world.dir.path().join("data/privnum.db")).unwrap();
    let refuse = "CREATE TRIGGER outage BEFORE INSERT ON binding BEGIN SELECT RAISE(ABORT, 'asked for'); END";
    shell.execute_batch(refuse).unwrap();
    let refused = world.switch().route("c-1", B, &x).await;
    assert_eq!(refused["stateCode"], 8031);
    assert!(text(&refused, "reason").ends_with("it could not be stored in time"));
    assert_eq!(rows(&app, &format!("subscriptionId={subscription}")).await[0].get("numY"), None);
    shell.execute_batch("DROP TRIGGER outage").unwrap();
    assert_eq!(
        world.switch().route("c-1", B, &x).await,
        refused,
        "the answer binds for the life of the call"
    );
    assert_eq!(world.switch().route("c-2", B, &x).await["action"], "connect");
}

#[tokio::test]
async fn a_call_that_leads_nowhere_has_its_documented_cause() {
    let (world, app) = axyb(3).await;
    let (subscription, x, y) = bind_both(&app).await;
    for (n, (caller, called, state)) in [
        (A, x.as_str(), 8032),
        (B, y.as_str(), 8032),
        (STRANGER, y.as_str(), 8030),
        (OTHER_A, &number(3), 8030),
        ("anonymous", x.as_str(), 8014),
        ("", y.as_str(), 8014),
        ("sip:b@example.com", x.as_str(), 8014),
    ]
    .into_iter()
    .enumerate()
    {
        let call = format!("c-{n}");
        let decision = world.switch().route(&call, caller, called).await;
        assert_eq!((&decision["action"], &decision["stateCode"]), (&json!("reject"), &json!(state)), "{n}");
        let end = Switch::event(&call, "disconnect", "2026-01-02T03:05:01Z", &json!({"by": "gateway"}));
        world.switch().report(&json!([Switch::callin(&call, caller, called), end])).await;
        let told = events(&world).await.remove(&text(&decision, "sessionId")).unwrap();
        assert_eq!(told.last().unwrap().json()["statusInfo"]["stateCode"], state);
        world.advance(SECOND).await;
        let cdr = cdrs(&world).await.remove(&text(&decision, "sessionId")).unwrap();
        assert_eq!((&cdr["ulFailReason"], &cdr["serviceType"]), (&json!(state), &json!("007")));
    }
    let row = rows(&app, &format!("subscriptionId={subscription}")).await;
    assert_eq!(row.len(), 1, "none of them was given a Y");
}

#[tokio::test]
async fn a_direction_shuts_one_of_the_two_ways() {
    let (world, app) = axyb(4).await;
    let (by_y, x) = bind_x(&app, A, json!({"callDirection": 1})).await;
    let y = bind_y(&app, &by_y, B, json!({})).await;
    assert_eq!(world.switch().route("c-1", A, &y).await["action"], "connect");
    for (call, caller) in [("c-2", B), ("c-3", STRANGER)] {
        assert_eq!(world.switch().route(call, caller, &x).await["stateCode"], 8016);
    }
    let (by_x, x) = bind_x(&app, OTHER_A, json!({"callDirection": "2"})).await;
    let y = bind_y(&app, &by_x, B, json!({})).await;
    assert_eq!(world.switch().route("c-4", B, &x).await["action"], "connect");
    assert_eq!(world.switch().route("c-5", OTHER_A, &y).await["stateCode"], 8016);
}

#[tokio::test]
async fn tones_and_recording_go_with_the_number_that_is_dialled() {
    let (world, app) = super::axyb_with(2, &json!({"recording": true})).await;
    let first = json!({"preVoiceX": "x.wav", "recordFlag": true, "recordHintTone": "rec.wav"});
    let (subscription, x) = bind_x(&app, A, first).await;
    let y = bind_y(&app, &subscription, B, json!({"preVoiceY": "y.wav"})).await;
    for (call, caller, called, tone) in [("c-1", B, &x, "x.wav"), ("c-2", A, &y, "y.wav")] {
        let decision = world.switch().route(call, caller, called).await;
        assert_eq!((&decision["callerTone"], &decision["recordTone"]), (&json!(tone), &json!("rec.wav")));
        assert_eq!((&decision["recordFlag"], &decision["maxDuration"]), (&json!(1), &json!(0)));
    }
}

#[tokio::test]
async fn a_number_that_carries_no_calls_stops_both_ways_whichever_of_the_two_it_is() {
    let (world, app) = axyb(3).await;
    let (subscription, x, y) = bind_both(&app).await;
    let set = async |number: &str, status: &str| {
        let path = format!("numbers/{}/status", &number[1..]);
        let answer = world.operator().ask("POST", &path, &json!({"status": status})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let mut n = 0;
    let mut state = async |caller: &str, called: &str| {
        n += 1;
        world.switch().route(&format!("c-{n}"), caller, called).await["stateCode"].clone()
    };
    for number in [&x, &y] {
        set(number, "9").await;
        assert_eq!((state(B, &x).await, state(A, &y).await), (json!(8055), json!(8055)));
        set(number, "11").await;
        assert_eq!((state(B, &x).await, state(A, &y).await), (Value::Null, Value::Null));
        set(number, "5").await;
    }
    // A frozen number takes no further B, as X as well as as Y.
    set(&number(3), "11").await;
    let second = try_bind(&app, &json!({"origNum": OTHER_B, "subscriptionId": subscription})).await;
    assert_eq!(second["resultcode"], "1012008");
    assert!(text(&second, "resultdesc").contains("1 are not usable"), "{second}");
}

#[tokio::test]
async fn an_ended_y_stays_with_nobody_else_for_a_while_and_an_ended_x_too() {
    let (world, app) = axyb(2).await;
    let (subscription, x, y) = bind_both(&app).await;
    let which = format!("subscriptionId={subscription}");
    assert_eq!(unbind(&app, &format!("{which}&bNum=%2B{}", &B[1..])).await, (200, "0".into()));
    let refused = world.switch().route("c-1", OTHER_B, &x).await;
    assert_eq!(refused["stateCode"], 8031, "the only other number stood for somebody else towards A");
    world.advance(300 * SECOND).await;
    assert_eq!(world.switch().route("c-2", OTHER_B, &x).await["displayNum"], json!(y));
    assert_eq!(unbind(&app, &which).await, (200, "0".into()));
    let none = try_bind(&app, &json!({"origNum": OTHER_A, "areaCode": "0755"})).await;
    assert_eq!(none["resultcode"], "1012008");
    assert!(text(&none, "resultdesc").contains("2 are in quarantine"), "{none}");
    assert_eq!(bind_x(&app, A, json!({})).await.1, x, "the same A may have it again");
}
