//! Replays, staged into batches (delivery R14). The rules are in `domain::replay`; here they are fed.
//!
//! What is taken, and that it was taken, is one commit; and so is a push of it, and that it was pushed. There is
//! no task for it: a tick wakes the writer when a portion is due, as it does for everything that waits for its
//! time.

use std::collections::HashMap;

use tracing::{info, warn};

use super::draft::Draft;
use super::job::{ReplayOrder, ReplayRefusal, Who};
use super::ledger::Ledger;
use crate::domain::delivery::Delivery;
use crate::domain::dispatch::Endpoint;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::replay::{OPEN_MAX, Phase, Replay, SELECTED_MAX, Selected, Selection, Track};
use crate::domain::time::Timestamp;
use crate::store::query::{DeliveryFilter, Page, Span};
use crate::store::{Store, StoreError, Write};

/// Rows read at a time while a selection is made.
const SELECT_AT_A_TIME: usize = 1_000;

/// The deliveries that meet the conditions now; `None` when they are more than one replay may select.
pub fn select(store: &dyn Store, selection: &Selection) -> Result<Option<Selected>, StoreError> {
    let filter = DeliveryFilter {
        app: selection.app,
        session: selection.session.as_deref().map(str::to_owned),
        kind: selection.kind,
        state: selection.state,
        span: Span { from: selection.from, to: selection.to },
    };
    let mut selected: Vec<Delivery> = Vec::new();
    loop {
        let page = Page { before: selected.last().map(|delivery| delivery.id), limit: SELECT_AT_A_TIME };
        let rows = store.find_deliveries(&filter, page)?;
        let is_last = rows.len() < SELECT_AT_A_TIME;
        selected.extend(rows.into_iter().map(|row| row.delivery));
        if selected.len() > SELECTED_MAX {
            return Ok(None);
        }
        if is_last {
            // Found newest first.
            return Ok(Some(Selected::on_tracks(selected.into_iter().rev())));
        }
    }
}

/// What became of the next delivery of a replay.
enum Turn {
    /// It waits for a push, or a push of it is under way.
    Taken,
    /// It is not there any more.
    Gone,
    /// Not now: it would be in somebody's way at this endpoint, or there is trouble of ours.
    NotNow(Option<Endpoint>),
}

impl Ledger {
    /// Makes a replay, or pauses, resumes or cancels one.
    pub(super) fn stage_replay(
        &mut self,
        order: &ReplayOrder,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<Replay, ReplayRefusal> {
        let (id, phase, action) = match order {
            ReplayOrder::Create { selection, per_second, selected } => {
                let new = draft.replays.keys().filter(|id| self.replays.get(**id).is_none()).count();
                if self.replays.count() + new >= OPEN_MAX {
                    return Err(ReplayRefusal::TooMany);
                }
                let id = self.staging.next_key(now);
                let replay = Replay::new(id, selection.clone(), *per_second, &selected.tracks, now);
                let (subject, detail) = (id.get().to_string(), format!("{} deliveries", replay.total));
                self.audit(who, "replay.create", subject, detail, draft, now);
                draft
                    .write(Write::Selected { replay: id, deliveries: selected.deliveries.as_slice().into() });
                draft.replays.insert(id, replay.clone());
                return Ok(replay);
            }
            ReplayOrder::Pause(id) => (*id, Phase::Paused, "replay.pause"),
            ReplayOrder::Resume(id) => (*id, Phase::Running, "replay.resume"),
            ReplayOrder::Cancel(id) => (*id, Phase::Cancelled, "replay.cancel"),
        };
        let replay = self.open_replay(id, draft).ok_or(ReplayRefusal::Finished)?;
        if replay.phase == phase {
            return Ok(replay);
        }
        let replay = Replay { phase, ended_at: phase.is_over().then_some(now), ..replay };
        self.audit(who, action, id.get().to_string(), String::new(), draft, now);
        draft.replays.insert(replay.id, replay.clone());
        Ok(replay)
    }

    /// Notes a push for the replays that wait for it.
    pub(super) fn note_replayed(&mut self, delivery: RowKey, draft: &mut Draft, now: Timestamp) {
        let mut waiting = self.replays.waiting_for(delivery);
        waiting.extend(
            draft
                .replays
                .values()
                .filter(|replay| replay.under_way.contains(&delivery))
                .map(|replay| replay.id),
        );
        for id in waiting {
            if let Some(after) = self.open_replay(id, draft).and_then(|replay| replay.pushed(delivery, now)) {
                store_progress(after, draft);
            }
        }
    }

    /// Takes what is due of every replay.
    pub(super) fn stage_replays(&mut self, draft: &mut Draft, now: Timestamp) {
        let mut given = HashMap::new();
        let due = self.replays.due(now);
        for (id, at_most) in due {
            let Some(before) = self.open_replay(id, draft) else { continue };
            if before.phase != Phase::Running {
                continue;
            }
            let after = self.take_portion(&before, at_most, &mut given, draft, now);
            self.replays.took(id, after.taken - before.taken, now);
            if after != before {
                store_progress(after.settled(now), draft);
            }
        }
    }

    /// The replay after at most so many of its deliveries were taken, from each track that may be looked at its
    /// share. A track whose next one cannot be taken is put off.
    fn take_portion(
        &mut self,
        replay: &Replay,
        at_most: u32,
        given: &mut HashMap<AppNo, usize>,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Replay {
        let mut after = replay.clone();
        let tracks = self.replays.tracks(replay.id, at_most, now);
        let share = at_most as usize / tracks.len().max(1);
        for track in tracks {
            match self.take_from(track, share, &mut after, given, draft, now) {
                Ok(()) => self.replays.track_moved(replay.id, track),
                Err(endpoint) => self.replays.put_off(replay.id, track, endpoint, now),
            }
        }
        after
    }

    /// Takes at most so many from a track. An error when it has to wait, with the endpoint where it is in the way.
    fn take_from(
        &self,
        track: usize,
        at_most: usize,
        after: &mut Replay,
        given: &mut HashMap<AppNo, usize>,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), Option<Endpoint>> {
        let Track { total, taken } = after.tracks[track];
        let at_most = at_most.min((total - taken) as usize);
        let Some(from) = after.next_on(track) else { return Ok(()) };
        let next = match self.shared.store.selected(after.id, from, at_most) {
            Ok(next) => next,
            Err(error) => {
                warn!(replay = after.id.get(), "what comes next in a replay cannot be read: {error}");
                return Err(None);
            }
        };
        for delivery in next {
            match self.take_turn(delivery, given, draft, now) {
                Turn::Taken => after.take(track, delivery),
                Turn::Gone => after.miss(track),
                Turn::NotNow(endpoint) => return Err(endpoint),
            }
        }
        Ok(())
    }

    fn take_turn(
        &self,
        id: RowKey,
        given: &mut HashMap<AppNo, usize>,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Turn {
        if draft.touches(id) {
            return Turn::NotNow(None);
        }
        if self.shared.dispatch().is_in_flight(id) {
            return Turn::Taken;
        }
        let delivery = match self.shared.store.delivery(id) {
            Ok(Some(detail)) => detail.row.delivery,
            Ok(None) => return Turn::Gone,
            Err(error) => {
                warn!(delivery = id.get(), "a delivery to replay cannot be read: {error}");
                return Turn::NotNow(None);
            }
        };
        if delivery.state.is_pending() && delivery.due <= now {
            // It has its place in the queue already.
            return Turn::Taken;
        }
        let endpoint = Endpoint { app: delivery.app, kind: delivery.kind };
        if !self.has_room(endpoint, given) {
            return Turn::NotNow(Some(endpoint));
        }
        if self.queue_again(delivery, draft, now) {
            *given.entry(delivery.app).or_default() += 1;
        }
        Turn::Taken
    }

    /// Whether the push would be in nobody's way, after what this batch has given to its app already.
    fn has_room(&self, endpoint: Endpoint, given: &HashMap<AppNo, usize>) -> bool {
        let given = given.get(&endpoint.app).copied().unwrap_or(0);
        self.shared.dispatch().room_to_spare(endpoint) > given
    }

    /// A replay that is not over as the batch in the making leaves it.
    fn open_replay(&self, id: RowKey, draft: &Draft) -> Option<Replay> {
        let staged = draft.replays.get(&id).cloned();
        let known = staged.or_else(|| self.replays.get(id).cloned());
        known.filter(|replay| !replay.phase.is_over())
    }
}

fn store_progress(replay: Replay, draft: &mut Draft) {
    if replay.phase == Phase::Finished {
        info!(replay = replay.id.get(), total = replay.total, gone = replay.gone, "a replay is finished");
    }
    draft.replays.insert(replay.id, replay);
}
