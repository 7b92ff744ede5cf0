//! Where a message to an X number goes. The one function that decides who reads whom.

use super::{DiscardCause, Forward, Rewrite, SmsDirection, Submitted};
use crate::domain::binding::{Ax, Axb, Binding};
use crate::domain::customer::Mode;
use crate::domain::id::BindingId;
use crate::domain::number::{CallingParty, E164};
use crate::domain::route::Dialled;
use crate::domain::slot::XSlot;
use crate::domain::time::Timestamp;

/// What is to happen to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relay {
    /// It is sent on.
    Forward(Forward),
    /// The customer is asked.
    Ask,
    /// It is dropped.
    Discard(DiscardCause),
}

/// What the rules say about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is to happen.
    pub relay: Relay,
    /// The binding it belongs to, forwarded or not.
    pub subscription: Option<BindingId>,
    /// That of the binding.
    pub user_data: Option<Box<str>>,
    /// Which way it goes.
    pub direction: SmsDirection,
}

/// Decides where a message goes at `now`; `dialled` is `None` when it was sent to none of our numbers.
/// `addressee` is whom the text names, unless that is a number that is lent out.
///
/// The order of the checks is that of calls: is the number ours, does it carry messages, is there a binding for
/// this sender, does the binding carry messages. `callDirection` is about calls only.
pub fn relay(
    dialled: Option<Dialled<'_>>,
    message: &Submitted,
    addressee: Option<E164>,
    now: Timestamp,
) -> Verdict {
    let Some(dialled) = dialled else { return discard(DiscardCause::UnknownNumber) };
    if let Some(cause) = closed(&dialled) {
        return discard(cause);
    }
    let CallingParty::Number(sender) = message.sender else { return discard(DiscardCause::SenderUnusable) };
    let mut verdict = match (dialled.slot, dialled.app.mode) {
        (Some(XSlot::Ax(binding)), _) if binding.is_live(now) => relay_ax(binding, sender, addressee),
        (Some(XSlot::Axb(slot)), _) => match slot.by_party(sender) {
            Some(binding) if binding.is_live(now) => relay_axb(binding, sender),
            _ => discard(DiscardCause::NoBinding),
        },
        (None, Mode::X) => unbound(Relay::Ask, SmsDirection::FromA),
        _ => discard(DiscardCause::NoBinding),
    };
    if message.text.is_none() && !matches!(verdict.relay, Relay::Discard(_)) {
        verdict.relay = Relay::Discard(DiscardCause::TextUnusable);
    }
    verdict
}

/// Why no message at all goes through this number, if that is so.
fn closed(dialled: &Dialled<'_>) -> Option<DiscardCause> {
    let Dialled { number, app, .. } = dialled;
    let has_sms = app.sms
        && match app.mode {
            Mode::Ax | Mode::Axb | Mode::X => true,
            Mode::Axe | Mode::Axyb => false,
        };
    [
        (!number.status.carries_calls(), DiscardCause::NumberUnusable),
        (app.suspended, DiscardCause::AppSuspended),
        (app.frozen, DiscardCause::AccountFrozen),
        (!has_sms, DiscardCause::AppWithoutSms),
        (!number.sms, DiscardCause::NumberWithoutSms),
    ]
    .into_iter()
    .find_map(|(applies, cause)| applies.then_some(cause))
}

/// AX: A reaches whom the text names, and others reach A. When A names nobody the customer decides.
fn relay_ax(binding: &Binding<Ax>, sender: E164, addressee: Option<E164>) -> Verdict {
    let a = binding.relation.a;
    let direction = if sender == a { SmsDirection::FromA } else { SmsDirection::ToA };
    let forward = |to, rewrite| Relay::Forward(Forward { to, display: binding.x, rewrite });
    let relay = match addressee.filter(|addressee| *addressee != a) {
        _ if sender != a => forward(a, Rewrite::WithSender),
        Some(addressee) => forward(addressee, Rewrite::WithoutAddressee),
        None => Relay::Ask,
    };
    through(binding, direction, relay)
}

/// AXB: each party reaches the other.
fn relay_axb(binding: &Binding<Axb>, sender: E164) -> Verdict {
    let pair = binding.relation.pair;
    let direction = if sender == pair.a() { SmsDirection::FromA } else { SmsDirection::ToA };
    let to = pair.other(sender).expect("the slot found the binding by this party");
    through(
        binding,
        direction,
        Relay::Forward(Forward { to, display: binding.x, rewrite: Rewrite::Unchanged }),
    )
}

fn through<R>(binding: &Binding<R>, direction: SmsDirection, relay: Relay) -> Verdict {
    let relay = if binding.terms.sms { relay } else { Relay::Discard(DiscardCause::BindingWithoutSms) };
    let user_data = binding.terms.extras().user_data.clone();
    Verdict { relay, subscription: Some(binding.id), user_data, direction }
}

const fn unbound(relay: Relay, direction: SmsDirection) -> Verdict {
    Verdict { relay, subscription: None, user_data: None, direction }
}

const fn discard(cause: DiscardCause) -> Verdict {
    unbound(Relay::Discard(cause), SmsDirection::Unknown)
}
