//! The rules of AXB bindings (customer-api 4). Many pairs share one X; a number stands in only one of them.

use super::binding::{
    AXB_PAIRS_MAX, AnyBinding, Axb, Binding, CallDirection, Change, Expiry, Extras, Terms, UnbindCause,
};
use super::customer::NumberRecord;
use super::id::{AppNo, BindingId};
use super::number::{E164, Pair};
use super::refusal::Refusal;
use super::slot::{AxbSlot, XSlot};
use super::time::Timestamp;

/// What an AXB bind asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxbBind {
    /// The parties.
    pub pair: Pair,
    /// What calls may do.
    pub terms: Terms,
    /// Life of the binding in seconds; 0 = until unbound.
    pub duration_secs: u32,
}

/// What an AXB modify asks for: `None` keeps what is (customer-api 4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxbPatch {
    /// A new A.
    pub a: Option<E164>,
    /// A new B.
    pub b: Option<E164>,
    /// A new life in seconds, counted from the modification; 0 = until unbound.
    pub duration_secs: Option<u32>,
    /// New terms.
    pub terms: TermsPatch,
}

/// New terms of a binding: `None` keeps what is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermsPatch {
    /// `callDirection`.
    pub direction: Option<CallDirection>,
    /// `maxDuration`, minutes.
    pub max_duration_minutes: Option<u16>,
    /// `recordFlag`.
    pub record: Option<bool>,
    /// `privateSms`.
    pub sms: Option<bool>,
    /// `recordHintTone`.
    pub record_hint_tone: Option<Box<str>>,
    /// `lastMinVoice`.
    pub last_minute_tone: Option<Box<str>>,
    /// `preVoice.callerHintTone`.
    pub a_calls_tone: Option<Box<str>>,
    /// `preVoice.calleeHintTone`.
    pub others_call_tone: Option<Box<str>>,
    /// `userData`.
    pub user_data: Option<Box<str>>,
}

impl TermsPatch {
    /// The tone files that are named anew.
    pub fn tones(&self) -> impl Iterator<Item = &str> {
        let Self { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, .. } = self;
        let named = [record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone];
        named.into_iter().filter_map(|tone| tone.as_deref()).filter(|tone| !tone.is_empty())
    }

    /// `terms` with what is given replaced. An empty text removes what was there.
    pub fn applied_to(&self, terms: &Terms) -> Terms {
        let replace = |new: &Option<Box<str>>, old: &Option<Box<str>>| match new {
            Some(text) => (!text.is_empty()).then(|| text.clone()),
            None => old.clone(),
        };
        let old = terms.extras();
        let extras = Extras {
            record_hint_tone: replace(&self.record_hint_tone, &old.record_hint_tone),
            last_minute_tone: replace(&self.last_minute_tone, &old.last_minute_tone),
            a_calls_tone: replace(&self.a_calls_tone, &old.a_calls_tone),
            others_call_tone: replace(&self.others_call_tone, &old.others_call_tone),
            user_data: replace(&self.user_data, &old.user_data),
        };
        Terms {
            direction: self.direction.unwrap_or(terms.direction),
            max_duration_minutes: self.max_duration_minutes.unwrap_or(terms.max_duration_minutes),
            record: self.record.unwrap_or(terms.record),
            sms: self.sms.unwrap_or(terms.sms),
            extras: None,
        }
        .with_extras(extras)
    }
}

/// Binds a pair on the X number. An expired occupant is no obstacle: it is unbound first.
pub fn bind(
    number: &NumberRecord,
    slot: Option<&XSlot>,
    wanted: &AxbBind,
    id: BindingId,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if !number.status.takes_bindings() {
        return Err(Refusal::XNotUsable(number.status));
    }
    let mut changes = Vec::with_capacity(1);
    if let Some(slot) = axb(slot) {
        vacate(slot, wanted.pair, None, now, &mut changes)?;
        if slot.len() - changes.len() >= AXB_PAIRS_MAX as usize {
            // Before saying "full", clear out whatever has expired unnoticed.
            let expired = slot.in_order().into_iter().filter(|binding| !binding.is_live(now));
            let more: Vec<_> = expired.map(|binding| unbound(binding, UnbindCause::Expired, now)).collect();
            if slot.len() - more.len() >= AXB_PAIRS_MAX as usize {
                return Err(Refusal::XFull);
            }
            changes = more;
        }
    }
    changes.push(Change::Bound(AnyBinding::Axb(Binding {
        id,
        app: number.app,
        x: number.x,
        relation: Axb { pair: wanted.pair, duration_secs: wanted.duration_secs },
        terms: wanted.terms.clone(),
        expiry: Expiry::in_secs(wanted.duration_secs, now),
        since: now,
    })));
    Ok(changes)
}

/// Changes a binding. A given duration starts anew at the modification (customer-api 4.3). Whoever leaves the pair
/// is as good as unbound: a late call must not reach a stranger.
pub fn modify(
    app: AppNo,
    slot: Option<&XSlot>,
    id: BindingId,
    patch: &AxbPatch,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    let slot = axb(slot).ok_or(Refusal::NoSuchBinding)?;
    let old = live(slot, app, id, now)?;
    let pair = old.relation.pair;
    let pair =
        Pair::new(patch.a.unwrap_or(pair.a()), patch.b.unwrap_or(pair.b())).ok_or(Refusal::SameNumber)?;
    let mut changes = Vec::with_capacity(1);
    vacate(slot, pair, Some(id), now, &mut changes)?;
    let (duration_secs, expiry) = match patch.duration_secs {
        Some(secs) => (secs, Expiry::in_secs(secs, now)),
        None => (old.relation.duration_secs, old.expiry),
    };
    let new = Binding {
        relation: Axb { pair, duration_secs },
        terms: patch.terms.applied_to(&old.terms),
        expiry,
        since: now,
        ..old.clone()
    };
    let was = old.relation.pair;
    if !(pair.has(was.a()) && pair.has(was.b())) {
        changes.push(Change::PartyLeft { before: AnyBinding::Axb(old.clone()), at: now });
    }
    changes.push(Change::Modified(AnyBinding::Axb(new)));
    Ok(changes)
}

/// Ends one binding.
pub fn unbind(
    app: AppNo,
    slot: Option<&XSlot>,
    id: BindingId,
    cause: UnbindCause,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    let binding = live(axb(slot).ok_or(Refusal::NoSuchBinding)?, app, id, now)?;
    Ok(vec![unbound(binding, cause, now)])
}

/// Ends all bindings on an X number; those that had expired unnoticed end as expired.
pub fn unbind_all(slot: Option<&XSlot>, cause: UnbindCause, now: Timestamp) -> Result<Vec<Change>, Refusal> {
    let bindings = axb(slot).map(AxbSlot::in_order).unwrap_or_default();
    if !bindings.iter().any(|binding| binding.is_live(now)) {
        return Err(Refusal::NoSuchBinding);
    }
    let cause_of = |binding: &Binding<Axb>| if binding.is_live(now) { cause } else { UnbindCause::Expired };
    Ok(bindings.into_iter().map(|binding| unbound(binding, cause_of(binding), now)).collect())
}

/// Whether `party` stands in a live binding on this X.
pub fn stands(slot: Option<&XSlot>, party: E164, now: Timestamp) -> bool {
    axb(slot).and_then(|slot| slot.by_party(party)).is_some_and(|binding| binding.is_live(now))
}

/// The live binding with this id, if it is this app's.
pub fn live(slot: &AxbSlot, app: AppNo, id: BindingId, now: Timestamp) -> Result<&Binding<Axb>, Refusal> {
    let binding = slot.by_id(id).ok_or(Refusal::NoSuchBinding)?;
    if binding.app == app && binding.is_live(now) { Ok(binding) } else { Err(Refusal::NoSuchBinding) }
}

/// Makes room for a pair: a live occupant other than `except` refuses, an expired one is unbound.
fn vacate(
    slot: &AxbSlot,
    pair: Pair,
    except: Option<BindingId>,
    now: Timestamp,
    changes: &mut Vec<Change>,
) -> Result<(), Refusal> {
    let mut last = None;
    for party in [pair.a(), pair.b()] {
        let Some(occupant) = slot.by_party(party).filter(|occupant| Some(occupant.id) != except) else {
            continue;
        };
        if occupant.is_live(now) {
            return Err(Refusal::PartyAlreadyBound);
        }
        if last != Some(occupant.id) {
            changes.push(unbound(occupant, UnbindCause::Expired, now));
        }
        last = Some(occupant.id);
    }
    Ok(())
}

/// The end of a binding. One that expires ends at its expiry instant, however late that is noticed.
fn unbound(binding: &Binding<Axb>, cause: UnbindCause, now: Timestamp) -> Change {
    let at = match (cause, binding.expiry) {
        (UnbindCause::Expired, Expiry::At(at)) => at,
        _ => now,
    };
    Change::Unbound { binding: AnyBinding::Axb(binding.clone()), cause, at }
}

const fn axb(slot: Option<&XSlot>) -> Option<&AxbSlot> {
    match slot {
        Some(XSlot::Axb(slot)) => Some(slot),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
