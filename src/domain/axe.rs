//! The rules of AXE bindings (customer-api 5). Many A share one X; an extension stands there once, and one A may
//! have several.

use super::axb::TermsPatch;
use super::binding::{
    AnyBinding, Axe, Binding, Change, Expiry, Fallback, FirstGiven, Span, Terms, TimeUnit, UnbindCause,
};
use super::customer::NumberRecord;
use super::extension::Extension;
use super::id::{AppNo, BindingId};
use super::number::E164;
use super::refusal::Refusal;
use super::slot::{AxeSlot, XSlot};
use super::time::Timestamp;

/// How long A can call the last caller back when the bind does not say: 24 hours.
const CALLBACK_DEFAULT_HOURS: u16 = 24;

/// What an AXE bind asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxeBind {
    /// The protected subscriber.
    pub a: E164,
    /// The extension wanted; `None` = any free one. Counts only with a named X (customer-api 5.1).
    pub extension: Option<Extension>,
    /// `timeUnit`; absent = hours.
    pub unit: Option<TimeUnit>,
    /// `bindExpiredTime`, in that unit; absent or 0 = until unbound.
    pub life: Option<u16>,
    /// `callbackExpiredTime`, in that unit; absent = 24 hours or the life of the binding, whichever is shorter.
    pub callback: Option<u16>,
    /// `callbackTone` or `callbackNum`.
    pub fallback: Option<Fallback>,
    /// `displayNumMode`.
    pub shows_caller: bool,
    /// What calls may do.
    pub terms: Terms,
    /// Decides which free extension is given out.
    pub draw: u16,
}

/// What an AXE modify asks for: `None` keeps what is (customer-api 5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxePatch {
    /// The unit of the next two; absent = the one in which the life of the binding stands.
    pub unit: Option<TimeUnit>,
    /// A new life, counted from the modification; 0 = until unbound.
    pub life: Option<u16>,
    /// How long A can call the last caller back.
    pub callback: Option<u16>,
    /// `callbackTone` and `callbackNum`.
    pub fallback: FallbackPatch,
    /// `displayNumMode`.
    pub shows_caller: Option<bool>,
    /// New terms.
    pub terms: TermsPatch,
}

/// What a modify says about [`Axe::fallback`]: a tone takes the place of a number and the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FallbackPatch {
    /// A new one.
    pub new: Option<Fallback>,
    /// No tone any more.
    pub no_tone: bool,
    /// No number any more.
    pub no_number: bool,
}

impl FallbackPatch {
    fn applied_to(&self, old: Option<&Fallback>) -> Option<Box<Fallback>> {
        let stays = |old: &&Fallback| match old {
            Fallback::Tone(_) => !self.no_tone,
            Fallback::Number(_) => !self.no_number,
        };
        self.new.as_ref().or(old.filter(stays)).cloned().map(Box::new)
    }
}

/// What holds between the members of a bind, whatever stands on the X number.
pub fn check(wanted: &AxeBind) -> Result<(), Refusal> {
    check_fallback(wanted.a, wanted.fallback.as_ref())?;
    times(wanted).map(|_| ())
}

/// Binds A on the X number under this extension, which was asked for or is a free one. An expired occupant is no
/// obstacle: it is unbound first.
pub fn bind(
    number: &NumberRecord,
    slot: Option<&XSlot>,
    wanted: &AxeBind,
    extension: Extension,
    id: BindingId,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if !number.status.takes_bindings() {
        return Err(Refusal::XNotUsable(number.status));
    }
    check_fallback(wanted.a, wanted.fallback.as_ref())?;
    let (life, callback) = times(wanted)?;
    let mut changes = Vec::with_capacity(1);
    if let Some(occupant) = axe(slot).and_then(|slot| slot.by_extension(extension)) {
        if occupant.is_live(now) {
            return Err(Refusal::ExtensionTaken);
        }
        changes.push(unbound(occupant, UnbindCause::Expired, now));
    }
    changes.push(Change::Bound(AnyBinding::Axe(Binding {
        id,
        app: number.app,
        x: number.x,
        relation: Axe {
            a: wanted.a,
            extension,
            life,
            callback,
            first: FirstGiven { unit: wanted.unit, amount: wanted.life },
            fallback: wanted.fallback.clone().map(Box::new),
            shows_caller: wanted.shows_caller,
        },
        terms: wanted.terms.clone(),
        expiry: Expiry::in_secs(life.secs(), now),
        since: now,
    })));
    Ok(changes)
}

/// Changes a binding. A given life starts anew at the modification, as in AXB (customer-api 4.3). One that is
/// shorter than the time for calling back shortens that too, unless the modification gives it.
pub fn modify(old: &Binding<Axe>, patch: &AxePatch, now: Timestamp) -> Result<Vec<Change>, Refusal> {
    let was = &old.relation;
    let unit = patch.unit.unwrap_or(was.life.unit);
    let life = patch.life.map_or(was.life, |amount| Span { amount, unit });
    let callback = match (patch.callback, patch.life) {
        (Some(amount), _) => Span { amount, unit },
        (None, Some(_)) => shorter(was.callback, life),
        (None, None) => was.callback,
    };
    check_times(life, callback)?;
    let fallback = patch.fallback.applied_to(was.fallback.as_deref());
    check_fallback(was.a, fallback.as_deref())?;
    let relation = Axe {
        life,
        callback,
        first: FirstGiven { unit: was.first.unit.or(patch.unit), amount: was.first.amount.or(patch.life) },
        fallback,
        shows_caller: patch.shows_caller.unwrap_or(was.shows_caller),
        ..*was
    };
    let new = Binding {
        relation,
        terms: patch.terms.applied_to(&old.terms),
        expiry: patch.life.map_or(old.expiry, |_| Expiry::in_secs(life.secs(), now)),
        since: now,
        ..*old
    };
    Ok(vec![Change::Modified(AnyBinding::Axe(new))])
}

/// Ends a binding.
pub fn unbind(binding: &Binding<Axe>, cause: UnbindCause, now: Timestamp) -> Vec<Change> {
    vec![unbound(binding, cause, now)]
}

/// The live binding with this id, if it is this app's.
pub fn live_by_id(
    slot: Option<&XSlot>,
    app: AppNo,
    id: BindingId,
    now: Timestamp,
) -> Result<&Binding<Axe>, Refusal> {
    live(axe(slot).and_then(|slot| slot.by_id(id)), app, now)
}

/// The live binding with this extension, if it is this app's.
pub fn live_by_extension(
    slot: Option<&XSlot>,
    app: AppNo,
    extension: Extension,
    now: Timestamp,
) -> Result<&Binding<Axe>, Refusal> {
    live(axe(slot).and_then(|slot| slot.by_extension(extension)), app, now)
}

/// The live bindings on an X number that were bound after `after`, oldest first, at most `limit`; and whether
/// more follow.
pub fn page(
    slot: Option<&XSlot>,
    after: Option<BindingId>,
    limit: usize,
    now: Timestamp,
) -> (Vec<Binding<Axe>>, bool) {
    let bindings = axe(slot).into_iter().flat_map(AxeSlot::iter);
    let mut found: Vec<_> = bindings
        .filter(|binding| binding.is_live(now) && after.is_none_or(|after| binding.id > after))
        .collect();
    found.sort_unstable_by_key(|binding| binding.id);
    let more = found.len() > limit;
    (found.into_iter().take(limit).cloned().collect(), more)
}

fn live(binding: Option<&Binding<Axe>>, app: AppNo, now: Timestamp) -> Result<&Binding<Axe>, Refusal> {
    binding.filter(|binding| binding.app == app && binding.is_live(now)).ok_or(Refusal::NoSuchBinding)
}

/// How long a bind asks the binding to live, and A to be able to call back.
fn times(wanted: &AxeBind) -> Result<(Span, Span), Refusal> {
    let unit = wanted.unit.unwrap_or_default();
    let life = Span { amount: wanted.life.unwrap_or(0), unit };
    let callback = match wanted.callback {
        Some(amount) => Span { amount, unit },
        None => shorter(Span { amount: CALLBACK_DEFAULT_HOURS * hours_in(unit), unit }, life),
    };
    check_times(life, callback)?;
    Ok((life, callback))
}

/// What holds for the times of any bind or modify (customer-api 5.1).
fn check_times(life: Span, callback: Span) -> Result<(), Refusal> {
    if [life, callback].iter().any(|span| span.amount > span.unit.amount_max()) {
        return Err(Refusal::TimeTooLong);
    }
    if life.amount != 0 && callback.secs() > life.secs() {
        return Err(Refusal::CallbackOutlivesBinding);
    }
    Ok(())
}

fn check_fallback(a: E164, fallback: Option<&Fallback>) -> Result<(), Refusal> {
    match fallback {
        Some(Fallback::Number(number)) if *number == a => Err(Refusal::SameNumber),
        Some(Fallback::Number(_) | Fallback::Tone(_)) | None => Ok(()),
    }
}

/// `callback`, or the life of the binding when that is shorter.
fn shorter(callback: Span, life: Span) -> Span {
    if life.amount != 0 && life.secs() < callback.secs() { life } else { callback }
}

const fn hours_in(unit: TimeUnit) -> u16 {
    match unit {
        TimeUnit::Hours => 1,
        TimeUnit::Minutes => 60,
    }
}

/// The end of a binding. One that expires ends at its expiry instant, however late that is noticed.
fn unbound(binding: &Binding<Axe>, cause: UnbindCause, now: Timestamp) -> Change {
    let at = match (cause, binding.expiry) {
        (UnbindCause::Expired, Expiry::At(at)) => at,
        _ => now,
    };
    Change::Unbound { binding: AnyBinding::Axe(binding.clone()), cause, at }
}

const fn axe(slot: Option<&XSlot>) -> Option<&AxeSlot> {
    match slot {
        Some(XSlot::Axe(slot)) => Some(slot),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
