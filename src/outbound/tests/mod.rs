//! The client against real receivers on loopback. The receivers are raw sockets, because what goes over the
//! wire is the subject, and because no HTTP library would misbehave the way these do.

mod connections;
mod dns;
mod hostile;
mod names;
mod proxy;
mod receiver;
mod tls;
mod wire;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;

use self::receiver::{OK, accept, read_request, receiver};
use super::*;
use crate::domain::id::AppKey;
use crate::domain::signature::Scheme;

/// Long enough that a test which meets this limit is a test that failed.
const NEVER_MET: Duration = Duration::from_secs(30);
/// For tests in which the limit is the point.
const TINY: Duration = Duration::from_millis(60);
const NONCE: &str = "66c92b11fb6b4f2a8d6a0e0f7a9b3c1d";

fn settings() -> OutboundSettings {
    OutboundSettings {
        timeout: NEVER_MET,
        late_answer: Duration::ZERO,
        connect_timeout: NEVER_MET,
        tls_timeout: NEVER_MET,
        names: NameSettings { budget: NEVER_MET, ..NameSettings::default() },
        idle_timeout: NEVER_MET,
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..OutboundSettings::default()
    }
}

fn client() -> Outbound {
    Outbound::new(settings()).unwrap()
}

fn push<'u>(url: impl Into<Cow<'u, str>>) -> Push<'u> {
    Push {
        url: url.into(),
        app_key: Cow::Owned(AppKey::new("a1b2c3").unwrap()),
        secret: "cfc4f9d4d5a14ea8".into(),
        scheme: Scheme::Wsse,
        standard_webhooks: None,
        tls: None,
        body: Bytes::from_static("{\"eventType\":\"fee\",\"userData\":\"\u{4f60}\"}".as_bytes()),
        delivery_id: "7".to_owned(),
    }
}

async fn post_to<'u>(client: &Outbound, url: impl Into<Cow<'u, str>>) -> Attempt {
    client.post(&push(url), Timestamp::from_secs(1_518_449_420), NONCE.to_owned()).await
}

/// A receiver that answers each of `count` connections with 200, to one push on each.
async fn answering(count: usize) -> (SocketAddr, JoinHandle<()>) {
    receiver(async move |listener| {
        for _ in 0..count {
            let mut stream = accept(&listener).await;
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await
}

/// The words of a push that failed.
fn words(attempt: &Attempt) -> String {
    match &attempt.outcome {
        PushOutcome::Failed(failure) => failure.to_string(),
        PushOutcome::Answered(status) => format!("(answered {status})"),
    }
}

#[test]
fn neither_secret_nor_body_nor_url_is_printed_for_debugging() {
    let printed = format!("{:?}", push("https://example.com/?token=hush"));
    for hidden in ["cfc4f9d4", "eventType", "hush", "example"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}
