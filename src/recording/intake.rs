//! A recording on its way in: written piece by piece to a file that nobody can ask for, checked, and on the disk
//! before anything is told of it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::wav::{HEADER_MAX, NotWav, play_time};

/// Bytes read at a time from a file that is taken over.
const PIECE_BYTES: usize = 64 * 1024;

/// Why a recording was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It is too large.
    #[error("a recording has at most {0} bytes here")]
    TooLarge(u64),
    /// It is no recording.
    #[error(transparent)]
    NotWav(#[from] NotWav),
    /// The disk does not take it.
    #[error("cannot write the recording: {0}")]
    Disk(#[from] io::Error),
}

/// A recording that is being written. Dropped before it is whole, it leaves nothing behind.
#[derive(Debug)]
pub struct Intake {
    file: File,
    draft: Draft,
    beginning: Vec<u8>,
    bytes: u64,
    bytes_max: u64,
}

/// A whole recording on the disk that is not yet where it belongs. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Taken {
    /// Size of the file.
    pub bytes: u64,
    /// How long it plays.
    pub play_time: Duration,
    pub(super) draft: Draft,
}

/// The path of a file that goes away with this, unless it has been moved.
#[derive(Debug)]
pub(super) struct Draft(PathBuf);

impl Draft {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It may have been moved to where it belongs. What stays is removed at the next start.
        drop(std::fs::remove_file(&self.0));
    }
}

impl Intake {
    /// Into the new file `path`.
    pub(super) async fn begin(path: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
        Ok(Self { file, draft: Draft(path), beginning: Vec::new(), bytes: 0, bytes_max })
    }

    /// Writes the next piece.
    pub async fn write(&mut self, piece: &Bytes) -> Result<(), NotTaken> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(NotTaken::TooLarge(self.bytes_max));
        }
        let wanted = HEADER_MAX - self.beginning.len();
        let began = self.beginning.len() < 12;
        self.beginning.extend_from_slice(&piece[..piece.len().min(wanted)]);
        if began && self.beginning.len() >= 12 {
            // Something else entirely is refused at once, not after hours of it.
            if let Err(NotWav::NoRiff) = play_time(&self.beginning, self.bytes) {
                return Err(NotWav::NoRiff.into());
            }
        }
        self.file.write_all(piece).await?;
        Ok(())
    }

    /// Writes all of an open file.
    pub async fn take_over(&mut self, source: std::fs::File) -> Result<(), NotTaken> {
        let mut source = File::from_std(source);
        loop {
            let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
            if source.read_buf(&mut piece).await? == 0 {
                return Ok(());
            }
            self.write(&piece.freeze()).await?;
        }
    }

    /// Checks that it is a recording, and returns when it is on the disk.
    pub async fn finish(mut self) -> Result<Taken, NotTaken> {
        let play_time = play_time(&self.beginning, self.bytes)?;
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(Taken { bytes: self.bytes, play_time, draft: self.draft })
    }
}
