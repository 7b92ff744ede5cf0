//! The store of the simulation: tables in memory that outlive the gateway, and faults in front of them.
//!
//! It is stricter than a database needs to be: a write that does not fit what is stored is damage, and damage
//! ends the simulation. With a mirror, the real embedded store gets every batch too and must load the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use privnum::domain::binding::{AnyBinding, Change, LastCaller};
use privnum::domain::call::{Call, Cdr};
use privnum::domain::cdr_file::Day;
use privnum::domain::customer::{CustomerApp, NumberRecord};
use privnum::domain::delivery::{Delivery, State};
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::number::XNumber;
use privnum::domain::operation::BindingOperation;
use privnum::domain::recording::RecordingFile;
use privnum::domain::replay::Replay;
use privnum::domain::sms::Message;
use privnum::domain::time::Timestamp;
use privnum::store::embedded::EmbeddedStore;
use privnum::store::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow,
    MessageFilter, Notices, NoticesAfter, OperationFilter, Page, Retention,
};
use privnum::store::{Attempt, AuditEntry, Batch, Bodies, LoadFrom, Loaded, Store, StoreError, Write};

/// What the next commit meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and nothing is written.
    Unavailable,
    /// Nobody learns what came of it: it was written.
    UnknownWritten,
    /// Nobody learns what came of it: it was not written.
    UnknownLost,
}

/// A delivery as stored.
#[derive(Clone, Debug)]
pub struct Notice {
    pub delivery: Delivery,
    pub body: Arc<[u8]>,
    pub attempts: Vec<Attempt>,
    /// An operator asked for a push of it: the schedule does not hold any more.
    pub redelivered: bool,
}

#[derive(Debug, Default)]
pub struct Tables {
    pub apps: BTreeMap<AppNo, CustomerApp>,
    pub numbers: BTreeMap<XNumber, (NumberRecord, Option<Timestamp>)>,
    pub bindings: BTreeMap<RowKey, AnyBinding>,
    pub ended: Vec<(AnyBinding, Timestamp)>,
    /// AXE: who called last through a binding.
    pub callers: BTreeMap<RowKey, LastCaller>,
    pub calls: BTreeMap<RowKey, Call>,
    pub cdrs: BTreeMap<RowKey, Cdr>,
    pub messages: BTreeMap<RowKey, Message>,
    pub notices: BTreeMap<RowKey, Notice>,
    pub audit: BTreeMap<RowKey, AuditEntry>,
    pub replays: BTreeMap<RowKey, Replay>,
    /// What each replay selects, also when it is finished, with how often each had been pushed when it was made.
    pub selected: BTreeMap<RowKey, Vec<(RowKey, usize)>>,
    pub recordings: BTreeMap<RowKey, RecordingFile>,
    pub operations: BTreeMap<RowKey, BindingOperation>,
    /// Calls and deliveries written since somebody asked.
    pub touched_calls: BTreeSet<RowKey>,
    pub touched_notices: BTreeSet<RowKey>,
    pub touched_messages: BTreeSet<RowKey>,
    /// What was written last.
    pub last_batch: Vec<Write>,
}

#[derive(Debug)]
pub struct Disk {
    tables: Mutex<Tables>,
    fault: Mutex<Option<Fault>>,
    load_fails: Mutex<bool>,
    frozen: Mutex<bool>,
    thawed: Condvar,
    mirror: Option<EmbeddedStore>,
}

/// What a load hands over, in an order that does not depend on the store.
#[derive(Debug, Default, PartialEq)]
struct Everything {
    apps: Vec<CustomerApp>,
    numbers: Vec<(NumberRecord, Option<Timestamp>)>,
    bindings: Vec<AnyBinding>,
    ended: Vec<(AnyBinding, Timestamp)>,
    callers: Vec<(RowKey, LastCaller)>,
    calls: Vec<Call>,
    messages: Vec<Message>,
    deliveries: Vec<Delivery>,
    replays: Vec<Replay>,
}

impl Disk {
    pub fn new(mirror: Option<EmbeddedStore>) -> Self {
        Self {
            tables: Mutex::default(),
            fault: Mutex::default(),
            load_fails: Mutex::default(),
            frozen: Mutex::default(),
            thawed: Condvar::new(),
            mirror,
        }
    }

    /// What is stored.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap()
    }

    /// Lets the next commit fail.
    pub fn fail_next(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// Whether the fault that was asked for is still to come.
    pub fn take_fault(&self) -> Option<Fault> {
        self.fault.lock().unwrap().take()
    }

    /// Lets the next load break off half way.
    pub fn fail_next_load(&self) {
        *self.load_fails.lock().unwrap() = true;
    }

    /// From now on a commit waits, as for a disk that hangs, until [`Disk::thaw`].
    pub fn freeze(&self) {
        *self.frozen.lock().unwrap() = true;
    }

    pub fn thaw(&self) {
        *self.frozen.lock().unwrap() = false;
        self.thawed.notify_all();
    }

    fn compare_with_mirror(&self, from: LoadFrom) {
        let Some(mirror) = &self.mirror else { return };
        let mut theirs = Everything::default();
        mirror.load(from, &mut |piece| theirs.add(piece)).unwrap();
        let mut ours = Everything::default();
        self.tables().load(from, &mut |piece| ours.add(piece));
        assert_eq!(theirs.sorted(), ours.sorted(), "the embedded store holds something else");
    }
}

impl Everything {
    fn add(&mut self, piece: Loaded) {
        match piece {
            Loaded::LastKey(_) => {}
            Loaded::App(app) => self.apps.push(app),
            Loaded::Tone(tone) => unreachable!("nobody uploads tones here: {tone:?}"),
            Loaded::Number(number, last_call) => self.numbers.push((number, last_call)),
            Loaded::Binding(binding) => self.bindings.push(binding),
            Loaded::Ended(binding, at) => self.ended.push((binding, at)),
            Loaded::LastCaller(binding, caller) => self.callers.push((binding, caller)),
            Loaded::Call(call) => self.calls.push(*call),
            Loaded::Message(message) => self.messages.push(*message),
            Loaded::Delivery(delivery) => self.deliveries.push(delivery),
            Loaded::Replay(replay) => self.replays.push(replay),
        }
    }

    fn sorted(mut self) -> Self {
        self.ended.sort_by_key(|(binding, _)| binding.id());
        self.callers.sort_by_key(|(binding, _)| *binding);
        self.calls.sort_by_key(|call| call.key);
        self
    }
}

impl Tables {
    fn apply(&mut self, write: &Write) -> Result<(), StoreError> {
        let fits = match write.clone() {
            Write::App(app) => {
                self.apps.insert(app.no, CustomerApp::clone(&app));
                true
            }
            Write::Number(record) => {
                let last_call = self.numbers.get(&record.x).and_then(|known| known.1);
                self.numbers.insert(record.x, (record, last_call));
                true
            }
            Write::NumberRemoved(x) => self.numbers.remove(&x).is_some(),
            Write::Binding(change) => self.change(change),
            Write::Call(call) => {
                self.touched_calls.insert(call.key);
                let known = self.calls.remove(&call.key);
                let (events, closed) = known.map(|known| (known.events, known.closed)).unwrap_or_default();
                let mut call = Call::clone(&call);
                (call.events, call.closed) = (events, closed);
                self.calls.insert(call.key, call);
                true
            }
            Write::CallEvent { call, index, event } => {
                self.touched_calls.insert(call);
                self.calls.get_mut(&call).is_some_and(|call| {
                    call.events.push(event);
                    call.events.len() == usize::from(index) + 1
                })
            }
            Write::CallClosed { call, closed, x } => {
                self.touched_calls.insert(call);
                if let Some(number) = x.and_then(|x| self.numbers.get_mut(&x)) {
                    number.1 = number.1.max(Some(closed.at));
                }
                self.calls.get_mut(&call).is_some_and(|call| call.closed.replace(closed).is_none())
            }
            Write::Cdr(cdr) => {
                self.touched_calls.insert(cdr.call);
                self.cdrs.insert(cdr.id, *cdr).is_none()
            }
            Write::Message(message) => {
                // Decided once, ended once.
                let fits = self.messages.get(&message.key).is_none_or(|known| {
                    known.ended.is_none() && message.ended.is_some() && known.decision == message.decision
                });
                self.touched_messages.insert(message.key);
                self.messages.insert(message.key, *message);
                fits
            }
            Write::Delivery { delivery, body, .. } => {
                self.touched_calls.extend(delivery.call);
                self.touched_notices.insert(delivery.id);
                self.notices
                    .insert(delivery.id, Notice { delivery, body, attempts: Vec::new(), redelivered: false })
                    .is_none()
            }
            Write::Attempt { delivery, attempt } => {
                self.touched_notices.insert(delivery.id);
                self.notices.get_mut(&delivery.id).is_some_and(|notice| {
                    notice.delivery = delivery;
                    notice.attempts.push(Attempt::clone(&attempt));
                    true
                })
            }
            Write::Redeliver(delivery) => self.notices.get_mut(&delivery.id).is_some_and(|notice| {
                (notice.delivery, notice.redelivered) = (delivery, true);
                true
            }),
            Write::LastCaller { binding, caller } => {
                // One that ended in the same batch, or a call that is reported late, changes nothing.
                let later = self.callers.get(&binding).is_none_or(|known| known.at <= caller.at);
                if later && self.bindings.contains_key(&binding) {
                    self.callers.insert(binding, caller);
                }
                true
            }
            Write::Replay(replay) => {
                let grows = |known: &Replay| known.done() <= replay.done() && known.taken <= replay.taken;
                let fits = self.replays.get(&replay.id).is_none_or(grows) && replay.done() <= replay.total;
                self.replays.insert(replay.id, *replay);
                fits
            }
            Write::Selected { replay, deliveries } => {
                let pushes = |id: &RowKey| (*id, self.notices[id].attempts.len());
                let selected = deliveries.iter().map(pushes).collect();
                self.selected.insert(replay, selected).is_none()
            }
            Write::Recording(file) => self.recordings.insert(file.key, *file).is_none(),
            Write::RecordingExpiry { recording, at } => {
                self.recordings.entry(recording).and_modify(|file| file.expires_at = Some(at));
                true
            }
            Write::RecordingRemoved(recording) => self.recordings.remove(&recording).is_some(),
            Write::Operation(operation) => self.operations.insert(operation.key, operation).is_none(),
            // Nobody writes CDR files or uploads tones here.
            Write::CdrFileDone(_)
            | Write::ToneUploaded(..)
            | Write::ToneDecided(_)
            | Write::ToneRemoved(..) => false,
            Write::Audit(entry) => self.audit.insert(entry.id, entry).is_none(),
        };
        if fits { Ok(()) } else { Err(StoreError::Corrupt(format!("{write:?} does not fit what is stored"))) }
    }

    fn change(&mut self, change: Change) -> bool {
        match change {
            Change::Bound(binding) => self.bindings.insert(binding.id(), binding).is_none(),
            Change::Modified(binding) => self.bindings.insert(binding.id(), binding).is_some(),
            Change::Unbound { binding, at, .. } => {
                let stood = self.bindings.remove(&binding.id()) == Some(binding.clone());
                self.callers.remove(&binding.id());
                self.ended.push((binding, at));
                stood
            }
            Change::PartyLeft { before, at } => {
                let stands = self.bindings.get(&before.id()) == Some(&before);
                self.ended.push((before, at));
                stands
            }
        }
    }

    fn last_key(&self) -> RowKey {
        let ended = self.ended.iter().map(|(binding, _)| binding.id());
        let last = [
            self.bindings.keys().next_back().copied(),
            ended.max(),
            self.calls.keys().next_back().copied(),
            self.cdrs.keys().next_back().copied(),
            self.messages.keys().next_back().copied(),
            self.notices.keys().next_back().copied(),
            self.audit.keys().next_back().copied(),
            self.replays.keys().next_back().copied(),
            self.operations.keys().next_back().copied(),
        ];
        last.into_iter().flatten().max().unwrap_or(RowKey::floor(1))
    }

    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) {
        sink(Loaded::LastKey(self.last_key()));
        self.apps.values().for_each(|app| sink(Loaded::App(app.clone())));
        self.numbers.values().for_each(|(record, last)| sink(Loaded::Number(record.clone(), *last)));
        self.bindings.values().for_each(|binding| sink(Loaded::Binding(binding.clone())));
        self.callers.iter().for_each(|(binding, caller)| sink(Loaded::LastCaller(*binding, *caller)));
        let recent = self.ended.iter().filter(|(_, at)| *at > from.ended_after);
        recent.for_each(|(binding, at)| sink(Loaded::Ended(binding.clone(), *at)));
        let matters = |call: &&Call| call.closed.is_none_or(|closed| closed.at > from.closed_after);
        self.calls.values().filter(matters).for_each(|call| sink(Loaded::Call(Box::new(call.clone()))));
        let after = RowKey::floor(from.closed_after.millis());
        let matters = |message: &&Message| message.ended.is_none() || message.key >= after;
        self.messages
            .values()
            .filter(matters)
            .for_each(|message| sink(Loaded::Message(Box::new(message.clone()))));
        self.pending().for_each(|delivery| sink(Loaded::Delivery(delivery)));
        let open = self.replays.values().filter(|replay| !replay.phase.is_over());
        open.for_each(|replay| sink(Loaded::Replay(replay.clone())));
    }

    /// The deliveries that wait for a push.
    pub fn pending(&self) -> impl Iterator<Item = Delivery> {
        let deliveries = self.notices.values().map(|notice| notice.delivery);
        deliveries.filter(|delivery| delivery.state == State::Pending)
    }
}

/// The simulation looks into the tables itself.
fn no_lists<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("this store has no lists".into()))
}

impl Store for Disk {
    fn secret(&self) -> Result<[u8; 32], StoreError> {
        Ok([7; 32])
    }

    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
        self.compare_with_mirror(from);
        let breaks_off = std::mem::take(&mut *self.load_fails.lock().unwrap());
        let tables = self.tables();
        let mut left = if breaks_off { 5 } else { usize::MAX };
        tables.load(from, &mut |piece| {
            if left > 0 {
                left -= 1;
                sink(piece);
            }
        });
        if breaks_off { Err(StoreError::Unavailable("asked for".into())) } else { Ok(()) }
    }

    fn binding_count(&self) -> Result<u64, StoreError> {
        Ok(self.tables().bindings.len() as u64)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        drop(self.thawed.wait_while(self.frozen.lock().unwrap(), |frozen| *frozen).unwrap());
        let fault = self.take_fault();
        let mut tables = self.tables();
        tables.last_batch.clear();
        match fault {
            Some(Fault::Unavailable) => return Err(StoreError::Unavailable("asked for".into())),
            Some(Fault::UnknownLost) => return Err(StoreError::OutcomeUnknown("asked for".into())),
            Some(Fault::UnknownWritten) | None => {}
        }
        batch.writes.iter().try_for_each(|write| tables.apply(write))?;
        tables.last_batch.clone_from(&batch.writes);
        if let Some(mirror) = &self.mirror {
            mirror.commit(batch)?;
        }
        match fault {
            Some(_) => Err(StoreError::OutcomeUnknown("asked for".into())),
            None => Ok(()),
        }
    }

    fn bodies(&self, deliveries: &[RowKey]) -> Result<Bodies, StoreError> {
        let tables = self.tables();
        let body = |id: &RowKey| Some((*id, Arc::clone(&tables.notices.get(id)?.body)));
        Ok(deliveries.iter().filter_map(body).collect())
    }

    fn recordings(&self, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError> {
        let tables = self.tables();
        Ok(keys.iter().filter_map(|key| tables.recordings.get(key).cloned()).collect())
    }

    fn expired_recordings(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordingFile>, StoreError> {
        let tables = self.tables();
        Ok(tables.recordings.values().filter(|file| file.is_expired(now)).take(limit).cloned().collect())
    }

    fn tone_content(&self, _: AppNo, _: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        Ok(None)
    }

    fn find_cdrs(&self, _: &CdrFilter, _: Page) -> Result<Vec<CdrRow>, StoreError> {
        no_lists()
    }

    fn cdr_files_done(&self) -> Result<Option<Day>, StoreError> {
        Ok(None)
    }

    fn find_messages(&self, _: &MessageFilter, _: Page) -> Result<Vec<Message>, StoreError> {
        no_lists()
    }

    fn find_calls(&self, _: &CallFilter, _: Page) -> Result<Vec<Call>, StoreError> {
        no_lists()
    }

    fn find_deliveries(&self, _: &DeliveryFilter, _: Page) -> Result<Vec<DeliveryRow>, StoreError> {
        no_lists()
    }

    fn delivery(&self, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
        let tables = self.tables();
        Ok(tables.notices.get(&id).map(|notice| DeliveryDetail {
            row: DeliveryRow {
                delivery: notice.delivery,
                session: None,
                ended_at: None,
                stage: None,
                last_push: None,
            },
            attempts: notice.attempts.clone(),
            body: Arc::clone(&notice.body),
        }))
    }

    fn notices(&self, _: NoticesAfter) -> Result<Notices, StoreError> {
        no_lists()
    }

    fn find_replays(&self, _: Page) -> Result<Vec<Replay>, StoreError> {
        no_lists()
    }

    fn replay(&self, _: RowKey) -> Result<Option<Replay>, StoreError> {
        no_lists()
    }

    fn selected(&self, replay: RowKey, from: u32, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        let tables = self.tables();
        let selected = tables.selected[&replay].iter().map(|(id, _)| *id);
        Ok(selected.skip(from as usize).take(limit).collect())
    }

    fn find_operations(&self, _: &OperationFilter, _: Page) -> Result<Vec<BindingOperation>, StoreError> {
        no_lists()
    }

    fn find_audit(&self, _: Page) -> Result<Vec<AuditEntry>, StoreError> {
        no_lists()
    }

    fn find_ended(&self, _: &EndedFilter, _: Page) -> Result<Vec<EndedRow>, StoreError> {
        no_lists()
    }

    /// Nothing grows old enough here.
    fn forget_older(&self, _: Retention, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
