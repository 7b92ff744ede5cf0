//! What a customer decides about a message that it was asked about (callbacks 6.4).

use super::{DiscardCause, Forward, Rewrite, SmsDecision};
use crate::domain::number::{E164, XNumber};

/// The customer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsReply {
    /// What is to be done.
    pub operation: SmsOperation,
    /// Echoed in the notice, instead of the binding's.
    pub user_data: Option<Box<str>>,
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsOperation {
    /// Send it on (`vNumberRoute`).
    Route {
        /// To whom; `None` = that cannot be read.
        called: Option<E164>,
        /// Who wrote it, as the customer understands it.
        calling: Option<E164>,
    },
    /// Drop it (`DiscardMessage`).
    Discard,
}

impl SmsOperation {
    /// What follows for a message from `sender` to `x`. `is_lent` tells whether a number is one that is lent out.
    ///
    /// A message goes to a telephone, and not back to who wrote it. When the customer names another sender, its
    /// answer belongs to another message.
    pub fn follow(self, sender: E164, x: XNumber, is_lent: impl Fn(E164) -> bool) -> SmsDecision {
        match self {
            Self::Discard => SmsDecision::Discard(DiscardCause::Refused),
            Self::Route { called: Some(to), calling }
                if calling.is_none_or(|calling| calling == sender) && to != sender && !is_lent(to) =>
            {
                SmsDecision::Forward(Forward { to, display: x, rewrite: Rewrite::Unchanged })
            }
            Self::Route { .. } => SmsDecision::Discard(DiscardCause::ReceiverUnusable),
        }
    }
}
