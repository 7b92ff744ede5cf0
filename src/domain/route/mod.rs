//! Where a call to an X number goes. The one function that decides who is connected with whom.

mod axe;
mod axyb;
mod reject;
mod reply;

use std::time::Duration;

use self::axe::route_axe;
pub use self::axyb::{no_y, shown};
use self::axyb::{route_x, route_y};
pub use self::reject::{NoY, RejectCause};
pub use self::reply::{Close, Forward, Lent, Reply, ReplyRefused, follow, forwarded};
use super::binding::{Ax, Axb, Binding, Terms};
use super::customer::{CustomerApp, Mode, NumberRecord};
use super::extension::Extension;
use super::id::BindingId;
use super::number::{CallingParty, E164, XNumber};
use super::slot::{AxeSlot, XSlot};
use super::time::Timestamp;

/// A call as the switch presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSetup<'a> {
    /// Who is calling.
    pub caller: CallingParty,
    /// What was dialled, when it is a number.
    pub called: Option<E164>,
    /// AXE: what the caller keyed. `None` = has not been asked yet; empty = was asked and keyed nothing.
    pub extension: Option<&'a str>,
}

/// What is known about the dialled number at the moment of the call.
#[derive(Clone, Copy, Debug)]
pub struct Dialled<'a> {
    /// Its entry in the number table.
    pub number: &'a NumberRecord,
    /// The app that owns it.
    pub app: &'a CustomerApp,
    /// What is bound on it.
    pub slot: Option<&'a XSlot>,
}

/// What the switch must do. `display` is an [`XNumber`]: revealing a real number is a type error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Connect the caller with `callee`, showing both sides X only.
    Connect(Box<Connect>),
    /// Let the caller key an extension, and ask again.
    Collect(Collect),
    /// Refuse the call.
    Reject(Reject),
    /// Nothing yet: memory alone cannot tell. The engine gets what is missing and decides again, so the switch is
    /// never told this. A call keeps it while its answer is under way, or when that was lost in a crash.
    Undecided(Undecided),
}

/// What memory alone cannot tell about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undecided {
    /// X mode: what the customer answers when asked where the call goes (customer-api 7).
    AskCustomer,
    /// AXYB: which Y the caller, an unknown B, is given.
    LendY(Through),
}

/// A call whose caller has to key an extension first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// Asks for it; `None` = the switch's own prompt.
    pub tone: Option<Box<str>>,
    /// How many digits it has.
    pub digits: u8,
}

/// A call that is to be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The real callee.
    pub callee: E164,
    /// What the callee sees.
    pub display: XNumber,
    /// The binding or the reply that connects them.
    pub through: Through,
    /// Longest call, counted from the answer; `None` = unlimited.
    pub max_duration: Option<Duration>,
    /// Whether to record.
    pub record: bool,
    /// What the caller hears before the callee answers; `None` = ring-back.
    pub caller_tone: Option<Box<str>>,
    /// What the callee hears first after answering; `None` = the caller.
    pub callee_tone: Option<Box<str>>,
    /// Played before recording starts; only with `record`.
    pub record_tone: Option<Box<str>>,
    /// Played one minute before the longest call ends; only with `max_duration`.
    pub last_minute_tone: Option<Box<str>>,
}

/// What a call belongs to, connected or not: what its notices carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// The binding; `None` in X mode, where the customer's reply takes its place.
    pub subscription: Option<BindingId>,
    /// Whether the party called A is the caller.
    pub a_calls: bool,
    /// AXE: the extension of the binding.
    pub extension: Option<Extension>,
    /// AXYB: the X of the binding, when a Y was dialled.
    pub x: Option<XNumber>,
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
    /// What the caller hears first.
    pub tone: Option<Box<str>>,
}

/// Decides where a call goes at `now`; `dialled` is `None` when the number dialled is not one of ours.
///
/// The order of the checks is the order in which an operator would look: is the number ours, does it carry
/// calls, is there a binding for this caller, does the binding allow this call.
pub fn route(dialled: Option<Dialled<'_>>, setup: CallSetup<'_>, now: Timestamp) -> Route {
    let Some(Dialled { number, app, slot }) = dialled else { return reject(RejectCause::UnknownNumber) };
    if !number.status.carries_calls() {
        return reject(RejectCause::NumberUnusable(number.status));
    }
    if app.suspended {
        return reject(RejectCause::AppSuspended);
    }
    if app.frozen {
        return reject(RejectCause::AccountFrozen);
    }
    let CallingParty::Number(caller) = setup.caller else { return reject(RejectCause::CallerUnusable) };
    match (slot, app.mode) {
        (Some(XSlot::Ax(binding)), _) if binding.is_live(now) => route_ax(binding, caller, now),
        (Some(XSlot::Axb(slot)), _) => match slot.by_party(caller) {
            Some(binding) if binding.is_live(now) => route_axb(binding, caller),
            _ => reject(RejectCause::NoAxbBinding),
        },
        (Some(XSlot::Axe(slot)), _) => route_axe(slot, app, caller, setup.extension, now),
        (Some(XSlot::Axyb(slot)), _) => route_x(slot, caller, now),
        (Some(XSlot::Y(slot)), _) => route_y(slot, caller, now),
        (_, Mode::Ax) => reject(RejectCause::NoAxBinding),
        (_, Mode::Axb) => reject(RejectCause::NoAxbBinding),
        (_, Mode::Axe) => route_axe(&AxeSlot::default(), app, caller, setup.extension, now),
        (_, Mode::Axyb) => reject(RejectCause::NoAxybBinding),
        (_, Mode::X) => Route::Undecided(Undecided::AskCustomer),
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
    Through { subscription: Some(binding.id), a_calls, extension: None, x: None, user_data }
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
        callee_tone: None,
        record_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
        last_minute_tone: extras.last_minute_tone.clone().filter(|_| terms.max_duration().is_some()),
        through,
    }))
}

const fn reject(cause: RejectCause) -> Route {
    Route::Reject(Reject { cause, through: None, tone: None })
}

const fn reject_bound(cause: RejectCause, through: Through) -> Route {
    Route::Reject(Reject { cause, through: Some(through), tone: None })
}

impl Route {
    /// Whether this decides the call: a later question about it gets the same answer.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Reject(_) => true,
            Self::Collect(_) | Self::Undecided(_) => false,
        }
    }

    /// What the call belongs to, whether connected or refused.
    pub const fn through(&self) -> Option<&Through> {
        match self {
            Self::Connect(connect) => Some(&connect.through),
            Self::Collect(_) | Self::Undecided(Undecided::AskCustomer) => None,
            Self::Undecided(Undecided::LendY(through)) => Some(through),
            Self::Reject(reject) => reject.through.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
