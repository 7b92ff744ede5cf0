//! Values to store: some with every field set, some with as few as possible.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::binding::{
    AnyBinding, Ax, Axb, Axe, Axyb, Binding, CallDirection, Change, Expiry, Extras, Fallback, FirstGiven,
    LastCaller, NextCallee, Span, Terms, TimeUnit, UnbindCause, Yb,
};
use crate::domain::call::{Basis, Call, CallEvent, CallId, Cdr, Closed, Decision, Stage};
use crate::domain::customer::{
    AppSecret, AxeDefaults, CallbackTls, CallbackUrls, ClientCertificate, CustomerApp, Mode, NumberRecord,
    NumberStatus, SignaturePolicy,
};
use crate::domain::delivery::{Delivery, NoticeKind, Schedule, State};
use crate::domain::extension::Extension;
use crate::domain::id::{AppKey, AppNo, RowKey};
use crate::domain::number::{CallingParty, E164, Pair, XNumber};
use crate::domain::operation::{Actor, BindingOperation};
use crate::domain::recording::{Keeping, Recording, RecordingFile};
use crate::domain::release::{Release, ReleasedBy, StateCode};
use crate::domain::replay::{PER_SECOND_DEFAULT, Phase, Replay, Selection, Track};
use crate::domain::route::{Connect, Reject, RejectCause, Route, Through};
use crate::domain::signature::Scheme;
use crate::domain::sms::{
    DiscardCause, Forward, Message, MessageId, Rewrite, SmsDecision, SmsDirection, SmsText,
};
use crate::domain::time::Timestamp;
use crate::domain::tone::{Tone, ToneName};
use crate::domain::whitelist::IpWhitelist;
use crate::store::{Attempt, AuditEntry, Write};

/// When the samples happen.
const START_SECS: u64 = 1_790_000_000;

/// `secs` after the start.
pub(crate) fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(START_SECS + secs)
}

/// The first key of that second.
pub(crate) fn key(secs: u64) -> RowKey {
    RowKey::floor(at(secs).millis())
}

pub(crate) fn number(n: u64) -> E164 {
    E164::from_word(8_613_800_000_000 + n).unwrap()
}

pub(crate) fn x(n: u64) -> XNumber {
    XNumber::new(E164::from_word(8_617_000_000_000 + n).unwrap())
}

#[expect(clippy::unnecessary_wraps, reason = "every text of the samples is an optional one")]
fn text(text: &str) -> Option<Box<str>> {
    Some(text.into())
}

/// An app with every field away from its default.
pub(crate) fn app(no: u32) -> CustomerApp {
    CustomerApp {
        no: AppNo(no),
        key: AppKey::new(&format!("key-{no}")).unwrap(),
        name: "出行 & Söhne".into(),
        mode: Mode::Axb,
        secret: AppSecret::new("secret one"),
        previous_secret: Some((AppSecret::new("secret zero"), at(90))),
        ip_whitelist: IpWhitelist::parse(&["203.0.113.0/24", "2001:db8::/32"]).unwrap(),
        recording: true,
        sms: true,
        sms_content: true,
        urls: CallbackUrls {
            call_status: text("https://app.example/status"),
            cdr: text("https://app.example/fee"),
            sms_notify: text("https://app.example/sms"),
            sms_control: text("https://app.example/smsControl"),
            number_status: text("https://app.example/number"),
        },
        push_number_status: true,
        extension_digits: 3,
        axe: AxeDefaults { prompt_tone: text("prompt.wav"), fallback: Some(Fallback::Number(number(8))) },
        recording_days: NonZeroU32::new(14),
        flow_limit_per_second: NonZeroU32::new(300),
        check_tones: true,
        no_binding_tone: text("nobody.wav"),
        no_callee_tone: text("nowhere.wav"),
        suspended: true,
        frozen: true,
        signatures: SignaturePolicy {
            aksk: false,
            wsse: true,
            plus_eight_hours: false,
            refuse_reused_nonce: true,
        },
        push_scheme: Scheme::Wsse,
        standard_webhooks: true,
        callback_tls: Some(Arc::new(CallbackTls {
            ca: text("an authority"),
            client: Some(ClientCertificate { chain: "a chain".into(), key: "a key".into() }),
        })),
        accept_any_2xx: true,
        created_at: at(1),
    }
}

/// An app of which nothing more than its name is said, but its pushes' signature (the other one than [`app`]'s).
pub(crate) fn plain_app(no: u32) -> CustomerApp {
    let CustomerApp { no, key, name, secret, created_at, .. } = app(no);
    CustomerApp {
        push_scheme: Scheme::Aksk,
        ..CustomerApp::new(no, key, &name, Mode::Ax, secret, created_at)
    }
}

pub(crate) fn number_record(n: u64) -> NumberRecord {
    NumberRecord {
        x: x(n),
        app: AppNo(1),
        area: AreaCode::parse("0755"),
        sms: true,
        status: NumberStatus::Unavailable(Some(3)),
        added_at: at(2),
    }
}

/// An AX binding with every field set.
pub(crate) fn ax(id: RowKey) -> AnyBinding {
    let extras = Extras {
        record_hint_tone: text("record.wav"),
        last_minute_tone: text("last.wav"),
        a_calls_tone: text("a.wav"),
        others_call_tone: text("others.wav"),
        user_data: text("{\"order\": \"一\"}"),
    };
    AnyBinding::Ax(Binding {
        id,
        app: AppNo(2),
        x: x(2),
        relation: Ax {
            a: number(1),
            next_callee: Some(Box::new(NextCallee {
                callee: number(2),
                until: at(500),
                user_data: text("next"),
            })),
            direction_given: true,
            turned_on: true,
        },
        terms: Terms {
            direction: CallDirection::BToA,
            max_duration_minutes: 60,
            record: true,
            sms: true,
            extras: None,
        }
        .with_extras(extras),
        expiry: Expiry::At(at(600)),
        since: at(3),
    })
}

/// An AXB binding of `a` and `b`, as most are.
pub(crate) fn axb(id: RowKey, a: u64, b: u64) -> AnyBinding {
    AnyBinding::Axb(Binding {
        id,
        app: AppNo(1),
        x: x(1),
        relation: Axb { pair: Pair::new(number(a), number(b)).unwrap(), duration_secs: 0 },
        terms: Terms::default(),
        expiry: Expiry::Never,
        since: at(4),
    })
}

/// An AXE binding of A 1 with every field set.
pub(crate) fn axe(id: RowKey, extension: &str) -> AnyBinding {
    let terms = Terms { record: true, ..Terms::default() };
    AnyBinding::Axe(Binding {
        id,
        app: AppNo(3),
        x: x(3),
        relation: Axe {
            a: number(1),
            extension: Extension::parse(extension).unwrap(),
            life: Span { amount: 90, unit: TimeUnit::Minutes },
            callback: Span { amount: 1, unit: TimeUnit::Hours },
            first: FirstGiven { unit: Some(TimeUnit::Hours), amount: Some(2) },
            fallback: Some(Box::new(Fallback::Tone("nobody.wav".into()))),
            shows_caller: true,
        },
        terms: terms.with_extras(Extras { user_data: text("u"), ..Extras::default() }),
        expiry: Expiry::At(at(600)),
        since: at(5),
    })
}

/// A binding of X 4 of AXYB with A 1 and every field set.
pub(crate) fn axyb(id: RowKey) -> AnyBinding {
    let extras = Extras { others_call_tone: text("x.wav"), ..Extras::default() };
    AnyBinding::Axyb(Binding {
        id,
        app: AppNo(4),
        x: x(4),
        relation: Axyb {
            a: number(1),
            area: AreaCode::parse("0755").unwrap(),
            matching: AreaMatch::Loose,
            duration_secs: 7_200,
            yb_duration_secs: 600,
        },
        terms: Terms { direction: CallDirection::AToB, ..Terms::default() }.with_extras(extras),
        expiry: Expiry::At(at(7_200)),
        since: at(6),
    })
}

/// B 2 of that binding, with Y 5.
pub(crate) fn yb(id: RowKey, ax: RowKey) -> AnyBinding {
    let extras = Extras { a_calls_tone: text("y.wav"), user_data: text("u"), ..Extras::default() };
    AnyBinding::Yb(Binding {
        id,
        app: AppNo(4),
        x: x(4),
        relation: Yb { ax, y: x(5), pair: Pair::new(number(1), number(2)).unwrap(), duration_secs: 300 },
        terms: Terms { record: true, ..Terms::default() }.with_extras(extras),
        expiry: Expiry::At(at(300)),
        since: at(7),
    })
}

/// Caller `n`, who called at that second.
pub(crate) fn last_caller(n: u64, secs: u64) -> LastCaller {
    LastCaller { caller: number(n), at: at(secs) }
}

pub(crate) fn called(binding: RowKey, caller: LastCaller) -> Write {
    Write::LastCaller { binding, caller }
}

pub(crate) fn bound(binding: AnyBinding) -> Write {
    Write::Binding(Change::Bound(binding))
}

pub(crate) fn unbound(binding: AnyBinding, cause: UnbindCause, at: Timestamp) -> Write {
    Write::Binding(Change::Unbound { binding, cause, at })
}

fn recording() -> Recording {
    Recording {
        domain: "obs.example".into(),
        bucket: "calls".into(),
        object: "a/b.wav".into(),
        started_at: at(15),
        seconds: 42,
        keeping: Keeping::Here(key(16)),
    }
}

/// A recording of app 1 that is gone `secs` after the start, if ever.
pub(crate) fn recording_file(n: u64, gone: Option<u64>) -> RecordingFile {
    RecordingFile {
        key: key(n),
        call: key(1),
        app: AppNo(1),
        bucket: "sp-key-1".into(),
        bytes: 5 << 32,
        seconds: 42,
        stored_at: at(n),
        expires_at: gone.map(at),
    }
}

fn call_id(n: u64) -> CallId {
    CallId::new(&format!("switch-{n}")).unwrap()
}

/// A connected call of app 1 to X `n`, open, with two events and every field set.
pub(crate) fn call(n: u64) -> Call {
    let mut call = Call::new(key(n), call_id(n), format!("session-{n}").into());
    call.decision = Some(Decision {
        at: at(n),
        caller: CallingParty::Number(number(1)),
        called: Some(x(n).number()),
        app: Some(AppNo(1)),
        mode: Some(Mode::Axb),
        route: Route::Connect(Box::new(Connect {
            callee: number(2),
            display: x(n),
            through: Through {
                subscription: Some(key(7)),
                a_calls: true,
                extension: Extension::parse("0042"),
                x: Some(x(8)),
                user_data: text("u"),
            },
            max_duration: Some(Duration::from_secs(3_600)),
            record: true,
            caller_tone: text("hello.wav"),
            callee_tone: text("callee.wav"),
            record_tone: text("record.wav"),
            last_minute_tone: text("last.wav"),
        })),
        basis: Basis::Asked,
        question: Some(Arc::new(attempt())),
    });
    call.events = vec![event("e-2", Stage::Answered).into(), bare_event("e-1").into()];
    call.recording = Some(recording());
    call
}

/// A refused call; the number dialled belongs to app 2.
pub(crate) fn refused_call(n: u64, cause: RejectCause) -> Call {
    let mut call = Call::new(key(n), call_id(n), format!("session-{n}").into());
    call.decision = Some(Decision {
        at: at(n),
        caller: CallingParty::Withheld,
        called: Some(x(n).number()),
        app: Some(AppNo(2)),
        mode: Some(Mode::Ax),
        route: Route::Reject(Reject { cause, through: None, tone: text("sorry.wav") }),
        basis: Basis::Presumed,
        question: None,
    });
    call
}

/// A call that nobody announced.
pub(crate) fn unknown_call(n: u64) -> Call {
    let mut call = Call::new(key(n), call_id(n), format!("session-{n}").into());
    call.events = vec![bare_event("e").into()];
    call
}

fn event(id: &str, stage: Stage) -> CallEvent {
    CallEvent {
        event_id: id.into(),
        stage,
        at: at(20),
        received_at: at(21),
        caller: Some(CallingParty::Unusable),
        called: Some(number(2)),
        digits: text("0042"),
        sip: Some(486),
        q850: Some(17),
        by: Some(ReleasedBy::MaxDuration),
    }
}

fn bare_event(id: &str) -> CallEvent {
    CallEvent {
        caller: None,
        called: None,
        digits: None,
        sip: None,
        q850: None,
        by: None,
        ..event(id, Stage::Incoming)
    }
}

/// A call's row and its events, as they are written.
pub(crate) fn written(call: &Call) -> Vec<Write> {
    let events = (0..).zip(&call.events).map(|(index, event)| Write::CallEvent {
        call: call.key,
        index,
        event: Arc::clone(event),
    });
    std::iter::once(Write::Call(Arc::new(call.clone()))).chain(events).collect()
}

/// Closes the call at that instant, in memory and as a write.
pub(crate) fn closed(call: &mut Call, at: Timestamp) -> Write {
    let closed = Closed { at, swept: true };
    call.closed = Some(closed);
    Write::CallClosed { call: call.key, closed, x: call.x() }
}

/// A CDR of that second with every field set.
pub(crate) fn cdr(secs: u64) -> Cdr {
    Cdr {
        id: key(secs),
        call: key(secs - 1),
        app: AppNo(1),
        mode: Mode::Axb,
        session: format!("session-{secs}").into(),
        x: x(1),
        caller: CallingParty::Number(number(1)),
        bound_x: Some(x(8)),
        destination: Some(number(2)),
        display: Some(x(9)),
        direction: 1,
        subscription: Some(key(7)),
        extension: Extension::parse("0042"),
        user_data: text("u"),
        call_in: Some(at(10)),
        forward_start: Some(at(11)),
        alerting: Some(at(12)),
        answer: Some(at(13)),
        end: at(14),
        release: Release { state: StateCode::X_NOT_USABLE, fail_reason: 3, q850: 16, sip: 200 },
        released_by: Some(ReleasedBy::Callee),
        recording: Some(recording()),
        swept: true,
        delivery: Some(key(secs + 1)),
    }
}

/// The CDR of a call that came to nothing, through X 2 of app 2.
pub(crate) fn bare_cdr(secs: u64) -> Cdr {
    Cdr {
        app: AppNo(2),
        mode: Mode::Ax,
        x: x(2),
        caller: CallingParty::Withheld,
        bound_x: None,
        destination: None,
        display: None,
        subscription: None,
        extension: None,
        user_data: None,
        call_in: None,
        forward_start: None,
        alerting: None,
        answer: None,
        recording: None,
        swept: false,
        released_by: None,
        ..cdr(secs)
    }
}

/// A message that came in at that second, with every field set, and whose result is awaited.
pub(crate) fn message(secs: u64) -> Message {
    Message {
        key: key(secs),
        id: MessageId::new(&format!("message-{secs}")).unwrap(),
        identifier: format!("identifier-{secs}").into(),
        at: at(secs),
        sender: CallingParty::Number(number(1)),
        x: Some(x(1).number()),
        app: Some(AppNo(1)),
        mode: Some(Mode::Ax),
        segments: 3,
        subscription: Some(key(7)),
        user_data: text("order 7"),
        question: Some(Box::new(attempt())),
        direction: SmsDirection::FromA,
        decision: SmsDecision::Forward(Forward {
            to: number(2),
            display: x(1),
            rewrite: Rewrite::WithoutAddressee,
        }),
        text: SmsText::new("今天 \0 hello@+8613800000002"),
        ended: None,
    }
}

/// A message to none of our numbers, which was dropped.
pub(crate) fn ended_message(secs: u64) -> Message {
    let cause = DiscardCause::UnknownNumber;
    let message = Message {
        sender: CallingParty::Unusable,
        x: None,
        app: None,
        mode: None,
        subscription: None,
        user_data: None,
        question: None,
        direction: SmsDirection::Unknown,
        decision: SmsDecision::Discard(cause),
        ..message(secs)
    };
    message.end(cause.send_result(), None, false, at(secs))
}

/// A delivery queued at that second.
pub(crate) fn delivery(secs: u64, app: u32, kind: NoticeKind) -> Delivery {
    Delivery::new(key(secs), AppNo(app), kind, Some(key(1)), at(secs))
}

/// Queues it, about session-1, with its id as body.
pub(crate) fn queued(delivery: Delivery) -> Write {
    Write::Delivery { delivery, session: text("session-1"), body: body(delivery) }
}

pub(crate) fn body(delivery: Delivery) -> Arc<[u8]> {
    format!("{{\"delivery\": {}}}", delivery.id.get()).into_bytes().into()
}

/// A push of `delivery` one minute after it was queued: the delivery after it, and the write.
pub(crate) fn pushed(delivery: Delivery, succeeded: bool, retries: usize) -> (Delivery, Write) {
    let began = delivery.due.after(Duration::from_secs(60));
    let schedule = Schedule { offsets: vec![Duration::from_secs(60); retries], ..Schedule::default() };
    let after = delivery.pushed(succeeded, began, began.after(Duration::from_millis(250)), &schedule);
    let attempt = Attempt { at: began, ..attempt() };
    (after, Write::Attempt { delivery: after, attempt: Arc::new(attempt) })
}

/// A push with every field set, but for its time.
pub(crate) fn attempt() -> Attempt {
    Attempt {
        at: at(0),
        url: "https://app.example/fee".into(),
        address: text("203.0.113.9:443"),
        status: Some(503),
        took_ms: 250,
        timings: vec![("connect".into(), 20), ("tls".into(), 50)],
        answer: b"\xff\x00 not text".as_slice().into(),
        failure: text("status 503"),
    }
}

/// A replay made at that second with every field set: nine selected on two tracks, four taken, one under way.
pub(crate) fn replay(secs: u64) -> Replay {
    let selection = Selection {
        app: Some(AppNo(1)),
        kind: Some(NoticeKind::Cdr),
        state: Some(State::Exhausted),
        session: text("session-1"),
        from: Some(at(1)),
        to: Some(at(9)),
    };
    let new = Replay::new(key(secs), selection, PER_SECOND_DEFAULT, &[4, 5], at(secs));
    let tracks = vec![Track { total: 4, taken: 3 }, Track { total: 5, taken: 1 }];
    Replay { taken: 4, tracks, under_way: vec![key(3)], gone: 1, phase: Phase::Paused, ..new }
}

/// A tone file that was decided about, and its sound.
pub(crate) fn tone(app: u32, name: &str, sound: &[u8]) -> Tone {
    let tone = Tone::uploaded(AppNo(app), ToneName::new(name).unwrap(), sound, at(3));
    tone.decided(true, at(4)).unwrap()
}

/// The line that a change leaves in the log of operations.
pub(crate) fn operation(secs: u64, change: &Change) -> BindingOperation {
    BindingOperation::of(change, Actor::Customer, key(secs))
}

pub(crate) fn audit(secs: u64) -> AuditEntry {
    AuditEntry {
        id: key(secs),
        actor: "operator".into(),
        action: "app.create".into(),
        subject: format!("key-{secs}").into(),
        detail: "{}".into(),
    }
}
