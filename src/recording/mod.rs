//! The files of recordings: how they come in, where they lie, and how they are read.
//!
//! What this folder promises:
//!
//! - A file has its name only when it is whole, checked and on the disk or in the bucket. Until then nobody can
//!   ask for it, and what a crash leaves of it is removed at the next start.
//! - Names are made by us, from an app_key and a row's key. Nothing that came from outside is used as one.
//! - Files are read and written in pieces; none is ever in memory as a whole.
//!
//! Which recordings there are, whose they are and when they are gone is in the store; that is the engine's
//! business.

mod import;
mod intake;
mod local;
mod wav;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::fs::File;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

pub use self::import::NotImported;
pub use self::intake::{Intake, NotTaken, Taken};
use self::local::LocalStore;
pub use self::wav::NotWav;
use crate::bucket::{BucketError, S3Bucket, Upload};
use crate::config;
use crate::domain::call::CallId;
use crate::domain::time::Timestamp;
use crate::remote::Remote;

/// `Content-Type` of every recording.
pub const AUDIO: &str = "audio/wav";

/// The folder for recordings on their way in.
const INCOMING: &str = "incoming";
/// Uploads under way at once.
const UPLOADS_MAX: usize = 128;
/// Recordings being read at once; each holds up to five pieces in memory.
const READERS_MAX: usize = 512;

/// The place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `recordBucketName`.
    pub bucket: String,
    /// `recordObjectName`.
    pub object: String,
}

impl Place {
    /// The name of the object.
    fn in_bucket(&self) -> String {
        format!("{}/{}", self.bucket, self.object)
    }
}

/// A file could not be stored, read or deleted. Says why, for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(String);

impl From<BucketError> for StorageError {
    fn from(why: BucketError) -> Self {
        Self(format!("the recording was {why}"))
    }
}

/// Why recordings cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordingSetupError {
    /// The directory cannot be used.
    #[error("recording.dir {}: {reason}", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The bucket cannot be addressed.
    #[error("recording.s3_endpoint: {0}")]
    Bucket(String),
}

/// The files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recordings {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Files,
    incoming: PathBuf,
    import_dir: Option<PathBuf>,
    bytes_max: u64,
    upload_max: Duration,
    /// The uploads under way, with the object each is to become.
    turns: Mutex<HashMap<CallId, String>>,
    readers: Arc<Semaphore>,
    drafts: AtomicU64,
}

#[derive(Debug)]
enum Files {
    Local(LocalStore),
    S3(Box<S3Bucket>),
}

/// The right to send the recording of one call. One at a time, so that no two write the same file.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    call: CallId,
}

/// Why there is no turn now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTurn {
    /// The recording of this call is being sent already.
    #[error("the recording of this call is being sent already")]
    UnderWay,
    /// Too many are being sent.
    #[error("too many recordings are being sent; try again")]
    TooMany,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    /// The file, at its beginning.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// Held as long as it is being read.
    pub seat: OwnedSemaphorePermit,
}

impl Recordings {
    /// Makes the folders that are missing and removes what a former run left half-way.
    pub fn open(settings: &config::Recording, remote: &Remote) -> Result<Self, RecordingSetupError> {
        let incoming = settings.dir.join(INCOMING);
        let failed = |reason| RecordingSetupError::Directory { dir: settings.dir.clone(), reason };
        make_folder(&incoming).map_err(failed)?;
        for entry in std::fs::read_dir(&incoming).map_err(failed)? {
            std::fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        let files = match &settings.store {
            config::RecordingStore::Local => Files::Local(LocalStore::new(settings.dir.clone())),
            config::RecordingStore::S3(s3) => {
                let bucket = S3Bucket::new(s3, remote.clone());
                Files::S3(Box::new(bucket.map_err(RecordingSetupError::Bucket)?))
            }
        };
        let shared = Shared {
            files,
            incoming,
            import_dir: settings.import_dir.clone(),
            bytes_max: settings.file_bytes_max,
            upload_max: settings.upload,
            turns: Mutex::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            drafts: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Largest file, in bytes.
    pub fn bytes_max(&self) -> u64 {
        self.shared.bytes_max
    }

    /// For the whole of one upload.
    pub fn upload_max(&self) -> Duration {
        self.shared.upload_max
    }

    /// Takes the turn of a call whose recording is to become `object`.
    pub fn take_turn(&self, call: &CallId, object: String) -> Result<Turn, NoTurn> {
        let mut turns = self.shared.turns();
        if turns.contains_key(call) {
            return Err(NoTurn::UnderWay);
        }
        if turns.len() >= UPLOADS_MAX {
            return Err(NoTurn::TooMany);
        }
        turns.insert(call.clone(), object);
        Ok(Turn { shared: Arc::clone(&self.shared), call: call.clone() })
    }

    /// Begins to take a recording in.
    pub async fn intake(&self) -> Result<Intake, NotTaken> {
        let number = self.shared.drafts.fetch_add(1, Ordering::Relaxed);
        let path = self.shared.incoming.join(format!("{number}.part"));
        Ok(Intake::begin(path, self.shared.bytes_max).await?)
    }

    /// Opens a file that the switch names by its path, which must lie in the import directory.
    pub async fn import(&self, path: &str) -> Result<std::fs::File, NotImported> {
        let Some(root) = self.shared.import_dir.clone() else { return Err(NotImported::NotAllowed) };
        let path = PathBuf::from(path);
        let opened = tokio::task::spawn_blocking(move || import::open_below(&root, &path)).await;
        opened.unwrap_or(Err(NotImported::NotThere))
    }

    /// Brings a recording to its place. Durable when this returns `Ok`.
    pub async fn put(&self, place: &Place, taken: Taken, now: Timestamp) -> Result<(), StorageError> {
        match &self.shared.files {
            Files::Local(local) => local.put(place, &taken).await,
            Files::S3(bucket) => {
                let failed = |error| StorageError(format!("cannot read the recording back: {error}"));
                let file = File::open(taken.draft.path()).await.map_err(failed)?;
                let deadline = self.shared.upload_max;
                let upload = Upload { file, bytes: taken.bytes, kind: AUDIO, deadline };
                Ok(bucket.put(&place.in_bucket(), upload, now).await?)
            }
        }
    }

    /// A link straight to the file, if it does not lie with us.
    pub fn direct_link(&self, place: &Place, life: Duration, now: Timestamp) -> Option<Url> {
        match &self.shared.files {
            Files::Local(_) => None,
            Files::S3(bucket) => Some(bucket.link(&place.in_bucket(), AUDIO, life, now)),
        }
    }

    /// Whether another recording can be read now.
    pub fn reader_seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.readers).try_acquire_owned().ok()
    }

    /// Opens a file that lies with us; `None` when there is none.
    pub async fn read(
        &self,
        place: &Place,
        seat: OwnedSemaphorePermit,
    ) -> Result<Option<Reading>, StorageError> {
        match &self.shared.files {
            Files::Local(local) => {
                Ok(local.open(place).await?.map(|(file, bytes)| Reading { file, bytes, seat }))
            }
            Files::S3(_) => Ok(None),
        }
    }

    /// Deletes a file, if it is there.
    pub async fn remove(&self, place: &Place, now: Timestamp) -> Result<(), StorageError> {
        match &self.shared.files {
            Files::Local(local) => local.remove(place).await,
            Files::S3(bucket) => Ok(bucket.remove(&place.in_bucket(), now).await?),
        }
    }

    /// The folders of the files that lie with us. Of a bucket nothing is listed: there, an upload that a crash
    /// cut off from its row is for the bucket's own expiry rule.
    pub async fn buckets(&self) -> io::Result<Vec<String>> {
        match &self.shared.files {
            Files::Local(local) => local.buckets().await,
            Files::S3(_) => Ok(Vec::new()),
        }
    }

    /// The names of all files in a folder that are not on their way in.
    pub async fn settled(&self, bucket: &str) -> io::Result<Vec<String>> {
        let Files::Local(local) = &self.shared.files else { return Ok(Vec::new()) };
        let mut objects = local.objects(bucket).await?;
        // Looked at after the list was made: what was on its way then has its row now, or is still on its way.
        let turns = self.shared.turns();
        objects.retain(|object| !turns.values().any(|coming| coming == object));
        Ok(objects)
    }
}

impl Shared {
    fn turns(&self) -> MutexGuard<'_, HashMap<CallId, String>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.shared.turns().remove(&self.call);
    }
}

fn make_folder(path: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
