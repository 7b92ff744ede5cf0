//! `privnum switch-check`: the switch's part against a gateway, the gateway's part against pretended switches.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use privnum::clock::Clock;
use serde_json::{Value, json};

use crate::world::http::{Answer, Connection, Headers, exchange, request};
use crate::world::{A, B, Customer, Reaction, STATUS, SWITCH_TOKEN, World, X};

/// How a command ended, and what it said.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The verdict on a check; `None` = it was not among them.
    fn verdict(&self, check: &str) -> Option<String> {
        let report: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        let checks = report["checks"].as_array().unwrap();
        let found = checks.iter().find(|found| found["check"] == check)?;
        Some(found["verdict"].as_str().unwrap().to_owned())
    }

    /// The checks that did not end well.
    fn faults(&self) -> Vec<(String, String)> {
        let report: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err));
        let text = |found: &Value, member: &str| found[member].as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap().iter();
        let failed = checks.filter(|found| found["verdict"] != "ok");
        failed.map(|found| (text(found, "check"), text(found, "seen"))).collect()
    }
}

fn privnum(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_privnum"));
    command.arg("switch-check").args(args).env_remove("PRIVNUM_SWITCH").env_remove("PRIVNUM_SECRET");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ended(child: Child) -> Ran {
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

fn token_file(world: &World) -> String {
    let file = world.dir.path().join("token-of-the-switch");
    std::fs::write(&file, SWITCH_TOKEN).unwrap();
    file.display().to_string()
}

/// A world at the time on the wall, which is the command's, too.
async fn world(more: &str) -> World {
    World::begin(Clock::system().now(), more, tempfile::tempdir().unwrap()).await
}

/// The arguments of the first form.
fn arguments(world: &World, app: &Customer, more: &[&str]) -> Vec<String> {
    let [switch, customer] =
        [world.switch().address(), app.gateway()].map(|address| format!("http://{address}"));
    let given = ["--switch", &switch, "--switch-token-file", &token_file(world), "--customer", &customer];
    let given = given.into_iter().chain(["--key", &app.key, "--secret", &app.secret, "--json"]);
    given.chain(more.iter().copied()).map(str::to_owned).collect()
}

/// Plays the switch's part. When the gateway has told the app of the end of a call, its clock moves past the time
/// in which CDRs are merged.
async fn check_gateway(world: &World, arguments: Vec<String>) -> Ran {
    let time = async {
        loop {
            if world.receiver.next(STATUS).await.event() == "disconnect" {
                world.pass(Duration::from_secs(2));
            }
        }
    };
    tokio::select! {
        ran = ended(privnum(&arguments).spawn().unwrap()) => ran,
        () = time => unreachable!("it goes on for ever"),
    }
}

/// An address that nobody has.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A gateway with an app of a mode, SMS and so many numbers, and the command with everything that it can be given.
async fn assert_good(mode: &str, numbers: usize, checks: usize) {
    let [control, receiver] = [free_address(), free_address()].map(|address| address.to_string());
    let world = world(&format!("switch.control_url = \"http://{control}\"\ncdr_merge_ms = 0")).await;
    let ours = format!("http://{receiver}/asked");
    let mut settings = if mode == "X" { json!({"callStatusUrl": ours}) } else { json!({}) };
    (settings["recording"], settings["smsControlUrl"]) = (true.into(), ours.into());
    let app = world.sms_app(mode, &settings).await;
    for n in 0..numbers {
        world.sms_number(&app, &format!("+861700000000{}", n + 1)).await;
    }
    let more = ["--control", &control, "--receiver", &receiver, "--x", X];
    let ran = check_gateway(&world, arguments(&world, &app, &more)).await;
    assert_eq!(ran.faults(), [], "{mode}");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out.matches("\"verdict\":\"ok\"").count(), checks, "{mode}: {}", ran.out);
}

#[tokio::test]
async fn our_own_gateway_passes_every_check_with_an_app_of_each_mode() {
    assert_good("AXB", 1, 45).await;
    assert_good("AX", 1, 47).await;
    assert_good("AXE", 1, 40).await;
    assert_good("AXYB", 3, 41).await;
    assert_good("X", 1, 46).await;
}

#[tokio::test]
async fn a_gateway_with_gaps_is_told_which() {
    let world = world("").await;
    let app = world.app("AXB", &json!({"cdrUrl": Value::Null})).await;
    world.number(&app, X).await;
    let ran = check_gateway(&world, arguments(&world, &app, &["--wait-secs", "1", "--x", X])).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_eq!(
        ran.verdict("notices.cdr").as_deref(),
        Some("missing"),
        "nothing is queued without an address"
    );
    assert_eq!(ran.verdict("notices.events").as_deref(), Some("ok"));
    assert_eq!(ran.verdict("recordings.link").as_deref(), Some("notChecked"), "the app has no recording");
    assert_eq!(ran.verdict("stop.order").as_deref(), Some("notChecked"), "no --control");
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_token_are_named() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    let mut wrong = arguments(&world, &app, &[]);
    std::fs::write(token_file(&world), "not-the-token-of-the-switch").unwrap();
    let at = wrong.iter().position(|argument| *argument == app.secret).unwrap();
    wrong[at] = "not-the-secret".into();
    let ran = check_gateway(&world, wrong).await;
    assert_eq!(ran.code, 1);
    let faults = ran.faults();
    let of = |check: &str| faults.iter().find(|(known, _)| known == check).unwrap().1.clone();
    assert_eq!(of("customer.app"), "401 instead of 200 (1010010: Invalid digest.)");
    assert_eq!(
        of("token.basic"),
        "401 instead of 200 (unauthorized: give a live token as Authorization: Bearer TOKEN)"
    );
}

/// What an app of mode X that answers calls itself makes of the checks.
async fn check_own_answer(answer: &Value, more: &[&str]) -> Ran {
    let world = world("").await;
    let app = world.sms_app("X", &Value::Null).await;
    world.sms_number(&app, X).await;
    world.receiver.react(STATUS, Reaction::Decide(answer.to_string()));
    check_gateway(&world, arguments(&world, &app, more)).await
}

#[tokio::test]
async fn an_app_of_mode_x_may_answer_for_itself() {
    let connect = json!({"operation": "connect", "connectInfo": {"calleeNum": B}});
    let unnamed = check_own_answer(&connect, &[]).await;
    assert_eq!((unnamed.code, unnamed.verdict("customer.bind").as_deref()), (0, Some("notChecked")));
    assert_eq!(unnamed.verdict("route.connect"), None, "nobody has said which number to dial");
    assert_eq!(unnamed.verdict("route.unknownNumber").as_deref(), Some("ok"));

    let connects = check_own_answer(&connect, &["--x", X]).await;
    assert_eq!(connects.verdict("route.connect").as_deref(), Some("ok"), "{}", connects.out);
    assert_eq!(connects.verdict("notices.cdr").as_deref(), Some("ok"));
    assert_eq!(connects.verdict("route.question").as_deref(), Some("notChecked"), "no --receiver");

    let declines = check_own_answer(&json!({"operation": "close"}), &["--x", X]).await;
    assert_eq!(declines.verdict("route.connect").as_deref(), Some("notChecked"), "{}", declines.out);
    assert_eq!(declines.verdict("notices.cdr"), None);

    let silent = check_own_answer(&Value::Null, &["--x", X]).await;
    assert_eq!((silent.code, silent.verdict("route.connect").as_deref()), (1, Some("missing")));
}

#[tokio::test]
async fn an_app_that_asks_elsewhere_than_the_receiver_is_told_so() {
    let receiver = free_address().to_string();
    let connect = json!({"operation": "connect", "connectInfo": {"calleeNum": B}});
    let ran = check_own_answer(&connect, &["--x", X, "--receiver", &receiver]).await;
    assert_eq!((ran.code, ran.verdict("route.question").as_deref()), (1, Some("missing")), "{}", ran.out);
    assert_eq!(ran.verdict("route.appEnds").as_deref(), Some("wrong"), "another receiver has connected");
}

#[tokio::test]
async fn an_app_of_axyb_with_few_numbers_is_checked_as_far_as_they_reach() {
    for (numbers, check, verdict) in [
        (1, "customer.secondStep", "wrong"),
        (2, "route.unknownB", "notChecked"),
        (3, "route.unknownB", "ok"),
    ] {
        let world = world("").await;
        let app = world.app("AXYB", &Value::Null).await;
        for n in 1..=numbers {
            world.number(&app, &format!("+861700000000{n}")).await;
        }
        let ran = check_gateway(&world, arguments(&world, &app, &[])).await;
        assert_eq!(ran.verdict(check).as_deref(), Some(verdict), "{}", ran.out);
    }
}

#[tokio::test]
async fn an_app_without_short_messages_is_no_fault() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    world.number(&app, X).await;
    let ran = check_gateway(&world, arguments(&world, &app, &[])).await;
    assert_eq!(
        (ran.code, ran.verdict("messages.forward").as_deref()),
        (0, Some("notChecked")),
        "{}",
        ran.out
    );
    assert_eq!(ran.verdict("messages.result"), None);
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused() {
    let none = ended(privnum(&[]).spawn().unwrap()).await;
    assert_eq!(none.code, 2, "{}", none.err);
    let words = "--switch-token-file /nowhere/token --customer http://h --key k --secret s";
    let no_file =
        ended(privnum(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).spawn().unwrap()).await;
    assert_eq!(no_file.code, 1);
    assert!(no_file.err.starts_with("error: /nowhere/token: "), "{}", no_file.err);
    let words = "listen --switch-token-file /nowhere/token --callee nobody";
    let no_number =
        ended(privnum(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).spawn().unwrap()).await;
    assert_eq!(no_number.code, 2);
    assert!(no_number.err.contains("must be a number such as"), "{}", no_number.err);
}

#[tokio::test]
async fn where_nobody_listens_one_check_says_so_and_the_others_are_not_made() {
    let world = world("").await;
    let app = world.app("AXB", &Value::Null).await;
    let mut arguments = arguments(&world, &app, &[]);
    arguments[1] = format!("http://{}", free_address());
    let ran = check_gateway(&world, arguments).await;
    let faults = ran.faults();
    assert_eq!((ran.code, faults.len(), faults[0].0.as_str()), (1, 1, "token.missing"), "{}", ran.out);
    assert!(faults[0].1.starts_with("no answer: "), "{}", faults[0].1);
}

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
