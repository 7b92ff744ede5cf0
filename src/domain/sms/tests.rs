use proptest::prelude::*;

use super::*;
use crate::domain::binding::{Expiry, Terms};
use crate::domain::customer::{CustomerApp, NumberRecord, NumberStatus};
use crate::domain::route::Dialled;
use crate::domain::sample::{app, at, ax, axb, just_before, number, record, slot, x};
use crate::domain::slot::XSlot;

const HELLO: &str = "hello";

fn submitted(sender: u64, text: &str) -> Submitted {
    Submitted {
        id: MessageId::new("m").unwrap(),
        at: at(5),
        sender: CallingParty::Number(number(sender)),
        x: Some(x(1).number()),
        text: SmsText::new(text),
        segments: 2,
    }
}

/// An X with SMS and its app with SMS.
fn open(mode: Mode) -> (CustomerApp, NumberRecord) {
    (CustomerApp { sms: true, ..app(mode) }, NumberRecord { sms: true, ..record(NumberStatus::Normal) })
}

fn with_sms<R>(mut binding: crate::domain::binding::Binding<R>) -> crate::domain::binding::Binding<R> {
    binding.terms = Terms { sms: true, ..Terms::default() };
    binding
}

fn verdict(
    (app, number): &(CustomerApp, NumberRecord),
    slot: Option<&XSlot>,
    message: &Submitted,
    now: Timestamp,
) -> Verdict {
    let addressee = message.text.as_ref().and_then(|text| addressee(text.expose()));
    relay(Some(Dialled { number, app, slot }), message, addressee, now)
}

fn forward(to: u64, rewrite: Rewrite) -> Relay {
    Relay::Forward(Forward { to: number(to), display: x(1), rewrite })
}

#[test]
fn in_axb_each_party_reaches_the_other_and_nobody_else_reaches_anybody() {
    let open = open(Mode::Axb);
    let slot = slot([with_sms(axb(7, 1, 2, Expiry::Never)), with_sms(axb(8, 3, 4, Expiry::Never))]);
    for (sender, expected, direction) in [
        (1, forward(2, Rewrite::Unchanged), SmsDirection::FromA),
        (2, forward(1, Rewrite::Unchanged), SmsDirection::ToA),
        (4, forward(3, Rewrite::Unchanged), SmsDirection::ToA),
        (9, Relay::Discard(DiscardCause::NoBinding), SmsDirection::Unknown),
    ] {
        let found = verdict(&open, slot.as_ref(), &submitted(sender, "x@13800000009"), at(5));
        assert_eq!(
            (found.relay, found.direction, found.subscription.is_some()),
            (expected, direction, sender != 9)
        );
    }
}

#[test]
fn at_the_expiry_instant_no_message_is_forwarded() {
    let open = open(Mode::Axb);
    let slot = slot([with_sms(axb(7, 1, 2, Expiry::At(at(60))))]);
    let found = |now| verdict(&open, slot.as_ref(), &submitted(1, HELLO), now).relay;
    assert_eq!(found(just_before(60)), forward(2, Rewrite::Unchanged));
    assert_eq!(found(at(60)), Relay::Discard(DiscardCause::NoBinding));
}

#[test]
fn in_ax_others_reach_a_and_a_reaches_whom_the_text_names() {
    let open = open(Mode::Ax);
    let slot = XSlot::Ax(with_sms(ax(7, 1)));
    for (sender, text, expected) in [
        (2, HELLO, forward(1, Rewrite::WithSender)),
        (2, "hello@13800000009", forward(1, Rewrite::WithSender)),
        (1, "hello@13800000009", forward(9, Rewrite::WithoutAddressee)),
        (1, HELLO, Relay::Ask),
        (1, "hello@13800000001", Relay::Ask),
        (1, "hello@nobody", Relay::Ask),
    ] {
        let found = verdict(&open, Some(&slot), &submitted(sender, text), at(5));
        let direction = if sender == 1 { SmsDirection::FromA } else { SmsDirection::ToA };
        assert_eq!((found.relay, found.direction), (expected, direction), "{sender}: {text}");
    }
    let nobody = verdict(&open, None, &submitted(2, HELLO), at(5));
    assert_eq!((nobody.relay, nobody.subscription), (Relay::Discard(DiscardCause::NoBinding), None));
}

#[test]
fn what_carries_no_messages_is_found_in_the_order_in_which_one_would_look() {
    let slot = slot([with_sms(axb(7, 1, 2, Expiry::Never))]);
    let silent = crate::domain::sample::slot([axb(7, 1, 2, Expiry::Never)]);
    let mut pair = open(Mode::Axb);
    let mut message = submitted(1, HELLO);
    let mut causes = Vec::new();
    let mut see = |pair: &_, slot: &Option<XSlot>, message: &_| match verdict(
        pair,
        slot.as_ref(),
        message,
        at(5),
    )
    .relay
    {
        Relay::Discard(cause) => causes.push((cause, cause.send_result().code())),
        other => panic!("{other:?} of {message:?}"),
    };
    // The faults are mended one by one; each had hidden the next.
    pair.1.status = NumberStatus::Suspended;
    (pair.0.suspended, pair.0.frozen, pair.0.sms, pair.1.sms) = (true, true, false, false);
    message.sender = CallingParty::Withheld;
    message.text = SmsText::new(&"x".repeat(2_001));
    see(&pair, &silent, &message);
    pair.1.status = NumberStatus::BindingFrozen;
    see(&pair, &silent, &message);
    pair.0.suspended = false;
    see(&pair, &silent, &message);
    pair.0.frozen = false;
    see(&pair, &silent, &message);
    pair.0.sms = true;
    see(&pair, &silent, &message);
    pair.1.sms = true;
    see(&pair, &silent, &message);
    message.sender = CallingParty::Number(number(9));
    see(&pair, &silent, &message);
    message.sender = CallingParty::Number(number(1));
    see(&pair, &silent, &message);
    see(&pair, &slot, &message);
    assert_eq!(
        causes,
        [
            (DiscardCause::NumberUnusable, 3),
            (DiscardCause::AppSuspended, 4),
            (DiscardCause::AccountFrozen, 1),
            (DiscardCause::AppWithoutSms, 4),
            (DiscardCause::NumberWithoutSms, 11),
            (DiscardCause::SenderUnusable, 2),
            (DiscardCause::NoBinding, 2),
            (DiscardCause::BindingWithoutSms, 11),
            (DiscardCause::TextUnusable, 10),
        ]
    );
    assert_eq!(relay(None, &message, None, at(5)).relay, Relay::Discard(DiscardCause::UnknownNumber));
}

#[test]
fn in_x_mode_the_customer_is_asked_about_every_message() {
    let found = verdict(&open(Mode::X), None, &submitted(1, "hello@13800000002"), at(5));
    assert_eq!((found.relay, found.direction, found.subscription), (Relay::Ask, SmsDirection::FromA, None));
}

#[test]
fn a_reply_is_followed_to_a_telephone_that_is_not_the_senders() {
    let follow = |called, calling| {
        let operation = SmsOperation::Route { called, calling };
        operation.follow(number(1), x(1), |number| number == x(2).number())
    };
    let to_b = SmsDecision::Forward(Forward { to: number(2), display: x(1), rewrite: Rewrite::Unchanged });
    let unusable = SmsDecision::Discard(DiscardCause::ReceiverUnusable);
    let [a, b] = [1, 2].map(|n| Some(number(n)));
    for (called, calling, expected) in [
        (b, None, to_b),
        (b, a, to_b),
        (b, b, unusable),
        (a, None, unusable),
        (None, a, unusable),
        (Some(x(2).number()), None, unusable),
    ] {
        assert_eq!(follow(called, calling), expected, "{called:?} {calling:?}");
    }
    let dropped = SmsOperation::Discard.follow(number(1), x(1), |_| false);
    assert_eq!(dropped, SmsDecision::Discard(DiscardCause::Refused));
}

#[test]
fn a_mode_without_messages_forwards_none() {
    for mode in [Mode::Axe, Mode::Axyb] {
        let found = verdict(&open(mode), None, &submitted(1, HELLO), at(5)).relay;
        assert_eq!(found, Relay::Discard(DiscardCause::AppWithoutSms));
    }
}

#[test]
fn the_number_of_a_telephone_behind_the_last_at_sign_is_the_addressee() {
    let b = number(2);
    for text in [
        "hello@+8613800000002",
        "hello@8613800000002",
        "hello@13800000002",
        "mail me@home@13800000002 \r\n",
        "@13800000002",
    ] {
        assert_eq!(addressee(text), Some(b), "{text:?}");
    }
    assert_eq!(addressee("hi@+85291234567").map(E164::expose).as_deref(), Some("+85291234567"));
    for text in [
        "hello",
        "hello@",
        "hello@ 13800000002",
        "hello@13800000002.",
        "hello＠13800000002",
        "hello@１３８００００００２",
        "hello@1380000000",
        "hello@138000000021",
        "hello@85291234567",
        "hello@+8675528000001",
        "hello@+8695588",
        "hello@+95588",
        "hello@++8613800000002",
        "hello@+86 13800000002",
        "13800000002@hello",
        "hello@+999999999999999999999999",
    ] {
        assert_eq!(addressee(text), None, "{text:?}");
    }
}

/// A message that was decided to go from 1 to 2.
fn decided(text: &str, rewrite: Rewrite) -> Message {
    let Submitted { id, at, sender, x: sent_to, text, segments } = submitted(1, text);
    Message {
        key: crate::domain::sample::id(9),
        id,
        identifier: "identifier".into(),
        at,
        sender,
        x: sent_to,
        app: None,
        mode: Some(Mode::Ax),
        segments,
        subscription: None,
        user_data: None,
        question: None,
        direction: SmsDirection::FromA,
        decision: SmsDecision::Forward(Forward { to: number(2), display: x(1), rewrite }),
        text,
        ended: None,
    }
}

#[test]
fn the_text_is_changed_as_the_mode_says() {
    let sent = |text, rewrite| decided(text, rewrite).forwarded_text().unwrap();
    assert_eq!(sent("a@b", Rewrite::Unchanged), "a@b");
    assert_eq!(sent("a@b@13800000002\n", Rewrite::WithoutAddressee), "a@b");
    assert_eq!(sent("你好", Rewrite::WithSender), "你好[From+8613800000001]");
}

#[test]
fn a_message_that_has_ended_has_no_text_and_tells_how_much_was_sent() {
    let message = decided("a", Rewrite::Unchanged);
    let sent = |code, sent| {
        let ended = message.clone().end(SendResult::new(code).unwrap(), sent, false, at(9));
        assert_eq!((&ended.text, ended.forwarded_text()), (&None, None));
        ended.ended.unwrap().segments
    };
    assert_eq!(
        [sent(0, None), sent(0, Some(3)), sent(9, Some(1)), sent(9, None), sent(10, None)],
        [2, 3, 1, 0, 0]
    );
}

#[test]
fn nothing_prints_the_text_or_the_switchs_id() {
    let message = Submitted { id: MessageId::new("+8613800000001").unwrap(), ..submitted(1, "my secret") };
    let printed = format!("{message:?} {:?}", decided("my secret", Rewrite::Unchanged));
    assert!(!printed.contains("secret") && !printed.contains("13800000001"), "{printed}");
}

#[test]
fn words_and_codes_lead_back_to_what_they_stand_for() {
    for cause in DiscardCause::ALL {
        assert_eq!(DiscardCause::from_word(cause.as_str()), Some(cause));
        assert!(!cause.in_words().is_empty());
    }
    for rewrite in [Rewrite::Unchanged, Rewrite::WithoutAddressee, Rewrite::WithSender] {
        assert_eq!(Rewrite::from_word(rewrite.as_str()), Some(rewrite));
    }
    for code in 0..=13 {
        let result = SendResult::new(code).unwrap();
        assert_eq!((result.code(), result.as_str()), (code, &*code.to_string()));
    }
    assert_eq!(SendResult::new(14), None);
    assert_eq!(
        (0..4).filter_map(SmsDirection::from_code).map(SmsDirection::code).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

proptest! {
    #[test]
    fn any_text_is_read_and_what_names_somebody_is_taken_off_whole(
        before in ".{0,40}", named in any::<bool>(), spelling in 0..3_usize, after in "[ \t\r\n]{0,3}", tail in ".{0,9}",
    ) {
        let spelled = ["+8613800000002", "8613800000002", "13800000002"][spelling];
        let text = if named { format!("{before}@{spelled}{after}") } else { format!("{before}@{tail}") };
        if named {
            prop_assert_eq!(addressee(&text), Some(number(2)));
            let rest = decided(&text, Rewrite::WithoutAddressee).forwarded_text().unwrap();
            prop_assert_eq!(rest, before);
        } else if let Some(found) = addressee(&text) {
            prop_assert!(found.digit_count() >= 7);
        }
    }

    #[test]
    fn a_message_is_never_shown_from_another_number_than_x_nor_sent_back_to_who_wrote_it(
        sender in 0_u64..6, text in prop_oneof![Just(HELLO.to_owned()), "hi@1380000000[0-5]"],
        owner in 0_u64..6, mode in 0..2, sms in any::<bool>(), now in 0_u64..120,
    ) {
        let (pair, slot) = if mode == 0 {
            (open(Mode::Ax), XSlot::Ax(with_sms(ax(7, owner))))
        } else {
            let mut binding = with_sms(axb(7, owner, 10, Expiry::At(at(60))));
            binding.terms.sms = sms;
            (open(Mode::Axb), slot([binding]).unwrap())
        };
        let found = verdict(&pair, Some(&slot), &submitted(sender, &text), at(now));
        if let Relay::Forward(forward) = found.relay {
            prop_assert_eq!(forward.display, x(1));
            prop_assert_ne!(forward.to, number(sender));
            prop_assert!(found.subscription.is_some());
            prop_assert!(mode == 0 || (sms && now < 60));
        }
    }
}
