//! The directory that an embedded store owns: who may read it, and that only one gateway uses it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::store::StoreError;

/// Only the gateway's own account reads real numbers and secrets.
const DIRECTORY_MODE: u32 = 0o700;
/// The same for files.
const FILE_MODE: u32 = 0o600;
/// Held as long as a gateway runs on the directory. SQLite's own locks stay as they are, so the sqlite3 shell
/// may read meanwhile.
const LOCK_FILE: &str = "privnum.lock";
/// With less room than this on its disk a store is not ready: the largest batch might not fit.
const ROOM_BYTES_MIN: u64 = 16 * 1_048_576;

/// Makes the directory if need be and takes it for this process, until the returned file is closed.
pub(super) fn take(dir: &Path) -> Result<File, StoreError> {
    if !dir.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(dir)
            .map_err(|err| failed(dir, &err))?;
        sync_parent(dir)?;
    }
    let lock = open(&dir.join(LOCK_FILE))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
            "another gateway is running on {}: each needs a directory of its own",
            dir.display()
        ))),
        Err(TryLockError::Error(err)) => Err(failed(dir, &err)),
    }
}

/// Makes the file, readable for nobody else, unless it exists. SQLite gives its log the same mode.
pub(super) fn make_file(path: &Path) -> Result<(), StoreError> {
    open(path).map(drop)
}

/// Fails when the disk of the store, which `lock` lies on, is all but full.
pub(super) fn has_room(lock: &File) -> Result<(), StoreError> {
    let disk = rustix::fs::fstatvfs(lock)
        .map_err(|err| StoreError::Unavailable(format!("cannot tell how full the disk is: {err}")))?;
    let left = disk.f_bavail.saturating_mul(disk.f_frsize);
    if left < ROOM_BYTES_MIN {
        return Err(StoreError::Unavailable(format!("the disk is full: {} KiB are left", left / 1_024)));
    }
    Ok(())
}

/// Removes a database file and what SQLite keeps beside it, as far as they exist.
pub(super) fn remove_database(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(failed(path, &err)),
            _ => {}
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|err| failed(path, &err))
}

/// A new directory is only there after a power cut if its parent was synced.
fn sync_parent(dir: &Path) -> Result<(), StoreError> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(|err| failed(parent, &err))
}

fn failed(path: &Path, err: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {err}", path.display()))
}
