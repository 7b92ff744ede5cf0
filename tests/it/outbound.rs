//! How pushes travel, seen from an app: Standard Webhooks, and what the record of an attempt tells. TLS, name
//! servers and hostile receivers are tested beside `src/outbound`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Customer, NUMBER_STATUS, Pushed, Reaction, World, X};

async fn world_with(settings: &Value) -> (World, Customer) {
    let world = World::new().await;
    let app = world.app("AXB", settings).await;
    world.number(&app, X).await;
    (world, app)
}

/// Has a notice pushed and answers the push.
async fn notice(world: &World, status: &str) -> Vec<Pushed> {
    let path = format!("numbers/{X}/status");
    let changed = world.operator().ask("POST", &path, &json!({"status": status})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    world.pushed(NUMBER_STATUS).await
}

/// What a library of Standard Webhooks computes.
fn signature(secret: &str, push: &Pushed) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let (id, timestamp) = (push.header("webhook-id"), push.header("webhook-timestamp"));
    mac.update(format!("{id}.{timestamp}.{}", push.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn standard_webhooks_headers_come_when_asked_for_and_sign_with_both_secrets_during_a_rotation() {
    let (world, app) = world_with(&json!({})).await;
    let plain = notice(&world, "9").await.remove(0);
    assert!(plain.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("webhook-")));

    world.change_app(&app, &json!({"standardWebhooks": true})).await;
    let push = notice(&world, "5").await.remove(0);
    assert_eq!(push.header("webhook-signature"), signature(&app.secret, &push));
    assert_eq!(push.header("webhook-timestamp"), world.now().secs().to_string());

    let rotated = world
        .operator()
        .ask("POST", &format!("apps/{}/rotateSecret", app.key), &json!({"keepOldForSecs": 60}))
        .await;
    let new = rotated.member("appSecret");
    let push = notice(&world, "9").await.remove(0);
    let both = format!("{} {}", signature(&new, &push), signature(&app.secret, &push));
    assert_eq!(push.header("webhook-signature"), both);

    world.advance(Duration::from_secs(60)).await;
    let push = notice(&world, "5").await.remove(0);
    assert_eq!(push.header("webhook-signature"), signature(&new, &push));
}

#[tokio::test]
async fn every_push_of_a_delivery_has_its_id() {
    let (world, _) = world_with(&json!({"standardWebhooks": true})).await;
    world.receiver.react(NUMBER_STATUS, Reaction::Answer(500, ""));
    let first = notice(&world, "9").await.remove(0);
    world.advance(Duration::from_secs(60)).await;
    let second = world.pushed(NUMBER_STATUS).await.remove(0);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    let deliveries = world.operator().ask("GET", "deliveries?kind=numStatus", &Value::Null).await.json();
    assert_eq!(deliveries["items"][0]["id"], first.header("webhook-id"));
}

#[tokio::test]
async fn an_attempt_tells_where_the_time_went_and_a_kept_connection_needs_less() {
    let (world, _) = world_with(&json!({})).await;
    for (status, expected) in [("9", &["connect", "firstByte", "total"][..]), ("5", &["firstByte", "total"])]
    {
        notice(&world, status).await;
        world.quiet().await;
        let deliveries = world.operator().ask("GET", "deliveries?kind=numStatus", &Value::Null).await.json();
        let id = deliveries["items"][0]["id"].as_str().unwrap().to_owned();
        let delivery = world.operator().ask("GET", &format!("deliveries/{id}"), &Value::Null).await.json();
        let attempt = &delivery["attempts"][0];
        let parts: Vec<_> = attempt["timings"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(parts, expected, "{attempt}");
        assert_eq!((&attempt["status"], &attempt["failure"]), (&json!(200), &Value::Null));
    }
}

#[tokio::test]
async fn a_refusal_of_the_egress_proxy_costs_the_customer_no_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("callback.egress_proxy = \"http://{}\"", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            if turn == 0 {
                stream.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                continue;
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            let mut onward = TcpStream::connect(target).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut onward).await });
        }
    });
    let world = World::with(&proxy).await;
    let app = world.app("AXB", &json!({})).await;
    world.number(&app, X).await;
    assert_eq!(notice(&world, "9").await, []);
    let shown = async || {
        let deliveries = world.operator().ask("GET", "deliveries?kind=numStatus", &Value::Null).await;
        deliveries.json()["items"][0].clone()
    };
    assert_eq!((&shown().await["pushes"], &shown().await["state"]), (&json!(0), &json!("pending")));
    world.advance(Duration::from_secs(5)).await;
    assert_eq!(world.pushed(NUMBER_STATUS).await.len(), 1);
    assert_eq!((&shown().await["pushes"], &shown().await["state"]), (&json!(1), &json!("delivered")));
}

#[tokio::test]
async fn tls_settings_are_judged_when_they_are_entered() {
    let (world, app) = world_with(&json!({})).await;
    let operator = world.operator();
    let path = format!("apps/{}", app.key);
    let key = rcgen::KeyPair::generate().unwrap();
    let other_key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    for (settings, field) in [
        (json!({"callbackCa": "nonsense"}), "callbackCa"),
        (json!({"callbackClientCert": certificate}), "callbackClientKey"),
        (json!({"callbackClientCert": certificate, "callbackClientKey": "nonsense"}), "callbackClientCert"),
        (json!({"callbackClientCert": certificate, "callbackClientKey": other_key}), "callbackClientCert"),
    ] {
        let refused = operator.ask("PATCH", &path, &settings).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)), "{settings}");
    }
    let settings = json!({
        "callbackCa": certificate, "callbackClientCert": certificate, "callbackClientKey": key.serialize_pem()
    });
    let shown = operator.ask("PATCH", &path, &settings).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.json()["callbackClientCert"], certificate.as_str());
    assert!(!shown.text().contains("PRIVATE KEY"));
    let cleared = json!({"callbackCa": null, "callbackClientCert": null});
    assert_eq!(operator.ask("PATCH", &path, &cleared).await.json()["callbackCa"], Value::Null);
}
