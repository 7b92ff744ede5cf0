//! The rows of short messages.

use std::borrow::Cow;

use super::call::QuestionDocument;
use super::column::Json;
use super::{RowError, columns};
use crate::domain::customer::Mode;
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::sms::{
    DiscardCause, Ended, Forward, Message, MessageId, Rewrite, SendResult, SmsDecision, SmsDirection, SmsText,
};
use crate::domain::time::Timestamp;

/// What stands in the column `decision` of a message that is sent on.
const FORWARD: &str = "forward";

columns! {
    /// A message, without its text.
    MessageColumns of "message" {
        key: RowKey,
        switch_id: Cow<'r, str>,
        identifier: Cow<'r, str>,
        at: Timestamp,
        sender: CallingParty,
        x: Option<E164>,
        app: Option<AppNo>,
        mode: Option<Mode>,
        segments: u8,
        subscription: Option<BindingId>,
        user_data: Option<Cow<'r, str>>,
        direction: u8,
        decision: Cow<'r, str>,
        receiver: Option<E164>,
        rewrite: Option<Cow<'r, str>>,
        result: Option<u8>,
        sent_segments: Option<u8>,
        ended_at: Option<Timestamp>,
        swept: Option<bool>,
        question: Option<Json<QuestionDocument>>,
    }
}

impl<'r> From<&'r Message> for MessageColumns<'r> {
    fn from(message: &'r Message) -> Self {
        let (decision, forward) = match message.decision {
            SmsDecision::Forward(forward) => (FORWARD, Some(forward)),
            SmsDecision::Discard(cause) => (cause.as_str(), None),
        };
        Self {
            key: message.key,
            switch_id: message.id.expose().into(),
            identifier: (&*message.identifier).into(),
            at: message.at,
            sender: message.sender,
            x: message.x,
            app: message.app,
            mode: message.mode,
            segments: message.segments,
            subscription: message.subscription,
            user_data: message.user_data.as_deref().map(Cow::Borrowed),
            direction: message.direction.code(),
            decision: decision.into(),
            receiver: forward.map(|forward| forward.to),
            rewrite: forward.map(|forward| forward.rewrite.as_str().into()),
            result: message.ended.map(|ended| ended.result.code()),
            sent_segments: message.ended.map(|ended| ended.segments),
            ended_at: message.ended.map(|ended| ended.at),
            swept: message.ended.map(|ended| ended.swept),
            question: message.question.as_deref().map(|question| Json(question.into())),
        }
    }
}

impl MessageColumns<'_> {
    /// The message that the row tells of, with the text that is kept beside it.
    pub(crate) fn into_message(self, text: Option<&str>) -> Result<Message, RowError> {
        let id = MessageId::new(&self.switch_id).ok_or(RowError::Unreadable("message.switch_id"))?;
        let direction = SmsDirection::from_code(self.direction);
        let text = text.map(|text| SmsText::new(text).ok_or(RowError::Unreadable("open_message.text")));
        Ok(Message {
            decision: self.decision()?,
            ended: self.ended()?,
            key: self.key,
            id,
            identifier: Box::from(&*self.identifier),
            at: self.at,
            sender: self.sender,
            x: self.x,
            app: self.app,
            mode: self.mode,
            segments: self.segments,
            subscription: self.subscription,
            user_data: self.user_data.as_deref().map(Box::from),
            question: self.question.map(|Json(question)| Box::new(question.into())),
            direction: direction.ok_or(RowError::Unreadable("message.direction"))?,
            text: text.transpose()?,
        })
    }

    fn decision(&self) -> Result<SmsDecision, RowError> {
        if self.decision != FORWARD {
            let cause = DiscardCause::from_word(&self.decision);
            return cause.map(SmsDecision::Discard).ok_or(RowError::Unreadable("message.decision"));
        }
        let rewrite = self.rewrite.as_deref().and_then(Rewrite::from_word);
        let display = self.x.map(XNumber::new).ok_or(RowError::Unreadable("message.x"))?;
        let to = self.receiver.ok_or(RowError::Unreadable("message.receiver"))?;
        let rewrite = rewrite.ok_or(RowError::Unreadable("message.rewrite"))?;
        Ok(SmsDecision::Forward(Forward { to, display, rewrite }))
    }

    fn ended(&self) -> Result<Option<Ended>, RowError> {
        let (Some(at), Some(code)) = (self.ended_at, self.result) else { return Ok(None) };
        let result = SendResult::new(code).ok_or(RowError::Unreadable("message.result"))?;
        let (segments, swept) = (self.sent_segments.unwrap_or(0), self.swept.unwrap_or(false));
        Ok(Some(Ended { at, result, segments, swept }))
    }
}
