//! Whatever can be written is read back as it was.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use proptest::option;
use proptest::prelude::*;

use super::{BindingColumns, CallColumns, EventColumns, RowError, Value};
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::attempt::Attempt;
use crate::domain::binding::{
    AnyBinding, Ax, Axb, Axe, Axyb, Binding, CallDirection, Expiry, Extras, Fallback, FirstGiven, NextCallee,
    Span, Terms, TimeUnit, Yb,
};
use crate::domain::call::{Basis, Call, CallEvent, CallId, Decision, Stage};
use crate::domain::customer::{Mode, NumberStatus};
use crate::domain::extension::Extension;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::number::{CallingParty, E164, Pair, XNumber};
use crate::domain::recording::{Keeping, Recording};
use crate::domain::release::ReleasedBy;
use crate::domain::route::{Collect, Connect, Reject, RejectCause, Route, Through, Undecided};
use crate::domain::time::Timestamp;

/// Hands out the columns as a database would: nothing in them is borrowed from what was written.
fn stored(values: &[Value<'_>]) -> impl FnMut() -> Result<Value<'static>, RowError> {
    let mut copies: Vec<Value<'static>> = values
        .iter()
        .map(|value| match value {
            Value::Null => Value::Null,
            Value::Int(int) => Value::Int(*int),
            Value::Text(text) => Value::Text(Cow::Owned(text.to_string())),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.to_vec())),
        })
        .rev()
        .collect();
    move || Ok(copies.pop().expect("as many columns are read as were written"))
}

fn key() -> impl Strategy<Value = RowKey> {
    (1..=i64::MAX as u64).prop_map(|key| RowKey::from_stored(key).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (1..=i64::MAX as u64).prop_map(Timestamp::from_millis)
}

fn number() -> impl Strategy<Value = E164> {
    (100u64..1_000_000_000_000_000_000).prop_map(|word| E164::from_word(word).unwrap())
}

fn text() -> impl Strategy<Value = Box<str>> {
    ".{0,12}".prop_map(String::into_boxed_str)
}

fn party() -> impl Strategy<Value = CallingParty> {
    prop_oneof![
        number().prop_map(CallingParty::Number),
        Just(CallingParty::Withheld),
        Just(CallingParty::Unusable)
    ]
}

fn extras() -> impl Strategy<Value = Extras> {
    let texts = || option::of(text());
    (texts(), texts(), texts(), texts(), texts()).prop_map(
        |(record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data)| Extras {
            record_hint_tone,
            last_minute_tone,
            a_calls_tone,
            others_call_tone,
            user_data,
        },
    )
}

fn terms() -> impl Strategy<Value = Terms> {
    (0u8..3, any::<u16>(), any::<bool>(), any::<bool>(), extras()).prop_map(
        |(direction, max_duration_minutes, record, sms, extras)| {
            let direction = CallDirection::from_code(direction).unwrap();
            Terms { direction, max_duration_minutes, record, sms, extras: None }.with_extras(extras)
        },
    )
}

fn extension() -> impl Strategy<Value = Extension> {
    (1u8..=4, 1u16..=9).prop_map(|(digits, value)| Extension::new(digits, value).unwrap())
}

fn span() -> impl Strategy<Value = Span> {
    (any::<u16>(), unit()).prop_map(|(amount, unit)| Span { amount, unit })
}

fn unit() -> impl Strategy<Value = TimeUnit> {
    prop::sample::select(vec![TimeUnit::Hours, TimeUnit::Minutes])
}

fn axe() -> impl Strategy<Value = Axe> {
    let first = (option::of(unit()), option::of(any::<u16>()));
    let fallback =
        option::of(prop_oneof![text().prop_map(Fallback::Tone), number().prop_map(Fallback::Number)]);
    (number(), extension(), span(), span(), first, fallback, any::<bool>()).prop_map(
        |(a, extension, life, callback, (unit, amount), fallback, shows_caller)| Axe {
            a,
            extension,
            life,
            callback,
            first: FirstGiven { unit, amount },
            fallback: fallback.map(Box::new),
            shows_caller,
        },
    )
}

fn axyb() -> impl Strategy<Value = Axyb> {
    (number(), 10u16..1_000, any::<bool>(), any::<u32>(), any::<u32>()).prop_map(
        |(a, area, loose, duration_secs, yb_duration_secs)| Axyb {
            a,
            area: AreaCode::from_word(area).unwrap(),
            matching: if loose { AreaMatch::Loose } else { AreaMatch::Strict },
            duration_secs,
            yb_duration_secs,
        },
    )
}

fn yb() -> impl Strategy<Value = Option<Yb>> {
    (key(), number(), number(), number(), any::<u32>()).prop_map(|(ax, y, a, b, duration_secs)| {
        Some(Yb { ax, y: XNumber::new(y), pair: Pair::new(a, b)?, duration_secs })
    })
}

/// A binding of any mode, from the parts that all have and those of the relation.
fn binding() -> impl Strategy<Value = AnyBinding> {
    let common = (key(), any::<u32>(), number(), terms(), option::of(time()), time());
    let ax = (number(), option::of((number(), time(), option::of(text()))), any::<bool>(), any::<bool>());
    let axb = (number(), any::<u32>());
    let relations = (ax, option::of(axb), option::of(axe()), option::of(axyb()), option::of(yb()));
    (common, relations).prop_map(|((id, app, x, terms, expires_at, since), (ax, axb, axe, axyb, yb))| {
        let (a, next_callee, direction_given, turned_on) = ax;
        let next_callee =
            next_callee.map(|(callee, until, user_data)| Box::new(NextCallee { callee, until, user_data }));
        let (app, x) = (AppNo(app), XNumber::new(x));
        let expiry = expires_at.map_or(Expiry::Never, Expiry::At);
        let axb = axb.and_then(|(b, duration_secs)| Some(Axb { pair: Pair::new(a, b)?, duration_secs }));
        if let Some(relation) = axb {
            return AnyBinding::Axb(Binding { id, app, x, relation, terms, expiry, since });
        }
        if let Some(relation) = axe {
            return AnyBinding::Axe(Binding { id, app, x, relation, terms, expiry, since });
        }
        if let Some(relation) = axyb {
            return AnyBinding::Axyb(Binding { id, app, x, relation, terms, expiry, since });
        }
        if let Some(relation) = yb.flatten() {
            return AnyBinding::Yb(Binding { id, app, x, relation, terms, expiry, since });
        }
        let relation = Ax { a, next_callee, direction_given, turned_on };
        AnyBinding::Ax(Binding { id, app, x, relation, terms, expiry, since })
    })
}

fn through() -> impl Strategy<Value = Through> {
    let subscription = option::of(key());
    (subscription, any::<bool>(), option::of(extension()), option::of(number()), option::of(text())).prop_map(
        |(subscription, a_calls, extension, x, user_data)| Through {
            subscription,
            a_calls,
            extension,
            x: x.map(XNumber::new),
            user_data,
        },
    )
}

fn cause() -> impl Strategy<Value = RejectCause> {
    let statuses = [NumberStatus::Unavailable(None), NumberStatus::Unavailable(Some(9))];
    let causes = RejectCause::ALL.into_iter().chain(statuses.map(RejectCause::NumberUnusable));
    prop::sample::select(causes.collect::<Vec<_>>())
}

fn route() -> impl Strategy<Value = Route> {
    let tone = || option::of(text());
    let tones = (tone(), tone(), tone(), tone());
    let connect = (number(), number(), through(), option::of(any::<u32>()), any::<bool>(), tones);
    let connect = connect.prop_map(|(callee, display, through, max_secs, record, tones)| {
        Route::Connect(Box::new(Connect {
            callee,
            display: XNumber::new(display),
            through,
            max_duration: max_secs.map(|secs| Duration::from_secs(secs.into())),
            record,
            caller_tone: tones.0,
            callee_tone: tones.1,
            record_tone: tones.2,
            last_minute_tone: tones.3,
        }))
    });
    let reject = (cause(), option::of(through()), option::of(text()))
        .prop_map(|(cause, through, tone)| Route::Reject(Reject { cause, through, tone }));
    let collect =
        (option::of(text()), any::<u8>()).prop_map(|(tone, digits)| Route::Collect(Collect { tone, digits }));
    prop_oneof![connect, reject, collect, Just(Route::Undecided(Undecided::AskCustomer))]
}

fn decision() -> impl Strategy<Value = Decision> {
    let mode = prop::sample::select(vec![Mode::Ax, Mode::Axb, Mode::Axe, Mode::X]);
    let basis = prop::sample::select(vec![Basis::Asked, Basis::Presumed]);
    let owner = (option::of(any::<u32>()), option::of(mode));
    let question = option::of(question().prop_map(Arc::new));
    (time(), party(), option::of(number()), owner, route(), basis, question).prop_map(
        |(at, caller, called, (app, mode), route, basis, question)| Decision {
            at,
            caller,
            called,
            app: app.map(AppNo),
            mode,
            route,
            basis,
            question,
        },
    )
}

fn question() -> impl Strategy<Value = Attempt> {
    let timings = prop::collection::vec((text(), any::<u32>()), 0..3);
    let answer = prop::collection::vec(any::<u8>(), 0..40);
    let said = (option::of(text()), option::of(any::<u16>()), option::of(text()));
    (time(), text(), any::<u32>(), timings, answer, said).prop_map(
        |(at, url, took_ms, timings, answer, (address, status, failure))| Attempt {
            at,
            url,
            address,
            status,
            took_ms,
            timings: timings.into_iter().map(|(name, ms)| (String::from(name).into(), ms)).collect(),
            answer: answer.into(),
            failure,
        },
    )
}

fn recording() -> impl Strategy<Value = Recording> {
    let keeping = prop_oneof![
        Just(Keeping::Elsewhere),
        key().prop_map(Keeping::Awaited),
        key().prop_map(Keeping::Here)
    ];
    (text(), text(), text(), time(), any::<u32>(), keeping).prop_map(
        |(domain, bucket, object, started_at, seconds, keeping)| Recording {
            domain,
            bucket,
            object,
            started_at,
            seconds,
            keeping,
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    (key(), ".{1,60}", text(), option::of(decision()), option::of(recording())).prop_map(
        |(key, id, session, decision, recording)| {
            let mut call = Call::new(key, CallId::new(&id).unwrap(), session);
            (call.decision, call.recording) = (decision, recording);
            call
        },
    )
}

fn event() -> impl Strategy<Value = CallEvent> {
    let by = ["caller", "callee", "switch", "gateway", "timeout", "maxDuration"]
        .map(|word| ReleasedBy::from_word(word).unwrap());
    let codes = (option::of(any::<u16>()), option::of(any::<u16>()), option::of(text()));
    let ends = (option::of(party()), option::of(number()), option::of(prop::sample::select(by.to_vec())));
    (text(), prop::sample::select(Stage::ALL.to_vec()), time(), time(), ends, codes).prop_map(
        |(event_id, stage, at, received_at, (caller, called, by), (sip, q850, digits))| CallEvent {
            event_id,
            stage,
            at,
            received_at,
            caller,
            called,
            digits,
            sip,
            q850,
            by,
        },
    )
}

proptest! {
    #[test]
    fn a_binding_is_read_as_it_was_written(binding in binding()) {
        let columns = BindingColumns::from(&binding);
        let read = BindingColumns::read(stored(&columns.values().unwrap()));
        prop_assert_eq!(read.and_then(BindingColumns::into_binding), Ok(binding));
    }

    #[test]
    fn a_call_is_read_as_it_was_written(call in call()) {
        let columns = CallColumns::from(&call);
        let read = CallColumns::read(stored(&columns.values().unwrap()));
        prop_assert_eq!(read.and_then(CallColumns::into_call), Ok(call));
    }

    #[test]
    fn an_event_is_read_as_it_was_written(call in key(), n in any::<u16>(), event in event()) {
        let columns = EventColumns::new(call, n, &event);
        let read = EventColumns::read(stored(&columns.values().unwrap()));
        prop_assert_eq!(read.map(EventColumns::into_event), Ok(event));
    }
}

#[test]
fn a_binding_without_tones_and_user_data_is_plain_numbers_and_its_mode() {
    let binding = crate::store::contract::sample::axb(RowKey::floor(1), 1, 2);
    let columns = BindingColumns::from(&binding);
    let texts = columns.values().unwrap().iter().filter(|value| matches!(value, Value::Text(_))).count();
    assert_eq!(texts, 1);
}
