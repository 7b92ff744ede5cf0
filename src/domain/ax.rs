//! The rules of AX bindings (customer-api 3). An X belongs to one A; one A may have up to five.

use std::time::Duration;

use super::axb::TermsPatch;
use super::binding::{AnyBinding, Ax, Binding, Change, Expiry, NextCallee, Terms, UnbindCause};
use super::customer::NumberRecord;
use super::id::{AppNo, BindingId};
use super::number::E164;
use super::refusal::Refusal;
use super::slot::XSlot;
use super::time::Timestamp;

/// Most X numbers of one A (customer-api 3).
pub const X_PER_A_MAX: usize = 5;

/// What an AX bind asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxBind {
    /// The protected subscriber.
    pub a: E164,
    /// What calls may do.
    pub terms: Terms,
    /// Whether `callDirection` was given.
    pub direction_given: bool,
    /// `turnFlag`.
    pub turned_on: bool,
}

/// What an AX modify asks for: `None` keeps what is (customer-api 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxPatch {
    /// A new A.
    pub a: Option<E164>,
    /// `turnFlag`.
    pub turned_on: Option<bool>,
    /// New terms.
    pub terms: TermsPatch,
}

/// Binds A on the X number. `owned` is how many X numbers A has already.
pub fn bind(
    number: &NumberRecord,
    slot: Option<&XSlot>,
    wanted: &AxBind,
    owned: usize,
    id: BindingId,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if let Some(XSlot::Ax(binding)) = slot {
        let same = binding.relation.a == wanted.a;
        return Err(if same { Refusal::SamePairBound } else { Refusal::XTaken });
    }
    if !number.status.takes_bindings() {
        return Err(Refusal::XNotUsable(number.status));
    }
    if owned >= X_PER_A_MAX {
        return Err(Refusal::TooManyX);
    }
    Ok(vec![Change::Bound(AnyBinding::Ax(Binding {
        id,
        app: number.app,
        x: number.x,
        relation: Ax {
            a: wanted.a,
            next_callee: None,
            direction_given: wanted.direction_given,
            turned_on: wanted.turned_on,
        },
        terms: wanted.terms.clone(),
        expiry: Expiry::Never,
        since: now,
    }))])
}

/// Changes a binding. `owned_by_new` is how many X numbers the new A has already, if there is a new A.
pub fn modify(
    binding: &Binding<Ax>,
    patch: &AxPatch,
    owned_by_new: usize,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    let a = patch.a.unwrap_or(binding.relation.a);
    let moves = a != binding.relation.a;
    if moves && owned_by_new >= X_PER_A_MAX {
        return Err(Refusal::TooManyX);
    }
    // A temporary callee was named for the former A; a new one must name its own.
    let next_callee = binding.relation.next_callee.clone().filter(|_| !moves);
    let new = Binding {
        relation: Ax {
            a,
            next_callee,
            direction_given: binding.relation.direction_given || patch.terms.direction.is_some(),
            turned_on: patch.turned_on.unwrap_or(binding.relation.turned_on),
        },
        terms: patch.terms.applied_to(&binding.terms),
        since: now,
        ..binding.clone()
    };
    Ok(vec![Change::Modified(AnyBinding::Ax(new))])
}

/// Names whom A's next calls reach, for `secs` seconds. A former setting is overwritten (customer-api 3.5).
pub fn set_next_callee(
    binding: &Binding<Ax>,
    callee: E164,
    secs: u32,
    user_data: Option<Box<str>>,
    now: Timestamp,
) -> Result<Vec<Change>, Refusal> {
    if callee == binding.relation.a {
        return Err(Refusal::SameNumber);
    }
    let until = now.after(Duration::from_secs(secs.into()));
    let next_callee = Some(Box::new(NextCallee { callee, until, user_data }));
    let new = Binding { relation: Ax { next_callee, ..binding.relation.clone() }, ..binding.clone() };
    Ok(vec![Change::Modified(AnyBinding::Ax(new))])
}

/// Ends a binding.
pub fn unbind(binding: &Binding<Ax>, cause: UnbindCause, now: Timestamp) -> Vec<Change> {
    vec![Change::Unbound { binding: AnyBinding::Ax(binding.clone()), cause, at: now }]
}

/// The live binding on this X, if it is this app's and has this id (when one is given).
pub fn live(
    slot: Option<&XSlot>,
    app: AppNo,
    id: Option<BindingId>,
    now: Timestamp,
) -> Result<&Binding<Ax>, Refusal> {
    match slot {
        Some(XSlot::Ax(binding))
            if binding.app == app && binding.is_live(now) && id.is_none_or(|id| id == binding.id) =>
        {
            Ok(binding)
        }
        _ => Err(Refusal::NoSuchBinding),
    }
}

#[cfg(test)]
mod tests;
