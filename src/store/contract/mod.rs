//! The tests that every store must pass. A store's own tests say [`store_contract!`] with a [`Place`] and get
//! all of them.

pub(crate) mod sample;

mod lists;
mod loading;
mod messages;
mod notices;
mod recordings;
mod replays;

use super::query::Page;
use super::{Batch, LoadFrom, Loaded, Store, StoreError, Write};
use crate::domain::binding::{AnyBinding, LastCaller};
use crate::domain::call::Call;
use crate::domain::customer::{CustomerApp, NumberRecord};
use crate::domain::delivery::Delivery;
use crate::domain::id::{BindingId, RowKey};
use crate::domain::replay::Replay;
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::domain::tone::Tone;

pub(crate) use lists::*;
pub(crate) use loading::*;
pub(crate) use messages::*;
pub(crate) use notices::*;
pub(crate) use recordings::*;
pub(crate) use replays::*;

/// Where a store keeps its rows, so that it can be opened again there.
pub(crate) trait Place {
    /// A place where nothing is stored yet.
    fn fresh() -> Self;
    /// Opens the store at this place; at most one at a time.
    fn open(&self) -> Box<dyn Store>;
}

/// Makes a test of every rule of the contract for the store at `$place`.
macro_rules! store_contract {
    ($place:ty) => {
        $crate::store::contract::store_contract! { $place:
            a_new_store_holds_nothing_but_its_secret,
            every_kind_of_write_is_loaded_as_it_was,
            opening_again_loads_the_same,
            a_tone_file_is_kept_with_its_sound_until_it_is_removed,
            an_app_or_a_number_written_again_replaces_its_former_self,
            a_number_keeps_its_last_call_when_it_is_written_again,
            a_modified_binding_is_loaded_as_modified,
            what_a_party_left_is_loaded_as_ended_and_its_binding_stands,
            a_later_caller_replaces_an_earlier_one_and_goes_with_its_binding,
            a_caller_of_a_binding_that_does_not_stand_is_not_kept,
            a_batch_is_stored_whole_or_not_at_all,
            an_ended_binding_is_loaded_only_while_it_is_recent,
            a_closed_call_is_loaded_only_while_it_is_recent,
            a_call_written_again_after_its_closing_stays_closed,
            the_last_key_is_the_highest_of_any_table,
            only_pending_deliveries_are_loaded,
            ended_bindings_are_found_by_every_filter,
            endings_of_one_instant_are_listed_in_their_order,
            operations_on_bindings_are_found_by_every_filter,
            cdrs_are_found_by_every_filter,
            the_last_day_with_a_cdr_file_is_kept,
            calls_are_found_by_every_filter,
            messages_are_found_by_every_filter,
            the_text_of_a_message_goes_when_it_has_ended,
            a_message_is_loaded_while_it_is_recent_or_its_result_is_awaited,
            messages_are_forgotten_when_they_have_ended,
            deliveries_are_found_by_every_filter,
            a_delivery_is_shown_with_its_attempts_and_its_body,
            a_delivery_can_be_made_pending_again,
            bodies_that_are_not_there_are_left_out,
            a_list_is_paged_without_gaps_or_repeats,
            a_span_of_time_bounds_a_list,
            what_is_older_than_the_retention_is_forgotten,
            forgetting_is_done_in_portions,
            what_is_open_or_pending_is_never_forgotten,
            notices_of_an_app_are_given_in_the_order_of_their_commit_and_as_pushed,
            a_reader_who_goes_on_where_it_stopped_misses_nothing_and_gets_nothing_twice,
            an_answer_of_notices_is_bounded_in_bytes_and_gives_one_in_any_case,
            notices_that_were_removed_are_passed_over,
            a_replay_is_loaded_until_it_is_finished,
            what_a_replay_selects_is_given_from_any_place_on_until_it_is_finished,
            replays_are_listed_newest_first,
            finished_replays_are_forgotten_and_unfinished_ones_never,
            recordings_are_found_by_their_keys,
            recordings_that_are_gone_are_found_in_the_order_they_went,
            a_recording_has_one_expiry_and_none_when_it_is_removed,
            a_store_that_works_answers_a_ping,
        }
    };
    ($place:ty: $($rule:ident,)+) => {
        $(
            #[test]
            fn $rule() {
                $crate::store::contract::$rule::<$place>();
            }
        )+
    };
}
pub(crate) use store_contract;

/// Everything that a load handed over.
#[derive(Debug, Default, PartialEq)]
struct Everything {
    secret: Option<[u8; 32]>,
    last_key: Option<RowKey>,
    apps: Vec<CustomerApp>,
    tones: Vec<Tone>,
    numbers: Vec<(NumberRecord, Option<Timestamp>)>,
    bindings: Vec<AnyBinding>,
    last_callers: Vec<(BindingId, LastCaller)>,
    ended: Vec<(AnyBinding, Timestamp)>,
    calls: Vec<Call>,
    messages: Vec<Message>,
    deliveries: Vec<Delivery>,
    replays: Vec<Replay>,
}

/// Loads, and checks that the pieces come in the promised order.
fn load_from(store: &dyn Store, from: LoadFrom) -> Everything {
    let mut everything = Everything { secret: store.secret().ok(), ..Everything::default() };
    let mut last_rank = 0;
    let load = store.load(from, &mut |piece| {
        let rank = match &piece {
            Loaded::LastKey(_) => 1,
            Loaded::App(_) => 2,
            Loaded::Tone(_) => 3,
            Loaded::Number(..) => 4,
            Loaded::Binding(_) => 5,
            Loaded::LastCaller(..) => 6,
            Loaded::Ended(..) => 7,
            Loaded::Call(_) => 8,
            Loaded::Message(_) => 9,
            Loaded::Delivery(_) => 10,
            Loaded::Replay(_) => 11,
        };
        assert!(rank >= last_rank, "{piece:?} comes too late");
        last_rank = rank;
        match piece {
            Loaded::LastKey(key) => everything.last_key = Some(key),
            Loaded::App(app) => everything.apps.push(app),
            Loaded::Tone(tone) => everything.tones.push(tone),
            Loaded::Number(number, last_call) => everything.numbers.push((number, last_call)),
            Loaded::Binding(binding) => everything.bindings.push(binding),
            Loaded::LastCaller(binding, caller) => everything.last_callers.push((binding, caller)),
            Loaded::Ended(binding, at) => everything.ended.push((binding, at)),
            Loaded::Call(call) => everything.calls.push(*call),
            Loaded::Message(message) => everything.messages.push(*message),
            Loaded::Delivery(delivery) => everything.deliveries.push(delivery),
            Loaded::Replay(replay) => everything.replays.push(replay),
        }
    });
    load.unwrap();
    everything
}

/// Loads from the beginning of time.
fn load(store: &dyn Store) -> Everything {
    let beginning = Timestamp::from_millis(1);
    load_from(store, LoadFrom { ended_after: beginning, closed_after: beginning })
}

/// Commits `writes` as one batch.
fn commit(store: &dyn Store, writes: Vec<Write>) {
    store.commit(&Batch { writes }).unwrap();
}

fn first(limit: usize) -> Page {
    Page { before: None, limit }
}

fn all() -> Page {
    first(1_000)
}

fn is_corrupt(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Corrupt(_)))
}
