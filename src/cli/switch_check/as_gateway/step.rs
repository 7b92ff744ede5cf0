//! The test calls: what the person at the phones does, what the gateway's part decides, and whether the call is
//! over. Pure.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::log::Log;
use crate::domain::call::Stage;
use crate::wire::switch::RouteAnswer;

/// `maxDuration` of the call that is cut.
pub(super) const CUT_AFTER_SECS: u64 = 5;
/// Digits of the extension that is asked for.
pub(super) const DIGITS: u8 = 4;

/// Orders about the call that is stopped: while it is talked, when it is over, and one for a call that never was.
pub(super) const ORDERS: usize = 3;

/// One test call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Answered,
    GivenUp,
    Refused,
    Rejected,
    Extension,
    Cut,
    Stopped,
    Recorded,
    Unanswered,
}

impl Step {
    pub(super) const ALL: [Self; 9] = [
        Self::Answered,
        Self::GivenUp,
        Self::Refused,
        Self::Rejected,
        Self::Extension,
        Self::Cut,
        Self::Stopped,
        Self::Recorded,
        Self::Unanswered,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::GivenUp => "given-up",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Extension => "extension",
            Self::Cut => "cut",
            Self::Stopped => "stopped",
            Self::Recorded => "recorded",
            Self::Unanswered => "unanswered",
        }
    }

    /// What to do at the phones.
    pub(super) const fn instruction(self) -> &'static str {
        match self {
            Self::Answered => "Call an X number, answer, talk for some seconds, hang up.",
            Self::GivenUp => "Call an X number and hang up while the other phone rings.",
            Self::Refused => "Call an X number and press \"decline\" on the other phone.",
            Self::Rejected => "Call an X number. The switch is told to reject it; nothing must ring.",
            Self::Extension => "Call an X number, key 1234 when asked, answer, hang up.",
            Self::Cut => "Call an X number, answer, and stay on the line: it is cut after 5 seconds.",
            Self::Stopped => "Call an X number, answer, and stay on the line: the switch is told to end it.",
            Self::Recorded => {
                "Call an X number, answer, talk for at least 5 seconds, hang up. It is recorded."
            }
            Self::Unanswered => "Call an X number. The switch gets no decision; the caller must hear 503.",
        }
    }

    /// The decision; `None` = none, the answer is 503.
    pub(super) fn decide<'a>(self, ask: &Ask<'a>) -> Option<RouteAnswer<'a>> {
        Some(match self {
            Self::Unanswered => return None,
            Self::Rejected => reject(ask.session, "the test call that is rejected".to_owned()),
            Self::Extension if !ask.keyed => RouteAnswer::Collect {
                session_id: ask.session,
                tone: "",
                digits: DIGITS,
                timeout: 30,
                app_key: None,
            },
            Self::Answered
            | Self::GivenUp
            | Self::Refused
            | Self::Extension
            | Self::Cut
            | Self::Stopped
            | Self::Recorded => RouteAnswer::Connect {
                session_id: ask.session,
                callee: ask.callee.to_owned(),
                display_num: ask.x.clone(),
                max_duration: if self == Self::Cut { CUT_AFTER_SECS } else { 0 },
                record_flag: u8::from(self == Self::Recorded),
                caller_tone: "",
                callee_tone: "",
                record_tone: "",
                last_minute_tone: "",
                subscription_id: "switch-check".to_owned(),
                app_key: None,
            },
        })
    }

    /// Whether nothing more has to come of its call.
    pub(super) fn is_over(self, log: &Log, call: &str) -> bool {
        let has = |stage| log.kept_events(call).any(|event| event.event.stage == stage);
        let orders_are_out = log.orders.len() == ORDERS || !has(Stage::Answered);
        has(Stage::Released) && (self != Self::Stopped || orders_are_out)
    }
}

/// What a decision is made of.
pub(super) struct Ask<'a> {
    pub(super) session: &'a str,
    pub(super) callee: &'a str,
    /// What was dialled.
    pub(super) x: String,
    /// The question came with an extension.
    pub(super) keyed: bool,
}

pub(super) fn reject(session_id: &str, reason: String) -> RouteAnswer<'_> {
    RouteAnswer::Reject { session_id, sip: 403, q850: 21, state_code: 8014, reason, tone: "", app_key: None }
}

impl ValueEnum for Step {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()).help(self.instruction()))
    }
}
