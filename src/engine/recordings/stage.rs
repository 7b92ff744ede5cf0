//! The ledger's part: which call a recording belongs to, under which key, and until when.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::call::{Call, CallId, Stage};
use crate::domain::customer::CustomerApp;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::recording::{Keeping, Recording, RecordingFile, expiry};
use crate::domain::time::Timestamp;
use crate::engine::draft::Draft;
use crate::engine::job::{RecordingFate, RecordingStep};
use crate::engine::ledger::Ledger;
use crate::recording::Place;
use crate::store::Write;
use crate::wire::recording::object_name;

impl Ledger {
    /// One step of a recording.
    pub(in crate::engine) fn stage_recording(
        &mut self,
        step: &RecordingStep,
        draft: &mut Draft,
        now: Timestamp,
    ) -> RecordingFate {
        match step {
            RecordingStep::Elsewhere(call, recording) => {
                let Some(call) = self.known_call(call, draft) else { return RecordingFate::UnknownCall };
                let fate = RecordingFate::Accepted(call.key, call.app().unwrap_or(AppNo(0)));
                attach(call, recording.clone(), fate, draft)
            }
            RecordingStep::Await(call, started_at) => {
                let Some((call, app)) = self.recorded_call(call, draft) else {
                    return RecordingFate::UnknownCall;
                };
                let key = self.staging.next_key(now);
                let recording = self.recording(app, key, *started_at, 0, Keeping::Awaited(key));
                attach(call, recording, RecordingFate::Accepted(key, app), draft)
            }
            RecordingStep::Reserve(call) => match self.recorded_call(call, draft) {
                None => RecordingFate::UnknownCall,
                Some((call, app)) => self
                    .key_for(&call, now)
                    .map_or(RecordingFate::Duplicate, |key| RecordingFate::Accepted(key, app)),
            },
            RecordingStep::Keep { call, key, bytes, seconds, started_at } => {
                self.stage_kept(call, *key, (*bytes, *seconds), *started_at, draft, now)
            }
            RecordingStep::Expired(files) => {
                let objects: Vec<_> = files.iter().map(|file| object_name(file.key)).collect();
                for file in files {
                    draft.write(Write::RecordingRemoved(file.key));
                }
                self.audit("system", "recording.expire", count(&objects), objects.join(" "), draft, now);
                RecordingFate::Duplicate
            }
            RecordingStep::Swept(objects) => {
                self.audit("system", "recording.sweep", count(objects), objects.join(" "), draft, now);
                RecordingFate::Duplicate
            }
        }
    }

    /// The key that a file of this call is to have: that of the awaited one, or a new one while the CDR is not
    /// made. `None` = a file would be a duplicate.
    fn key_for(&mut self, call: &Call, now: Timestamp) -> Option<RowKey> {
        match call.recording.as_ref().map(|recording| recording.keeping) {
            Some(Keeping::Awaited(key)) => Some(key),
            None if call.closed.is_none() => Some(self.staging.next_key(now)),
            _ => None,
        }
    }

    /// The file of a recording is at its place.
    fn stage_kept(
        &mut self,
        call: &CallId,
        key: RowKey,
        (bytes, seconds): (u64, u32),
        started_at: Option<Timestamp>,
        draft: &mut Draft,
        now: Timestamp,
    ) -> RecordingFate {
        let Some((mut call, app)) = self.recorded_call(call, draft) else {
            return RecordingFate::UnknownCall;
        };
        let known = call.recording.as_ref();
        let is_awaited = known.is_some_and(|known| known.keeping == Keeping::Awaited(key));
        if !is_awaited && (known.is_some() || call.closed.is_some()) {
            return RecordingFate::Duplicate;
        }
        let awaited_start = known.map(|known| known.started_at);
        let started_at = awaited_start.or(started_at).or(call.reached(Stage::Answered)).unwrap_or(now);
        let recording = self.recording(app, key, started_at, seconds, Keeping::Here(key));
        let bucket = recording.bucket.clone();
        call.recording = Some(recording);
        let owner = self.shared.registry.customers.by_no(app);
        let expires_at = call.closed.map(|closed| self.recording_expiry(&owner, closed.at));
        let file =
            RecordingFile { key, call: call.key, app, bucket, bytes, seconds, stored_at: now, expires_at };
        draft.write(Write::Recording(Box::new(file)));
        draft.put_call(Arc::new(call), true);
        RecordingFate::Accepted(key, app)
    }

    /// A call that can have a recording with us: it is known, and to one of our numbers.
    fn recorded_call(&self, id: &CallId, draft: &Draft) -> Option<(Call, AppNo)> {
        let call = self.known_call(id, draft)?;
        let app = call.app()?;
        Some((call, app))
    }

    fn recording(
        &self,
        app: AppNo,
        key: RowKey,
        started_at: Timestamp,
        seconds: u32,
        keeping: Keeping,
    ) -> Recording {
        let Place { bucket, object } = self.shared.place(app, key);
        let domain = self.shared.origin.record_domain.clone();
        Recording { domain, bucket: bucket.into(), object: object.into(), started_at, seconds, keeping }
    }

    /// When a recording of an app is gone whose CDR was made at `cdr_made_at`.
    fn recording_expiry(&self, app: &CustomerApp, cdr_made_at: Timestamp) -> Timestamp {
        let days = app.recording_days.map_or(self.rules.retention.recordings, NonZeroU32::get);
        expiry(cdr_made_at, days)
    }

    /// The CDR of a call was made: its recording is kept so long from now.
    pub(in crate::engine) fn stage_recording_expiry(
        &self,
        call: &Call,
        app: &CustomerApp,
        draft: &mut Draft,
        now: Timestamp,
    ) {
        if let Some(Keeping::Here(recording)) = call.recording.as_ref().map(|recording| recording.keeping) {
            draft.write(Write::RecordingExpiry { recording, at: self.recording_expiry(app, now) });
        }
    }
}

fn count(objects: &[String]) -> String {
    format!("{} recordings", objects.len())
}

/// Gives a call its recording: the first one reported, and only until the CDR is made.
fn attach(mut call: Call, recording: Recording, fate: RecordingFate, draft: &mut Draft) -> RecordingFate {
    if call.closed.is_some() || call.recording.is_some() {
        return RecordingFate::Duplicate;
    }
    call.recording = Some(recording);
    draft.put_call(Arc::new(call), true);
    fate
}
