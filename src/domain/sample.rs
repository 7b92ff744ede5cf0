//! Values for the tests of the rules.

use std::sync::Arc;

use super::allocation::AreaMatch;
use super::area::AreaCode;
use super::binding::{AnyBinding, Ax, Axb, Axyb, Binding, Change, Expiry, Terms, Yb};
use super::customer::{AppSecret, CustomerApp, Mode, NumberRecord, NumberStatus};
use super::id::{AppKey, AppNo, BindingId, RowKey};
use super::number::{E164, Pair, XNumber};
use super::slot::XSlot;
use super::time::Timestamp;

/// The app whose numbers these are.
pub(crate) const APP: AppNo = AppNo(1);

pub(crate) fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_790_000_000 + secs)
}

/// One millisecond before [`at`].
pub(crate) fn just_before(secs: u64) -> Timestamp {
    Timestamp::from_millis(at(secs).millis() - 1)
}

pub(crate) fn number(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

pub(crate) fn x(n: u64) -> XNumber {
    XNumber::new(E164::from_word(8_617_000_000_000 + n).unwrap())
}

pub(crate) fn pair(a: u64, b: u64) -> Pair {
    Pair::new(number(a), number(b)).unwrap()
}

pub(crate) fn id(n: u64) -> BindingId {
    RowKey::from_stored(n).unwrap()
}

pub(crate) fn app(mode: Mode) -> CustomerApp {
    CustomerApp::new(APP, AppKey::new("key").unwrap(), "sample", mode, AppSecret::new("secret"), at(0))
}

pub(crate) fn record(status: NumberStatus) -> NumberRecord {
    NumberRecord { x: x(1), app: APP, area: None, sms: false, status, added_at: at(0) }
}

fn binding<R>(n: u64, relation: R, expiry: Expiry) -> Binding<R> {
    Binding { id: id(n), app: APP, x: x(1), relation, terms: Terms::default(), expiry, since: at(0) }
}

/// A pair on X 1 from the start on.
pub(crate) fn axb(n: u64, a: u64, b: u64, expiry: Expiry) -> Binding<Axb> {
    binding(n, Axb { pair: pair(a, b), duration_secs: 0 }, expiry)
}

/// The owner of X 1 from the start on.
pub(crate) fn ax(n: u64, a: u64) -> Binding<Ax> {
    let relation = Ax { a: number(a), next_callee: None, direction_given: false, turned_on: true };
    binding(n, relation, Expiry::Never)
}

/// What stands on X 1 when these are bound.
pub(crate) fn slot(bindings: impl IntoIterator<Item = Binding<Axb>>) -> Option<XSlot> {
    let bind = |slot, binding| XSlot::apply(slot, &Change::Bound(AnyBinding::Axb(binding)));
    bindings.into_iter().fold(None, bind)
}

/// AXYB: X 1 of this A from the start on.
pub(crate) fn axyb(n: u64, a: u64) -> Binding<Axyb> {
    let area = AreaCode::parse("0755").unwrap();
    let (matching, duration_secs, yb_duration_secs) = (AreaMatch::Strict, 0, 0);
    let relation = Axyb { a: number(a), area, matching, duration_secs, yb_duration_secs };
    binding(n, relation, Expiry::Never)
}

/// AXYB: this B of A 1, by its own Y, under the binding `ax` of X 1.
pub(crate) fn yb(n: u64, ax: u64, b: u64, y: u64, expiry: Expiry) -> Binding<Yb> {
    binding(n, Yb { ax: id(ax), y: x(y), pair: pair(1, b), duration_secs: 0 }, expiry)
}

/// What stands on X 1 when it and these B are bound.
pub(crate) fn lent(ax: Binding<Axyb>, ybs: impl IntoIterator<Item = Binding<Yb>>) -> Option<XSlot> {
    let x = XSlot::apply(None, &Change::Bound(AnyBinding::Axyb(ax)));
    let bind = |slot, yb| XSlot::apply(slot, &Change::Bound(AnyBinding::Yb(yb)));
    ybs.into_iter().fold(x, bind)
}

/// What stands on a number that is the Y of these.
pub(crate) fn y_slot(ybs: impl IntoIterator<Item = Binding<Yb>>) -> Option<XSlot> {
    ybs.into_iter().fold(None, |slot, yb| Some(XSlot::lend(slot, Arc::new(yb))))
}
