//! Binding, changing, looking up and ending, and what is refused.

use std::collections::BTreeSet;

use std::time::Duration;

use serde_json::{Value, json};

use super::{FOREIGN_X, HOUR, MINUTE, OTHER_A, SECOND, axe, bind, text, try_bind};
use crate::world::{A, AXE, AXE_LIST, B, STATUS, X};

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
