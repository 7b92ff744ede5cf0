//! The rows of the pushes made, of the audit and of recordings.

use std::borrow::Cow;

use super::column::Json;
use super::columns;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::recording::RecordingFile;
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
        timings: Option<Json<Vec<(Cow<'static, str>, u32)>>>,
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

columns! {
    /// A recording that lies with the gateway.
    RecordingColumns of "recording" {
        key: RowKey,
        call: RowKey,
        app: AppNo,
        bucket: Cow<'r, str>,
        bytes: u64,
        seconds: u32,
        stored_at: Timestamp,
        expires_at: Option<Timestamp>,
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

impl<'r> From<&'r RecordingFile> for RecordingColumns<'r> {
    fn from(file: &'r RecordingFile) -> Self {
        Self {
            key: file.key,
            call: file.call,
            app: file.app,
            bucket: (&*file.bucket).into(),
            bytes: file.bytes,
            seconds: file.seconds,
            stored_at: file.stored_at,
            expires_at: file.expires_at,
        }
    }
}

impl RecordingColumns<'_> {
    /// The recording that the row tells of.
    pub(crate) fn into_file(self) -> RecordingFile {
        RecordingFile {
            key: self.key,
            call: self.call,
            app: self.app,
            bucket: Box::from(&*self.bucket),
            bytes: self.bytes,
            seconds: self.seconds,
            stored_at: self.stored_at,
            expires_at: self.expires_at,
        }
    }
}
