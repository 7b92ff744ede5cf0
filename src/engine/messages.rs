//! Short messages: decided, made durable with the notice that they cause, and answered; ended by the switch's
//! report of what came of them, or by the sweep. The rules are in `domain::sms`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::draft::Draft;
use super::job::{Job, ResultFate, Unserved};
use super::ledger::Ledger;
use super::questions::{Asked, Question, Questions};
use super::under_way::Leaving;
use super::{Engine, PATIENCE, Shared};
use crate::clock::Clock;
use crate::domain::attempt::Attempt;
use crate::domain::customer::CustomerApp;
use crate::domain::delivery::{Delivery, NoticeKind};
use crate::domain::id::{AppNo, PublicIds};
use crate::domain::number::{CallingParty, XNumber};
use crate::domain::sms::{
    DiscardCause, Message, MessageId, Relay, SendResult, SmsDecision, SmsReply, Submitted, Verdict,
};
use crate::domain::time::Timestamp;
use crate::registry::Relayed;
use crate::store::Write;
use crate::wire::sms_notice::{self, Told};
use crate::wire::sms_reply::{SMS_REPLY_BYTES_MAX, sms_reply};

/// How long the switch may take to report what came of a message. After that its customer is told "internal
/// error": nobody knows.
const RESULT_WAIT: Duration = Duration::from_secs(3_600);
/// Most messages ended by one sweep. A switch that never reports anything leaves less behind between two.
const OVERDUE_MAX: usize = 5_000;

/// What the switch reports about a message that it was told to send on.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Which (`smsIdentifier`).
    pub identifier: Box<str>,
    /// What came of it.
    pub result: SendResult,
    /// How many segments were sent, if the switch says so.
    pub segments: Option<u8>,
}

/// A message for the writer to decide about.
#[derive(Debug)]
pub struct Handed {
    /// As the switch handed it over.
    pub message: Submitted,
    /// What came of asking the customer, if that was done.
    pub asked: Option<AskedAbout>,
}

/// What came of asking the customer about a message.
#[derive(Debug)]
pub struct AskedAbout {
    /// The app that was asked.
    pub app: AppNo,
    /// The record of the question. Its `failure` says why there is no reply.
    pub record: Box<Attempt>,
    /// What the customer decided.
    pub reply: Option<SmsReply>,
}

/// A message as the task that asks the customer takes it along.
struct Asking {
    message: Submitted,
    app: Arc<CustomerApp>,
    body: Vec<u8>,
    identifier: String,
}

/// What was decided about messages that customers are asked about.
type UnderWay = super::under_way::UnderWay<MessageId, Result<Arc<Message>, Unserved>>;

impl Engine {
    /// Decides about a message. `Ok` means that the decision is durable, with the notice that it may cause. A message
    /// that was decided about is answered as it was.
    pub async fn relay(&self, message: Submitted) -> Result<Arc<Message>, Unserved> {
        let now = self.shared.clock.now();
        let seen = self.read(|shared| match shared.registry.messages.get(&message.id) {
            Some(known) => Err(known),
            None => Ok(shared.registry.relay(&message, now)),
        })?;
        match seen {
            Err(known) => Ok(known),
            Ok(Relayed { app: Some(app), verdict, .. }) if verdict.relay == Relay::Ask => {
                self.decided_with_customer(message, app, &verdict).await
            }
            Ok(_) => {
                let handed = Handed { message, asked: None };
                self.ask(|answer| Job::Message(Box::new(handed), answer)).await
            }
        }
    }

    /// Waits for what the customer decides about a message; asks if nobody has yet.
    async fn decided_with_customer(
        &self,
        message: Submitted,
        app: AppNo,
        verdict: &Verdict,
    ) -> Result<Arc<Message>, Unserved> {
        let mut awaited = {
            let mut under_way = self.messages_under_way.lock();
            if let Some(awaited) = under_way.get(&message.id) {
                awaited.clone()
            } else if let Some(known) = self.shared.registry.messages.get(&message.id) {
                // Decided since we looked: it is known before it stops being under way.
                return Ok(known);
            } else {
                let (tell, awaited) = watch::channel(None);
                under_way.insert(message.id.clone(), awaited.clone());
                let app = self.shared.registry.customers.by_no(app);
                let task = Asking::about(message, app, verdict, &self.shared.origin.ids).run(
                    Arc::clone(&self.message_questions),
                    self.shared.clock.clone(),
                    Arc::clone(&self.messages_under_way),
                    self.inbox.downgrade(),
                    tell,
                );
                tokio::spawn(task);
                awaited
            }
        };
        let decided = awaited.wait_for(Option::is_some).await.map_err(|_| Unserved::NotServing)?;
        decided.clone().unwrap_or(Err(Unserved::NotServing))
    }

    /// Takes in what came of a message. `Ok` means that it is durable, with the notice that it causes.
    pub async fn message_sent(&self, sending: Sending) -> Result<ResultFate, Unserved> {
        self.ask(|answer| Job::MessageSent(Box::new(sending), answer)).await
    }
}

impl Asking {
    fn about(message: Submitted, app: Arc<CustomerApp>, verdict: &Verdict, ids: &PublicIds) -> Self {
        let identifier = ids.message(message.id.expose());
        let told = Told {
            identifier: &identifier,
            sender: message.sender,
            x: message.x,
            at: message.at,
            segments: message.segments,
            direction: verdict.direction,
            text: message.text.as_ref().filter(|_| app.sms_content),
        };
        let user_data = verdict.user_data.as_deref();
        let body = sms_notice::question(&told, verdict.subscription, user_data, &app.key, ids);
        Self { message, app, body, identifier }
    }

    /// Asks the customer, hands the message to the writer, and lets all who wait know. Does not keep the store open
    /// meanwhile: a gateway that stops is not held up by a question, and the switch asks again.
    async fn run(
        self,
        questions: Arc<Questions>,
        clock: Clock,
        under_way: Arc<UnderWay>,
        writer: mpsc::WeakSender<Job>,
        tell: watch::Sender<Option<Result<Arc<Message>, Unserved>>>,
    ) {
        let Self { message, app, body, identifier } = self;
        // Dropped last, and also when this breaks off: nobody must wait for what is not under way.
        let _leaving = Leaving { under_way, what: message.id.clone() };
        let url = app.urls.sms_control.as_deref();
        let question = Question { app: &app, url, body, id: identifier, answer_max: SMS_REPLY_BYTES_MAX };
        let Asked { mut record, answer } = questions.ask(question).await;
        let reply = answer.and_then(|answer| match sms_reply(&answer) {
            Ok(reply) => Some(reply),
            Err(why) => {
                record.failure = Some(why.into());
                None
            }
        });
        let asked = AskedAbout { app: app.no, record: Box::new(record), reply };
        let handed = Handed { message, asked: Some(asked) };
        let (answer, mut answered) = oneshot::channel();
        let job = Job::Message(Box::new(handed), answer);
        let Some(writer) = writer.upgrade() else { return };
        let handed_over = writer.try_send(job);
        // Nobody waits for the writer's end because of this one.
        drop(writer);
        let decided = match handed_over {
            Ok(()) => {
                let decided = tokio::select! {
                    biased;
                    decided = &mut answered => decided,
                    () = clock.sleep(PATIENCE) => {
                        // Whoever waits, or asks again until it is written, is told so: the customer is asked once.
                        tell.send_replace(Some(Err(Unserved::NotInTime)));
                        answered.await
                    }
                };
                decided.unwrap_or(Err(Unserved::NotServing))
            }
            Err(TrySendError::Full(_)) => Err(Unserved::Overloaded),
            Err(TrySendError::Closed(_)) => Err(Unserved::NotServing),
        };
        tell.send_replace(Some(decided));
    }
}

impl Ledger {
    /// Decides about a message, unless that was done already.
    pub(super) fn stage_message(
        &mut self,
        handed: &Handed,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Arc<Message> {
        let Handed { message: submitted, asked } = handed;
        if let Some(known) = self.known_message(&submitted.id, draft) {
            return known;
        }
        // Also when the customer was asked: what is bound may have changed meanwhile.
        let Relayed { app, mode, verdict } = self.shared.registry.relay(submitted, now);
        // No app decides about messages to another's numbers.
        let asked_owner = asked.as_ref().filter(|asked| app == Some(asked.app));
        let reply = asked_owner.and_then(|asked| asked.reply.as_ref());
        let decision = match verdict.relay {
            Relay::Forward(forward) => SmsDecision::Forward(forward),
            Relay::Ask => self.follow(reply, submitted),
            Relay::Discard(cause) => SmsDecision::Discard(cause),
        };
        let message = Message {
            key: self.staging.next_key(now),
            id: submitted.id.clone(),
            identifier: self.shared.origin.ids.message(submitted.id.expose()).into(),
            at: submitted.at,
            sender: submitted.sender,
            x: submitted.x,
            app,
            mode,
            segments: submitted.segments,
            subscription: verdict.subscription,
            user_data: reply.and_then(|reply| reply.user_data.clone()).or(verdict.user_data),
            direction: verdict.direction,
            decision,
            question: asked.as_ref().map(|asked| asked.record.clone()),
            text: submitted.text.clone(),
            ended: None,
        };
        match decision {
            SmsDecision::Forward(_) => keep(message, draft),
            SmsDecision::Discard(cause) => self.end(message, cause.send_result(), None, false, draft, now),
        }
    }

    /// What the customer's reply comes to; without one the message is dropped.
    fn follow(&self, reply: Option<&SmsReply>, message: &Submitted) -> SmsDecision {
        let none = SmsDecision::Discard(DiscardCause::NoDecision);
        let (Some(reply), CallingParty::Number(sender), Some(x)) = (reply, message.sender, message.x) else {
            return none;
        };
        reply.operation.follow(sender, XNumber::new(x), |number| self.shared.registry.is_lent(number))
    }

    /// Ends a message with what the switch reports.
    pub(super) fn stage_sending(
        &mut self,
        sending: &Sending,
        draft: &mut Draft,
        now: Timestamp,
    ) -> ResultFate {
        let known = self.shared.registry.messages.of_identifier(&sending.identifier);
        let known = known.map(|known| self.known_message(&known.id, draft).unwrap_or(known));
        match known {
            None => ResultFate::Unknown,
            Some(message) if message.ended.is_some() => ResultFate::Duplicate,
            Some(message) => {
                let message = Arc::unwrap_or_clone(message);
                self.end(message, sending.result, sending.segments, false, draft, now);
                ResultFate::Accepted
            }
        }
    }

    /// Ends the messages whose result never came.
    pub(super) fn sweep_messages(&mut self, draft: &mut Draft, now: Timestamp) {
        for message in self.shared.registry.messages.overdue(now.before(RESULT_WAIT), OVERDUE_MAX) {
            if self.known_message(&message.id, draft).is_some_and(|known| known.ended.is_none()) {
                let message = Arc::unwrap_or_clone(message);
                self.end(message, SendResult::INTERNAL_ERROR, None, true, draft, now);
            }
        }
    }

    /// Ends a message and tells the app.
    fn end(
        &mut self,
        message: Message,
        result: SendResult,
        sent: Option<u8>,
        swept: bool,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Arc<Message> {
        let text = message.text.clone();
        let message = message.end(result, sent, swept, now);
        let app = message.app.map(|app| self.shared.registry.customers.by_no(app));
        if let Some(app) = app.filter(|app| app.urls.sms_notify.is_some()) {
            let text = text.filter(|_| app.sms_content);
            let body = sms_notice::result(&message, text.as_ref(), &app.key, &self.shared.origin.ids);
            let delivery = Delivery::new(self.staging.next_key(now), app.no, NoticeKind::Sms, None, now);
            draft.deliver(delivery, Some(message.identifier.clone()), body);
        }
        keep(message, draft)
    }

    /// The message as the batch in the making leaves it.
    fn known_message(&self, id: &MessageId, draft: &Draft) -> Option<Arc<Message>> {
        draft.messages.get(id).cloned().or_else(|| self.shared.registry.messages.get(id))
    }
}

fn keep(message: Message, draft: &mut Draft) -> Arc<Message> {
    draft.write(Write::Message(Box::new(message.clone())));
    let message = Arc::new(message);
    draft.messages.insert(message.id.clone(), Arc::clone(&message));
    message
}

impl Shared {
    /// Takes in a message that is durable as it stands now.
    pub(super) fn put_message(&self, message: Arc<Message>, now: Timestamp) {
        if self.registry.messages.get(&message.id).is_none() {
            let decision = match message.decision {
                SmsDecision::Forward(_) => "forward",
                SmsDecision::Discard(cause) => cause.as_str(),
            };
            self.metrics.messages.with_label_values(&[decision]).inc();
        }
        if let Some(ended) = &message.ended {
            self.metrics.message_results.with_label_values(&[ended.result.as_str()]).inc();
        }
        self.registry.messages.put(message, now);
    }
}
