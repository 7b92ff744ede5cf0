//! The rows of the pushes made and of the audit.

use std::borrow::Cow;

use super::column::Json;
use super::columns;
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::{Attempt, AuditEntry};

columns! {
    /// The record of one push.
    AttemptColumns of "attempt" {
        at: Timestamp,
        url: Cow<'r, str>,
        address: Option<Cow<'r, str>>,
        status: Option<u16>,
        took_ms: u32,
        timings: Option<Json<Vec<(Box<str>, u32)>>>,
        answer: Cow<'r, [u8]>,
        failure: Option<Cow<'r, str>>,
    }
}

columns! {
    /// Who changed what.
    AuditColumns of "audit" {
        id: RowKey,
        actor: Cow<'r, str>,
        action: Cow<'r, str>,
        subject: Cow<'r, str>,
        detail: Cow<'r, str>,
    }
}

impl<'r> From<&'r Attempt> for AttemptColumns<'r> {
    fn from(attempt: &'r Attempt) -> Self {
        Self {
            at: attempt.at,
            url: (&*attempt.url).into(),
            address: attempt.address.as_deref().map(Cow::Borrowed),
            status: attempt.status,
            took_ms: attempt.took_ms,
            timings: (!attempt.timings.is_empty()).then(|| Json(attempt.timings.clone())),
            answer: Cow::Borrowed(&attempt.answer),
            failure: attempt.failure.as_deref().map(Cow::Borrowed),
        }
    }
}

impl AttemptColumns<'_> {
    /// The push that the row tells of.
    pub(crate) fn into_attempt(self) -> Attempt {
        Attempt {
            at: self.at,
            url: Box::from(&*self.url),
            address: self.address.map(|text| Box::from(&*text)),
            status: self.status,
            took_ms: self.took_ms,
            timings: self.timings.map(|Json(timings)| timings).unwrap_or_default(),
            answer: Box::from(&*self.answer),
            failure: self.failure.map(|text| Box::from(&*text)),
        }
    }
}

impl<'r> From<&'r AuditEntry> for AuditColumns<'r> {
    fn from(entry: &'r AuditEntry) -> Self {
        Self {
            id: entry.id,
            actor: (&*entry.actor).into(),
            action: (&*entry.action).into(),
            subject: (&*entry.subject).into(),
            detail: (&*entry.detail).into(),
        }
    }
}

impl AuditColumns<'_> {
    /// The entry that the row tells of.
    pub(crate) fn into_entry(self) -> AuditEntry {
        AuditEntry {
            id: self.id,
            actor: Box::from(&*self.actor),
            action: Box::from(&*self.action),
            subject: Box::from(&*self.subject),
            detail: Box::from(&*self.detail),
        }
    }
}
