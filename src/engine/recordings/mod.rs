//! Recordings: taken in from the switch, found for customers, and deleted when their time is over. The files are
//! `crate::recording`'s; here they are joined to their calls, by the writer like everything else (`stage.rs`).

mod stage;

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};

use super::job::{Job, RecordingFate, RecordingStep, Unserved};
use super::{Engine, Shared};
use crate::domain::call::CallId;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::recording::{Recording, RecordingFile, SHORTEST};
use crate::domain::time::Timestamp;
use crate::recording::{Intake, NoTurn, NotImported, NotTaken, Place, Recordings, StorageError, Taken, Turn};
use crate::store::StoreError;
use crate::wire::recording::{bucket_name, key_of, object_name};

/// How often expired recordings are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// Most recordings deleted in one go, and named in one entry of the audit.
const EXPIRED_MAX: usize = 100;
/// Most files looked up at once, and named in one entry of the audit.
const SWEPT_MAX: usize = 100;
/// How often files without a row are looked for, counted in turns of [`EXPIRE_EVERY`].
const SWEEP_EVERY_TURNS: u32 = 60;

/// A recording on its way in.
#[derive(Debug)]
pub struct Upload {
    /// Takes the pieces.
    pub intake: Intake,
    turn: Turn,
    call: CallId,
    key: RowKey,
    place: Place,
}

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It has this object name now.
    As(String),
    /// It is too short to be one, so nothing is kept.
    TooShort,
    /// The call has a recording already, or has been closed without one.
    Duplicate,
}

/// Why a recording was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// No call of one of our numbers is known by this callId.
    #[error("no call with this callId is known; report it first, then send the recording again")]
    UnknownCall,
    /// Not now.
    #[error(transparent)]
    NoTurn(#[from] NoTurn),
    /// The file is not there.
    #[error(transparent)]
    NotImported(#[from] NotImported),
    /// The file is not fit.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// It did not reach its place.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The gateway cannot write.
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl Engine {
    /// The files of recordings.
    pub fn recordings(&self) -> &Recordings {
        &self.outside.recordings
    }

    /// Notes that a recording lies somewhere else.
    pub async fn record_elsewhere(
        &self,
        call: CallId,
        recording: Recording,
    ) -> Result<RecordingFate, Unserved> {
        self.recording_step(RecordingStep::Elsewhere(call, recording)).await
    }

    /// Notes that the switch will send a recording, perhaps after the CDR.
    pub async fn await_recording(
        &self,
        call: CallId,
        started_at: Timestamp,
    ) -> Result<RecordingFate, Unserved> {
        self.recording_step(RecordingStep::Await(call, started_at)).await
    }

    /// Begins to take in the recording of a call. `Ok(None)` = it would be a duplicate.
    pub async fn begin_upload(&self, call: &CallId) -> Result<Option<Upload>, NotKept> {
        let (key, app) = match self.recording_step(RecordingStep::Reserve(call.clone())).await? {
            RecordingFate::Accepted(key, app) => (key, app),
            RecordingFate::Duplicate => return Ok(None),
            RecordingFate::UnknownCall => return Err(NotKept::UnknownCall),
        };
        let place = self.shared.place(app, key);
        let turn = self.outside.recordings.take_turn(call, place.object.clone())?;
        let intake = self.outside.recordings.intake().await?;
        Ok(Some(Upload { intake, turn, call: call.clone(), key, place }))
    }

    /// Keeps what has been taken in. `Ok` means that the file and its row are durable.
    pub async fn finish_upload(
        &self,
        upload: Upload,
        started_at: Option<Timestamp>,
    ) -> Result<Kept, NotKept> {
        let Upload { intake, turn, call, key, place } = upload;
        let taken: Taken = intake.finish().await?;
        if taken.play_time < SHORTEST {
            self.note("short");
            return Ok(Kept::TooShort);
        }
        let (bytes, seconds) = (taken.bytes, u32::try_from(taken.play_time.as_secs()).unwrap_or(u32::MAX));
        // Ordering: the file first, its row second. A file without a row is swept away; a row without a file
        // would be a promise that is not kept.
        self.outside.recordings.put(&place, taken, self.shared.clock.now()).await?;
        let step = RecordingStep::Keep { call, key, bytes, seconds, started_at };
        let answered = self.hand_over(|answer| Job::Recording(Box::new(step), answer))?;
        // Also when nobody waits any longer: until the row is there or refused the file is on its way, and not to be swept.
        let engine = self.clone();
        let kept = tokio::spawn(async move {
            let fate = answered.await.unwrap_or(Err(Unserved::NotServing));
            drop(turn);
            if let Ok(RecordingFate::Accepted(..)) = fate {
                engine.note("kept");
            }
            fate
        });
        match self.in_time(async { kept.await.unwrap_or(Err(Unserved::NotServing)) }).await {
            Ok(RecordingFate::Accepted(..)) => Ok(Kept::As(place.object)),
            Ok(RecordingFate::Duplicate | RecordingFate::UnknownCall) => {
                self.outside.recordings.remove(&place, self.shared.clock.now()).await?;
                Ok(Kept::Duplicate)
            }
            // Whether the row is there is not known to us, so the file stays for the sweeper to judge.
            Err(why) => Err(why.into()),
        }
    }

    /// A recording of an app by its object name, if there is one and its time is not over.
    pub async fn recording_of(&self, app: AppNo, object: &str) -> Result<Option<RecordingFile>, StoreError> {
        let Some(key) = key_of(object) else { return Ok(None) };
        let found = self.query(move |store| store.recordings(&[key])).await?.pop();
        let now = self.shared.clock.now();
        Ok(found.filter(|file| file.app == app && !file.is_expired(now)))
    }

    /// Deletes the recordings whose time is over, and their rows after them. The keeper does so every minute;
    /// this is for whoever moves a clock by hand and has to know that it was done. Returns how many went.
    pub async fn expire_recordings(&self) -> usize {
        let _one_at_a_time = self.outside.deleting.lock().await;
        let mut gone = 0;
        loop {
            let now = self.shared.clock.now();
            let expired = match self.query(move |store| store.expired_recordings(now, EXPIRED_MAX)).await {
                Ok(expired) if expired.is_empty() => return gone,
                Ok(expired) => expired,
                Err(error) => {
                    warn!("expired recordings were not looked for: {error}");
                    return gone;
                }
            };
            let deleted = self.delete(expired).await;
            let count = deleted.len();
            if count == 0 || self.note_gone(RecordingStep::Expired(deleted)).await.is_err() {
                return gone;
            }
            gone += count;
        }
    }

    /// Deletes files; returns those that are certainly gone.
    async fn delete(&self, files: Vec<RecordingFile>) -> Vec<RecordingFile> {
        let mut deleted = Vec::with_capacity(files.len());
        for file in files {
            let place = Place { bucket: file.bucket.to_string(), object: object_name(file.key) };
            match self.outside.recordings.remove(&place, self.shared.clock.now()).await {
                Ok(()) => {
                    self.note("expired");
                    deleted.push(file);
                }
                Err(error) => {
                    warn!("a recording beyond its time was not deleted: {error}");
                    self.note("failed");
                    // One that cannot be deleted would come first again and again; the next turn tries it.
                    break;
                }
            }
        }
        deleted
    }

    /// Deletes files without a row: a crash or a refused commit came between the two. Returns how many.
    pub async fn sweep_recordings(&self) -> usize {
        let _one_at_a_time = self.outside.deleting.lock().await;
        let buckets = self.outside.recordings.buckets().await.unwrap_or_else(|error| {
            warn!("recordings without a row were not looked for: {error}");
            Vec::new()
        });
        let mut swept = 0;
        for bucket in buckets {
            match self.sweep(&bucket).await {
                Ok(count) => swept += count,
                Err(reason) => warn!("recordings without a row were not looked for: {reason}"),
            }
        }
        swept
    }

    async fn sweep(&self, bucket: &str) -> Result<usize, String> {
        let objects = self.outside.recordings.settled(bucket).await.map_err(|error| error.to_string())?;
        // What is named otherwise was not put there by us.
        let keys: Vec<_> = objects.iter().filter_map(|object| key_of(object)).collect();
        let mut swept = 0;
        for keys in keys.chunks(SWEPT_MAX) {
            let asked = keys.to_vec();
            let found = self.query(move |store| store.recordings(&asked)).await;
            let known: HashSet<_> =
                found.map_err(|error| error.to_string())?.into_iter().map(|file| file.key).collect();
            let mut gone = Vec::new();
            for object in keys.iter().filter(|key| !known.contains(key)).map(|key| object_name(*key)) {
                let place = Place { bucket: bucket.to_owned(), object };
                let removed = self.outside.recordings.remove(&place, self.shared.clock.now()).await;
                removed.map_err(|error| error.to_string())?;
                gone.push(place.object);
            }
            if !gone.is_empty() {
                swept += gone.len();
                info!(recordings = gone.len(), "deleted recordings without a row");
                let noted = self.note_gone(RecordingStep::Swept(gone)).await;
                noted.map_err(|why| format!("deleted ones are missing from the audit: {why}"))?;
            }
        }
        Ok(swept)
    }

    async fn recording_step(&self, step: RecordingStep) -> Result<RecordingFate, Unserved> {
        self.ask(|answer| Job::Recording(Box::new(step), answer)).await
    }

    /// Puts on record that files are gone. If that were given up, the next turn would do so once more.
    async fn note_gone(&self, step: RecordingStep) -> Result<RecordingFate, Unserved> {
        self.ask_at_leisure(|answer| Job::Recording(Box::new(step), answer)).await
    }

    fn note(&self, fate: &str) {
        self.shared.metrics.recordings.with_label_values(&[fate]).inc();
    }
}

/// Deletes what is due until told to stop.
pub(super) async fn keep(engine: Engine, mut stop: watch::Receiver<bool>) {
    let mut turns = 0_u32;
    loop {
        if turns.is_multiple_of(SWEEP_EVERY_TURNS) {
            engine.sweep_recordings().await;
        }
        turns = turns.wrapping_add(1);
        engine.expire_recordings().await;
        // When the clock is set, the minute begins anew.
        let jumps = engine.shared.clock.watch_for_jumps();
        let next = engine.shared.clock.now().after(EXPIRE_EVERY);
        tokio::select! {
            () = jumps.sleep_until(next) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

impl Shared {
    /// Where the recording with this key belongs.
    fn place(&self, app: AppNo, key: RowKey) -> Place {
        Place { bucket: bucket_name(&self.registry.customers.by_no(app).key), object: object_name(key) }
    }
}
