//! Daily CDR files. The rules are in `domain::cdr_file`; here they are carried out.
//!
//! Each CDR stands in exactly one file, also after a crash at any point, for whoever takes a file only once its
//! checksum is beside it. The order that promises this:
//!
//! 1. A line in the audit, through the writer. Keys rise, so no CDR can get a key of the day any more, also
//!    when the clock is set back; and what has such a key is committed.
//! 2. The CSV under a temporary name, synced, renamed, the directory synced.
//! 3. The day is noted as done, durably.
//! 4. With a bucket: the CSV is put there, then its checksum.
//! 5. The checksum in the same way as the CSV.
//!
//! A crash before 3 leaves a CSV without a checksum, which is made again and found to be the same. A crash
//! after 3 leaves one too, and what is left is done: an object that is put again has the same name and the same
//! bytes. A file is never overwritten. While the bucket is away no further day is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tracing::{error, info};

use super::Engine;
use super::job::{SettingChange, Unserved, Who};
use crate::bucket::{BucketError, S3Bucket, Upload};
use crate::domain::cdr_file::{CdrFileRule, Day, NextDay};
use crate::domain::id::RowKey;
use crate::domain::time::Timestamp;
use crate::store::query::{CdrFilter, Page, Span};
use crate::store::{Store, StoreError};
use crate::wire::operator::cdr::{CdrAnswer, csv_rows};
use crate::wire::time_text::format_date;

/// CDRs read from the store at a time.
const PORTION: usize = 1_000;
/// After a failure: often enough to be done soon after the disk has room again, and no flood of errors.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(600);
/// For one object. Ten million CDRs are about 4 GB.
const UPLOAD_MAX: std::time::Duration = std::time::Duration::from_secs(1_800);
/// `Content-Type` of the objects.
const CSV: &str = "text/csv;charset=utf-8";
const PLAIN: &str = "text/plain";
/// Whose doing it is, in the audit.
const SYSTEM: Who = "system";

/// Where the files go, and when.
#[derive(Clone, Debug)]
pub struct CdrFileSettings {
    /// The directory; made when missing.
    pub dir: PathBuf,
    /// When.
    pub rule: CdrFileRule,
    /// Where they are copied to.
    pub bucket: Option<CdrFolder>,
}

/// A place in a bucket.
#[derive(Clone, Debug)]
pub struct CdrFolder {
    /// The bucket.
    pub bucket: S3Bucket,
    /// What the names of the objects begin with.
    pub prefix: Box<str>,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
enum Unwritten {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} is there already and is not the file of that day: move it away", .0.display())]
    Foreign(PathBuf),
    #[error("{object}: {why}")]
    Object { object: String, why: BucketError },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Writer(#[from] Unserved),
}

/// The one that writes the files, whoever asks for it.
#[derive(Debug)]
pub(super) struct CdrFiles {
    settings: CdrFileSettings,
    /// The day whose line in the audit is written, so that a repeated try leaves no second one.
    begun: Option<Day>,
}

impl CdrFiles {
    pub(super) fn new(settings: CdrFileSettings) -> Self {
        Self { settings, begun: None }
    }

    /// Writes every day that is due. Returns when to look again.
    pub(super) async fn write_due(&mut self, engine: &Engine) -> Timestamp {
        match self.try_write_due(engine).await {
            Ok(next) => next,
            Err(Unwritten::Writer(Unserved::NotServing)) => engine.shared().clock.now().after(RETRY_AFTER),
            Err(why) => {
                error!("a CDR file is not written, next try in {RETRY_AFTER:?}: {why}");
                engine.shared().clock.now().after(RETRY_AFTER)
            }
        }
    }

    async fn try_write_due(&mut self, engine: &Engine) -> Result<Timestamp, Unwritten> {
        let now = engine.shared().clock.now();
        let known = engine.query(|store| store.cdr_files_done()).await?;
        let mut done = known.unwrap_or_else(|| CdrFileRule::done_at_first(now));
        if known.is_none() {
            note(engine, SettingChange::CdrFileDone(done)).await?;
        }
        self.finish(engine, done).await?;
        loop {
            match self.settings.rule.next(done, now) {
                NextDay::Wait(until) => return Ok(until),
                NextDay::PassOver(last) => {
                    error!(
                        "no CDR files up to {}: their CDRs are beyond the retention",
                        format_date(last.start())
                    );
                    note(engine, SettingChange::CdrFileDone(last)).await?;
                    done = last;
                }
                NextDay::Write(day) => {
                    self.write(engine, day).await?;
                    done = day;
                }
            }
        }
    }

    async fn write(&mut self, engine: &Engine, day: Day) -> Result<(), Unwritten> {
        if self.begun != Some(day) {
            let subject = format_date(day.start());
            note(engine, SettingChange::Noted { action: "cdrFile.write", subject }).await?;
            self.begun = Some(day);
        }
        let dir = self.settings.dir.clone();
        let rows = Rows { engine: engine.clone(), day };
        let cdrs = on_disk(move || write_csv(&dir, &rows)).await?;
        note(engine, SettingChange::CdrFileDone(day)).await?;
        self.finish(engine, day).await?;
        info!(cdrs, "wrote the CDR file of {}", format_date(day.start()));
        Ok(())
    }
}

impl CdrFiles {
    /// Does what is left to do for a day that is done: the copies in the bucket, and the checksum, which says that
    /// everything is complete.
    async fn finish(&self, engine: &Engine, day: Day) -> Result<(), Unwritten> {
        let dir = self.settings.dir.clone();
        let Some(ready) = on_disk(move || prepare_checksum(&dir, day)).await? else { return Ok(()) };
        if let Some(folder) = &self.settings.bucket {
            let now = engine.shared().clock.now();
            folder.put(&ready.csv, &ready.csv, CSV, now).await?;
            folder.put(&ready.checksum, &ready.temporary, PLAIN, now).await?;
        }
        let dir = self.settings.dir.clone();
        on_disk(move || publish(&dir, &ready.temporary, &ready.checksum)).await
    }
}

impl CdrFolder {
    /// Puts what is in the file `from` under the name of the file `named`.
    async fn put(
        &self,
        named: &Path,
        from: &Path,
        kind: &'static str,
        now: Timestamp,
    ) -> Result<(), Unwritten> {
        let name = named.file_name().unwrap_or_default().to_string_lossy();
        let object = format!("{}{name}", self.prefix);
        let file = tokio::fs::File::open(from).await.map_err(failed(from))?;
        let bytes = file.metadata().await.map_err(failed(from))?.len();
        let upload = Upload { file, bytes, kind, deadline: UPLOAD_MAX };
        self.bucket.put(&object, upload, now).await.map_err(|why| Unwritten::Object { object, why })
    }
}

/// Writes the files when their time comes, until the gateway stops.
pub(super) async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    let clock = engine.shared().clock.clone();
    loop {
        // When the clock is set, another day may be the one to wait for.
        let jumps = clock.watch_for_jumps();
        let Some(next) = engine.write_cdr_files().await else { return };
        tokio::select! {
            () = jumps.sleep_until(next) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Makes a note durable. Notes are not refused.
async fn note(engine: &Engine, note: SettingChange) -> Result<(), Unserved> {
    let noted = engine.change_at_leisure(SYSTEM, note).await?;
    debug_assert!(noted.is_ok(), "a note was refused: {noted:?}");
    Ok(())
}

/// Does work that waits for a disk.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unwritten> + Send + 'static,
) -> Result<T, Unwritten> {
    let broken =
        |error: tokio::task::JoinError| StoreError::Unavailable(format!("the work broke off: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

/// The CDRs of a day.
struct Rows {
    engine: Engine,
    day: Day,
}

impl Rows {
    /// Hands out the CSV in portions: the same bytes as the export of that span. Returns how many CDRs it has.
    fn each_portion(
        &self,
        mut write: impl FnMut(&[u8]) -> Result<(), Unwritten>,
    ) -> Result<usize, Unwritten> {
        let shared = self.engine.shared();
        let span = Span { from: Some(self.day.start()), to: Some(self.day.next().start()) };
        let filter = CdrFilter { span, ..CdrFilter::default() };
        let (mut before, mut count): (Option<RowKey>, usize) = (None, 0);
        loop {
            let store: &dyn Store = &*shared.store;
            let rows = store.find_cdrs(&filter, Page { before, limit: PORTION })?;
            let shown = rows.iter().map(|row| {
                CdrAnswer::of(&row.cdr, &shared.registry.customers.by_no(row.cdr.app), &shared.origin.ids)
            });
            write(&csv_rows(&shown.collect::<Vec<_>>(), count == 0))?;
            count += rows.len();
            match rows.last() {
                Some(last) if rows.len() == PORTION => before = Some(last.cdr.id),
                _ => return Ok(count),
            }
        }
    }
}

/// The file of a day.
fn csv_path(dir: &Path, day: Day) -> PathBuf {
    dir.join(format!("cdr-{}.csv", format_date(day.start())))
}

/// A path with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes the CSV of a day, or finds that it is there.
fn write_csv(dir: &Path, rows: &Rows) -> Result<usize, Unwritten> {
    fs::DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(failed(dir))?;
    let path = csv_path(dir, rows.day);
    let temporary = beside(&path, ".part");
    let mut digest = Sha256::new();
    let count = write_synced(&temporary, |file| {
        rows.each_portion(|bytes| {
            digest.update(bytes);
            file.write_all(bytes).map_err(failed(&temporary))
        })
    })?;
    if path.exists() {
        // Left by a crash before the day was noted, or somebody else's.
        fs::remove_file(&temporary).map_err(failed(&temporary))?;
        let same = digest_of(&path)? == <[u8; 32]>::from(digest.finalize());
        return if same { Ok(count) } else { Err(Unwritten::Foreign(path)) };
    }
    publish(dir, &temporary, &path)?;
    Ok(count)
}

/// The files of a day that is done, its checksum not in its place yet.
struct Ready {
    csv: PathBuf,
    checksum: PathBuf,
    /// Holds the checksum.
    temporary: PathBuf,
}

/// Makes the checksum of the CSV of a day that is done. `None` = it has one, or there is no CSV: it was taken.
fn prepare_checksum(dir: &Path, day: Day) -> Result<Option<Ready>, Unwritten> {
    let csv = csv_path(dir, day);
    let checksum = beside(&csv, ".sha256");
    if checksum.exists() || !csv.exists() {
        return Ok(None);
    }
    let name = csv.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{}  {name}\n", crate::wire::operator::tone::hex(&digest_of(&csv)?));
    let temporary = beside(&checksum, ".part");
    write_synced(&temporary, |file| file.write_all(line.as_bytes()).map_err(failed(&temporary)))?;
    Ok(Some(Ready { csv, checksum, temporary }))
}

/// Writes a file anew and waits until it is on the disk.
fn write_synced<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, Unwritten>,
) -> Result<T, Unwritten> {
    // Numbers in full: for the gateway's account, and for a group that the operator may give the directory.
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path);
    let mut file = BufWriter::new(opened.map_err(failed(path))?);
    let written = write(&mut file)?;
    let file = file.into_inner().map_err(|error| failed(path)(error.into_error()))?;
    file.sync_all().map_err(failed(path))?;
    Ok(written)
}

/// Gives a file that is on the disk its name, and waits until the name is on the disk too.
fn publish(dir: &Path, temporary: &Path, path: &Path) -> Result<(), Unwritten> {
    fs::rename(temporary, path).map_err(failed(path))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed(dir))
}

fn digest_of(path: &Path) -> Result<[u8; 32], Unwritten> {
    let mut file = File::open(path).map_err(failed(path))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match file.read(&mut buffer).map_err(failed(path))? {
            0 => return Ok(digest.finalize().into()),
            read => digest.update(&buffer[..read]),
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Unwritten + '_ {
    |error| Unwritten::File { path: path.into(), error }
}
