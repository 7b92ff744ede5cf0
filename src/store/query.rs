//! What operators ask the store: filters, pages and the rows they get. All lists are newest first and paged by
//! key ("older than this one"), never by offset.

use std::sync::Arc;

use super::Attempt;
use crate::domain::binding::{AnyBinding, UnbindCause};
use crate::domain::call::{Cdr, Stage};
use crate::domain::delivery::{Delivery, NoticeKind, State};
use crate::domain::id::{AppNo, BindingId, RowKey};
use crate::domain::number::{E164, XNumber};
use crate::domain::operation::OperationKind;
use crate::domain::sms::SendResult;
use crate::domain::time::Timestamp;

/// A portion of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only rows with a smaller key; `None` = from the newest.
    pub before: Option<RowKey>,
    /// At most this many, 1 to 1,001: one more than operators get at a time tells whether there are more.
    pub limit: usize,
}

/// A span of time; open ends are unbounded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Up to before this instant.
    pub to: Option<Timestamp>,
}

/// Which CDRs.
#[derive(Clone, Debug, Default)]
pub struct CdrFilter {
    /// Of this app.
    pub app: Option<AppNo>,
    /// Through this X number.
    pub x: Option<XNumber>,
    /// With this number as caller or as real callee.
    pub party: Option<E164>,
    /// Of this binding.
    pub subscription: Option<BindingId>,
    /// Of this call.
    pub session: Option<String>,
    /// Answered ones only, or unanswered ones only.
    pub answered: Option<bool>,
    /// By the time the CDR was made.
    pub span: Span,
}

/// A CDR with what became of it.
#[derive(Clone, Debug)]
pub struct CdrRow {
    /// The CDR.
    pub cdr: Cdr,
}

/// Which short messages.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Of this app.
    pub app: Option<AppNo>,
    /// To this X number.
    pub x: Option<XNumber>,
    /// With this number as sender or as real receiver.
    pub party: Option<E164>,
    /// With this smsIdentifier.
    pub identifier: Option<String>,
    /// How they stand.
    pub standing: Option<MessageStanding>,
    /// By the time they came in.
    pub span: Span,
}

/// How a short message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageStanding {
    /// Its result is awaited.
    Awaited,
    /// It has ended with this result.
    Ended(SendResult),
}

/// Which calls.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// Of this app.
    pub app: Option<AppNo>,
    /// To this X number.
    pub x: Option<XNumber>,
    /// With this sessionId.
    pub session: Option<String>,
    /// Only calls that are open.
    pub open_only: bool,
    /// By the time we first heard of the call.
    pub span: Span,
}

/// Which deliveries.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    /// Of this app.
    pub app: Option<AppNo>,
    /// About this call.
    pub session: Option<String>,
    /// Of this kind.
    pub kind: Option<NoticeKind>,
    /// In this state.
    pub state: Option<State>,
    /// By the time they were queued.
    pub span: Span,
}

/// A delivery in a list.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Where it stands.
    pub delivery: Delivery,
    /// The call it is about, or with blanks between the calls whose CDRs it carries.
    pub session: Option<Box<str>>,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Of an event, the stage of the call that it tells.
    pub stage: Option<Stage>,
    /// The last push, if one was made.
    pub last_push: Option<LastPush>,
}

/// The last push of a delivery, in short.
#[derive(Clone, Debug)]
pub struct LastPush {
    /// When it began.
    pub at: Timestamp,
    /// The URL it went to.
    pub url: Box<str>,
    /// Why it counts as failed; `None` when it succeeded.
    pub failure: Option<Box<str>>,
}

/// A delivery with everything about it.
#[derive(Clone, Debug)]
pub struct DeliveryDetail {
    /// The row of the list.
    pub row: DeliveryRow,
    /// The pushes made, oldest first.
    pub attempts: Vec<Attempt>,
    /// The body as pushed.
    pub body: Arc<[u8]>,
}

/// Where a reader of one app's notices goes on.
#[derive(Clone, Copy, Debug)]
pub struct NoticesAfter {
    /// Whose notices.
    pub app: AppNo,
    /// Only those with a higher key; `None` = from the oldest kept.
    pub after: Option<RowKey>,
    /// At most so many.
    pub limit: usize,
    /// Bodies of at most so many bytes together; one is given in any case.
    pub bytes_max: usize,
}

/// A notice as it is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its delivery; tells when it was queued.
    pub id: RowKey,
    /// What it is about.
    pub kind: NoticeKind,
    /// The body as pushed.
    pub body: Arc<[u8]>,
}

/// A portion of one app's notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// In the order of their keys.
    pub notices: Vec<Notice>,
    /// Where to go on: everything of the app up to this key has been given.
    pub reached: Option<RowKey>,
}

/// Which ended bindings.
#[derive(Clone, Debug, Default)]
pub struct EndedFilter {
    /// On this X number.
    pub x: Option<XNumber>,
    /// With this party.
    pub party: Option<E164>,
    /// Of this app.
    pub app: Option<AppNo>,
    /// This binding.
    pub id: Option<BindingId>,
}

/// Which operations on bindings.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Of this app.
    pub app: Option<AppNo>,
    /// On this X number.
    pub x: Option<XNumber>,
    /// With this number as A, B or temporary callee.
    pub party: Option<E164>,
    /// On this binding.
    pub binding: Option<BindingId>,
    /// Of this kind.
    pub kind: Option<OperationKind>,
    /// By the time they were done.
    pub span: Span,
}

/// A binding that ended.
#[derive(Clone, Debug)]
pub struct EndedRow {
    /// The row in the history.
    pub key: RowKey,
    /// As it stood last.
    pub binding: AnyBinding,
    /// Why it ended.
    pub cause: UnbindCause,
    /// When it ended.
    pub at: Timestamp,
}

/// Until when each kind of row is kept: older ones may go.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// CDRs, calls, short messages, ended bindings, operations on bindings and the audit.
    pub cdrs_before: Timestamp,
    /// Delivered notices.
    pub notices_before: Timestamp,
    /// Exhausted notices.
    pub exhausted_before: Timestamp,
}
