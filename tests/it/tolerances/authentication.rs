//! Section A: authentication headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privnum::domain::signature::{Scheme, digest};
use serde_json::json;

use crate::world::http::{Answer, Headers, exchange};
use crate::world::{AXB, Customer, World};

/// What an admitted request for a binding that never was is answered.
fn admitted(answer: &Answer) -> bool {
    answer.code() == (403, "1012007".into())
}

fn refused(answer: &Answer, status: u16, code: &str) -> bool {
    answer.code() == (status, code.into())
}

async fn ask(app: &Customer, headers: &[(&str, &str)]) -> Answer {
    let headers: Headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    app.ask_with(&headers, "GET", &format!("{AXB}?subscriptionId=none"), b"").await
}

const AKSK: &str = r#"AKSK realm="SDP",profile="UsernameToken",type="Appkey""#;
const WSSE: &str = r#"WSSE realm="SDP",profile="UsernameToken",type="Appkey""#;

// 1
#[tokio::test]
async fn both_schemes_are_admitted_and_told_apart_by_the_second_header() {
    let (_world, app) = World::axb().await;
    assert!(admitted(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &app.token().value())]).await));
    let wsse = app.with(Scheme::Wsse).token().value();
    assert!(admitted(&ask(&app, &[("Authorization", WSSE), ("X-WSSE", &wsse)]).await));
    let crossed = ask(&app, &[("Authorization", AKSK), ("X-AKSK", &wsse)]).await;
    assert!(refused(&crossed, 401, "1010010"));
}

// 2
#[tokio::test]
async fn a_wsse_digest_of_the_hexadecimal_text_is_admitted_and_an_aksk_one_is_not() {
    let (_world, app) = World::axb().await;
    for (scheme, upper) in [(Scheme::Wsse, false), (Scheme::Wsse, true), (Scheme::Aksk, false)] {
        let app = app.with(scheme);
        let mut token = app.token();
        let digest = digest(scheme, &app.secret, &token.nonce, &token.created);
        let write = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        token.digest = STANDARD.encode(digest.iter().map(write).collect::<String>());
        assert_eq!(token.digest.len(), 88);
        let authorization = if scheme == Scheme::Aksk { AKSK } else { WSSE };
        let name = if scheme == Scheme::Aksk { "X-AKSK" } else { "X-WSSE" };
        let answer = ask(&app, &[("Authorization", authorization), (name, &token.value())]).await;
        assert_eq!(admitted(&answer), scheme == Scheme::Wsse, "{scheme:?} {}", answer.text());
    }
}

// 3
#[tokio::test]
async fn a_client_that_writes_chinese_local_time_with_a_z_is_admitted() {
    let (world, app) = World::axb().await;
    for (created, good) in [
        ("2026-01-02T03:04:05Z", true),
        ("2026-01-02T11:04:05Z", true),
        ("2026-01-02T11:09:05Z", true),
        ("2026-01-02T10:04:05Z", false),
        ("2026-01-02T03:09:06Z", false),
        ("2026-01-02T03:04:05.000Z", false),
    ] {
        let token = app.token_of("66C92B11FF8A425FB8D4CCFE0ED9ED1F", created).value();
        let answer = ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token)]).await;
        assert_eq!(admitted(&answer), good, "{created} {}", answer.text());
        assert!(good || refused(&answer, 401, "1010013"), "{created}");
    }
    world.change_app(&app, &json!({"acceptPlus8h": false})).await;
    let token = app.token_of("66C92B11FF8A425FB8D4CCFE0ED9ED20", "2026-01-02T11:04:05Z").value();
    assert!(refused(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token)]).await, 401, "1010013"));
}

// 4
#[tokio::test]
async fn one_header_may_be_sent_many_times_unless_the_app_refuses_it() {
    let (world, app) = World::axb().await;
    let token = app.token().value();
    for _ in 0..6 {
        assert!(admitted(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token)]).await));
    }
    world.change_app(&app, &json!({"refuseReusedNonce": true})).await;
    assert!(refused(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token)]).await, 401, "1010010"));
    assert!(admitted(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &app.token().value())]).await));
}

// 5
#[tokio::test]
async fn nonces_of_thirteen_to_128_characters_are_admitted() {
    let (_world, app) = World::axb().await;
    for (length, good) in [(1, true), (13, true), (32, true), (128, true), (129, false)] {
        let token = app.token_of(&"a1B2".repeat(40)[..length], "2026-01-02T03:04:05Z").value();
        let answer = ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token)]).await;
        assert_eq!(admitted(&answer), good, "{length} {}", answer.text());
        assert!(good || refused(&answer, 400, "1023035"));
    }
}

// 6
#[tokio::test]
async fn attributes_are_separated_by_a_comma_with_or_without_a_blank_and_quoted_in_two_ways() {
    let (_world, app) = World::axb().await;
    let spaced = |text: &str| text.replace(',', ", ");
    let single = |text: &str| text.replace('"', "'");
    let token = app.token().value();
    for (authorization, token) in [
        (AKSK.to_owned(), spaced(&token)),
        (spaced(AKSK), token.clone()),
        (spaced(AKSK), spaced(&token)),
        (single(AKSK), single(&token)),
    ] {
        let answer = ask(&app, &[("Authorization", &authorization), ("X-AKSK", &token)]).await;
        assert!(admitted(&answer), "{authorization} {}", answer.text());
    }
}

// 7
#[tokio::test]
async fn a_renamed_type_attribute_is_told_and_the_scheme_word_may_have_any_case() {
    let (_world, app) = World::axb().await;
    let token = app.token().value();
    let renamed = AKSK.replace("type=", "dsl=");
    assert!(refused(&ask(&app, &[("Authorization", &renamed), ("X-AKSK", &token)]).await, 400, "1023012"));
    for word in ["aksk", "Aksk", "AKSK"] {
        let authorization = AKSK.replace("AKSK", word);
        assert!(
            admitted(&ask(&app, &[("Authorization", &authorization), ("X-AKSK", &token)]).await),
            "{word}"
        );
    }
}

// 8
#[tokio::test]
async fn header_names_compare_without_case() {
    let (_world, app) = World::axb().await;
    let (aksk, wsse) = (app.token().value(), app.with(Scheme::Wsse).token().value());
    for (name, authorization, token) in [
        ("X-Aksk", AKSK, &aksk),
        ("x-aksk", AKSK, &aksk),
        ("X-AKSK", AKSK, &aksk),
        ("X-WSSE", WSSE, &wsse),
        ("X-Wsse", WSSE, &wsse),
        ("x-wsse", WSSE, &wsse),
    ] {
        for authorization_name in ["Authorization", "authorization", "AUTHORIZATION"] {
            let answer = ask(&app, &[(authorization_name, authorization), (name, token)]).await;
            assert!(admitted(&answer), "{authorization_name} {name}");
        }
    }
}

// 9
#[tokio::test]
async fn a_digest_is_taken_as_it_stands_and_attributes_by_name() {
    let (_world, app) = World::axb().await;
    let token = std::iter::repeat_with(|| app.token())
        .find(|token| token.digest.contains('+') && token.digest.contains('/'))
        .unwrap();
    assert!(token.digest.ends_with('='));
    assert!(admitted(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &token.value())]).await));
    let other_order = format!(
        r#"UsernameToken Created="{}",Nonce="{}",PasswordDigest="{}",Username="{}""#,
        token.created, token.nonce, token.digest, token.username
    );
    let authorization = r#"AKSK type="Appkey",realm="SDP",profile="UsernameToken""#;
    assert!(admitted(&ask(&app, &[("Authorization", authorization), ("X-AKSK", &other_order)]).await));
    let decoded = token.value().replace('+', "%2B").replace('/', "%2F");
    assert!(refused(&ask(&app, &[("Authorization", AKSK), ("X-AKSK", &decoded)]).await, 401, "1010010"));
}

// 10
#[tokio::test]
async fn headers_under_numeric_names_are_no_authentication() {
    let (_world, app) = World::axb().await;
    let wsse = app.with(Scheme::Wsse).token().value();
    let (first, second) = (format!("Authorization: {WSSE}"), format!("X-WSSE: {wsse}"));
    let answer = ask(&app, &[("2", &first), ("3", &second)]).await;
    assert!(refused(&answer, 400, "1023006"));
}

// 11
#[tokio::test]
async fn a_token_in_the_query_is_no_authentication() {
    let (_world, app) = World::axb().await;
    for path in [AXB, "/rest/httpsessions/callStop/v2.0", "/rest/provision/voice/record/v1.0"] {
        let target = format!("{path}?app_key={}&access_token=abc&format=json", app.key);
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let (status, code) = exchange(app.gateway(), request).await.code();
        assert!((400..500).contains(&status) && code != "0", "{path}: {status} {code}");
    }
}
