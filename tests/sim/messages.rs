//! Short messages: the switch asks what to do with one, again and again, and reports what came of it at least once. Some
//! only the customer can decide; what is bound may change between its answer and the writer's turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use privnum::domain::customer::Mode;
use privnum::domain::delivery::NoticeKind;
use privnum::domain::id::AppNo;
use privnum::domain::number::{CallingParty, E164, XNumber};
use privnum::domain::sms::{
    Message, MessageId, Relay, Rewrite, SendResult, SmsDecision, SmsOperation, SmsReply, SmsText, Submitted,
    Verdict,
};
use privnum::domain::time::Timestamp;
use privnum::engine::job::{Job, ResultFate, Unserved};
use privnum::engine::{AskedAbout, Handed, Sending};
use privnum::registry::Relayed;
use rand::RngExt;
use tokio::sync::oneshot;

use super::cast::{NUMBERS, PARTIES, is_x, party, x};
use super::questions::{self, attempt};
use super::world::{RULES, Waiting, World};

/// The messages of the switch.
#[derive(Debug, Default)]
pub struct Sms(BTreeMap<MessageId, Sent>);

/// A message as the switch knows it.
#[derive(Debug)]
struct Sent {
    message: Submitted,
    /// When it was handed over first.
    since: Timestamp,
    /// What it was told to do.
    told: Option<Arc<Message>>,
    /// What it wants to report, until that is confirmed.
    result: Option<SendResult>,
    /// What the customer answered, each time it was asked.
    replies: Vec<SmsOperation>,
}

/// Where the answer about a message will be.
pub enum Awaited {
    Decision(MessageId, oneshot::Receiver<Result<Arc<Message>, Unserved>>),
    Report(MessageId, oneshot::Receiver<Result<ResultFate, Unserved>>),
}

impl World {
    /// A new message, or something about one that is known.
    pub fn send_message(&mut self) {
        let known = self.sms.0.len();
        if known > 0 && self.chance(50) {
            let id = self.sms.0.keys().nth(self.rng.random_range(0..known)).unwrap().clone();
            return if self.chance(40) { self.hand_over(&id) } else { self.report_result(&id) };
        }
        let id = MessageId::new(&format!("message-{known:06}")).unwrap();
        let (sender, x) = self.any_writer();
        let named = self.any_party().expose();
        let text = if self.chance(50) { format!("hello@{named}") } else { "hello".to_owned() };
        let (sender, x) = (CallingParty::Number(sender), Some(x.number()));
        let (at, text) = (self.now(), SmsText::new(&text));
        let message = Submitted { id: id.clone(), at, sender, x, text, segments: 1 };
        self.sms
            .0
            .insert(id.clone(), Sent { message, since: at, told: None, result: None, replies: Vec::new() });
        self.hand_over(&id);
    }

    /// Who writes to which number: mostly somebody who stands there.
    fn any_writer(&mut self) -> (E164, XNumber) {
        if self.chance(10) {
            return (self.any_party(), x(self.rng.random_range(questions::NUMBERS)));
        }
        let bound: Vec<_> = self.model.live(self.now()).map(|known| (known.a, known.b, known.x)).collect();
        if bound.is_empty() || self.chance(30) {
            return (self.any_party(), x(self.rng.random_range(1..=NUMBERS + 1)));
        }
        let (a, b, x) = bound[self.rng.random_range(0..bound.len())];
        let other = self.any_party();
        (if self.chance(50) { a } else { b.unwrap_or(other) }, x)
    }

    /// Asks what is to become of a message, unless that was so long ago that the gateway may have forgotten it.
    fn hand_over(&mut self, id: &MessageId) {
        let sent = &self.sms.0[id];
        // What came of it may be on record; then it is remembered from when it came in.
        if self.now().since(sent.since) + Duration::from_secs(60) > RULES.keep_ended {
            return;
        }
        let message = sent.message.clone();
        let relayed = self.shared.registry.relay(&message, self.now());
        let asked = match relayed {
            Relayed { app: Some(app), verdict: Verdict { relay: Relay::Ask, .. }, .. } => {
                Some(self.ask_about(id, app))
            }
            _ => None,
        };
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::Message(Box::new(Handed { message, asked }), answer));
        self.wait_for(Waiting::Message(Awaited::Decision(id.clone(), answered)));
    }

    /// The customer answers what is to become of a message, or does not.
    fn ask_about(&mut self, id: &MessageId, app: AppNo) -> AskedAbout {
        let (called, other) = (self.any_party(), self.any_party());
        let operation = match self.rng.random_range(0..10) {
            0 => None,
            1 => Some(SmsOperation::Discard),
            2 => Some(SmsOperation::Route { called: Some(x(1).number()), calling: None }),
            3 => Some(SmsOperation::Route { called: None, calling: None }),
            4 => Some(SmsOperation::Route { called: Some(called), calling: Some(other) }),
            _ => Some(SmsOperation::Route { called: Some(called), calling: None }),
        };
        self.sms.0.get_mut(id).unwrap().replies.extend(operation);
        let reply = operation.map(|operation| SmsReply { operation, user_data: None });
        AskedAbout { app, record: Box::new(attempt(self.now())), reply }
    }

    /// Reports what came of a message that was to be sent on.
    fn report_result(&mut self, id: &MessageId) {
        let drawn = SendResult::new(self.rng.random_range(0..14)).unwrap();
        let sent = self.sms.0.get_mut(id).unwrap();
        let Some(told) = sent.told.as_ref().filter(|told| told.forwarded_text().is_some()) else { return };
        let result = *sent.result.get_or_insert(drawn);
        let sending = Sending { identifier: told.identifier.clone(), result, segments: None };
        let (answer, answered) = oneshot::channel();
        self.inbox.push_back(Job::MessageSent(Box::new(sending), answer));
        self.wait_for(Waiting::Message(Awaited::Report(id.clone(), answered)));
    }

    /// Takes in the answer about a message; gives back what still waits for one.
    pub fn hear_of_message(
        &mut self,
        awaited: Awaited,
    ) -> Result<(), (Awaited, oneshot::error::TryRecvError)> {
        match awaited {
            Awaited::Decision(id, mut answer) => match answer.try_recv() {
                Ok(Ok(message)) => self.message_decided(&id, message),
                Ok(Err(_)) => {}
                Err(error) => return Err((Awaited::Decision(id, answer), error)),
            },
            Awaited::Report(id, mut answer) => match answer.try_recv() {
                Ok(Ok(fate)) => self.result_taken(&id, fate),
                Ok(Err(_)) => {}
                Err(error) => return Err((Awaited::Report(id, answer), error)),
            },
        }
        Ok(())
    }

    fn message_decided(&mut self, id: &MessageId, message: Arc<Message>) {
        if let SmsDecision::Forward(forward) = message.decision {
            assert_eq!(
                Some(forward.display.number()),
                message.x,
                "a receiver is shown another number than X"
            );
            assert_ne!(CallingParty::Number(forward.to), message.sender, "a message comes back");
            let by_customer = matches!(message.mode, Some(Mode::Ax | Mode::X));
            if by_customer && forward.rewrite == Rewrite::Unchanged {
                let answered = |reply: &SmsOperation| match reply {
                    SmsOperation::Route { called, calling } => {
                        *called == Some(forward.to)
                            && calling.is_none_or(|calling| CallingParty::Number(calling) == message.sender)
                    }
                    SmsOperation::Discard => false,
                };
                assert!(self.sms.0[id].replies.iter().any(answered), "not what the customer answered");
                assert!(!is_x(forward.to), "a message goes to an X");
            }
        }
        let tables = self.disk.tables();
        let stored = tables.messages.get(&message.key).expect("what was answered is stored");
        assert_eq!((&stored.id, stored.decision), (id, message.decision));
        drop(tables);
        let now = self.now();
        let sent = self.sms.0.get_mut(id).unwrap();
        if let Some(told) = sent.told.as_ref().filter(|told| told.key != message.key) {
            // It was asked about in time, but decided only when it had been forgotten.
            let since = Timestamp::from_millis(told.key.millis());
            assert!(now.since(since) >= RULES.keep_ended, "a message was decided twice");
            sent.result = None;
        } else if let Some(told) = &sent.told {
            assert_eq!(told.decision, message.decision, "a message was decided twice");
        }
        sent.told = Some(message);
    }

    fn result_taken(&mut self, id: &MessageId, fate: ResultFate) {
        let sent = &self.sms.0[id];
        let told = sent.told.as_ref().expect("only a decided message is reported");
        let ended = self.disk.tables().messages[&told.key].ended;
        match fate {
            ResultFate::Accepted => {
                assert_eq!(ended.map(|ended| (ended.result, ended.swept)), sent.result.map(|it| (it, false)));
            }
            ResultFate::Duplicate => assert!(ended.is_some()),
            // Forgotten, so it had ended.
            ResultFate::Unknown => assert!(ended.is_some(), "a message whose result is awaited is not known"),
        }
    }

    /// 1, 2 and 4: whoever writes to whatever number meets what the answers promised.
    pub fn check_all_messages(&self) {
        let now = self.now();
        for x in (1..=NUMBERS).map(x) {
            for sender in (1..=PARTIES).map(party) {
                let message = Submitted {
                    id: MessageId::new("check").unwrap(),
                    at: now,
                    sender: CallingParty::Number(sender),
                    x: Some(x.number()),
                    text: SmsText::new(""),
                    segments: 1,
                };
                let Relay::Forward(forward) = self.shared.registry.relay(&message, now).verdict.relay else {
                    continue;
                };
                let known = self
                    .model
                    .live(now)
                    .find(|known| known.x == x && (known.has(sender) || known.b.is_none()));
                let known = known.expect("only what is bound is connected");
                let other = if known.a == sender { known.b } else { Some(known.a) };
                assert_eq!((forward.display, Some(forward.to)), (XNumber::new(x.number()), other));
            }
        }
    }

    /// 5: each message that has ended gives one notice, and none before.
    pub fn check_results(&self) {
        let mut tables = self.disk.tables();
        for key in std::mem::take(&mut tables.touched_messages) {
            let Some(message) = tables.messages.get(&key) else { continue };
            let about = |body: &[u8]| {
                let body: serde_json::Value = serde_json::from_slice(body).unwrap();
                body["smsEvent"]["smsIdentifier"] == *message.identifier
            };
            let sms = tables.notices.values().filter(|notice| notice.delivery.kind == NoticeKind::Sms);
            let told = sms.filter(|notice| about(&notice.body)).count();
            // Two of them have one id when the first had been forgotten.
            let wanted =
                |it: &&Message| it.app.is_some_and(|app| tables.apps[&app].urls.sms_notify.is_some());
            let ended = tables.messages.values().filter(|it| it.id == message.id && it.ended.is_some());
            assert_eq!(told, ended.filter(wanted).count(), "{message:?}");
        }
    }
}
