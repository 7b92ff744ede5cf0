//! The order of play. Each step asks, and hands what it heard to a rule of `judge`.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::report::{Check, Report, Verdict};
use super::checks as c;
use super::judge::{
    Answer, Heard, Notice, Wanted, cdr_of, judge, judge_cdr, judge_order, judge_repeat, judge_stages, page,
};
use super::mode::{Bound, Mode, rejected};
use super::orders::Orders;
use super::peer::{Peer, Proof};
use crate::clock::{Clock, Stopwatch};
use crate::engine::random;
use crate::wire::time_text::format_rfc3339_millis;

const ROUTE: &str = "/switch/v1/route";
const EVENTS: &str = "/switch/v1/events";
const RECORDINGS: &str = "/switch/v1/recordings";
const NUMBER_STATUS: &str = "/switch/v1/numbers/status";
const RECORD_LINK: &str = "/rest/provision/voice/record/v1.0";
const CALL_STOP: &str = "/rest/httpsessions/callStop/v2.0";
const NOTICES: &str = "/rest/notifications/v1";
/// A number that no carrier gives out.
const NOBODYS: &str = "+999000000000000";
/// Somebody who is not bound.
const STRANGER: &str = "+999000000000001";
/// Pages of old notices that are read to find where the new ones begin.
const OLD_PAGES_MAX: usize = 200;
/// Between two looks at what the application was told.
const PAUSE: Duration = Duration::from_millis(200);

/// Who plays along.
pub(super) struct Cast {
    /// `None` = the gateway chooses.
    pub(super) x: Option<String>,
    pub(super) a: String,
    pub(super) b: String,
}

/// A run of the whole script.
pub(super) struct Script {
    peer: Peer,
    cast: Cast,
    control: Option<Orders>,
    wait: Duration,
    /// Makes the callIds of this run its own.
    run: String,
    report: Report,
}

/// A call that is played.
struct Call {
    id: String,
    session: String,
}

impl Script {
    pub(super) fn new(peer: Peer, cast: Cast, control: Option<Orders>, wait: Duration) -> Self {
        let run = format!("switch-check-{}", random::nonce());
        Self { peer, cast, control, wait, run, report: Report::default() }
    }

    pub(super) async fn play(mut self) -> Report {
        if !self.tokens().await {
            return self.report;
        }
        let Some(mode) = self.app().await else { return self.report };
        let start = self.end_of_notices().await;
        let Some((bound, records)) = self.bind(mode).await else { return self.report };
        self.rejections(mode, &bound).await;
        if let Some(call) = self.connect(mode, &bound).await {
            self.events(&call, &bound, mode).await;
            self.recording(&call).await;
            self.end(&call).await;
            let reversed = self.reversed(mode, &bound).await;
            self.other_side(mode, &bound).await;
            self.stop(mode, &bound).await;
            self.odds().await;
            self.unbind(mode, &bound).await;
            match start {
                Ok(cursor) => self.notices(cursor, &call, &reversed, records).await,
                Err(why) => self.without_notices(&why),
            }
        } else {
            self.unbind(mode, &bound).await;
        }
        self.report
    }

    fn check(&mut self, check: &Check, heard: &Heard, wanted: &Wanted) {
        self.report.add(judge(check, heard, wanted));
    }

    async fn tell(&self, path: &str, body: &Value) -> Heard {
        self.peer.tell(Proof::Bearer, path, body.to_string()).await
    }

    async fn ask_route(&self, call: &str, caller: &str, called: &str) -> Heard {
        self.tell(ROUTE, &json!({"callId": call, "caller": caller, "called": called})).await
    }

    fn call_id(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }

    /// Returns whether there is a switch listener at all: without one each further check would only take its time.
    async fn tokens(&mut self) -> bool {
        let question = json!({"callId": self.call_id("token"), "called": NOBODYS}).to_string();
        for (check, proof, status) in [
            (&c::TOKEN_MISSING, Proof::None, 401),
            (&c::TOKEN_WRONG, Proof::Wrong, 401),
            (&c::TOKEN_BASIC, Proof::Basic, 200),
        ] {
            let heard = self.peer.tell(proof, ROUTE, question.clone()).await;
            self.check(check, &heard, &Wanted::status(status));
            if heard.is_err() {
                return false;
            }
        }
        true
    }

    /// Finds the mode by asking for a binding that is not there: another mode's URI is not allowed. An app that may use none
    /// of the URIs is one of a mode that cannot be played.
    async fn app(&mut self) -> Option<Mode> {
        let mut heard = Err("nothing was asked".to_owned());
        let mut other = true;
        for mode in Mode::ALL {
            heard = self.peer.ask(Method::GET, mode.path(), &[("subscriptionId", "none")], None).await;
            let code = heard.as_ref().ok().map(|answer| answer.body["resultcode"].clone());
            if matches!(code.as_ref().and_then(Value::as_str), Some("1012007" | "1016001")) {
                self.report.add(c::APP.ok(format!("it is an app of mode {}", mode.as_str())));
                return Some(mode);
            }
            other &= code.is_some_and(|code| code == "1010040");
        }
        if other {
            self.report.add(c::APP.not_checked("the app's mode is AXYB or X, whose calls are not played"));
            self.nobodys().await;
            return None;
        }
        self.check(&c::APP, &heard, &Wanted::status(200));
        None
    }

    /// Binds, with recording where the app has it.
    async fn bind(&mut self, mode: Mode) -> Option<(Bound, bool)> {
        let mut record = true;
        let mut heard = self.ask_bind(mode, record).await;
        if heard.as_ref().is_ok_and(|answer| answer.body["resultcode"] == "1012012") {
            record = false;
            heard = self.ask_bind(mode, record).await;
        }
        let wanted = Wanted::status(200).with("resultcode", "0").filled("subscriptionId");
        let bound = heard.as_ref().ok().and_then(|answer| mode.bound(&answer.body));
        self.check(&c::BIND, &heard, &wanted);
        bound.map(|bound| (bound, record))
    }

    async fn ask_bind(&self, mode: Mode, record: bool) -> Heard {
        self.peer.ask(Method::POST, mode.path(), &[], Some(&mode.bind(&self.cast, record))).await
    }

    /// What is rejected whatever the mode of an app.
    async fn nobodys(&mut self) {
        let heard = self.peer.tell(Proof::Bearer, ROUTE, "no JSON".into()).await;
        self.check(&c::SENSELESS, &heard, &Wanted::status(200).with("action", "reject"));
        let heard = self.ask_route(&self.call_id("unknown"), &self.cast.a, NOBODYS).await;
        self.check(&c::UNKNOWN_X, &heard, &rejected(8014).with("sip", 404).with("q850", 1));
    }

    async fn rejections(&mut self, mode: Mode, bound: &Bound) {
        self.nobodys().await;
        let heard = self.ask_route(&self.call_id("withheld"), "anonymous", &bound.x).await;
        self.check(&c::WITHHELD, &heard, &rejected(8014).with("sip", 403).with("q850", 21));
        if mode == Mode::Axb {
            let heard = self.ask_route(&self.call_id("stranger"), STRANGER, &bound.x).await;
            self.check(&c::STRANGER, &heard, &rejected(8014).with("sip", 403).with("q850", 21));
        }
    }

    /// The question of a call that has to be connected, and its answer. In AXE it is asked twice.
    async fn question(&mut self, name: &str, mode: Mode, bound: &Bound) -> (Value, Heard) {
        let (caller, _) = mode.call(&self.cast);
        let call = self.call_id(name);
        let mut question = json!({"callId": call, "caller": caller, "called": bound.x});
        if mode == Mode::Axe {
            let heard = self.tell(ROUTE, &question).await;
            if name == "main" {
                let wanted = Wanted::status(200).with("action", "collect");
                let wanted = wanted.with("digits", bound.extension.len()).filled("sessionId");
                self.check(&c::COLLECT, &heard, &wanted);
            }
            question["extension"] = bound.extension.as_str().into();
        }
        let heard = self.tell(ROUTE, &question).await;
        (question, heard)
    }

    async fn connect(&mut self, mode: Mode, bound: &Bound) -> Option<Call> {
        if mode == Mode::Axe {
            self.wrong_keys(mode, bound).await;
        }
        let (question, heard) = self.question("main", mode, bound).await;
        let (caller, callee) = mode.call(&self.cast);
        let wanted = Wanted::status(200).with("action", "connect").with("callee", callee);
        let wanted = wanted.with("displayNum", bound.x.as_str()).with("subscriptionId", bound.id.as_str());
        let wanted = wanted.filled("sessionId");
        let plain = json!({"callId": self.call_id("forms"), "caller": caller.trim_start_matches('+'),
            "called": bound.x.trim_start_matches('+'), "ts": "1767323100.250000", "extension": bound.extension});
        self.check(&c::CONNECT, &heard, &wanted);
        let again = self.tell(ROUTE, &question).await;
        self.report.add(judge_repeat(&c::REPEAT, &heard, &again));
        let plain = self.tell(ROUTE, &plain).await;
        self.check(&c::FORMS, &plain, &wanted);
        let session = heard.ok()?.body["sessionId"].as_str()?.to_owned();
        Some(Call { id: self.call_id("main"), session })
    }

    async fn wrong_keys(&mut self, mode: Mode, bound: &Bound) {
        let (caller, _) = mode.call(&self.cast);
        // No extension is all zeros.
        let nobodys = "0".repeat(bound.extension.len());
        for (keyed, state) in [(nobodys.as_str(), 8022), ("", 8033)] {
            let call = self.call_id(&format!("keyed-{state}"));
            let mut question = json!({"callId": call, "caller": caller, "called": bound.x});
            drop(self.tell(ROUTE, &question).await);
            question["extension"] = keyed.into();
            let heard = self.tell(ROUTE, &question).await;
            self.report.add(judge(&c::WRONG_KEYS, &heard, &rejected(state)));
        }
    }

    /// The stages of a call up to its end, the last a moment ago.
    fn reports(&self, call: &str, mode: Mode, bound: &Bound) -> Vec<Value> {
        let (caller, _) = mode.call(&self.cast);
        let start = Clock::system().now().before(Duration::from_secs(16));
        let stages = ["callin", "callout", "alerting", "answer", "disconnect"];
        let event = |(n, stage): (u64, &str)| {
            let ts = format_rfc3339_millis(start.after(Duration::from_secs(4 * n)));
            json!({"eventId": format!("{call}-{stage}"), "callId": call, "event": stage, "ts": ts})
        };
        let mut events: Vec<_> = (0..).zip(stages).map(event).collect();
        (events[0]["caller"], events[0]["called"]) = (caller.into(), bound.x.as_str().into());
        // As text: that is all that some switches can write.
        (events[4]["sip"], events[4]["q850"], events[4]["by"]) = ("200".into(), "16".into(), "callee".into());
        events
    }

    async fn events(&mut self, call: &Call, bound: &Bound, mode: Mode) {
        let mut events = self.reports(&call.id, mode, bound);
        events.pop();
        // One line for all of them: the first that fails, or the last.
        let mut finding = None;
        for event in &events {
            let heard = self.tell(EVENTS, event).await;
            let found = finding.insert(judge(&c::EVENTS, &heard, &counted(1, 0, 0)));
            if found.verdict != Verdict::Ok {
                break;
            }
        }
        self.report.add(finding.expect("a call has events"));
        let heard = self.tell(EVENTS, &events.clone().into()).await;
        self.check(&c::DUPLICATES, &heard, &counted(0, 4, 0));
        let mut second = events[2].clone();
        second["eventId"] = format!("{}-alerting-again", call.id).into();
        let heard = self.tell(EVENTS, &second).await;
        self.check(&c::SECOND_STAGE, &heard, &counted(1, 0, 0));
        let unusable = json!([{"callId": call.id, "event": "hold", "eventId": "x"}, {"event": "answer"}, 7]);
        let heard = self.tell(EVENTS, &unusable).await;
        self.check(&c::UNUSABLE, &heard, &counted(0, 0, 3));
        let nobodys = self.call_id("nobodys");
        let unknown = json!({"eventId": nobodys, "callId": nobodys, "event": "alerting"});
        let heard = self.tell(EVENTS, &unknown).await;
        self.check(&c::UNKNOWN_CALL, &heard, &counted(0, 0, 1));
    }

    async fn recording(&mut self, call: &Call) {
        let heard = self.tell(RECORDINGS, &json!({"callId": call.id})).await;
        self.check(&c::ANNOUNCED, &heard, &counted(1, 0, 0));
        let heard = self.peer.send_recording(&call.id, b"no sound".to_vec()).await;
        self.check(&c::NO_WAV, &heard, &Wanted::status(400));
        let heard = self.peer.send_recording(&self.call_id("nobodys-file"), wav()).await;
        self.check(&c::NO_CALL, &heard, &Wanted::status(404));
        let heard = self.peer.send_recording(&call.id, wav()).await;
        self.check(&c::RECORDING, &heard, &counted(1, 0, 0).filled("object"));
        let heard = self.peer.send_recording(&call.id, wav()).await;
        self.check(&c::RECORDED_TWICE, &heard, &counted(0, 1, 0));
    }

    async fn end(&mut self, call: &Call) {
        let now = format_rfc3339_millis(Clock::system().now());
        let end = json!({"eventId": format!("{}-disconnect", call.id), "callId": call.id, "event": "disconnect",
            "ts": now, "sip": "200", "q850": "16", "by": "callee"});
        let heard = self.tell(EVENTS, &end).await;
        self.check(&c::END, &heard, &counted(1, 0, 0));
    }

    /// A call whose events come last first, and before the question.
    async fn reversed(&mut self, mode: Mode, bound: &Bound) -> Call {
        let id = self.call_id("reversed");
        let mut events = self.reports(&id, mode, bound);
        let callin = events.remove(0);
        for event in events.iter().rev() {
            drop(self.tell(EVENTS, event).await);
        }
        let (_, heard) = self.question("reversed", mode, bound).await;
        let session = heard.ok().and_then(|answer| Some(answer.body["sessionId"].as_str()?.to_owned()));
        let heard = self.tell(EVENTS, &callin).await;
        self.check(&c::REVERSED, &heard, &counted(1, 0, 0));
        Call { id, session: session.unwrap_or_default() }
    }

    async fn other_side(&mut self, mode: Mode, bound: &Bound) {
        let (caller, wanted) = mode.other_side(&self.cast);
        let heard = self.ask_route(&self.call_id("other-side"), caller, &bound.x).await;
        self.check(&c::OTHER_SIDE, &heard, &wanted);
    }

    async fn stop(&mut self, mode: Mode, bound: &Bound) {
        let Some(orders) = self.control.clone() else {
            for check in [&c::STOP, &c::STOP_GONE] {
                self.report.add(check.not_checked("no --control was given"));
            }
            return;
        };
        let (_, heard) = self.question("stopped", mode, bound).await;
        let session = heard.map(|answer| answer.body["sessionId"].clone()).unwrap_or_default();
        let id = self.call_id("stopped");
        let mut events = self.reports(&id, mode, bound);
        let mut end = events.pop().expect("a call has an end");
        drop(self.tell(EVENTS, &events.into()).await);
        let stop = json!({"sessionid": session, "signal": "call_stop"});
        let path = format!("/calls/{id}/stop");
        for (check, status, wanted) in [
            (&c::STOP, StatusCode::OK, Wanted::status(200).with("resultcode", "0")),
            (&c::STOP_GONE, StatusCode::CONFLICT, Wanted::status(403).with("resultcode", "1020152")),
        ] {
            orders.answer(status);
            let heard = self.peer.ask(Method::POST, CALL_STOP, &[], Some(&stop)).await;
            self.report.add(judge_order(check, &orders.take(), &path, &heard, &wanted));
        }
        end["by"] = "gateway".into();
        drop(self.tell(EVENTS, &end).await);
    }

    async fn odds(&mut self) {
        let heard = self.peer.tone("there-is-no-such-tone").await;
        let wanted = Wanted::status(404);
        self.check(&c::TONE, &heard, &wanted);
        let status = json!({"numbers": [{"number": NOBODYS, "status": "5"}]});
        let heard = self.tell(NUMBER_STATUS, &status).await;
        self.check(&c::NUMBERS, &heard, &Wanted::status(200).with("updated", 0).with("unknown", 1));
    }

    async fn unbind(&mut self, mode: Mode, bound: &Bound) {
        let heard = self.peer.ask(Method::DELETE, mode.path(), &[("subscriptionId", &bound.id)], None).await;
        if heard.as_ref().is_ok_and(|answer| answer.body["resultcode"] == "0") {
            let (_, heard) = self.question("unbound", mode, bound).await;
            self.check(&c::UNBOUND, &heard, &Wanted::status(200).with("action", "reject"));
        } else {
            self.check(&c::UNBOUND, &heard, &Wanted::status(200));
        }
    }

    async fn fetch(&self, after: Option<&str>) -> Result<(Vec<Notice>, String), String> {
        let mut query = vec![("limit", "1000")];
        query.extend(after.map(|after| ("after", after)));
        let heard: Answer = self.peer.ask(Method::GET, NOTICES, &query, None).await?;
        page(&heard).ok_or_else(|| format!("{NOTICES} answers {}: {}", heard.status, heard.body))
    }

    /// Where the notices of this run will begin.
    async fn end_of_notices(&self) -> Result<String, String> {
        let mut after: Option<String> = None;
        for _ in 0..OLD_PAGES_MAX {
            let (old, next) = self.fetch(after.as_deref()).await?;
            if old.is_empty() {
                return Ok(next);
            }
            after = Some(next);
        }
        Err("the app has too many old notices: take one that is made for checks".to_owned())
    }

    /// Reads what the application was told, until both calls have their CDR or the time is over.
    async fn notices(&mut self, start: String, call: &Call, reversed: &Call, records: bool) {
        let (mut after, mut notices, waiting) = (start, Vec::new(), Stopwatch::start());
        loop {
            match self.fetch(Some(&after)).await {
                Ok((more, next)) => {
                    notices.extend(more);
                    after = next;
                }
                Err(why) => return self.without_notices(&why),
            }
            let complete = [call, reversed].iter().all(|call| !cdr_of(&notices, &call.session).is_empty());
            if complete || waiting.elapsed() > self.wait {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let stages = ["callin", "callout", "alerting", "answer", "disconnect"];
        self.report.add(judge_stages(&c::NOTICES, &notices, &call.session, &stages));
        self.report.add(judge_stages(&c::NOTICES_REVERSED, &notices, &reversed.session, &stages));
        for session in [&call.session, &reversed.session] {
            self.report.add(judge_cdr(&c::CDR, &notices, session));
        }
        self.link(cdr_of(&notices, &call.session).first().copied(), records).await;
    }

    fn without_notices(&mut self, why: &str) {
        for check in [&c::NOTICES, &c::NOTICES_REVERSED, &c::CDR, &c::LINK] {
            self.report.add(check.missing(why));
        }
    }

    async fn link(&mut self, cdr: Option<&Value>, records: bool) {
        if !records {
            return self.report.add(c::LINK.not_checked("the app has no recording"));
        }
        let text = |member: &str| cdr.and_then(|cdr| cdr[member].as_str()).unwrap_or_default().to_owned();
        let (domain, object) = (text("recordDomain"), text("recordObjectName"));
        if object.is_empty() {
            return self.report.add(c::LINK.missing("the CDR names no recording"));
        }
        let query = [("recordDomain", domain.as_str()), ("fileName", object.as_str())];
        let heard = self.peer.ask(Method::GET, RECORD_LINK, &query, None).await;
        self.report.add(match &heard {
            Ok(Answer { status: 301, location: Some(_), .. }) => c::LINK.ok("301 with Location"),
            Ok(Answer { status: 301, .. }) => c::LINK.missing("301 without Location"),
            _ => judge(&c::LINK, &heard, &Wanted::status(301)),
        });
    }
}

/// The answer to reports.
fn counted(accepted: u8, duplicates: u8, parked: u8) -> Wanted {
    let wanted = Wanted::status(200).with("accepted", accepted);
    wanted.with("duplicates", duplicates).with("parked", parked)
}

/// Four seconds of silence: A-law, 8 kHz, mono.
fn wav() -> Vec<u8> {
    const BYTES: u32 = 4 * 8_000;
    let rate = 8_000_u32.to_le_bytes();
    let format = [&[16, 0, 0, 0, 6, 0, 1, 0][..], &rate, &rate, &[1, 0, 8, 0]].concat();
    let (whole, sound) = ((36 + BYTES).to_le_bytes(), vec![0xd5; BYTES as usize]);
    let head: [&[u8]; 4] = [b"RIFF", &whole, b"WAVEfmt ", &format];
    [&head.concat()[..], b"data", &BYTES.to_le_bytes(), &sound].concat()
}
