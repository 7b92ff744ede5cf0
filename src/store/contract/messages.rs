//! Short messages.

use super::sample::{self, at, key, message, number, x};
use super::{Place, all, commit, first, load, load_from};
use crate::domain::id::{AppNo, RowKey};
use crate::domain::sms::{Forward, Message, SendResult, SmsDecision};
use crate::store::query::{MessageFilter, MessageStanding, Page, Retention, Span};
use crate::store::{LoadFrom, Store, Write};

fn put(store: &dyn Store, message: Message) {
    commit(store, vec![Write::Message(Box::new(message))]);
}

fn ended(secs: u64, code: u8) -> Message {
    message(secs).end(SendResult::new(code).unwrap(), Some(2), true, at(secs + 5))
}

pub(crate) fn messages_are_found_by_every_filter<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    let mut other = message(12);
    (other.x, other.app) = (Some(x(2).number()), Some(AppNo(2)));
    let SmsDecision::Forward(forward) = other.decision else { panic!("the sample is forwarded") };
    other.decision = SmsDecision::Forward(Forward { display: x(2), ..forward });
    let all_of_them = [message(11), other, ended(13, 9), sample::ended_message(14)];
    for message in all_of_them.clone() {
        put(&*store, message);
    }
    drop(store);
    let store = place.open();
    let newest_first: Vec<_> = all_of_them.into_iter().rev().collect();
    assert_eq!(store.find_messages(&MessageFilter::default(), all()).unwrap(), newest_first);
    let any = MessageFilter::default;
    let standing = |standing| MessageFilter { standing: Some(standing), ..any() };
    let result = |code| standing(MessageStanding::Ended(SendResult::new(code).unwrap()));
    for (filter, expected) in [
        (MessageFilter { app: Some(AppNo(1)), ..any() }, vec![13, 11]),
        (MessageFilter { x: Some(x(2)), ..any() }, vec![12]),
        (MessageFilter { party: Some(number(1)), ..any() }, vec![13, 12, 11]),
        (MessageFilter { party: Some(number(2)), x: Some(x(1)), ..any() }, vec![13, 11]),
        (MessageFilter { party: Some(number(9)), ..any() }, vec![]),
        (MessageFilter { identifier: Some("identifier-14".into()), ..any() }, vec![14]),
        (standing(MessageStanding::Awaited), vec![12, 11]),
        (MessageFilter { x: Some(x(1)), ..standing(MessageStanding::Awaited) }, vec![11]),
        (result(9), vec![13]),
        (result(2), vec![14]),
        (result(0), vec![]),
        (MessageFilter { span: Span { from: Some(at(12)), to: Some(at(13)) }, ..any() }, vec![12]),
    ] {
        let found = store.find_messages(&filter, all()).unwrap();
        let expected: Vec<_> = expected.into_iter().map(key).collect();
        assert_eq!(found.iter().map(|message| message.key).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    let page = Page { before: Some(key(13)), limit: 1 };
    assert_eq!(store.find_messages(&any(), page).unwrap(), newest_first[2..3]);
    assert_eq!(store.find_messages(&any(), first(2)).unwrap(), newest_first[..2]);
}

pub(crate) fn the_text_of_a_message_goes_when_it_has_ended<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    put(&*store, message(1));
    assert_eq!(load(&*store).messages, [message(1)]);
    put(&*store, ended(1, 0));
    drop(store);
    let store = place.open();
    assert_eq!(load(&*store).messages, [ended(1, 0)]);
    let found = store.find_messages(&MessageFilter::default(), all()).unwrap();
    assert_eq!((found.len(), found[0].text.is_some()), (1, false));
}

pub(crate) fn a_message_is_loaded_while_it_is_recent_or_its_result_is_awaited<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    for message in [ended(1, 0), message(2), ended(3, 0), message(4)] {
        put(&*store, message);
    }
    let loaded = |secs| -> Vec<RowKey> {
        let from = LoadFrom { ended_after: at(secs), closed_after: at(secs) };
        load_from(&*store, from).messages.iter().map(|message| message.key).collect()
    };
    assert_eq!(loaded(1), [1, 2, 3, 4].map(key));
    assert_eq!(loaded(3), [2, 3, 4].map(key));
    assert_eq!(loaded(99), [2, 4].map(key));
}

pub(crate) fn messages_are_forgotten_when_they_have_ended<P: Place>() {
    let place = P::fresh();
    let store = place.open();
    for message in [ended(1, 0), message(2), ended(3, 0), ended(60, 0)] {
        put(&*store, message);
    }
    let than = Retention { cdrs_before: at(50), notices_before: at(0), exhausted_before: at(0) };
    assert_eq!(store.forget_older(than, 1).unwrap(), 1);
    assert_eq!(store.forget_older(than, 9).unwrap(), 1);
    let left = store.find_messages(&MessageFilter::default(), all()).unwrap();
    assert_eq!(left.iter().map(|message| message.key).collect::<Vec<_>>(), [60, 2].map(key));
}
