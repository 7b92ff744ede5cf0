//! Short messages to an X number: what the switch hands over, what is decided about it, and how it ended
//! (callbacks 6). The rules are in `relay.rs`; how the text names people is in `address.rs`.
//!
//! The text of a message belongs to the people who write to each other. It is held only while it may still have
//! to be handed to the switch, and it prints as its length.

mod address;
mod cause;
mod relay;
mod reply;
mod result;

use std::fmt;
use std::sync::Arc;

pub use self::address::addressee;
pub use self::cause::DiscardCause;
pub use self::relay::{Relay, Verdict, relay};
pub use self::reply::{SmsOperation, SmsReply};
pub use self::result::SendResult;
use super::attempt::Attempt;
use super::customer::Mode;
use super::id::{AppNo, BindingId, RowKey};
use super::number::{CallingParty, E164, XNumber};
use super::time::Timestamp;

/// Longest messageId a switch may use, in bytes.
pub const MESSAGE_ID_LEN_MAX: usize = 256;
/// Longest text that is relayed, in characters (`smsContent`, callbacks 6.2).
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Most segments of one message: the header that joins them counts in one byte.
pub const SEGMENTS_MAX: u8 = u8::MAX;

/// The switch's own id of a message: unique per message, 1 to 256 bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Arc<str>);

impl MessageId {
    /// `None` when the text is empty or too long.
    pub fn new(text: &str) -> Option<Self> {
        (1..=MESSAGE_ID_LEN_MAX).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The id as text. Switches put what they like into it, numbers too: not for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageId(..)")
    }
}

/// What somebody wrote: up to 2,000 characters. `Debug` tells the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsText(Box<str>);

impl SmsText {
    /// `None` when it is too long.
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() <= TEXT_CHARS_MAX).then(|| Self(text.into()))
    }

    /// The text itself: for the switch, the store and the app that may read it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SmsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmsText({} bytes)", self.0.len())
    }
}

/// A message as the switch hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The switch's id of it.
    pub id: MessageId,
    /// When it came in, by the switch's clock.
    pub at: Timestamp,
    /// Who wrote it.
    pub sender: CallingParty,
    /// What it was sent to, when that is a number.
    pub x: Option<E164>,
    /// What was written; `None` when it is missing or too long.
    pub text: Option<SmsText>,
    /// How many segments it came in, 1 to 255.
    pub segments: u8,
}

/// Which way a message goes (`direction` in `extParas`, callbacks 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsDirection {
    /// From B, or from others, to A.
    ToA,
    /// From A. Also every message of X mode.
    FromA,
    /// There is no binding to tell by.
    Unknown,
}

impl SmsDirection {
    /// The wire's code: 0, 1 or 2.
    pub const fn code(self) -> u8 {
        match self {
            Self::ToA => 0,
            Self::FromA => 1,
            Self::Unknown => 2,
        }
    }

    /// Inverse of [`SmsDirection::code`].
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::ToA, Self::FromA, Self::Unknown].into_iter().find(|direction| direction.code() == code)
    }
}

/// How the text is changed on its way (callbacks 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// Not at all.
    Unchanged,
    /// Without the `@<B>` at its end: A has written to B.
    WithoutAddressee,
    /// With `[From<B>]` at its end: somebody has written to A.
    WithSender,
}

impl Rewrite {
    const ALL: [Self; 3] = [Self::Unchanged, Self::WithoutAddressee, Self::WithSender];

    /// The word in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::WithoutAddressee => "withoutAddressee",
            Self::WithSender => "withSender",
        }
    }

    /// Inverse of [`Rewrite::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rewrite| rewrite.as_str() == word)
    }
}

/// A message that is to be sent on. `display` is an [`XNumber`]: revealing a real number is a type error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The real receiver.
    pub to: E164,
    /// Whom the receiver sees as the sender.
    pub display: XNumber,
    /// What becomes of the text.
    pub rewrite: Rewrite,
}

/// What was decided about a message. Decided once: the switch gets the same answer however often it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsDecision {
    /// The switch is to send it on, and to report what came of it.
    Forward(Forward),
    /// It is dropped.
    Discard(DiscardCause),
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// What the customer is told.
    pub result: SendResult,
    /// How many segments were really sent (`splitNum`).
    pub segments: u8,
    /// The switch never reported a result: the sweeper ended it.
    pub swept: bool,
}

/// One message, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its row.
    pub key: RowKey,
    /// The switch's id of it.
    pub id: MessageId,
    /// What customers know it by (`smsIdentifier`).
    pub identifier: Box<str>,
    /// When it came in, by the switch's clock.
    pub at: Timestamp,
    /// Who wrote it.
    pub sender: CallingParty,
    /// What it was sent to, when that is a number.
    pub x: Option<E164>,
    /// The app that owns X, when it is one of ours.
    pub app: Option<AppNo>,
    /// How that app works.
    pub mode: Option<Mode>,
    /// How many segments it came in.
    pub segments: u8,
    /// The binding it belongs to, forwarded or not.
    pub subscription: Option<BindingId>,
    /// Echoed in the notice: of the binding, or as the customer answered.
    pub user_data: Option<Box<str>>,
    /// Which way it goes.
    pub direction: SmsDirection,
    /// What was decided.
    pub decision: SmsDecision,
    /// What came of asking the customer, if that was done.
    pub question: Option<Box<Attempt>>,
    /// What was written, until it has ended.
    pub text: Option<SmsText>,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
}

impl Message {
    /// What the switch is to send, as long as it may have to be told.
    pub fn forwarded_text(&self) -> Option<String> {
        let SmsDecision::Forward(forward) = self.decision else { return None };
        let text = self.text.as_ref()?.expose();
        Some(match forward.rewrite {
            Rewrite::Unchanged => text.to_owned(),
            Rewrite::WithoutAddressee => address::without_addressee(text).to_owned(),
            Rewrite::WithSender => address::with_sender(text, self.sender),
        })
    }

    /// The message as it has ended. Its text is not needed any more.
    ///
    /// `sent` is how many segments the switch says it has sent. When it does not say: all of them if the message
    /// was sent, none if not.
    #[must_use]
    pub fn end(self, result: SendResult, sent: Option<u8>, swept: bool, now: Timestamp) -> Self {
        let segments = sent.unwrap_or(if result == SendResult::SUCCESS { self.segments } else { 0 });
        Self { text: None, ended: Some(Ended { at: now, result, segments, swept }), ..self }
    }
}

#[cfg(test)]
mod tests;
