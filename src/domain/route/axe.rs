//! AXE: whoever keys an extension reaches its A; A reaches the last caller (customer-api 5).

use super::{Collect, Reject, RejectCause, Route, Through, connect, reject, through};
use crate::domain::binding::{Axe, Binding, Fallback, LastCaller};
use crate::domain::customer::CustomerApp;
use crate::domain::extension::Extension;
use crate::domain::number::E164;
use crate::domain::slot::AxeSlot;
use crate::domain::time::Timestamp;

/// Where a call to an X of an AXE app goes. What was keyed counts before who is calling, so that one A can reach
/// another over the same X; only A's own extension leads nowhere but back.
pub(super) fn route_axe(
    slot: &AxeSlot,
    app: &CustomerApp,
    caller: E164,
    keyed: Option<&str>,
    now: Timestamp,
) -> Route {
    let Some(keyed) = keyed else {
        return call_back(slot, app, caller, now).unwrap_or_else(|| {
            Route::Collect(Collect { tone: app.axe.prompt_tone.clone(), digits: app.extension_digits })
        });
    };
    if keyed.is_empty() {
        return reject(RejectCause::EmptyExtension);
    }
    let binding = Extension::parse(keyed).and_then(|extension| slot.by_extension(extension));
    match binding.filter(|binding| binding.is_live(now)) {
        None => reject(RejectCause::NoAxeBinding),
        Some(binding) if binding.relation.a == caller => {
            call_back(slot, app, caller, now).unwrap_or_else(|| reject(RejectCause::NoAxeBinding))
        }
        Some(binding) => {
            connect(binding.relation.a, binding.x, through_extension(binding, false), &binding.terms)
        }
    }
}

/// Where A's own call goes; `None` when the caller is no A on this X. With several extensions the last caller of
/// any of them counts, and else what the newest binding says.
fn call_back(slot: &AxeSlot, app: &CustomerApp, caller: E164, now: Timestamp) -> Option<Route> {
    let own = || slot.by_a(caller).filter(|(binding, _)| binding.is_live(now));
    let (newest, _) = own().max_by_key(|(binding, _)| binding.id)?;
    let callers = own().filter_map(|(binding, last)| {
        last.filter(|last| can_call_back(binding, *last, now)).map(|last| (binding, last))
    });
    if let Some((binding, last)) = callers.max_by_key(|(binding, last)| (last.at, binding.id)) {
        return Some(connect(last.caller, binding.x, through_extension(binding, true), &binding.terms));
    }
    let through = through_extension(newest, true);
    Some(match newest.relation.fallback.as_deref().or(app.axe.fallback.as_ref()) {
        // The app's number may happen to be this A.
        Some(Fallback::Number(number)) if *number != caller => {
            connect(*number, newest.x, through, &newest.terms)
        }
        Some(Fallback::Tone(tone)) => nobody_to_call_back(through, Some(tone.clone())),
        Some(Fallback::Number(_)) | None => nobody_to_call_back(through, None),
    })
}

fn can_call_back(binding: &Binding<Axe>, last: LastCaller, now: Timestamp) -> bool {
    let span = binding.relation.callback;
    span.amount == 0 || now < last.at.after(span.length())
}

const fn nobody_to_call_back(through: Through, tone: Option<Box<str>>) -> Route {
    Route::Reject(Reject { cause: RejectCause::NobodyToCallBack, through: Some(through), tone })
}

fn through_extension(binding: &Binding<Axe>, a_calls: bool) -> Through {
    Through { extension: Some(binding.relation.extension), ..through(binding, a_calls) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::binding::{AnyBinding, Change, Expiry, FirstGiven, Span, Terms};
    use crate::domain::customer::{AxeDefaults, Mode, NumberRecord, NumberStatus};
    use crate::domain::id::{AppNo, RowKey};
    use crate::domain::number::{CallingParty, XNumber};
    use crate::domain::route::{CallSetup, Dialled, route};
    use crate::domain::slot::XSlot;
    use crate::store::contract::sample::plain_app;

    const A: u64 = 1;
    const B: u64 = 2;
    const OTHER_A: u64 = 3;
    const STAND_IN: u64 = 4;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn number(n: u64) -> E164 {
        E164::from_word(8_613_800_000_000 + n).unwrap()
    }

    fn x() -> XNumber {
        XNumber::new(number(999))
    }

    fn app() -> CustomerApp {
        let axe = AxeDefaults { prompt_tone: Some("prompt.wav".into()), fallback: None };
        CustomerApp { mode: Mode::Axe, axe, ..plain_app(1) }
    }

    /// Binding `id` of `a` with the extension `000<id>`: an hour for calling back, expiring at second 10,000.
    fn binding(id: u64, a: u64, fallback: Option<Fallback>) -> Binding<Axe> {
        Binding {
            id: RowKey::from_stored(id).unwrap(),
            app: AppNo(1),
            x: x(),
            relation: Axe {
                a: number(a),
                extension: Extension::new(4, u16::try_from(id).unwrap()).unwrap(),
                life: Span::NONE,
                callback: Span { amount: 1, ..Span::NONE },
                first: FirstGiven::default(),
                fallback: fallback.map(Box::new),
                shows_caller: false,
            },
            terms: Terms::default(),
            expiry: Expiry::At(at(10_000)),
            since: at(1),
        }
    }

    fn slot(bindings: Vec<Binding<Axe>>) -> AxeSlot {
        let mut slot = None;
        for binding in bindings {
            slot = XSlot::apply(slot, &Change::Bound(AnyBinding::Axe(binding)));
        }
        match slot {
            Some(XSlot::Axe(slot)) => slot,
            _ => AxeSlot::default(),
        }
    }

    fn two_subscribers() -> AxeSlot {
        slot(vec![binding(1, A, None), binding(2, OTHER_A, None)])
    }

    fn decide(slot: &AxeSlot, app: &CustomerApp, caller: u64, keyed: Option<&str>, now: u64) -> Route {
        let number_record = NumberRecord {
            x: x(),
            app: AppNo(1),
            area: None,
            sms: false,
            status: NumberStatus::Normal,
            added_at: at(1),
        };
        let slot = XSlot::Axe(slot.clone());
        let dialled = Dialled { number: &number_record, app, slot: Some(&slot) };
        let caller = CallingParty::Number(number(caller));
        let setup = CallSetup { caller, called: Some(x().number()), extension: keyed };
        route(Some(dialled), setup, at(now))
    }

    /// Whom the call reaches, or why not, with the tone.
    fn outcome(route: Route) -> Result<E164, (RejectCause, Option<Box<str>>)> {
        match route {
            Route::Connect(connect) => {
                assert_eq!(connect.display, x());
                Ok(connect.callee)
            }
            Route::Reject(reject) => Err((reject.cause, reject.tone)),
            Route::Undecided(_) => panic!("AXE is decided from memory"),
            Route::Collect(_) => panic!("the caller is asked for an extension"),
        }
    }

    #[test]
    fn a_caller_who_keyed_nothing_yet_is_asked_whatever_is_bound() {
        let expected = Route::Collect(Collect { tone: Some("prompt.wav".into()), digits: 4 });
        assert_eq!(decide(&two_subscribers(), &app(), B, None, 100), expected);
        assert_eq!(decide(&AxeSlot::default(), &app(), B, None, 100), expected);
    }

    #[test]
    fn an_extension_leads_to_its_a_until_the_binding_expires() {
        let slot = two_subscribers();
        let no_binding = Err((RejectCause::NoAxeBinding, None));
        let empty = Err((RejectCause::EmptyExtension, None));
        for (caller, keyed, now, expected) in [
            (B, "0001", 100, Ok(number(A))),
            (B, "0002", 100, Ok(number(OTHER_A))),
            (B, "0001", 9_999, Ok(number(A))),
            (B, "0001", 10_000, no_binding.clone()),
            (B, "0003", 100, no_binding.clone()),
            (B, "1", 100, no_binding.clone()),
            (B, "00010", 100, no_binding.clone()),
            (B, "*1#", 100, no_binding),
            (B, "", 100, empty),
            (A, "0002", 100, Ok(number(OTHER_A))),
        ] {
            assert_eq!(
                outcome(decide(&slot, &app(), caller, Some(keyed), now)),
                expected,
                "{keyed} at {now}"
            );
        }
    }

    #[test]
    fn a_connected_call_names_its_binding_and_its_extension() {
        let route = decide(&two_subscribers(), &app(), B, Some("0002"), 100);
        let through = route.through().unwrap();
        assert_eq!(through.subscription, RowKey::from_stored(2));
        assert_eq!((through.a_calls, through.extension), (false, Extension::parse("0002")));
    }

    #[test]
    fn a_reaches_the_last_caller_as_long_as_the_callback_time_lasts() {
        let mut slot = two_subscribers();
        let called = |n, secs| LastCaller { caller: number(n), at: at(secs) };
        slot.note_caller(RowKey::from_stored(1).unwrap(), called(B, 1_000));
        slot.note_caller(RowKey::from_stored(2).unwrap(), called(STAND_IN, 1_500));
        let nobody = Err((RejectCause::NobodyToCallBack, None));
        for (caller, keyed, now, expected) in [
            (A, None, 1_001, Ok(number(B))),
            (A, Some("0001"), 1_001, Ok(number(B))),
            (A, None, 4_599, Ok(number(B))),
            (A, None, 4_600, nobody.clone()),
            (OTHER_A, None, 4_600, Ok(number(STAND_IN))),
            (OTHER_A, None, 5_100, nobody),
        ] {
            assert_eq!(outcome(decide(&slot, &app(), caller, keyed, now)), expected, "{caller} at {now}");
        }
        let through = decide(&slot, &app(), A, None, 1_001).through().cloned().unwrap();
        assert_eq!((through.a_calls, through.extension), (true, Extension::parse("0001")));
        assert!(matches!(decide(&slot, &app(), A, None, 10_000), Route::Collect(_)), "A is no A any more");
    }

    #[test]
    fn of_several_extensions_of_one_a_the_latest_caller_counts() {
        let mut slot = slot(vec![binding(1, A, None), binding(2, A, None), binding(3, A, None)]);
        for (id, caller, secs) in [(1, B, 100), (2, OTHER_A, 300), (3, STAND_IN, 200)] {
            slot.note_caller(
                RowKey::from_stored(id).unwrap(),
                LastCaller { caller: number(caller), at: at(secs) },
            );
        }
        assert_eq!(outcome(decide(&slot, &app(), A, None, 400)), Ok(number(OTHER_A)));
    }

    #[test]
    fn a_callback_time_of_zero_lasts_as_long_as_the_binding() {
        let mut lasting = binding(1, A, None);
        lasting.relation.callback = Span::NONE;
        let mut slot = slot(vec![lasting]);
        slot.note_caller(RowKey::from_stored(1).unwrap(), LastCaller { caller: number(B), at: at(2) });
        assert_eq!(outcome(decide(&slot, &app(), A, None, 9_999)), Ok(number(B)));
    }

    #[test]
    fn with_nobody_to_call_back_the_binding_decides_and_then_the_app() {
        let tone = |name: &str| Some(Fallback::Tone(name.into()));
        let to = |n| Some(Fallback::Number(number(n)));
        let nobody = |tone: Option<&str>| Err((RejectCause::NobodyToCallBack, tone.map(Box::from)));
        for (of_binding, of_app, expected) in [
            (None, None, nobody(None)),
            (tone("b.wav"), tone("a.wav"), nobody(Some("b.wav"))),
            (tone("b.wav"), to(STAND_IN), nobody(Some("b.wav"))),
            (None, tone("a.wav"), nobody(Some("a.wav"))),
            (to(STAND_IN), tone("a.wav"), Ok(number(STAND_IN))),
            (None, to(STAND_IN), Ok(number(STAND_IN))),
            (None, to(A), nobody(None)),
        ] {
            let slot = slot(vec![binding(1, A, of_binding.clone())]);
            let app =
                CustomerApp { axe: AxeDefaults { prompt_tone: None, fallback: of_app.clone() }, ..app() };
            let route = decide(&slot, &app, A, None, 100);
            assert!(route.through().is_some_and(|through| through.a_calls));
            assert_eq!(outcome(route), expected, "{of_binding:?} {of_app:?}");
        }
    }

    #[test]
    fn a_call_to_a_suspended_app_is_refused_before_any_prompt() {
        let suspended = CustomerApp { suspended: true, ..app() };
        let refused = outcome(decide(&two_subscribers(), &suspended, B, None, 100));
        assert_eq!(refused, Err((RejectCause::AppSuspended, None)));
    }
}
