//! The rules of AXYB bindings (customer-api 6): an X for A, and a Y for each of its B.
//!
//! Each of two people knows one lent number of the other: B knows A as X, A knows B as Y. So
//!
//! - a number is either the X of one A or a Y, never both: whoever dials an X reaches its A, and an A who dials a
//!   number that is somebody's X and a Y of its own would mean two people;
//! - an X belongs to one binding alone: anybody may dial it, also a B of whom nothing is known yet;
//! - a Y stands once for each A, so that it always means the same B to that A. Several A may share it: who is
//!   calling tells them apart, and one to whom it was not given reaches nobody.
//!
//! A Y never outlives the binding of its X. Nothing here is ever modified.

use super::allocation::AreaMatch;
use super::area::AreaCode;
use super::binding::{AnyBinding, Axyb, Binding, Change, Expiry, Terms, UnbindCause, Yb};
use super::customer::NumberRecord;
use super::id::{AppNo, BindingId};
use super::number::{E164, Pair};
use super::refusal::Refusal;
use super::slot::{AxybSlot, XSlot};
use super::time::Timestamp;

/// Most B of one A at a time: the answer to a query lists at most five (customer-api 6.3, 11).
pub const YB_PER_X_MAX: u32 = 5;
/// Most A that share one Y. The protocol has no number for it; this is the one for pairs on an X of AXB.
pub const YB_PER_Y_MAX: u32 = 5_000;
/// How long a binding stands when the bind does not say, in seconds (customer-api 6.1).
pub const DURATION_SECS_DEFAULT: u32 = 7_200;
/// Shortest life that can be asked for, in seconds (customer-api 6.1).
pub const DURATION_SECS_MIN: u32 = 60;

/// What the first step asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxybBind {
    /// The protected subscriber.
    pub a: E164,
    /// Where X is wanted.
    pub area: AreaCode,
    /// How strictly.
    pub matching: AreaMatch,
    /// Life of the binding in seconds; 0 = until unbound.
    pub duration_secs: u32,
    /// Life of each Y in seconds unless its step says otherwise; 0 = as long as the binding.
    pub yb_duration_secs: u32,
    /// What calls may do.
    pub terms: Terms,
}

/// What the second step asks for, or the first call of a B.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YbBind {
    /// Who gets a Y.
    pub b: E164,
    /// Life of the Y in seconds; 0 = as long as the binding, `None` = as the first step has it.
    pub duration_secs: Option<u32>,
    /// What A hears who dials Y.
    pub tone: Option<Box<str>>,
    /// Echoed in the notices of calls with this B, in place of the binding's own.
    pub user_data: Option<Box<str>>,
    /// B is calling: a Y that stands already is what is wanted.
    pub on_call: bool,
}

/// Where a B stands.
#[derive(Debug)]
pub enum Place<'s> {
    /// It has a Y already, and is calling.
    Stands(&'s Binding<Yb>),
    /// There is room for one more with this A.
    Room(Pair),
}

/// Binds A on the X number.
pub fn bind(
    number: &NumberRecord,
    slot: Option<&XSlot>,
    wanted: &AxybBind,
    id: BindingId,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if !number.status.takes_bindings() {
        return Err(Refusal::XNotUsable(number.status));
    }
    if slot.is_some() {
        return Err(Refusal::XTaken);
    }
    let &AxybBind { a, area, matching, duration_secs, yb_duration_secs, ref terms } = wanted;
    let yb_duration_secs = within(yb_duration_secs, duration_secs);
    Ok(vec![Change::Bound(AnyBinding::Axyb(Binding {
        id,
        app: number.app,
        x: number.x,
        relation: Axyb { a, area, matching, duration_secs, yb_duration_secs },
        terms: terms.clone(),
        expiry: Expiry::in_secs(duration_secs, now),
        since: now,
    }))])
}

/// Whether this B can have a Y of the binding. One that it has is what a call wants, and what a bind is refused for.
pub fn place<'s>(
    slot: Option<&'s XSlot>,
    app: AppNo,
    ax: BindingId,
    wanted: &YbBind,
    now: Timestamp,
) -> Result<Place<'s>, Refusal> {
    let slot = live(slot, app, ax, now)?;
    let pair = Pair::new(slot.binding.relation.a, wanted.b).ok_or(Refusal::SameNumber)?;
    match slot.by_b(wanted.b).filter(|yb| yb.is_live(now)) {
        Some(yb) if wanted.on_call => return Ok(Place::Stands(yb)),
        Some(_) => return Err(Refusal::NumberBound(wanted.b)),
        None => {}
    }
    let standing = slot.ybs().filter(|yb| yb.is_live(now)).count();
    if standing >= YB_PER_X_MAX as usize { Err(Refusal::TooManyB) } else { Ok(Place::Room(pair)) }
}

/// Gives a B for whom there is room this Y. Those of the binding whose time is over are no obstacle: they end first.
pub fn bind_yb(
    slot: Option<&XSlot>,
    y: &NumberRecord,
    ax: BindingId,
    wanted: &YbBind,
    id: BindingId,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if !y.status.takes_bindings() {
        return Err(Refusal::XNotUsable(y.status));
    }
    let slot = live(slot, y.app, ax, now)?;
    let binding = &slot.binding;
    let pair = Pair::new(binding.relation.a, wanted.b).ok_or(Refusal::SameNumber)?;
    let expired = slot.ybs().filter(|yb| !yb.is_live(now));
    let mut changes: Vec<_> = expired.map(|yb| unbound(yb, UnbindCause::Expired, now)).collect();
    let asked_secs = wanted.duration_secs.unwrap_or(binding.relation.yb_duration_secs);
    let duration_secs = within(asked_secs, binding.relation.duration_secs);
    changes.push(Change::Bound(AnyBinding::Yb(Binding {
        id,
        app: binding.app,
        x: binding.x,
        relation: Yb { ax, y: y.x, pair, duration_secs },
        terms: terms_of(binding, wanted),
        expiry: earlier(Expiry::in_secs(duration_secs, now), binding.expiry),
        since: now,
    })));
    Ok(changes)
}

/// Ends the binding of an X with each of its B; those that had expired unnoticed end as expired.
pub fn unbind_all(
    slot: Option<&XSlot>,
    app: AppNo,
    ax: BindingId,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    live(slot, app, ax, now).map(|slot| end_all(slot, cause, now))
}

/// Ends one B of a binding.
pub fn unbind_one(
    slot: Option<&XSlot>,
    app: AppNo,
    ax: BindingId,
    is_meant: impl Fn(&Binding<Yb>) -> bool,
    (cause, now): (UnbindCause, Timestamp),
) -> Result<Vec<Change>, Refusal> {
    let meant = live(slot, app, ax, now)?.ybs().find(|yb| yb.is_live(now) && is_meant(yb));
    Ok(vec![unbound(meant.ok_or(Refusal::NoSuchBinding)?, cause, now)])
}

/// The ends of everything on an X, in an order in which no Y is left without its X.
fn end_all(slot: &AxybSlot, cause: UnbindCause, now: Timestamp) -> Vec<Change> {
    let cause_of = |expiry: Expiry| if expiry.is_due(now) { UnbindCause::Expired } else { cause };
    let mut changes: Vec<_> = slot.ybs().map(|yb| unbound(yb, cause_of(yb.expiry), now)).collect();
    let (binding, cause) = (&slot.binding, cause_of(slot.binding.expiry));
    let at = ended_at(binding.expiry, cause, now);
    changes.push(Change::Unbound { binding: AnyBinding::Axyb(binding.clone()), cause, at });
    changes
}

/// What stands on an X under this id, if it is this app's and live.
pub fn live(slot: Option<&XSlot>, app: AppNo, ax: BindingId, now: Timestamp) -> Result<&AxybSlot, Refusal> {
    let found = axyb(slot).filter(|slot| {
        let binding = &slot.binding;
        binding.id == ax && binding.app == app && binding.is_live(now)
    });
    found.ok_or(Refusal::NoSuchBinding)
}

/// Whether a number can stand for a further B towards this A, as far as those are concerned that it stands for.
pub fn can_be_y(slot: Option<&XSlot>, a: E164) -> bool {
    match slot {
        None => true,
        Some(XSlot::Y(slot)) => slot.by_a(a).is_none(),
        Some(XSlot::Ax(_) | XSlot::Axb(_) | XSlot::Axe(_) | XSlot::Axyb(_)) => false,
    }
}

/// What stands on an X whose binding is live.
pub fn live_on(slot: Option<&XSlot>, now: Timestamp) -> Option<&AxybSlot> {
    axyb(slot).filter(|slot| slot.binding.is_live(now))
}

/// The end of one B.
pub fn unbound(yb: &Binding<Yb>, cause: UnbindCause, now: Timestamp) -> Change {
    Change::Unbound { binding: AnyBinding::Yb(yb.clone()), cause, at: ended_at(yb.expiry, cause, now) }
}

/// A Y lives no longer than the binding: a longer time given means the binding's (customer-api 6.1). 0 is no end.
const fn within(yb_secs: u32, ax_secs: u32) -> u32 {
    if ax_secs != 0 && yb_secs > ax_secs { ax_secs } else { yb_secs }
}

fn earlier(one: Expiry, other: Expiry) -> Expiry {
    match (one, other) {
        (Expiry::At(one), Expiry::At(other)) => Expiry::At(one.min(other)),
        (Expiry::Never, end) | (end, Expiry::Never) => end,
    }
}

/// What a call between A and this B may do: as the first step has it, with the tone and the data of the second.
fn terms_of(binding: &Binding<Axyb>, wanted: &YbBind) -> Terms {
    let mut extras = binding.terms.extras().clone();
    extras.a_calls_tone.clone_from(&wanted.tone);
    extras.user_data = wanted.user_data.clone().or(extras.user_data);
    binding.terms.clone().with_extras(extras)
}

/// One that expires ends at its expiry instant, however late that is noticed.
const fn ended_at(expiry: Expiry, cause: UnbindCause, now: Timestamp) -> Timestamp {
    match (cause, expiry) {
        (UnbindCause::Expired, Expiry::At(at)) => at,
        _ => now,
    }
}

const fn axyb(slot: Option<&XSlot>) -> Option<&AxybSlot> {
    match slot {
        Some(XSlot::Axyb(slot)) => Some(slot),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
