//! The order of play. Each step asks, and hands what it heard to a rule of `judge`.

mod binding;
mod calls;
mod messages;
mod routes;
mod told;

use std::time::Duration;

use serde_json::{Value, json};

use super::super::report::{Check, Report};
use super::checks as c;
use super::judge::{Heard, Wanted, judge};
use super::mode::{dropped, rejected};
use super::orders::Orders;
use super::peer::{Peer, Proof};
use super::receiver::Receiver;
use crate::engine::random;

const ROUTE: &str = "/switch/v1/route";
const EVENTS: &str = "/switch/v1/events";
const RECORDINGS: &str = "/switch/v1/recordings";
const MESSAGES: &str = "/switch/v1/messages";
const NUMBER_STATUS: &str = "/switch/v1/numbers/status";
/// A number that no carrier gives out.
const NOBODYS: &str = "+999000000000000";
/// Somebody who is not bound.
const STRANGER: &str = "+999000000000001";

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
    /// The application's callback address, if it is ours.
    receiver: Option<Receiver>,
    wait: Duration,
    /// Makes the callIds of this run its own.
    run: String,
    report: Report,
}

/// A call that is played.
struct Call {
    id: String,
    session: String,
    is_recorded: bool,
}

/// What the application has to be told of.
#[derive(Default)]
struct Played {
    /// The call whose events came in order, and the one where they did not.
    calls: Option<[Call; 2]>,
    /// The smsIdentifier of the message that was sent on.
    message: Option<String>,
}

impl Script {
    pub(super) fn new(
        peer: Peer,
        cast: Cast,
        control: Option<Orders>,
        receiver: Option<Receiver>,
        wait: Duration,
    ) -> Self {
        let run = format!("switch-check-{}", random::nonce());
        let mut report = Report::default();
        for (number, name) in
            [(&*cast.a, "A"), (&*cast.b, "B"), (STRANGER, "the stranger"), (NOBODYS, "nobody's number")]
        {
            report.know(number, name);
        }
        Self { peer, cast, control, receiver, wait, run, report }
    }

    pub(super) async fn play(mut self) -> Report {
        if !self.tokens().await {
            return self.report;
        }
        let Some(mode) = self.app().await else { return self.report };
        let start = self.end_of_notices().await;
        self.nobodys().await;
        let Some(bound) = self.bind(mode).await else { return self.report };
        self.report.know(&bound.x, "X");
        self.report.know(&bound.y, "Y");
        self.rejections(mode, &bound).await;
        let mut played = Played::default();
        if let Some(call) = self.connect(mode, &bound).await {
            self.events(&call, &bound, mode).await;
            self.recording(&call).await;
            self.end(&call).await;
            let reversed = self.reversed(mode, &bound).await;
            self.other_side(mode, &bound).await;
            self.stop(mode, &bound).await;
            played.calls = Some([call, reversed]);
        }
        played.message = self.messages(mode, &bound).await;
        self.odds().await;
        self.unbind(mode, &bound).await;
        self.told(start, &played, mode).await;
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

    /// What is rejected or dropped whatever the mode of an app.
    async fn nobodys(&mut self) {
        let heard = self.peer.tell(Proof::Bearer, ROUTE, "no JSON".into()).await;
        self.check(&c::SENSELESS, &heard, &Wanted::status(200).with("action", "reject"));
        let heard = self.ask_route(&self.call_id("unknown"), &self.cast.a, NOBODYS).await;
        self.check(&c::UNKNOWN_X, &heard, &rejected(8014).with("sip", 404).with("q850", 1));
        let heard = self.peer.tell(Proof::Bearer, MESSAGES, "no JSON".into()).await;
        self.check(&c::MESSAGE_SENSELESS, &heard, &dropped(5));
        let heard = self.write("unknown", &self.cast.a, NOBODYS, "hello").await;
        self.check(&c::MESSAGE_SENSELESS, &heard, &dropped(2));
    }

    async fn odds(&mut self) {
        let heard = self.peer.tone("there-is-no-such-tone").await;
        let wanted = Wanted::status(404);
        self.check(&c::TONE, &heard, &wanted);
        let status = json!({"numbers": [{"number": NOBODYS, "status": "5"}]});
        let heard = self.tell(NUMBER_STATUS, &status).await;
        self.check(&c::NUMBERS, &heard, &Wanted::status(200).with("updated", 0).with("unknown", 1));
    }
}

/// The answer to reports.
fn counted(accepted: u8, duplicates: u8, parked: u8) -> Wanted {
    let wanted = Wanted::status(200).with("accepted", accepted);
    wanted.with("duplicates", duplicates).with("parked", parked)
}
