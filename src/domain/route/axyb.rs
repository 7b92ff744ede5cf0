//! AXYB: B dials X and reaches A, who sees the Y of that B; A dials Y and reaches that B, who sees X (customer-api 6).

use super::{NoY, Reject, RejectCause, Route, Through, Undecided, connect, reject, reject_bound, through};
use crate::domain::binding::{Binding, Yb};
use crate::domain::customer::NumberStatus;
use crate::domain::number::E164;
use crate::domain::slot::{AxybSlot, YSlot};
use crate::domain::time::Timestamp;

/// Where a call to the X of an A goes. A B that has no Y yet is given one first.
pub(super) fn route_x(slot: &AxybSlot, caller: E164, now: Timestamp) -> Route {
    let binding = &slot.binding;
    if !binding.is_live(now) {
        return reject(RejectCause::NoAxybBinding);
    }
    if caller == binding.relation.a {
        return reject_bound(RejectCause::OwnNumber, through(binding, true));
    }
    if !binding.terms.direction.permits(false) {
        return reject_bound(RejectCause::Direction, through(binding, false));
    }
    match slot.by_b(caller).filter(|yb| yb.is_live(now)) {
        Some(yb) => {
            let through = Through { x: None, ..through_yb(yb, false) };
            connect(binding.relation.a, yb.relation.y, through, &yb.terms)
        }
        None => Route::Undecided(Undecided::LendY(through(binding, false))),
    }
}

/// Where a call to a Y goes. Only an A who was given it reaches somebody.
pub(super) fn route_y(slot: &YSlot, caller: E164, now: Timestamp) -> Route {
    let Some(yb) = slot.by_a(caller).filter(|yb| yb.is_live(now)) else {
        let own = slot.stands_for(caller, now);
        return reject(if own { RejectCause::OwnNumber } else { RejectCause::NoAxybBinding });
    };
    let through = through_yb(yb, true);
    if !yb.terms.direction.permits(true) {
        return reject_bound(RejectCause::Direction, through);
    }
    connect(yb.relation.pair.b(), yb.x, through, &yb.terms)
}

/// What becomes of a call whose callee is to be shown another number than was dialled: that number has to carry
/// calls too. `shown` is its status; `None` = there is no such number any more.
pub fn shown(route: Route, shown: Option<NumberStatus>) -> Route {
    match (route, shown) {
        (Route::Connect(connect), Some(status)) if !status.carries_calls() => {
            reject_bound(RejectCause::NumberUnusable(status), connect.through)
        }
        (Route::Connect(connect), None) => reject_bound(RejectCause::NoAxybBinding, connect.through),
        (route, _) => route,
    }
}

/// What becomes of a call whose caller was given no Y.
pub fn no_y(route: Route, why: NoY) -> Route {
    match route {
        Route::Undecided(Undecided::LendY(through)) => {
            Route::Reject(Reject { cause: RejectCause::NoY(why), through: Some(through), tone: None })
        }
        route => route,
    }
}

/// Both steps have the id of the first.
fn through_yb(yb: &Binding<Yb>, a_calls: bool) -> Through {
    Through { subscription: Some(yb.relation.ax), x: Some(yb.x), ..through(yb, a_calls) }
}

#[cfg(test)]
mod tests;
