//! Recordings as files in a directory: `{bucket}/{object}`.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::fs::{self, DirBuilder, File};

use super::intake::Taken;
use super::{Place, StorageError};

/// A directory that belongs to one gateway.
#[derive(Clone, Debug)]
pub(super) struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Moves a recording to its place. On the disk when this returns `Ok`: the file was before, now its name is.
    pub(super) async fn put(&self, place: &Place, taken: &Taken) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageError(format!("cannot store the recording: {error}"));
        let folder = self.root.join(&place.bucket);
        match DirBuilder::new().mode(0o700).create(&folder).await {
            Ok(()) => sync(&self.root).await.map_err(failed)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        fs::rename(taken.draft.path(), folder.join(&place.object)).await.map_err(failed)?;
        sync(&folder).await.map_err(failed)
    }

    /// The file and its size; `None` when it is not there.
    pub(super) async fn open(&self, place: &Place) -> Result<Option<(File, u64)>, StorageError> {
        let failed = |error: io::Error| StorageError(format!("cannot read a recording: {error}"));
        match File::open(self.path(place)).await {
            Ok(file) => {
                let size = file.metadata().await.map_err(failed)?.len();
                Ok(Some((file, size)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Deletes the file, if it is there.
    pub(super) async fn remove(&self, place: &Place) -> Result<(), StorageError> {
        match fs::remove_file(self.path(place)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StorageError(format!("cannot delete a recording: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// The folders of apps.
    pub(super) async fn buckets(&self) -> io::Result<Vec<String>> {
        let mut found = names(&self.root).await?;
        found.retain(|name| name.starts_with("sp-"));
        Ok(found)
    }

    /// The names of all files in the folder of an app.
    pub(super) async fn objects(&self, bucket: &str) -> io::Result<Vec<String>> {
        names(&self.root.join(bucket)).await
    }

    /// Where a file is. Both names were made by us, from an app_key and a row's key: none holds a slash.
    fn path(&self, place: &Place) -> PathBuf {
        self.root.join(&place.bucket).join(&place.object)
    }
}

async fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut entries = fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// A new name is only there after a power cut if its folder was synced.
async fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).await?.sync_all().await
}
