//! Where calls go, and which go nowhere.

use serde_json::{Value, json};

use super::super::super::report::Verdict;
use super::super::checks as c;
use super::super::judge::{Heard, Wanted, body_of, judge, judge_own_decision, judge_question, judge_repeat};
use super::super::mode::{Bound, Mode, connected, rejected};
use super::{Call, ROUTE, STRANGER, Script};

impl Script {
    pub(super) async fn rejections(&mut self, mode: Mode, bound: &Bound) {
        let heard = self.ask_route(&self.call_id("withheld"), "anonymous", &bound.x).await;
        self.check(&c::WITHHELD, &heard, &rejected(8014).with("sip", 403).with("q850", 21));
        match mode {
            Mode::Axb => {
                let heard = self.ask_route(&self.call_id("stranger"), STRANGER, &bound.x).await;
                self.check(&c::STRANGER, &heard, &rejected(8014).with("sip", 403).with("q850", 21));
            }
            Mode::Axe => self.wrong_keys(mode, bound).await,
            Mode::Axyb => {
                for (name, who, dialled) in
                    [("own-x", &self.cast.a, &bound.x), ("own-y", &self.cast.b, &bound.y)]
                {
                    let heard = self.ask_route(&self.call_id(name), who, dialled).await;
                    self.report.add(judge(&c::SELF, &heard, &rejected(8032)));
                }
                self.unknown_b(bound).await;
            }
            Mode::X => self.app_declines(bound).await,
            Mode::Ax => {}
        }
    }

    async fn wrong_keys(&mut self, mode: Mode, bound: &Bound) {
        let caller = mode.call(&self.cast, bound).caller;
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

    /// An unknown caller of an X of AXYB gets a Y, by which A calls back.
    async fn unknown_b(&mut self, bound: &Bound) {
        let heard = self.ask_route(&self.call_id("unknown-b"), STRANGER, &bound.x).await;
        let body = body_of(&heard);
        if body["stateCode"] == 8031 {
            return self.report.add(c::UNKNOWN_B.not_checked("the app has no number left for another Y"));
        }
        let y = body["displayNum"].as_str().unwrap_or_default().to_owned();
        let wanted = Wanted::status(200).with("action", "connect").with("callee", self.cast.a.as_str());
        let mut finding = judge(&c::UNKNOWN_B, &heard, &wanted.filled("displayNum"));
        if finding.verdict == Verdict::Ok && [&bound.x, &bound.y].contains(&&y) {
            finding = c::UNKNOWN_B.wrong(format!("A sees {y}, which stands for somebody else"));
        }
        if finding.verdict == Verdict::Ok {
            let heard = self.ask_route(&self.call_id("call-back"), &self.cast.a, &y).await;
            finding = judge(&c::UNKNOWN_B, &heard, &connected(STRANGER, &bound.x));
        }
        self.report.add(finding);
    }

    /// The app of mode X, played by us, does not connect.
    async fn app_declines(&mut self, bound: &Bound) {
        let nobody = json!({"operation": "connect", "connectInfo": {}});
        for (check, name, answer, state) in [
            (&c::APP_ENDS, "app-ends", json!({"operation": "close"}), 8017),
            (&c::APP_ERRS, "app-errs", nobody, 8014),
        ] {
            let Some(receiver) = self.receiver.clone() else {
                self.report.add(check.not_checked("no --receiver was given"));
                continue;
            };
            receiver.answer(answer);
            let heard = self.ask_route(&self.call_id(name), &self.cast.a, &bound.x).await;
            self.check(check, &heard, &rejected(state));
        }
    }

    /// The question of a call that has to be connected, and its answer. In AXE it is asked twice.
    pub(super) async fn question(&mut self, name: &str, mode: Mode, bound: &Bound) -> (Value, Heard) {
        let call = self.call_id(name);
        let caller = mode.call(&self.cast, bound).caller;
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

    /// The answer that connects a call. An app of mode X that answers for itself may name whom it likes.
    fn connection(&self, mode: Mode, bound: &Bound) -> Wanted {
        let way = mode.call(&self.cast, bound);
        let wanted = if self.is_own_affair(mode) {
            Wanted::status(200).with("action", "connect").filled("callee").filled("displayNum")
        } else {
            connected(way.callee, way.shown)
        };
        wanted.with("subscriptionId", bound.id.as_str()).filled("sessionId")
    }

    /// Whether the app itself decides about its calls.
    fn is_own_affair(&self, mode: Mode) -> bool {
        mode == Mode::X && self.receiver.is_none()
    }

    pub(super) async fn connect(&mut self, mode: Mode, bound: &Bound) -> Option<Call> {
        if let Some(receiver) = self.receiver.as_ref().filter(|_| mode == Mode::X) {
            let info = json!({"calleeNum": self.cast.b, "recordFlag": true});
            receiver.answer(json!({"operation": "connect", "connectInfo": info}));
            drop(receiver.take());
        }
        let (question, heard) = self.question("main", mode, bound).await;
        let wanted = self.connection(mode, bound);
        if self.is_own_affair(mode) {
            let finding = judge_own_decision(&c::CONNECT, &heard, &wanted);
            let is_connected = finding.verdict == Verdict::Ok;
            self.report.add(finding);
            if !is_connected {
                return None;
            }
        } else {
            self.check(&c::CONNECT, &heard, &wanted);
        }
        let again = self.tell(ROUTE, &question).await;
        self.report.add(judge_repeat(&c::REPEAT, &heard, &again));
        let answer = heard.ok()?.body;
        let session = answer["sessionId"].as_str()?.to_owned();
        self.was_asked(mode, bound, &session);
        let way = mode.call(&self.cast, bound);
        let plain = json!({"callId": self.call_id("forms"), "caller": way.caller.trim_start_matches('+'),
            "called": bound.x.trim_start_matches('+'), "ts": "1767323100.250000", "extension": bound.extension});
        let plain = self.tell(ROUTE, &plain).await;
        self.check(&c::FORMS, &plain, &wanted);
        Some(Call { id: self.call_id("main"), session, is_recorded: answer["recordFlag"] == 1 })
    }

    /// Whether the app of mode X was asked about the call, and only once though the switch asked twice.
    fn was_asked(&mut self, mode: Mode, bound: &Bound, session: &str) {
        if mode != Mode::X {
            return;
        }
        let Some(receiver) = &self.receiver else {
            return self.report.add(c::QUESTION.not_checked("no --receiver was given"));
        };
        let wanted = [
            ("/eventType", json!("callin")),
            ("/statusInfo/sessionId", json!(session)),
            ("/statusInfo/caller", json!(self.cast.a)),
            ("/statusInfo/called", json!(bound.x)),
        ];
        self.report.add(judge_question(&c::QUESTION, &receiver.take(), &wanted));
    }

    pub(super) async fn other_side(&mut self, mode: Mode, bound: &Bound) {
        let Some((caller, dialled, wanted)) = mode.other_side(&self.cast, bound) else { return };
        let heard = self.ask_route(&self.call_id("other-side"), caller, dialled).await;
        self.check(&c::OTHER_SIDE, &heard, &wanted);
    }
}
