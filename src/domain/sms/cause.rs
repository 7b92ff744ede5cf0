//! Why a message is dropped, and what the switch, the customer and the operator are told about it.

use super::SendResult;

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscardCause {
    /// It was sent to none of our numbers.
    UnknownNumber,
    /// X is suspended or unavailable.
    NumberUnusable,
    /// The app that owns X is suspended.
    AppSuspended,
    /// The account behind the app that owns X is frozen.
    AccountFrozen,
    /// The app that owns X is not open for messages, or its mode has none.
    AppWithoutSms,
    /// X carries no messages.
    NumberWithoutSms,
    /// The sender is withheld or no number in global form.
    SenderUnusable,
    /// Nothing is bound on X for this sender.
    NoBinding,
    /// The binding carries no messages (`privateSms`).
    BindingWithoutSms,
    /// The text is missing or too long.
    TextUnusable,
    /// The customer has to decide, and did not, or not in time, or not in a way that says anything.
    NoDecision,
    /// The customer said that it is to be dropped.
    Refused,
    /// The customer wants it sent on, but named nobody to whom it can go.
    ReceiverUnusable,
}

impl DiscardCause {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::UnknownNumber,
        Self::NumberUnusable,
        Self::AppSuspended,
        Self::AccountFrozen,
        Self::AppWithoutSms,
        Self::NumberWithoutSms,
        Self::SenderUnusable,
        Self::NoBinding,
        Self::BindingWithoutSms,
        Self::TextUnusable,
        Self::NoDecision,
        Self::Refused,
        Self::ReceiverUnusable,
    ];

    /// What the customer is told.
    pub const fn send_result(self) -> SendResult {
        match self {
            Self::UnknownNumber | Self::SenderUnusable | Self::NoBinding => SendResult::NO_BINDING,
            Self::NumberUnusable => SendResult::NUMBER_SUSPENDED,
            Self::AppSuspended | Self::AppWithoutSms => SendResult::APP_NOT_OPEN,
            Self::AccountFrozen => SendResult::ACCOUNT_FROZEN,
            Self::NumberWithoutSms | Self::BindingWithoutSms => SendResult::NO_SMS_ABILITY,
            Self::TextUnusable | Self::ReceiverUnusable => SendResult::ALL_FAILED,
            Self::NoDecision => SendResult::NO_DECISION,
            Self::Refused => SendResult::DISCARDED,
        }
    }

    /// The word in the store, the operator API and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknownNumber",
            Self::NumberUnusable => "numberUnusable",
            Self::AppSuspended => "appSuspended",
            Self::AccountFrozen => "accountFrozen",
            Self::AppWithoutSms => "appWithoutSms",
            Self::NumberWithoutSms => "numberWithoutSms",
            Self::SenderUnusable => "senderUnusable",
            Self::NoBinding => "noBinding",
            Self::BindingWithoutSms => "bindingWithoutSms",
            Self::TextUnusable => "textUnusable",
            Self::NoDecision => "noDecision",
            Self::Refused => "refused",
            Self::ReceiverUnusable => "receiverUnusable",
        }
    }

    /// Inverse of [`DiscardCause::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    /// The reason in words, without any number: for the switch's log and the operator.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::UnknownNumber => "x is not one of this gateway's numbers",
            Self::NumberUnusable => "x is suspended or unavailable",
            Self::AppSuspended => "the app that owns x is suspended",
            Self::AccountFrozen => "the account of the app that owns x is frozen",
            Self::AppWithoutSms => "the app that owns x has no SMS",
            Self::NumberWithoutSms => "x carries no SMS",
            Self::SenderUnusable => "the sender is withheld or not in global form",
            Self::NoBinding => "nothing is bound on x for this sender",
            Self::BindingWithoutSms => "the binding carries no SMS",
            Self::TextUnusable => "text must be a text of at most 2000 characters",
            Self::NoDecision => "the app did not decide about it in time",
            Self::Refused => "the app has dropped it",
            Self::ReceiverUnusable => "the app named nobody to whom it can go",
        }
    }
}
