//! Binding in two steps, looking up, ending, and what is refused.

use serde_json::{Value, json};

use super::{
    OTHER_A, OTHER_B, SECOND, axyb, axyb_with, bind_both, bind_x, bind_y, number, query, rows, target, text,
    try_bind, unbind,
};
use crate::world::{A, AXYB, B, STATUS};

/// First steps that are refused: the members, result code, what the text holds.
const FIRST_REFUSED: &[(&str, &str, &str)] = &[
    (r#"{"origNum":null}"#, "1010002", "origNum is missing."),
    (r#"{"origNum":"13800000001"}"#, "1010002", "origNum: a number starts with +"),
    (r#"{"areaCode":""}"#, "1010002", "areaCode is missing."),
    (r#"{"areaCode":"Shenzhen"}"#, "1010002", "areaCode must be a city code"),
    (r#"{"areaCode":"010"}"#, "1012008", "Insufficient number of resources.Of 0 X numbers in area 010"),
    (r#"{"areaMatchMode":"2"}"#, "1010002", "areaMatchMode must be 0 to 1."),
    (r#"{"callDirection":3}"#, "1010002", "callDirection must be 0 to 2."),
    (r#"{"duration":59}"#, "1010002", "duration must be 0 or 60 to 7776000."),
    (r#"{"duration":7776001}"#, "1010002", "duration must be 0 or 60 to 7776000."),
    (r#"{"duration":"soon"}"#, "1010002", "duration must be 0 or 60 to 7776000."),
    (r#"{"ybDuration":1}"#, "1010002", "ybDuration must be 0 or 60 to 7776000."),
    (r#"{"preVoiceX":"a b"}"#, "1010002", "preVoiceX must be at most 128"),
    (r#"{"recordFlag":"true"}"#, "1012012", ""),
    (r#"{"origNum":"+8617000000001"}"#, "1010002", "A party must not be a private number."),
];

#[tokio::test]
async fn a_first_step_that_is_refused_has_its_documented_code_and_names_the_culprit() {
    let (world, app) = axyb(2).await;
    for (members, code, what) in FIRST_REFUSED {
        let mut body = json!({"origNum": A, "areaCode": "0755"});
        super::merge(&mut body, &serde_json::from_str(members).unwrap());
        let answer = try_bind(&app, &body).await;
        assert_eq!(answer["resultcode"], *code, "{members}: {answer}");
        assert!(text(&answer, "resultdesc").contains(what), "{members}: {answer}");
    }
    let axb = world.app("AXB", &Value::Null).await;
    assert_eq!(try_bind(&axb, &json!({})).await["resultcode"], "1010040");
}

#[tokio::test]
async fn the_app_key_has_to_be_in_the_url_and_be_that_of_the_signature() {
    let (world, app) = axyb(2).await;
    let other = world.app("AXYB", &Value::Null).await;
    let first = json!({"origNum": A, "areaCode": "0755"});
    for (query, code) in [("", "1010002"), ("?app_key=", "1010002"), ("?app_key=nobody", "1010003")] {
        let answer = app.post(&format!("{AXYB}{query}"), &first).await;
        assert_eq!(answer.code(), (403, code.into()), "{query}");
    }
    assert_eq!(app.post(&target(&other), &first).await.code(), (403, "1010003".into()));
    let (subscription, _) = bind_x(&app, A, json!({})).await;
    let which = format!("subscriptionId={subscription}");
    assert_eq!(app.get(AXYB, &which).await.code(), (403, "1010002".into()));
    assert_eq!(app.delete(AXYB, &format!("{which}&app_key=nobody")).await.code(), (403, "1010003".into()));
    assert_eq!(rows(&app, &which).await.len(), 1, "nothing of it was done");
}

#[tokio::test]
async fn each_step_answers_its_number_under_one_id_and_a_query_shows_all_that_was_given() {
    let (_world, app) = axyb_with(4, &json!({"recording": true})).await;
    let first = json!({"callDirection": 2, "duration": 600, "ybDuration": "300", "recordFlag": "true",
        "recordHintTone": "rec.wav", "preVoiceX": "x.wav", "userData": "order 7"});
    let (subscription, x) = bind_x(&app, A, first).await;
    let alone = json!({"bindId": subscription, "numA": A, "numX": x, "recordFlag": "true",
        "recordHintTone": "rec.wav", "subscribeTime": "2026-01-02 03:05:41", "callDirection": 2,
        "duration": "600", "ybDuration": "300", "preVoiceX": "x.wav", "userData": "order 7"});
    assert_eq!(rows(&app, &format!("relationNum=%2B{}", &x[1..])).await, std::slice::from_ref(&alone));

    let y = bind_y(&app, &subscription, B, json!({"preVoiceY": "y.wav"})).await;
    let other = json!({"ybDuration": 0, "userData": "order 8"});
    let other_y = bind_y(&app, &subscription, OTHER_B, other).await;
    assert!(y != x && other_y != x && other_y != y, "A must tell its B apart");
    let mut with_b = alone.clone();
    super::merge(&mut with_b, &json!({"numY": y, "numB": B, "preVoiceY": "y.wav"}));
    let mut with_other = alone;
    let more = json!({"numY": other_y, "numB": OTHER_B, "ybDuration": "0", "userData": "order 8"});
    super::merge(&mut with_other, &more);
    for which in [
        format!("subscriptionId={subscription}"),
        format!("relationNum=%2B{}", &x[1..]),
        format!("subscriptionId={subscription}&relationNum=nonsense"),
    ] {
        assert_eq!(rows(&app, &which).await, [with_b.clone(), with_other.clone()], "{which}");
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_the_apps_is_1016001_whatever_is_asked() {
    let (world, app) = axyb(3).await;
    let other = world.app("AXYB", &Value::Null).await;
    let (subscription, x, y) = bind_both(&app).await;
    let (by_id, by_x) = (format!("subscriptionId={subscription}"), format!("relationNum=%2B{}", &x[1..]));
    for which in [&by_id, &by_x] {
        assert_eq!(query(&other, which).await["resultcode"], "1016001", "{which}");
    }
    for which in [
        format!("relationNum=%2B{}", &y[1..]),
        format!("relationNum=%2B{}", &number(3)[1..]),
        "relationNum=17000000001".into(),
        "subscriptionId=0167ecc9-0000-4eec-b671-0a7dab2ba78c".into(),
    ] {
        assert_eq!(query(&app, &which).await["resultcode"], "1016001", "{which}");
    }
    assert_eq!(query(&app, "pageIndex=1").await["resultcode"], "1010002");
    assert_eq!(unbind(&other, &by_id).await, (403, "1016001".into()));
    assert_eq!(unbind(&app, "yNum=x").await, (403, "1010002".into()), "subscriptionId is missing");
    for which in ["yNum=nonsense", "yNum=%2B8617000000003", "bNum=%2B8613800000009"] {
        assert_eq!(unbind(&app, &format!("{by_id}&{which}")).await, (403, "1016001".into()), "{which}");
    }
    for id in ["0167ecc9-0000-4eec-b671-0a7dab2ba78c", "x"] {
        let second = try_bind(&app, &json!({"origNum": OTHER_B, "subscriptionId": id})).await;
        assert_eq!(second["resultcode"], "1016001");
    }
    let second = try_bind(&other, &json!({"origNum": OTHER_B, "subscriptionId": subscription})).await;
    assert_eq!(second["resultcode"], "1016001", "another app's");
    assert_eq!(rows(&app, &by_id).await.len(), 1);
}

#[tokio::test]
async fn a_b_is_bound_once_and_again_when_its_y_has_ended() {
    let (_world, app) = axyb(3).await;
    let (subscription, _) = bind_x(&app, A, json!({})).await;
    let second = |b: &str| json!({"origNum": b, "subscriptionId": subscription});
    let y = bind_y(&app, &subscription, B, json!({})).await;
    let again = app.post(&target(&app), &second(B)).await;
    assert_eq!(again.code(), (403, "1012010".into()));
    assert_eq!(again.json()["resultdesc"], "The number +86138****0002 has been bound.");
    let own = try_bind(&app, &second(A)).await;
    assert_eq!(own["resultcode"], "1010002");
    assert!(text(&own, "resultdesc").contains("origNum must not be that of the first step."));

    let which = format!("subscriptionId={subscription}");
    // The Y wins over the B that is named beside it.
    assert_eq!(unbind(&app, &format!("{which}&yNum=%2B{}&bNum=x", &y[1..])).await, (200, "0".into()));
    assert_eq!(rows(&app, &which).await[0].get("numB"), None, "the X stands without a B");
    assert_eq!(bind_y(&app, &subscription, B, json!({})).await, y, "it may get the same Y again");
    assert_eq!(unbind(&app, &format!("{which}&bNum=%2B{}", &B[1..])).await, (200, "0".into()));
    let other_y = bind_y(&app, &subscription, OTHER_B, json!({})).await;
    assert_ne!(other_y, y, "A could take the other for the one it knew by that Y");
}

#[tokio::test]
async fn an_unbind_without_a_b_ends_the_x_with_every_b() {
    let (world, app) = axyb(3).await;
    let (subscription, x, y) = bind_both(&app).await;
    let which = format!("subscriptionId={subscription}");
    // The body of a DELETE counts when the query names nothing.
    let body = json!({"subscriptionId": subscription}).to_string();
    assert_eq!(app.ask("DELETE", &target(&app), body.as_bytes()).await.code(), (200, "0".into()));
    assert_eq!(query(&app, &which).await["resultcode"], "1016001");
    assert_eq!(unbind(&app, &which).await, (403, "1016001".into()));
    for (call, caller, called) in [("c-1", B, &x), ("c-2", A, &y)] {
        assert_eq!(world.switch().route(call, caller, called).await["stateCode"], 8030);
    }
}

#[tokio::test]
async fn the_sixth_b_is_refused_with_the_reason_until_another_has_ended() {
    let (_world, app) = axyb(7).await;
    let (subscription, _) = bind_x(&app, A, json!({})).await;
    for n in 11..=15 {
        bind_y(&app, &subscription, &format!("+86138000000{n}"), json!({})).await;
    }
    let second = json!({"origNum": B, "subscriptionId": subscription});
    let sixth = try_bind(&app, &second).await;
    assert_eq!(sixth["resultcode"], "1012008");
    assert_eq!(
        sixth["resultdesc"],
        "Insufficient number of resources.The binding has 5 B, as many as there may be."
    );
    let which = format!("subscriptionId={subscription}&bNum=%2B8613800000011");
    assert_eq!(unbind(&app, &which).await, (200, "0".into()));
    bind_y(&app, &subscription, B, json!({})).await;
}

#[tokio::test]
async fn when_numbers_run_out_the_text_counts_why() {
    let (world, app) = axyb(2).await;
    let (subscription, _, y) = bind_both(&app).await;
    let none = try_bind(&app, &json!({"origNum": OTHER_A, "areaCode": "0755"})).await;
    let expected = "Insufficient number of resources.Of 2 X numbers in area 0755, 2 are full, 0 already carry a party, \
                    0 are in quarantine, 0 are not usable.";
    assert_eq!((&none["resultcode"], &none["resultdesc"]), (&json!("1012008"), &json!(expected)));
    let second = try_bind(&app, &json!({"origNum": OTHER_B, "subscriptionId": subscription})).await;
    let expected = "Insufficient number of resources.Of 2 X numbers in area 0755, 1 are full, 1 already carry a party, \
                    0 are in quarantine, 0 are not usable.";
    assert_eq!((&second["resultcode"], &second["resultdesc"]), (&json!("1012008"), &json!(expected)));
    // Another A can share the Y, once there is an X for it.
    world.number(&app, &number(3)).await;
    let (other, _) = bind_x(&app, OTHER_A, json!({})).await;
    assert_eq!(bind_y(&app, &other, B, json!({})).await, y);
}

#[tokio::test]
async fn a_y_is_looked_for_where_x_was_wanted_unless_its_step_names_a_city() {
    let (world, app) = axyb(1).await;
    world.number_in(&app, &number(5), "020").await;
    let (strict, _) = bind_x(&app, A, json!({})).await;
    let second = json!({"origNum": B, "subscriptionId": strict});
    assert_eq!(
        try_bind(&app, &second).await["resultcode"],
        "1012008",
        "strictly in 0755, where none is left"
    );
    let loosely = bind_y(&app, &strict, B, json!({"areaMatchMode": "1"})).await;
    assert_eq!(loosely, number(5));
    let elsewhere = json!({"origNum": OTHER_B, "subscriptionId": strict, "areaCode": "010"});
    assert_eq!(try_bind(&app, &elsewhere).await["resultcode"], "1012008");
    world.number_in(&app, &number(6), "010").await;
    assert_eq!(bind_y(&app, &strict, OTHER_B, json!({"areaCode": "010"})).await, number(6));
}

#[tokio::test]
async fn x_and_y_each_end_at_their_own_time_also_after_a_restart() {
    let (mut world, app) = axyb(3).await;
    let (subscription, x) = bind_x(&app, A, json!({"duration": 600, "ybDuration": 60})).await;
    let y = bind_y(&app, &subscription, B, json!({})).await;
    let longer = bind_y(&app, &subscription, OTHER_B, json!({"ybDuration": 9_000})).await;
    let which = format!("subscriptionId={subscription}");
    assert_eq!(rows(&app, &which).await[1]["ybDuration"], "600", "not longer than its X");
    world.stop().await;
    world.start_again().await;
    world.advance(59 * SECOND).await;
    assert_eq!(world.switch().route("c-1", A, &y).await["action"], "connect");
    world.advance(SECOND).await;
    assert_eq!(world.switch().route("c-2", A, &y).await["stateCode"], 8030, "at the instant");
    assert_eq!(rows(&app, &which).await.len(), 1);
    world.advance(539 * SECOND).await;
    assert_eq!(world.switch().route("c-3", A, &longer).await["action"], "connect");
    world.advance(SECOND).await;
    for (call, caller, called) in [("c-4", A, &longer), ("c-5", OTHER_B, &x)] {
        assert_eq!(world.switch().route(call, caller, called).await["stateCode"], 8030);
    }
    assert_eq!(query(&app, &which).await["resultcode"], "1016001");
    assert_eq!(world.metric("privnum_bindings"), 0);
}

#[tokio::test]
async fn without_a_duration_two_hours_count_and_zero_means_until_unbound() {
    let (world, app) = axyb(2).await;
    let (two_hours, _) = bind_x(&app, A, json!({})).await;
    let (for_good, _) = bind_x(&app, OTHER_A, json!({"duration": 0})).await;
    let duration = async |id: &str| rows(&app, &format!("subscriptionId={id}")).await[0]["duration"].clone();
    assert_eq!((duration(&two_hours).await, duration(&for_good).await), (json!("7200"), json!("0")));
    world.advance(7_200 * SECOND).await;
    assert_eq!(query(&app, &format!("subscriptionId={two_hours}")).await["resultcode"], "1016001");
    assert_eq!(rows(&app, &format!("subscriptionId={for_good}")).await.len(), 1);
    assert_eq!(world.pushed(STATUS).await.len(), 0, "an end is no event of a call");
}
