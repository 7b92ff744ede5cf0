//! Why a call is refused, and what the switch, the customer and the operator are told about it.

use std::fmt;

use crate::domain::customer::{CustomerApp, NumberStatus};
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::release::StateCode;

/// Why a call is refused (callbacks 8 has the state codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectCause {
    /// The dialled number is not one of ours.
    UnknownNumber,
    /// The caller is withheld or no number in global form.
    CallerUnusable,
    /// X is suspended or unavailable.
    NumberUnusable(NumberStatus),
    /// The app that owns X is suspended.
    AppSuspended,
    /// The account behind the app that owns X is frozen.
    AccountFrozen,
    /// AXB: the caller stands in no live binding on X.
    NoAxbBinding,
    /// AX: nothing is bound on X.
    NoAxBinding,
    /// The binding does not let this side start a call.
    Direction,
    /// AX: A dialled X and no temporary callee was set.
    NoNextCallee,
    /// AX: A dialled X and the temporary callee's time is over.
    NextCalleeExpired,
    /// AXE: no live binding has the extension that was keyed.
    NoAxeBinding,
    /// AXE: the caller was asked for an extension and keyed nothing.
    EmptyExtension,
    /// AXE: A dialled X, nobody called A through it lately, and no number is set for that.
    NobodyToCallBack,
    /// AXYB: the number is no X, and no Y of the caller's.
    NoAxybBinding,
    /// AXYB: who calls dialled the number that stands for itself.
    OwnNumber,
    /// AXYB: an unknown B dialled X and could not be given a Y.
    NoY(NoY),
    /// X mode: the customer was asked where the call goes, and no answer with the right status came in time.
    NoReply,
    /// X mode: the customer's answer says nothing that can be done.
    ReplyUnusable,
    /// X mode: the customer's answer names a tone file that the app does not have.
    ToneMissing,
    /// X mode: the customer answered that the call is to end.
    ClosedByCustomer,
}

impl RejectCause {
    /// Every cause, for tests and tables.
    pub const ALL: [Self; 23] = [
        Self::UnknownNumber,
        Self::CallerUnusable,
        Self::NumberUnusable(NumberStatus::Suspended),
        Self::AppSuspended,
        Self::AccountFrozen,
        Self::NoAxbBinding,
        Self::NoAxBinding,
        Self::Direction,
        Self::NoNextCallee,
        Self::NextCalleeExpired,
        Self::NoAxeBinding,
        Self::EmptyExtension,
        Self::NobodyToCallBack,
        Self::NoAxybBinding,
        Self::OwnNumber,
        Self::NoY(NoY::NoneFree),
        Self::NoY(NoY::TooManyB),
        Self::NoY(NoY::CallerIsLent),
        Self::NoY(NoY::NotWritten),
        Self::NoReply,
        Self::ReplyUnusable,
        Self::ToneMissing,
        Self::ClosedByCustomer,
    ];

    /// The state code that the customer is told (callbacks 8).
    pub const fn state_code(self) -> StateCode {
        match self {
            Self::UnknownNumber
            | Self::CallerUnusable
            | Self::NoAxbBinding
            | Self::NoReply
            | Self::ReplyUnusable => StateCode::NO_BINDING,
            Self::NumberUnusable(_) => StateCode::X_NOT_USABLE,
            Self::AppSuspended => StateCode::APP_SUSPENDED,
            Self::AccountFrozen => StateCode::ACCOUNT_FROZEN,
            Self::NoAxBinding => StateCode::NO_PERMISSION,
            Self::Direction => StateCode::DIRECTION_NOT_ALLOWED,
            Self::NoNextCallee => StateCode::NO_TEMPORARY_CALLEE,
            Self::NextCalleeExpired | Self::NobodyToCallBack => StateCode::NO_CALLBACK_RECORD,
            Self::NoAxeBinding => StateCode::NO_AXE_BINDING,
            Self::EmptyExtension => StateCode::EMPTY_EXTENSION,
            Self::NoAxybBinding => StateCode::NO_AXYB_BINDING,
            Self::OwnNumber => StateCode::OWN_NUMBER,
            Self::NoY(_) => StateCode::NO_Y,
            Self::ToneMissing => StateCode::TONE_MISSING,
            Self::ClosedByCustomer => StateCode::CLOSED_BY_CUSTOMER,
        }
    }

    /// The SIP status and the Q.850 cause that the switch gives the caller.
    pub const fn sip_and_q850(self) -> (u16, u16) {
        match self {
            Self::UnknownNumber => (404, 1),
            _ => (403, 21),
        }
    }

    /// The word in the store and the operator API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknownNumber",
            Self::CallerUnusable => "callerUnusable",
            Self::NumberUnusable(_) => "numberUnusable",
            Self::AppSuspended => "appSuspended",
            Self::AccountFrozen => "accountFrozen",
            Self::NoAxbBinding => "noAxbBinding",
            Self::NoAxBinding => "noAxBinding",
            Self::Direction => "direction",
            Self::NoNextCallee => "noNextCallee",
            Self::NextCalleeExpired => "nextCalleeExpired",
            Self::NoAxeBinding => "noAxeBinding",
            Self::EmptyExtension => "emptyExtension",
            Self::NobodyToCallBack => "nobodyToCallBack",
            Self::NoAxybBinding => "noAxybBinding",
            Self::OwnNumber => "ownNumber",
            Self::NoY(NoY::NoneFree) => "noYFree",
            Self::NoY(NoY::TooManyB) => "noYTooManyB",
            Self::NoY(NoY::CallerIsLent) => "noYCallerIsLent",
            Self::NoY(NoY::NotWritten) => "noYNotWritten",
            Self::NoReply => "noReply",
            Self::ReplyUnusable => "replyUnusable",
            Self::ToneMissing => "toneMissing",
            Self::ClosedByCustomer => "closedByCustomer",
        }
    }

    /// Whether what came of the question to the customer explains it.
    pub const fn tells_of_question(self) -> bool {
        matches!(self, Self::NoReply | Self::ReplyUnusable | Self::ToneMissing)
    }

    /// What of the app's own tone files the caller is to hear, if the app has set one.
    pub fn tone(self, app: &CustomerApp) -> Option<&str> {
        match self {
            Self::NoAxbBinding
            | Self::NoAxBinding
            | Self::NoAxeBinding
            | Self::NoAxybBinding
            | Self::NoY(_) => app.no_binding_tone.as_deref(),
            Self::NoNextCallee | Self::NextCalleeExpired | Self::NobodyToCallBack => {
                app.no_callee_tone.as_deref()
            }
            Self::UnknownNumber
            | Self::CallerUnusable
            | Self::NumberUnusable(_)
            | Self::AppSuspended
            | Self::AccountFrozen
            | Self::Direction
            | Self::EmptyExtension
            | Self::OwnNumber
            | Self::NoReply
            | Self::ReplyUnusable
            | Self::ToneMissing
            | Self::ClosedByCustomer => None,
        }
    }

    /// The reason in words, with the numbers masked: for the switch's log and the operator.
    pub fn in_words(self, caller: CallingParty, called: Option<XNumber>) -> String {
        let x = Shown(called.map(XNumber::number));
        let from = match caller {
            CallingParty::Number(number) => Shown(Some(number)),
            CallingParty::Withheld | CallingParty::Unusable => Shown(None),
        };
        match self {
            Self::UnknownNumber => format!("{x} is not one of this gateway's numbers"),
            Self::CallerUnusable => {
                let kind = if caller == CallingParty::Withheld { "withheld" } else { "not in global form" };
                format!("the caller's number is {kind}; call to {x}")
            }
            Self::NumberUnusable(status) => format!("{x} carries no calls, its status is {}", status.code()),
            Self::AppSuspended => format!("the app that owns {x} is suspended"),
            Self::AccountFrozen => format!("the account of the app that owns {x} is frozen"),
            Self::NoAxbBinding => format!("no binding of {from} on {x}"),
            Self::NoAxBinding => format!("nothing is bound on {x}"),
            Self::Direction => format!("the binding on {x} does not let {from} start a call"),
            Self::NoNextCallee => format!("{from} dialled {x}, but no temporary callee is set"),
            Self::NextCalleeExpired => format!("{from} dialled {x}, but the temporary callee has expired"),
            Self::NoAxeBinding => format!("nothing is bound on {x} with the extension that {from} keyed"),
            Self::EmptyExtension => format!("{from} dialled {x} and keyed no extension"),
            Self::NobodyToCallBack => format!("{from} dialled {x}, but nobody called through it lately"),
            Self::NoReply => format!("the app did not answer where the call to {x} goes"),
            Self::ReplyUnusable => format!("the app's answer about the call to {x} cannot be used"),
            Self::ToneMissing => format!("the app's answer about the call to {x} names a missing tone file"),
            Self::ClosedByCustomer => format!("the app answered that the call to {x} is to end"),
            Self::NoAxybBinding => format!("{x} is no X, and no Y of {from}"),
            Self::OwnNumber => format!("{from} dialled {x}, which stands for {from} itself"),
            Self::NoY(why) => format!("{from} dialled {x} and was given no Y: {}", why.in_words()),
        }
    }
}

/// Why an unknown B was given no Y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoY {
    /// No number of the app can be its Y.
    NoneFree,
    /// The binding has as many B as there may be.
    TooManyB,
    /// The caller's number is itself one that is lent out.
    CallerIsLent,
    /// It could not be made durable, or not in time.
    NotWritten,
}

impl NoY {
    const fn in_words(self) -> &'static str {
        match self {
            Self::NoneFree => "the app has no number that can be one",
            Self::TooManyB => "the binding has as many B as there may be",
            Self::CallerIsLent => "the number is itself one that is lent out",
            Self::NotWritten => "it could not be stored in time",
        }
    }
}

/// A number that may be missing, masked.
struct Shown(Option<E164>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("an unusable number"),
        }
    }
}
