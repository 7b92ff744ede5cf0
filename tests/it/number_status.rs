//! The status of X numbers: every status and cause, from operators and carriers, told to the right address in
//! portions of 100, and what each does to binds and calls (callbacks 7).

use serde_json::{Value, json};

use crate::world::http::{exchange, request};
use crate::world::{A, AX, AXB, B, Customer, NUMBER_STATUS, STATUS, Switch, World, X};

/// The status codes and causes of the documented list: 4 is no cause.
const CAUSES: [&str; 8] = ["1", "2", "3", "5", "6", "7", "8", "9"];

/// An operator's doing.
async fn set(world: &World, body: &Value) {
    let answer = world.operator().ask("POST", &format!("numbers/{X}/status"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A carrier's report; answers `[updated, unchanged, unknown]`.
async fn report(world: &World, numbers: &Value) -> [u64; 3] {
    let body = json!({"numbers": numbers}).to_string();
    let bytes = request("POST", "/switch/v1/numbers/status", &Switch::headers(), body.as_bytes());
    let answer = exchange(world.switch().address(), bytes).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    ["updated", "unchanged", "unknown"].map(|counter| answer.json()[counter].as_u64().unwrap())
}

/// The bodies pushed to `path`, which are all notices of number status and nothing else.
async fn told(world: &World, path: &str) -> Vec<Value> {
    let pushes = world.pushed(path).await;
    let bodies: Vec<_> = pushes.iter().map(crate::world::Pushed::json).collect();
    for body in &bodies {
        let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["eventType", "numInfo"]);
        assert_eq!(body["eventType"], "numStatus");
    }
    bodies.into_iter().map(|body| body["numInfo"].clone()).collect()
}

#[tokio::test]
async fn every_status_and_cause_is_told_whoever_sets_it() {
    let (world, _) = World::axb().await;
    let unavailable = CAUSES.map(|cause| json!({"status": "10", "cause": cause}));
    let others =
        [json!({"status": "9"}), json!({"status": "10"}), json!({"status": "11"}), json!({"status": "5"})];
    for by_carrier in [false, true] {
        for status in unavailable.iter().chain(&others) {
            let mut number = status.clone();
            number["number"] = json!(X);
            if by_carrier {
                assert_eq!(report(&world, &json!([number])).await, [1, 0, 0]);
            } else {
                set(&world, status).await;
            }
            assert_eq!(told(&world, NUMBER_STATUS).await, [json!([number])], "by carrier: {by_carrier}");
        }
    }
    let audit = world.operator().ask("GET", "audit?limit=1", &Value::Null).await.json();
    assert_eq!(audit["items"][0]["actor"], "carrier");
}

#[tokio::test]
async fn what_is_so_already_is_not_told_again() {
    let (world, _) = World::axb().await;
    let arrears = json!({"status": "10", "cause": "2"});
    let number = json!({"number": X, "status": "10", "cause": "2"});
    set(&world, &arrears).await;
    assert_eq!(told(&world, NUMBER_STATUS).await.len(), 1);
    set(&world, &arrears).await;
    assert_eq!(report(&world, &json!([number])).await, [0, 1, 0]);
    assert_eq!(told(&world, NUMBER_STATUS).await, Vec::<Value>::new());
    set(&world, &json!({"status": "10", "cause": "3"})).await;
    assert_eq!(told(&world, NUMBER_STATUS).await.len(), 1, "the cause alone has changed");
}

#[tokio::test]
async fn the_last_of_several_reports_about_a_number_counts() {
    let (world, _) = World::axb().await;
    let entry = |status: &str| json!({"number": X, "status": status});
    assert_eq!(report(&world, &json!([entry("9"), entry("5")])).await, [2, 0, 0]);
    assert_eq!(told(&world, NUMBER_STATUS).await, [json!([entry("9"), entry("5")])]);
    let shown = world.operator().ask("GET", &format!("numbers/{X}"), &Value::Null).await;
    assert_eq!(shown.member("status"), "5");
}

#[tokio::test]
async fn notices_hold_at_most_100_numbers_of_one_app() {
    let world = World::new().await;
    let (app, other) = (world.app("AXB", &Value::Null).await, world.app("AXB", &Value::Null).await);
    let number = |n: u64| format!("+{}", 8_617_000_000_000 + n);
    let entry = |app: &Customer, n: u64| json!({"number": number(n), "appKey": app.key});
    let mut numbers: Vec<_> = (1..=250).map(|n| entry(&app, n)).collect();
    numbers.extend((251..=253).map(|n| entry(&other, n)));
    let added = world.operator().ask("POST", "numbers", &json!({"numbers": numbers})).await;
    assert_eq!(added.json()["added"], 253);
    let all: Vec<_> = (1..=253).map(|n| json!({"number": number(n), "status": "9"})).collect();
    assert_eq!(report(&world, &json!(all)).await, [253, 0, 0]);
    let notices = told(&world, NUMBER_STATUS).await;
    let mut sizes: Vec<_> = notices.iter().map(|notice| notice.as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 50, 100, 100]);
    let mut told: Vec<_> = notices.iter().flat_map(|notice| notice.as_array().unwrap().clone()).collect();
    told.sort_by_key(|entry| entry["number"].as_str().unwrap().to_owned());
    assert_eq!(told, all, "each number once");
}

#[tokio::test]
async fn notices_go_to_their_own_address_else_to_that_of_the_events_and_only_if_wanted() {
    for (urls, expected) in [
        (json!({}), [1, 0]),
        (json!({"callStatusUrl": null}), [1, 0]),
        (json!({"numberStatusUrl": null}), [0, 1]),
        (json!({"numberStatusUrl": null, "callStatusUrl": null}), [0, 0]),
        (json!({"pushNumberStatus": false}), [0, 0]),
    ] {
        let world = World::new().await;
        let app = world.app("AXB", &urls).await;
        world.number(&app, X).await;
        set(&world, &json!({"status": "9"})).await;
        let counts = [told(&world, NUMBER_STATUS).await.len(), told(&world, STATUS).await.len()];
        assert_eq!(counts, expected, "{urls}");
    }
}

/// Status, cause, whether it takes bindings, whether it carries calls.
const EFFECTS: [(&str, Option<&str>, bool, bool); 5] = [
    ("5", None, true, true),
    ("9", None, false, false),
    ("10", Some("2"), false, false),
    ("10", None, false, false),
    ("11", None, false, true),
];

async fn effect_on(world: &World, app: &Customer, mode: &str) {
    // Not one number is left to choose from, and then there are two.
    let (path, named, chosen) = match mode {
        "AXB" => (
            AXB,
            json!({"callerNum": "+8613800000003", "calleeNum": "+8613800000004", "relationNum": X}),
            json!({"callerNum": "+8613800000005", "calleeNum": "+8613800000006", "areaCode": "0755"}),
        ),
        _ => (
            AX,
            json!({"origNum": "+8613800000003", "privateNum": "+8617000000002"}),
            json!({"origNum": "+8613800000005", "privateNumType": "mobile-virtual", "areaCode": "0755"}),
        ),
    };
    let x = if mode == "AXB" { X } else { "+8617000000002" };
    let none_left = if mode == "AXB" { "1012008" } else { "1011002" };
    for (n, (status, cause, binds, calls)) in EFFECTS.into_iter().enumerate() {
        let mut entry = json!([{"number": X, "status": status}, {"number": x, "status": status}]);
        for number in entry.as_array_mut().unwrap() {
            if let Some(cause) = cause {
                number["cause"] = json!(cause);
            }
        }
        report(world, &entry).await;
        for (body, otherwise) in [(&named, "1012102"), (&chosen, none_left)] {
            let bound = app.post(path, body).await;
            let expected = if binds { "0" } else { otherwise };
            assert_eq!(bound.code().1, expected, "{mode}, status {status}: {body}");
            if binds {
                app.delete(path, &format!("subscriptionId={}", bound.member("subscriptionId"))).await;
                world.advance(std::time::Duration::from_secs(301)).await;
            }
        }
        let route = world.switch().route(&format!("call-{n}"), B, X).await;
        let expected = if calls { json!("connect") } else { json!("reject") };
        assert_eq!(route["action"], expected, "{mode}, status {status}");
        assert!(calls || route["stateCode"] == 8_055, "{route}");
    }
    set(world, &json!({"status": "5"})).await;
    assert_eq!(
        world.switch().route("well again", B, X).await["action"],
        "connect",
        "the binding stood all the time"
    );
}

#[tokio::test]
async fn each_status_has_its_effect_on_binds_and_calls_of_an_axb_app() {
    let (world, app) = World::axb().await;
    app.bind_axb(X, A, B).await;
    effect_on(&world, &app, "AXB").await;
}

#[tokio::test]
async fn each_status_has_its_effect_on_binds_and_calls_of_an_ax_app() {
    let (world, app) = World::ax().await;
    world.number(&app, "+8617000000002").await;
    assert_eq!(app.post(AX, &json!({"origNum": A, "privateNum": X})).await.code().1, "0");
    effect_on(&world, &app, "AX").await;
}
