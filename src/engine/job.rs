//! What is asked of the writer.

use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::messages::{Handed, Sending};
use super::tones::ToneChange;
use crate::domain::call::{CallEvent, CallId};
use crate::domain::cdr_file::Day;
use crate::domain::command::{AppCommand, Done};
use crate::domain::customer::{CustomerApp, NumberRecord, NumberStatus};
use crate::domain::delivery::Delivery;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::number::XNumber;
use crate::domain::recording::{Recording, RecordingFile};
use crate::domain::refusal::Refusal;
use crate::domain::replay::{OPEN_MAX, Replay, Selected, Selection};
use crate::domain::setting::AppChange;
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::store::Attempt;

/// One thing for the writer to decide, make durable and answer.
#[derive(Debug)]
pub enum Job {
    /// A command on bindings; with who asks for it on behalf of the app, if it is not the app itself.
    Command(AppCommand, Option<Who>, Answer<Result<Done, Refusal>>),
    /// Reports of the switch, with the room they take; all or none become durable.
    Report(Vec<(CallId, Arc<CallEvent>)>, Room, Answer<ReportCount>),
    /// A short message is to be decided about; answered with the message as it was decided, now or before.
    Message(Box<Handed>, Answer<Arc<Message>>),
    /// The switch has sent a short message on, or tried to.
    MessageSent(Box<Sending>, Answer<ResultFate>),
    /// A step of a recording.
    Recording(Box<RecordingStep>, Answer<RecordingFate>),
    /// A change of settings.
    Setting(Box<Setting>, Answer<Result<Vec<NumberFault>, SettingFault>>),
    /// A change of an app; answered with the app after it.
    ChangeApp(AppNo, Box<AppChange>, Who, Answer<Arc<CustomerApp>>),
    /// A push ended.
    Settle(Delivery, Arc<Attempt>),
    /// An operator wants a delivery pushed once more. `false` = there is no such delivery.
    Redeliver(RowKey, Who, Answer<bool>),
    /// A replay is made or steered; answered with the replay after it.
    Replay(ReplayOrder, Who, Answer<Result<Replay, ReplayRefusal>>),
    /// Something may be due: bindings to expire, calls to close, replays to go on.
    Tick,
    /// Answer when everything asked before is durable.
    Flush(Answer<()>),
}

/// Where the answer goes. The one who asked may have gone; the job is done all the same.
pub type Answer<T> = oneshot::Sender<Result<T, Unserved>>;

/// What a job that may be large takes of what waits for the writer, given back when the job is done. `None` where nothing
/// bounds what waits but the sender.
pub type Room = Option<OwnedSemaphorePermit>;

/// Who asks, for the audit.
pub type Who = &'static str;

/// Why the writer could not do a job at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// Too much is waiting already.
    #[error("too many requests are waiting to be written")]
    Overloaded,
    /// The store does not take it.
    #[error("the store is unavailable")]
    StoreUnavailable,
    /// The store has not taken it in the time that anybody waits; it may still.
    #[error("the store has not taken it in 20 s, and may still do so")]
    NotInTime,
    /// The gateway is loading or stopping.
    #[error("the gateway is not serving")]
    NotServing,
}

/// What became of reports (interfaces, switch API).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportCount {
    /// New and of a known call.
    pub accepted: usize,
    /// Reported before.
    pub duplicates: usize,
    /// Kept, but of a call that is not known (yet).
    pub parked: usize,
}

/// What became of the report how a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFate {
    /// It ends the message.
    Accepted,
    /// The message had ended before.
    Duplicate,
    /// No message is known by this smsIdentifier, or there is no usable result.
    Unknown,
}

/// What an operator wants of a replay.
#[derive(Debug)]
pub enum ReplayOrder {
    /// A new one.
    Create {
        /// What was asked for.
        selection: Selection,
        /// At most so many deliveries per second.
        per_second: NonZeroU32,
        /// What that selects; at most [`SELECTED_MAX`].
        ///
        /// [`SELECTED_MAX`]: crate::domain::replay::SELECTED_MAX
        selected: Selected,
    },
    /// This one shall stop for now.
    Pause(RowKey),
    /// This one shall go on.
    Resume(RowKey),
    /// This one shall end, whatever is left of it.
    Cancel(RowKey),
}

/// Why a replay is not made or not steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefusal {
    /// There are as many unfinished ones as there may be.
    #[error("there are {OPEN_MAX} unfinished replays already")]
    TooMany,
    /// It is finished or cancelled, so there is nothing to pause, to resume or to cancel.
    #[error("the replay is over")]
    Finished,
}

/// A step in the life of a recording.
#[derive(Debug)]
pub enum RecordingStep {
    /// The switch put it somewhere else.
    Elsewhere(CallId, Recording),
    /// The switch will send it; it begins at this time.
    Await(CallId, Timestamp),
    /// The switch is about to send it: under which key? Changes nothing.
    Reserve(CallId),
    /// The file is at its place.
    Keep {
        /// Of this call.
        call: CallId,
        /// Under this key, which was reserved.
        key: RowKey,
        /// Its size.
        bytes: u64,
        /// How long it plays.
        seconds: u32,
        /// When it begins, if the switch says so.
        started_at: Option<Timestamp>,
    },
    /// Files whose time was over are deleted.
    Expired(Vec<RecordingFile>),
    /// Files without a row are deleted; their object names.
    Swept(Vec<String>),
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingFate {
    /// It is done; the key of the recording, and whose it is.
    Accepted(RowKey, AppNo),
    /// The call has a recording already, or was closed without one. Deletions have nothing to tell either.
    Duplicate,
    /// No call that can have a recording is known by this callId.
    UnknownCall,
}

/// A change of settings, with who asks for it.
#[derive(Debug)]
pub struct Setting {
    /// Who.
    pub who: Who,
    /// What.
    pub change: SettingChange,
}

/// A change of settings.
#[derive(Debug)]
pub enum SettingChange {
    /// A new app. Its number is given by the writer.
    CreateApp(Box<CustomerApp>),
    /// Nothing that the engine keeps changes, but the audit shall know: a ban was lifted.
    Noted {
        /// The action for the audit.
        action: &'static str,
        /// To what.
        subject: String,
    },
    /// The CDRs of this day stand in their file. The audit does not hear of it.
    CdrFileDone(Day),
    /// A tone file is uploaded, approved, rejected or removed.
    Tone(ToneChange),
    /// New X numbers; those that exist already are faults.
    AddNumbers(Vec<NumberRecord>),
    /// New status of X numbers; the apps are told. Unknown ones are faults.
    SetStatus(Vec<(XNumber, NumberStatus)>),
    /// An X number goes to another app; its bindings are dropped.
    MoveNumber {
        /// The number.
        x: XNumber,
        /// The new app.
        to: AppNo,
        /// Also when something is bound.
        force: bool,
    },
    /// An X number is taken out; its bindings are dropped.
    RemoveNumber {
        /// The number.
        x: XNumber,
        /// Also when something is bound.
        force: bool,
    },
}

/// One number of many that could not be treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberFault {
    /// Which.
    pub x: XNumber,
    /// Why.
    pub fault: SettingFault,
}

/// Why a setting is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingFault {
    /// The app key is taken.
    #[error("an app with this key exists already")]
    AppExists,
    /// The number is there already.
    #[error("the number exists already")]
    NumberExists,
    /// No such number.
    #[error("there is no such number")]
    NumberNotFound,
    /// The number has this status already.
    #[error("the number has this status already")]
    Unchanged,
    /// The app has no tone file of this name.
    #[error("the app has no tone file of this name")]
    ToneNotFound,
    /// The app has as many tone files as it may.
    #[error("the app has 200 tone files already")]
    TooManyTones,
    /// Something is bound on the number.
    #[error("something is bound on the number; use force to drop the bindings")]
    NumberBound,
}
