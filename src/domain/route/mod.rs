//! Where a call to an X number goes. The one function that decides who is connected with whom.

mod reject;

use std::time::Duration;

pub use self::reject::RejectCause;
use super::binding::{Ax, Axb, Binding, Terms};
use super::customer::{Mode, NumberRecord};
use super::id::BindingId;
use super::number::{CallingParty, E164, XNumber};
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
