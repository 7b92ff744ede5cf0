//! What is reported of calls: their events in good order and bad, a recording, and what becomes of a call stop.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::report::Verdict;
use super::super::checks as c;
use super::super::judge::{Wanted, judge, judge_order};
use super::super::mode::{Bound, Mode};
use super::{Call, EVENTS, RECORDINGS, Script, counted};
use crate::clock::Clock;
use crate::wire::time_text::format_rfc3339_millis;

const CALL_STOP: &str = "/rest/httpsessions/callStop/v2.0";

impl Script {
    /// The stages of a call up to its end, the last a moment ago.
    fn reports(&self, call: &str, mode: Mode, bound: &Bound) -> Vec<Value> {
        let caller = mode.call(&self.cast, bound).caller;
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

    pub(super) async fn events(&mut self, call: &Call, bound: &Bound, mode: Mode) {
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

    pub(super) async fn recording(&mut self, call: &Call) {
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

    pub(super) async fn end(&mut self, call: &Call) {
        let now = format_rfc3339_millis(Clock::system().now());
        let end = json!({"eventId": format!("{}-disconnect", call.id), "callId": call.id, "event": "disconnect",
            "ts": now, "sip": "200", "q850": "16", "by": "callee"});
        let heard = self.tell(EVENTS, &end).await;
        self.check(&c::END, &heard, &counted(1, 0, 0));
    }

    /// A call whose events come last first, and before the question.
    pub(super) async fn reversed(&mut self, mode: Mode, bound: &Bound) -> Call {
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
        Call { id, session: session.unwrap_or_default(), is_recorded: false }
    }

    pub(super) async fn stop(&mut self, mode: Mode, bound: &Bound) {
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
