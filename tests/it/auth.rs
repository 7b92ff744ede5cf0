//! Who may ask: every refusal with its code, bans, addresses, flow control, suspended apps, modes
//! (proto-docs/customer.md, "Authentication" and "Order of checks").

use std::time::Duration;

use privnum::domain::signature::Scheme;
use serde_json::{Value, json};

use crate::world::http::{Answer, Headers};
use crate::world::{A, AX, AXB, B, Customer, World, X};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// What an admitted request for a binding that never was is answered.
const ADMITTED: (u16, &str) = (403, "1012007");

async fn ask(app: &Customer, headers: &Headers) -> Answer {
    app.ask_with(headers, "GET", &format!("{AXB}?subscriptionId=none"), b"").await
}

fn is(answer: &Answer, (status, code): (u16, &str)) -> bool {
    answer.code() == (status, code.into())
}

/// The headers of a good request with one of them, or a part of one, replaced.
fn with(app: &Customer, part: &str, by: &str) -> Headers {
    let good = app.signed();
    assert!(good.iter().any(|(_, value)| value.contains(part)), "{part} is there");
    good.into_iter().map(|(name, value)| (name, value.replacen(part, by, 1))).collect()
}

fn without(app: &Customer, header: &str) -> Headers {
    app.signed().into_iter().filter(|(name, _)| name != header).collect()
}

/// A good header value with one attribute left out: `name="..."` and its comma.
fn leaving_out(app: &Customer, attribute: &str) -> Headers {
    let cut = |value: &str| -> String {
        let (word, rest) = value.split_once(' ').unwrap();
        let kept = rest.split(',').filter(|part| !part.starts_with(&format!("{attribute}=")));
        format!("{word} {}", kept.collect::<Vec<_>>().join(","))
    };
    let cut_if_signed = |(name, value): (String, String)| match name.as_str() {
        "Content-Type" => (name, value),
        _ => (name, cut(&value)),
    };
    app.signed().into_iter().map(cut_if_signed).collect()
}

#[tokio::test]
async fn each_fault_of_the_authorization_header_has_its_code() {
    let (_world, app) = World::axb().await;
    for (headers, expected) in [
        (without(&app, "Authorization"), "1023006"),
        (leaving_out(&app, "realm"), "1023007"),
        (leaving_out(&app, "profile"), "1023008"),
        (with(&app, "\"SDP\"", "\"sdp\""), "1023009"),
        (with(&app, "profile=\"UsernameToken\"", "profile=\"Username\""), "1023010"),
        (with(&app, "\"Appkey\"", "\"app_key\""), "1023011"),
        (leaving_out(&app, "type"), "1023012"),
        (with(&app, "AKSK realm", "Basic realm"), "1023033"),
        (with(&app.with(Scheme::Wsse), "WSSE realm", "Basic realm"), "1023013"),
    ] {
        assert!(is(&ask(&app, &headers).await, (400, expected)), "{expected}");
    }
    let empty = vec![("Authorization".into(), " ".into())];
    assert!(is(&ask(&app, &empty).await, (400, "1023006")));
}

#[tokio::test]
async fn each_fault_of_the_second_header_has_the_code_of_its_scheme() {
    let (_world, app) = World::axb().await;
    let wsse = app.with(Scheme::Wsse);
    for (attribute, aksk_code, wsse_code) in [
        ("Username", "1023034", "1023027"),
        ("Nonce", "1023035", "1023028"),
        ("Created", "1023036", "1023029"),
        ("PasswordDigest", "1023037", "1023030"),
    ] {
        assert!(is(&ask(&app, &leaving_out(&app, attribute)).await, (400, aksk_code)), "{attribute}");
        assert!(is(&ask(&app, &leaving_out(&wsse, attribute)).await, (400, wsse_code)), "{attribute}");
    }
    for (headers, expected) in [
        (without(&app, "X-AKSK"), "1023033"),
        (without(&wsse, "X-WSSE"), "1023026"),
        (with(&app, "UsernameToken Username", "Username"), "1023038"),
        (with(&wsse, "UsernameToken Username", "Username"), "1023031"),
    ] {
        assert!(is(&ask(&app, &headers).await, (400, expected)), "{expected}");
    }
}

#[tokio::test]
async fn keys_digests_and_times_that_are_wrong_have_their_codes() {
    let (world, app) = World::axb().await;
    let stranger = app.with_key("nobody");
    assert!(is(&ask(&app, &stranger.signed()).await, (403, "1010003")));
    let forger = app.with_secret("guessed");
    assert!(is(&ask(&app, &forger.signed()).await, (401, "1010010")));
    for created in ["2026-01-02T02:59:04Z", "2026-01-02T03:09:06Z", "yesterday", "2026-01-02 03:04:05"] {
        let headers = app.signed_with(&app.token_of("n", created));
        assert!(is(&ask(&app, &headers).await, (401, "1010013")), "{created}");
    }
    for created in ["2026-01-02T02:59:05Z", "2026-01-02T03:09:05Z"] {
        assert!(is(&ask(&app, &app.signed_with(&app.token_of("n", created))).await, ADMITTED), "{created}");
    }
    world.change_app(&app, &json!({"authSchemes": ["AKSK"]})).await;
    assert!(is(&ask(&app, &app.with(Scheme::Wsse).signed()).await, (401, "1010010")));
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
}

#[tokio::test]
async fn a_suspended_app_is_told_so_whatever_its_digest_until_it_is_resumed() {
    let (world, app) = World::axb().await;
    let forger = app.with_secret("guessed");
    let operator = world.operator();
    assert_eq!(operator.ask("POST", &format!("apps/{}/suspend", app.key), &Value::Null).await.status, 200);
    assert!(is(&ask(&app, &app.signed()).await, (403, "1010008")));
    assert!(is(&ask(&app, &forger.signed()).await, (403, "1010008")));
    assert_eq!(operator.ask("POST", &format!("apps/{}/resume", app.key), &Value::Null).await.status, 200);
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
}

#[tokio::test]
async fn an_app_of_a_frozen_account_is_told_so_for_every_operation_until_it_is_unfrozen() {
    let (world, app) = World::axb().await;
    let operator = world.operator();
    assert_eq!(operator.ask("POST", &format!("apps/{}/freeze", app.key), &Value::Null).await.status, 200);
    for method in ["POST", "DELETE", "PUT", "GET"] {
        let refused = app.ask(method, AXB, b"{}").await;
        assert!(is(&refused, (403, "1010029")), "{method}");
        assert_eq!(refused.json()["resultdesc"], "The subscriber status is frozen.");
    }
    world.suspend(&app, true).await;
    assert!(is(&ask(&app, &app.signed()).await, (403, "1010008")), "suspended is looked at first");
    world.suspend(&app, false).await;
    assert_eq!(operator.ask("POST", &format!("apps/{}/unfreeze", app.key), &Value::Null).await.status, 200);
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
}

#[tokio::test]
async fn the_operations_of_another_mode_are_refused_and_only_to_those_who_are_known() {
    let (_world, axb) = World::axb().await;
    let (_other, ax) = World::ax().await;
    for (app, target) in [(&axb, AX), (&ax, AXB), (&axb, crate::world::AX_CALLEE)] {
        let method = if target == crate::world::AX_CALLEE { "PUT" } else { "POST" };
        assert!(is(&app.ask(method, target, b"{}").await, (403, "1010040")), "{target}");
        let forger = app.with_secret("guessed");
        assert!(is(&forger.ask(method, target, b"{}").await, (401, "1010010")), "{target}");
    }
}

async fn fail(app: &Customer, times: usize) {
    let forger = app.with_secret("guessed");
    for _ in 0..times {
        assert!(is(&ask(app, &forger.signed()).await, (401, "1010010")));
    }
}

#[tokio::test]
async fn ten_failures_ban_an_address_for_half_an_hour() {
    let (world, app) = World::axb().await;
    fail(&app, 9).await;
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED), "nine are not enough");
    fail(&app, 1).await;
    assert!(is(&ask(&app, &app.signed()).await, (403, "1020176")));
    assert!(is(&ask(&app, &Vec::new()).await, (403, "1020176")), "before anything else is looked at");
    world.advance(1_799 * SECOND).await;
    assert!(is(&ask(&app, &app.signed()).await, (403, "1020176")));
    world.advance(SECOND).await;
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
}

#[tokio::test]
async fn failures_more_than_five_minutes_apart_do_not_add_up_and_malformed_headers_do_not_count() {
    let (world, app) = World::axb().await;
    fail(&app, 9).await;
    world.advance(5 * MINUTE).await;
    fail(&app, 9).await;
    for _ in 0..20 {
        assert!(is(&ask(&app, &without(&app, "X-AKSK")).await, (400, "1023033")));
    }
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
}

/// A world whose gateway trusts the proxy that the test plays.
async fn behind_a_proxy() -> (World, Customer) {
    World::one_app("AXB", "auth.trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]").await
}

fn from(app: &Customer, forwarded_for: &str) -> Headers {
    let mut headers = app.signed();
    headers.push(("X-Forwarded-For".into(), forwarded_for.into()));
    headers
}

#[tokio::test]
async fn behind_a_proxy_the_client_is_banned_and_not_the_proxy() {
    let (_world, app) = behind_a_proxy().await;
    let forger = app.with_secret("guessed");
    for _ in 0..10 {
        assert!(is(&ask(&app, &from(&forger, "203.0.113.9")).await, (401, "1010010")));
    }
    assert!(is(&ask(&app, &from(&app, "203.0.113.9")).await, (403, "1020176")));
    assert!(is(&ask(&app, &from(&app, "6.6.6.6, 203.0.113.9")).await, (403, "1020176")), "not to be escaped");
    assert!(is(&ask(&app, &from(&app, "203.0.113.10")).await, ADMITTED));
}

#[tokio::test]
async fn only_addresses_on_the_whitelist_are_let_in() {
    let world = World::with("auth.trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]").await;
    let list = json!({"ipWhitelist": ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"]});
    let app = world.app("AXB", &list).await;
    for (forwarded_for, good) in [
        ("203.0.113.1", true),
        ("203.0.113.255", true),
        ("203.0.114.1", false),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("2001:db8::7", true),
        ("[2001:db8::7]:4711", true),
        ("2001:db9::7", false),
        ("::ffff:203.0.113.1", true),
        ("203.0.113.1, 10.0.0.3", true),
        ("203.0.113.1, 192.0.2.1", false),
        ("6.6.6.6, 203.0.113.1", true),
        ("nonsense", false),
    ] {
        let answer = ask(&app, &from(&app, forwarded_for)).await;
        let expected = if good { ADMITTED } else { (403, "1020166") };
        assert!(is(&answer, expected), "{forwarded_for}: {}", answer.text());
    }
    assert!(is(&ask(&app, &app.signed()).await, (403, "1020166")), "the proxy itself is not listed");
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let world = World::new().await;
    let app = world.app("AXB", &json!({"ipWhitelist": ["203.0.113.0/24"]})).await;
    assert!(is(&ask(&app, &from(&app, "203.0.113.1")).await, (403, "1020166")));
    let local = world.app("AXB", &json!({"ipWhitelist": ["127.0.0.1"]})).await;
    assert!(is(&ask(&local, &from(&local, "6.6.6.6")).await, ADMITTED));
}

#[tokio::test]
async fn an_app_that_asks_too_often_is_told_to_wait() {
    let world = World::new().await;
    let app = world.app("AXB", &json!({"flowLimitPerSecond": 3})).await;
    let free = world.app("AXB", &Value::Null).await;
    let passed = async |app: &Customer| is(&ask(app, &app.signed()).await, ADMITTED);
    for _ in 0..3 {
        assert!(passed(&app).await);
    }
    assert!(is(&ask(&app, &app.signed()).await, (403, "1010010")));
    assert!(passed(&free).await, "another app is not concerned");
    world.advance(Duration::from_millis(334)).await;
    assert!(passed(&app).await);
    assert!(!passed(&app).await);
    world.advance(SECOND).await;
    for _ in 0..3 {
        assert!(passed(&app).await);
    }
}

#[tokio::test]
async fn the_secret_before_a_rotation_is_good_until_its_time_is_over() {
    let (world, app) = World::axb().await;
    let path = format!("apps/{}/rotateSecret", app.key);
    let rotated = world.operator().ask("POST", &path, &json!({"keepOldForSecs": 60})).await;
    let rotated = app.with_secret(&rotated.member("appSecret"));
    assert!(is(&ask(&app, &app.signed()).await, ADMITTED));
    assert!(is(&ask(&app, &rotated.signed()).await, ADMITTED));
    world.advance(MINUTE).await;
    assert!(is(&ask(&app, &app.signed()).await, (401, "1010010")));
    assert!(is(&ask(&app, &rotated.signed()).await, ADMITTED));
}

#[tokio::test]
async fn an_app_sees_and_changes_only_its_own_bindings() {
    let (world, app) = World::axb().await;
    let other = world.app("AXB", &Value::Null).await;
    let id = app.bind_axb(X, A, B).await;
    let (by_id, by_x) = (format!("subscriptionId={id}"), "relationNum=%2B8617000000001");
    assert!(is(&other.get(AXB, &by_id).await, (403, "1012007")));
    assert!(is(&other.delete(AXB, &by_id).await, (403, "1012007")));
    assert!(is(&other.put(AXB, &json!({"subscriptionId": id, "maxDuration": 1})).await, (403, "1012007")));
    assert!(is(&other.get(AXB, by_x).await, (403, "1012001")));
    assert!(is(&other.delete(AXB, by_x).await, (403, "1012001")));
    let body = json!({"callerNum": "+8613800000003", "calleeNum": "+8613800000004", "relationNum": X});
    assert!(is(&other.post(AXB, &body).await, (403, "1012001")));
    assert!(is(&app.get(AXB, &by_id).await, (200, "0")));
}
