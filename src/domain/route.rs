//! Where a call to an X number goes. The one function that decides who is connected with whom.

use std::fmt;
use std::time::Duration;

use super::binding::{Ax, Axb, Binding, Terms};
use super::customer::{Mode, NumberRecord, NumberStatus};
use super::id::BindingId;
use super::number::{CallingParty, E164, XNumber};
use super::release::StateCode;
use super::slot::XSlot;
use super::time::Timestamp;

/// What is known about the dialled number at the moment of the call.
#[derive(Clone, Copy, Debug)]
pub struct Dialled<'a> {
    /// Its entry in the number table; `None` when it is not one of ours.
    pub number: Option<&'a NumberRecord>,
    /// How the app that owns it works.
    pub mode: Mode,
    /// Whether that app is suspended.
    pub app_suspended: bool,
    /// What is bound on it.
    pub slot: Option<&'a XSlot>,
}

/// What the switch must do. `display` is an [`XNumber`]: revealing a real number is a type error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Connect the caller with `callee`, showing both sides X only.
    Connect(Box<Connect>),
    /// Refuse the call.
    Reject(Reject),
}

/// A call that is to be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The real callee.
    pub callee: E164,
    /// What the callee sees.
    pub display: XNumber,
    /// The binding that connects them.
    pub through: Through,
    /// Longest call, counted from the answer; `None` = unlimited.
    pub max_duration: Option<Duration>,
    /// Whether to record.
    pub record: bool,
    /// What the caller hears before the callee answers; `None` = ring-back.
    pub caller_tone: Option<Box<str>>,
    /// Played before recording starts; only with `record`.
    pub record_tone: Option<Box<str>>,
    /// Played one minute before the longest call ends; only with `max_duration`.
    pub last_minute_tone: Option<Box<str>>,
}

/// The binding a call belongs to, connected or not: what its notices carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// The binding.
    pub subscription: BindingId,
    /// Whether the party called A is the caller.
    pub a_calls: bool,
    /// Echoed in the call's notices.
    pub user_data: Option<Box<str>>,
}

/// A call that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub cause: RejectCause,
    /// The binding the call would have used, when there is one.
    pub through: Option<Through>,
}

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
}

impl RejectCause {
    /// Every cause, for tests and tables.
    pub const ALL: [Self; 9] = [
        Self::UnknownNumber,
        Self::CallerUnusable,
        Self::NumberUnusable(NumberStatus::Suspended),
        Self::AppSuspended,
        Self::NoAxbBinding,
        Self::NoAxBinding,
        Self::Direction,
        Self::NoNextCallee,
        Self::NextCalleeExpired,
    ];

    /// The state code that the customer is told (callbacks 8).
    pub const fn state_code(self) -> StateCode {
        match self {
            Self::UnknownNumber | Self::CallerUnusable | Self::NoAxbBinding => StateCode::NO_BINDING,
            Self::NumberUnusable(_) => StateCode::X_NOT_USABLE,
            Self::AppSuspended => StateCode::APP_SUSPENDED,
            Self::NoAxBinding => StateCode::NO_PERMISSION,
            Self::Direction => StateCode::DIRECTION_NOT_ALLOWED,
            Self::NoNextCallee => StateCode::NO_TEMPORARY_CALLEE,
            Self::NextCalleeExpired => StateCode::NO_CALLBACK_RECORD,
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
            Self::NoAxbBinding => "noAxbBinding",
            Self::NoAxBinding => "noAxBinding",
            Self::Direction => "direction",
            Self::NoNextCallee => "noNextCallee",
            Self::NextCalleeExpired => "nextCalleeExpired",
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
            Self::NoAxbBinding => format!("no binding of {from} on {x}"),
            Self::NoAxBinding => format!("nothing is bound on {x}"),
            Self::Direction => format!("the binding on {x} does not let {from} start a call"),
            Self::NoNextCallee => format!("{from} dialled {x}, but no temporary callee is set"),
            Self::NextCalleeExpired => format!("{from} dialled {x}, but the temporary callee has expired"),
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

/// Decides where a call from `caller` to the dialled number goes at `now`.
///
/// The order of the checks is the order in which an operator would look: is the number ours, does it carry
/// calls, is there a binding for this caller, does the binding allow this call.
pub fn route(dialled: Dialled<'_>, caller: CallingParty, now: Timestamp) -> Route {
    let Some(number) = dialled.number else { return reject(RejectCause::UnknownNumber) };
    if !number.status.carries_calls() {
        return reject(RejectCause::NumberUnusable(number.status));
    }
    if dialled.app_suspended {
        return reject(RejectCause::AppSuspended);
    }
    let CallingParty::Number(caller) = caller else { return reject(RejectCause::CallerUnusable) };
    match (dialled.slot, dialled.mode) {
        (Some(XSlot::Ax(binding)), _) if binding.is_live(now) => route_ax(binding, caller, now),
        (Some(XSlot::Axb(slot)), _) => match slot.by_party(caller) {
            Some(binding) if binding.is_live(now) => route_axb(binding, caller),
            _ => reject(RejectCause::NoAxbBinding),
        },
        (_, Mode::Ax) => reject(RejectCause::NoAxBinding),
        (_, Mode::Axb) => reject(RejectCause::NoAxbBinding),
    }
}

/// AX: A reaches the temporary callee, anyone else reaches A (customer-api 3).
fn route_ax(binding: &Binding<Ax>, caller: E164, now: Timestamp) -> Route {
    let a_calls = caller == binding.relation.a;
    let mut through = through(binding, a_calls);
    if !binding.terms.direction.permits(a_calls) {
        return reject_bound(RejectCause::Direction, through);
    }
    if !a_calls {
        return connect(binding.relation.a, binding.x, through, &binding.terms);
    }
    match &binding.relation.next_callee {
        None => reject_bound(RejectCause::NoNextCallee, through),
        Some(next) if next.until <= now => reject_bound(RejectCause::NextCalleeExpired, through),
        Some(next) => {
            // The user data given with the temporary callee stands for this call (callbacks 2.4).
            through.user_data = next.user_data.clone().or(through.user_data);
            connect(next.callee, binding.x, through, &binding.terms)
        }
    }
}

/// AXB: each party reaches the other (customer-api 4).
fn route_axb(binding: &Binding<Axb>, caller: E164) -> Route {
    let a_calls = caller == binding.relation.pair.a();
    let through = through(binding, a_calls);
    if !binding.terms.direction.permits(a_calls) {
        return reject_bound(RejectCause::Direction, through);
    }
    let callee = binding.relation.pair.other(caller).expect("the slot found the binding by this party");
    connect(callee, binding.x, through, &binding.terms)
}

fn through<R>(binding: &Binding<R>, a_calls: bool) -> Through {
    let user_data = binding.terms.extras().user_data.clone();
    Through { subscription: binding.id, a_calls, user_data }
}

fn connect(callee: E164, x: XNumber, through: Through, terms: &Terms) -> Route {
    let extras = terms.extras();
    let caller_tone = if through.a_calls { &extras.a_calls_tone } else { &extras.others_call_tone };
    Route::Connect(Box::new(Connect {
        callee,
        display: x,
        max_duration: terms.max_duration(),
        record: terms.record,
        caller_tone: caller_tone.clone(),
        record_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
        last_minute_tone: extras.last_minute_tone.clone().filter(|_| terms.max_duration().is_some()),
        through,
    }))
}

const fn reject(cause: RejectCause) -> Route {
    Route::Reject(Reject { cause, through: None })
}

const fn reject_bound(cause: RejectCause, through: Through) -> Route {
    Route::Reject(Reject { cause, through: Some(through) })
}

impl Route {
    /// The binding the call belongs to, whether connected or refused.
    pub const fn through(&self) -> Option<&Through> {
        match self {
            Self::Connect(connect) => Some(&connect.through),
            Self::Reject(reject) => reject.through.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
