//! The durable copy: the truth on disk.
//!
//! The contract of a [`Store`], which every implementation and every caller may rely on:
//!
//! - [`Store::commit`] makes a [`Batch`] durable as a whole or not at all. When it returns `Ok`, the batch
//!   survives `kill -9` and a power cut.
//! - After [`StoreError::Unavailable`] nothing of the batch was written; it may be tried again.
//!   After [`StoreError::OutcomeUnknown`] nobody knows: the caller must stop serving, load again, and go on.
//! - Only the writer thread commits. Everything else here only reads, may be called from any thread, and sees
//!   every batch whose commit has returned.
//! - The writer draws the key of a delivery in the batch that queues it, each key above all before, also after a
//!   restart and when the clock goes back; and it draws none for a later batch before it has committed that one.
//!   So for deliveries the order of keys is the order of commits, and whoever has read up to some key has
//!   missed nothing below it.
//! - Tables on the acknowledging path have a time-ordered integer key and no other index.

pub mod embedded;
pub mod query;
mod row;

#[cfg(test)]
pub(crate) mod contract;

use std::sync::Arc;

pub use crate::domain::attempt::Attempt;
use crate::domain::binding::{AnyBinding, Change, LastCaller};
use crate::domain::call::{Call, CallEvent, Cdr, Closed};
use crate::domain::cdr_file::Day;
use crate::domain::customer::{CustomerApp, NumberRecord};
use crate::domain::delivery::Delivery;
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::XNumber;
use crate::domain::operation::BindingOperation;
use crate::domain::recording::RecordingFile;
use crate::domain::replay::Replay;
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::domain::tone::{Tone, ToneName};

/// What was written together is durable together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The writes, applied in order.
    pub writes: Vec<Write>,
}

/// One thing to make durable.
#[derive(Clone, Debug)]
pub enum Write {
    /// An app, new or replacing its former self.
    App(Arc<CustomerApp>),
    /// An X number, new or replacing its former self.
    Number(NumberRecord),
    /// An X number is gone.
    NumberRemoved(XNumber),
    /// A binding changes. An ended one goes to the history.
    Binding(Change),
    /// Somebody called through an AXE binding. Replaces an earlier caller; without effect when a later one is
    /// known or the binding stands no longer.
    LastCaller {
        /// The binding.
        binding: BindingId,
        /// Who, and when.
        caller: LastCaller,
    },
    /// A line in the log of operations on bindings.
    Operation(BindingOperation),
    /// A call's row: decision and recording, not its events. New or replacing its former self.
    Call(Arc<Call>),
    /// One more event of a call; `index` is its place in [`Call::events`].
    CallEvent {
        /// The call's row.
        call: RowKey,
        /// Place among the call's events.
        index: u16,
        /// The event.
        event: Arc<CallEvent>,
    },
    /// A call was closed. If its dialled number is ours, that number's last call is noted as well.
    CallClosed {
        /// The call's row.
        call: RowKey,
        /// How.
        closed: Closed,
        /// The number that was dialled.
        x: Option<XNumber>,
    },
    /// A CDR.
    Cdr(Box<Cdr>),
    /// A short message, new or replacing its former self. Its text goes when it has ended.
    Message(Box<Message>),
    /// A notice to deliver, with its frozen body.
    Delivery {
        /// Where it stands.
        delivery: Delivery,
        /// The sessionId of the call it is about, for search; of a push of several CDRs all of theirs, with
        /// blanks between.
        session: Option<Box<str>>,
        /// The body, byte for byte as pushed.
        body: Arc<[u8]>,
    },
    /// A push was made: its record, and the delivery after it, in one.
    Attempt {
        /// The delivery after the push.
        delivery: Delivery,
        /// What happened.
        attempt: Arc<Attempt>,
    },
    /// An operator asked to deliver once more.
    Redeliver(Delivery),
    /// A replay, new or replacing its former self. What one that is over selected is forgotten.
    Replay(Box<Replay>),
    /// What a new replay selects, in its order.
    Selected {
        /// The replay.
        replay: RowKey,
        /// All of it.
        deliveries: Arc<[RowKey]>,
    },
    /// The file of a recording has been stored.
    Recording(Box<RecordingFile>),
    /// From `at` on a recording is gone. Nothing happens when there is no such recording.
    RecordingExpiry {
        /// The recording's row.
        recording: RowKey,
        /// When.
        at: Timestamp,
    },
    /// The file of a recording has been deleted.
    RecordingRemoved(RowKey),
    /// A day is done: its CDRs stand in a daily file, and in no other.
    CdrFileDone(Day),
    /// A tone file, new or in place of the one with its name, with its sound.
    ToneUploaded(Tone, Arc<[u8]>),
    /// What was decided about a tone file. Its sound stays.
    ToneDecided(Tone),
    /// A tone file is gone.
    ToneRemoved(AppNo, ToneName),
    /// Who changed what.
    Audit(AuditEntry),
}

/// An entry of the audit: who changed what, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its row; tells when.
    pub id: RowKey,
    /// Who: `operator`, `carrier`, `system`.
    pub actor: Box<str>,
    /// What was done, for example `app.create`, `number.status`.
    pub action: Box<str>,
    /// To what: an app key, a masked number, a binding.
    pub subject: Box<str>,
    /// Details, without secrets and full numbers.
    pub detail: Box<str>,
}

/// Bodies of deliveries, each with the row of its delivery.
pub type Bodies = Vec<(RowKey, Arc<[u8]>)>;

/// Everything that start-up reads, handed over piece by piece in this order.
#[derive(Debug)]
pub enum Loaded {
    /// The highest row key ever used. Keys go on from here.
    LastKey(RowKey),
    /// An app.
    App(CustomerApp),
    /// A tone file, without its sound.
    Tone(Tone),
    /// An X number and when it was last called.
    Number(NumberRecord, Option<Timestamp>),
    /// A binding that stands.
    Binding(AnyBinding),
    /// Who called last through an AXE binding that stands.
    LastCaller(BindingId, LastCaller),
    /// A binding that ended after [`LoadFrom::ended_after`], and when, for the quarantine.
    Ended(AnyBinding, Timestamp),
    /// A call that is open, or was closed after [`LoadFrom::closed_after`], with its events.
    Call(Box<Call>),
    /// A short message whose result is awaited, or that came in after [`LoadFrom::closed_after`].
    Message(Box<Message>),
    /// A delivery that is pending.
    Delivery(Delivery),
    /// A replay that is not over.
    Replay(Replay),
}

/// How far back start-up reads what is over.
#[derive(Clone, Copy, Debug)]
pub struct LoadFrom {
    /// Ended bindings still matter for the quarantine.
    pub ended_after: Timestamp,
    /// Closed calls and short messages still matter for recognising what comes twice.
    pub closed_after: Timestamp,
}

/// Why the store could not do it, sorted by what the caller must do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written. Answer that the store is unavailable; later it may work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Nobody knows what was written. Stop serving, load again, go on.
    #[error("the outcome of a commit is unknown: {0}")]
    OutcomeUnknown(String),
    /// What is stored cannot be understood. Stop.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

/// A durable copy of everything. See the module for its contract.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The installation's secret, drawn when the store was made.
    fn secret(&self) -> Result<[u8; 32], StoreError>;

    /// Reads everything that start-up needs.
    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError>;

    /// How many bindings stand, for the progress shown while loading.
    fn binding_count(&self) -> Result<u64, StoreError>;

    /// Makes a batch durable, whole or not at all.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// The bodies of deliveries, for pushing. Missing ones are left out.
    fn bodies(&self, deliveries: &[RowKey]) -> Result<Bodies, StoreError>;

    /// The sound of a tone file, if there is such a file.
    fn tone_content(&self, app: AppNo, name: &str) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// CDRs, newest first.
    fn find_cdrs(
        &self,
        filter: &query::CdrFilter,
        page: query::Page,
    ) -> Result<Vec<query::CdrRow>, StoreError>;

    /// The last day whose CDRs stand in a daily file; `None` when no day was ever done.
    fn cdr_files_done(&self) -> Result<Option<Day>, StoreError>;

    /// Short messages, newest first.
    fn find_messages(
        &self,
        filter: &query::MessageFilter,
        page: query::Page,
    ) -> Result<Vec<Message>, StoreError>;

    /// Calls, newest first, closed ones too.
    fn find_calls(&self, filter: &query::CallFilter, page: query::Page) -> Result<Vec<Call>, StoreError>;

    /// Deliveries, newest first.
    fn find_deliveries(
        &self,
        filter: &query::DeliveryFilter,
        page: query::Page,
    ) -> Result<Vec<query::DeliveryRow>, StoreError>;

    /// One delivery with its attempts and body.
    fn delivery(&self, id: RowKey) -> Result<Option<query::DeliveryDetail>, StoreError>;

    /// What was queued for one app, oldest first. Reads a bounded number of rows, so the answer may be short, or
    /// empty, although more follows: then it says how far it came.
    fn notices(&self, after: query::NoticesAfter) -> Result<query::Notices, StoreError>;

    /// Replays, newest first.
    fn find_replays(&self, page: query::Page) -> Result<Vec<Replay>, StoreError>;

    /// One replay.
    fn replay(&self, id: RowKey) -> Result<Option<Replay>, StoreError>;

    /// What a replay that is not over selects, from the place `from` in its order on, at most `limit`.
    fn selected(&self, replay: RowKey, from: u32, limit: usize) -> Result<Vec<RowKey>, StoreError>;

    /// The recordings with these keys, in that order. Missing ones are left out.
    fn recordings(&self, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError>;

    /// Recordings that are gone by `now` and still have a row: at most `limit`, those that expired first.
    fn expired_recordings(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordingFile>, StoreError>;

    /// The audit, newest first.
    fn find_audit(&self, page: query::Page) -> Result<Vec<AuditEntry>, StoreError>;

    /// Bindings that ended, newest first.
    fn find_ended(
        &self,
        filter: &query::EndedFilter,
        page: query::Page,
    ) -> Result<Vec<query::EndedRow>, StoreError>;

    /// What was done to bindings, newest first.
    fn find_operations(
        &self,
        filter: &query::OperationFilter,
        page: query::Page,
    ) -> Result<Vec<BindingOperation>, StoreError>;

    /// Removes what is older than the retention, at most `limit` rows of each kind. Returns how many went.
    fn forget_older(&self, than: query::Retention, limit: usize) -> Result<usize, StoreError>;

    /// Whether reads and writes work, for the readiness probe.
    fn ping(&self) -> Result<(), StoreError>;
}
