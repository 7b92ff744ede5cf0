//! The gateway's part, against pretended switches.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command};

use serde_json::{Value, json};

use super::{Ran, ended, privnum};
use crate::world::http::{Answer, Connection, Headers, exchange, request};
use crate::world::{A, B, Reaction, SWITCH_TOKEN, X};

/// The command in the gateway's part, and where it listens.
struct Listening {
    child: Child,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Listening {
    /// Expects these test calls.
    fn start(calls: &str, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        std::fs::write(&token, SWITCH_TOKEN).unwrap();
        let token = token.display().to_string();
        let given = ["listen", "--listen", "127.0.0.1:0", "--switch-token-file", &token, "--callee", B];
        let given = given.into_iter().chain(["--calls", calls, "--grace-secs", "0", "--json"]);
        let given: Vec<_> = given.chain(more.iter().copied()).map(str::to_owned).collect();
        let mut child = privnum(&given).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        let address = address.parse().unwrap();
        // Read to the end, so that it never waits for a reader.
        std::thread::spawn(move || said.lines().for_each(drop));
        Self { child, address, _dir: dir }
    }

    async fn judged(self) -> Ran {
        ended(self.child).await
    }
}

/// A switch of few lines. It keeps one connection.
struct Pretended {
    connection: Connection,
    token: &'static str,
}

impl Pretended {
    async fn to(listening: &Listening) -> Self {
        Self { connection: Connection::to(listening.address).await, token: SWITCH_TOKEN }
    }

    async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        let headers: Headers = vec![("Authorization".into(), format!("Bearer {}", self.token))];
        let bytes = request(method, path, &headers, body);
        let bytes = String::from_utf8_lossy(&bytes).replace("Connection: close\r\n", "");
        self.connection.send(bytes).await;
        self.connection.answer().await.unwrap()
    }

    async fn ask(&mut self, call: &str) -> Value {
        let question = json!({"callId": call, "caller": A, "called": X});
        self.send("POST", "/switch/v1/route", question.to_string().as_bytes()).await.json()
    }

    /// Reports a stage, as often as it takes.
    async fn report(&mut self, call: &str, stage: &str, ts: &str, more: &Value) {
        let mut event =
            json!({"eventId": format!("{call}-{stage}"), "callId": call, "event": stage, "ts": ts});
        event.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        while self.send("POST", "/switch/v1/events", event.to_string().as_bytes()).await.status != 200 {}
    }

    /// A whole call.
    async fn call(&mut self, call: &str, stages: &[&str], end: &Value) {
        for (second, stage) in stages.iter().enumerate() {
            let more = match *stage {
                "callin" => json!({"caller": A, "called": X}),
                "disconnect" => end.clone(),
                _ => Value::Null,
            };
            self.report(call, stage, &format!("2026-01-02T03:05:{second:02}Z"), &more).await;
        }
    }
}

const TALKED: [&str; 5] = ["callin", "callout", "alerting", "answer", "disconnect"];

#[tokio::test]
async fn a_well_behaved_switch_passes_and_obeys_orders() {
    let control = crate::world::Receiver::start().await;
    let url = control.url("");
    let listening = Listening::start("answered,rejected,stopped", &["--control", &url]);
    let mut switch = Pretended::to(&listening).await;
    let decision = switch.ask("one").await;
    assert_eq!(
        (&decision["action"], &decision["callee"], &decision["displayNum"]),
        (&json!("connect"), &json!(B), &json!(X))
    );
    switch.call("one", &TALKED, &json!({"sip": 200, "by": "caller"})).await;
    assert_eq!(switch.ask("two").await["action"], "reject");
    switch.call("two", &["callin", "disconnect"], &json!({"sip": 403, "q850": 21, "by": "gateway"})).await;
    switch.ask("three").await;
    switch.call("three", &TALKED[..4], &Value::Null).await;
    assert_eq!(control.next("/calls/three/stop").await.method, "POST");
    control.react("/calls/three/stop", Reaction::Answer(409, ""));
    let end = json!({"sip": 200, "by": "gateway"});
    switch.report("three", "disconnect", "2026-01-02T03:05:09Z", &end).await;
    control.next("/calls/three/stop").await;
    let ran = listening.judged().await;
    // The receiver answers every other order 200, so the call that never was is the only fault.
    let unknown = ("stop.unknown".to_owned(), "2xx".to_owned());
    let faults: Vec<_> = ran.faults().into_iter().filter(|(_, seen)| seen != "not among --calls").collect();
    assert_eq!((ran.code, faults), (1, vec![unknown]));
}

#[tokio::test]
async fn a_switch_that_does_everything_right_ends_with_0() {
    let listening = Listening::start("answered", &[]);
    let mut switch = Pretended::to(&listening).await;
    switch.ask("one").await;
    switch.call("one", &TALKED, &json!({"sip": 200, "by": "callee"})).await;
    let ran = listening.judged().await;
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(ran.verdict("events.again").as_deref(), Some("ok"));
    assert_eq!(ran.verdict("call.recorded").as_deref(), Some("notChecked"));
}

#[tokio::test]
async fn an_ill_behaved_switch_is_told_what_it_does_wrong() {
    let listening = Listening::start("rejected,answered", &[]);
    let mut switch = Pretended::to(&listening).await;
    switch.token = "some-other-token-0123";
    assert!(switch.ask("one").await["error"]["code"] == "unauthorized");
    switch.token = SWITCH_TOKEN;
    switch.ask("one").await;
    switch.call("one", &TALKED, &json!({"sip": 200, "by": "callee"})).await;
    switch.ask("two").await;
    switch.call("two", &["callin", "disconnect"], &json!({"by": "somebody"})).await;
    let ran = listening.judged().await;
    assert_eq!(ran.code, 1);
    for (check, verdict) in [
        ("requests.token", "wrong"),
        ("call.rejected", "wrong"),
        ("call.answered", "missing"),
        ("events.by", "wrong"),
        ("events.again", "ok"),
    ] {
        assert_eq!(ran.verdict(check).as_deref(), Some(verdict), "{check}: {}", ran.out);
    }
}

#[tokio::test]
async fn a_signal_ends_the_wait_and_what_came_is_judged() {
    let listening = Listening::start("answered", &[]);
    let headers: Headers = vec![("Authorization".into(), format!("Bearer {SWITCH_TOKEN}"))];
    let answer = exchange(listening.address, request("POST", "/switch/v1/route", &headers, b"no JSON")).await;
    assert_eq!(answer.json()["action"], "reject");
    let pid = listening.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ran = listening.judged().await;
    assert_eq!((ran.code, ran.verdict("route.wellFormed").as_deref()), (1, Some("wrong")));
    assert_eq!(ran.verdict("call.answered").as_deref(), Some("missing"));
}
