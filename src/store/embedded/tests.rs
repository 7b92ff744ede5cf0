//! The contract, and what is particular to files: one gateway per directory, versions, damage, crashes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{EmbeddedStore, MAIN_FILE, MIGRATIONS};
use crate::domain::call::Call;
use crate::domain::cdr_file::Day;
use crate::domain::delivery::NoticeKind;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::operation::BindingOperation;
use crate::domain::recording::RecordingFile;
use crate::domain::replay::Replay;
use crate::domain::sms::Message;
use crate::domain::time::Timestamp;
use crate::store::contract::sample::{self, axb, bound, key};
use crate::store::contract::{Place, store_contract};
use crate::store::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow,
    MessageFilter, Notices, NoticesAfter, OperationFilter, Page, Retention,
};
use crate::store::{AuditEntry, Batch, Bodies, LoadFrom, Loaded, Store, StoreError, Write};

impl Place for TempDir {
    fn fresh() -> Self {
        tempfile::tempdir().unwrap()
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(open(self))
    }
}

mod as_written {
    use super::*;
    store_contract!(TempDir);
}

/// A place whose store answers from the search index whatever it can.
struct Indexed(TempDir);

impl Place for Indexed {
    fn fresh() -> Self {
        Self(TempDir::fresh())
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(CaughtUp(open(&self.0)))
    }
}

mod through_the_index {
    use super::*;
    store_contract!(Indexed);
}

/// A store whose index has caught up after every commit.
#[derive(Debug)]
struct CaughtUp(EmbeddedStore);

impl Store for CaughtUp {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.0.commit(batch)?;
        self.0.search.catch_up()?;
        assert_eq!(self.0.search_lags_since()?, None);
        Ok(())
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        self.0.secret()
    }

    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
        self.0.load(from, sink)
    }

    fn binding_count(&self) -> Result<u64, StoreError> {
        self.0.binding_count()
    }

    fn bodies(&self, deliveries: &[RowKey]) -> Result<Bodies, StoreError> {
        self.0.bodies(deliveries)
    }

    fn recordings(&self, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError> {
        self.0.recordings(keys)
    }

    fn expired_recordings(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordingFile>, StoreError> {
        self.0.expired_recordings(now, limit)
    }

    fn tone_content(&self, app: AppNo, name: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.0.tone_content(app, name)
    }

    fn find_cdrs(&self, filter: &CdrFilter, page: Page) -> Result<Vec<CdrRow>, StoreError> {
        self.0.find_cdrs(filter, page)
    }

    fn cdr_files_done(&self) -> Result<Option<Day>, StoreError> {
        self.0.cdr_files_done()
    }

    fn find_messages(&self, filter: &MessageFilter, page: Page) -> Result<Vec<Message>, StoreError> {
        self.0.find_messages(filter, page)
    }

    fn find_calls(&self, filter: &CallFilter, page: Page) -> Result<Vec<Call>, StoreError> {
        self.0.find_calls(filter, page)
    }

    fn find_deliveries(&self, filter: &DeliveryFilter, page: Page) -> Result<Vec<DeliveryRow>, StoreError> {
        self.0.find_deliveries(filter, page)
    }

    fn delivery(&self, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
        self.0.delivery(id)
    }

    fn notices(&self, after: NoticesAfter) -> Result<Notices, StoreError> {
        self.0.notices(after)
    }

    fn find_replays(&self, page: Page) -> Result<Vec<Replay>, StoreError> {
        self.0.find_replays(page)
    }

    fn replay(&self, id: RowKey) -> Result<Option<Replay>, StoreError> {
        self.0.replay(id)
    }

    fn selected(&self, replay: RowKey, from: u32, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        self.0.selected(replay, from, limit)
    }

    fn find_audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        self.0.find_audit(page)
    }

    fn find_ended(&self, filter: &EndedFilter, page: Page) -> Result<Vec<EndedRow>, StoreError> {
        self.0.find_ended(filter, page)
    }

    fn find_operations(
        &self,
        filter: &OperationFilter,
        page: Page,
    ) -> Result<Vec<BindingOperation>, StoreError> {
        self.0.find_operations(filter, page)
    }

    fn forget_older(&self, than: Retention, limit: usize) -> Result<usize, StoreError> {
        self.0.forget_older(than, limit)
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.0.ping()
    }
}

fn open(dir: &TempDir) -> EmbeddedStore {
    EmbeddedStore::open(dir.path(), [7; 32]).unwrap()
}

fn bindings(store: &EmbeddedStore) -> usize {
    let beginning = Timestamp::from_millis(1);
    let mut count = 0;
    let from = LoadFrom { ended_after: beginning, closed_after: beginning };
    store.load(from, &mut |piece| count += usize::from(matches!(piece, Loaded::Binding(_)))).unwrap();
    count
}

fn bind(n: u64) -> Batch {
    Batch { writes: vec![bound(axb(key(n), 2 * n, 2 * n + 1))] }
}

#[test]
fn a_second_gateway_on_the_same_directory_is_refused_with_words() {
    let dir = TempDir::fresh();
    let first = open(&dir);
    let refusal = EmbeddedStore::open(dir.path(), [8; 32]).unwrap_err();
    assert!(matches!(&refusal, StoreError::Unavailable(why) if why.contains("another gateway")), "{refusal}");
    drop(first);
    open(&dir);
}

#[test]
fn the_secret_is_drawn_once_per_store() {
    let dir = TempDir::fresh();
    drop(open(&dir));
    let store = EmbeddedStore::open(dir.path(), [8; 32]).unwrap();
    assert_eq!(store.readers.read(super::load::secret).unwrap(), [7; 32]);
}

#[test]
fn bindings_of_a_store_of_version_1_still_stand_beside_new_ones_of_axe() {
    let dir = TempDir::fresh();
    let old = Connection::open(dir.path().join(MAIN_FILE)).unwrap();
    old.execute_batch(include_str!("schema.sql")).unwrap();
    old.execute_batch(&format!(
        "INSERT INTO meta VALUES ('secret', zeroblob(32)); PRAGMA user_version = 1;
         INSERT INTO binding VALUES ({}, 1, 'AXB', {}, {}, {}, 0, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, {});",
        key(1).get(),
        sample::x(1).number().word(),
        sample::number(1).word(),
        sample::number(2).word(),
        sample::at(4).millis(),
    ))
    .unwrap();
    drop(old);
    let store = open(&dir);
    let mut found = Vec::new();
    let from = LoadFrom { ended_after: sample::at(0), closed_after: sample::at(0) };
    let mut gather = |piece| {
        if let Loaded::Binding(binding) = piece {
            found.push(binding);
        }
    };
    store.load(from, &mut gather).unwrap();
    assert_eq!(found, [axb(key(1), 1, 2)]);
    store.commit(&Batch { writes: vec![bound(sample::axe(key(2), "0042"))] }).unwrap();
    assert_eq!(bindings(&store), 2);
}

#[test]
fn a_store_of_a_newer_version_is_refused_with_words() {
    let dir = TempDir::fresh();
    drop(open(&dir));
    Connection::open(dir.path().join(MAIN_FILE)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refusal = EmbeddedStore::open(dir.path(), [7; 32]).unwrap_err();
    assert!(matches!(&refusal, StoreError::Corrupt(why) if why.contains("version 99")), "{refusal}");
}

#[test]
fn pending_deliveries_of_a_store_of_version_1_are_still_pending() {
    let dir = TempDir::fresh();
    let db = Connection::open(dir.path().join(MAIN_FILE)).unwrap();
    db.execute_batch(include_str!("schema.sql")).unwrap();
    let waits = sample::delivery(10, 1, NoticeKind::Cdr);
    let (id, due) = (waits.id.get(), waits.due.millis());
    let call = waits.call.unwrap().get();
    db.execute_batch(&format!(
        "INSERT INTO delivery VALUES ({id}, 1, 'cdr', {call}, NULL, x'7b7d');
         INSERT INTO delivery_pending VALUES ({id}, 0, NULL, {due});
         PRAGMA user_version = 1;"
    ))
    .unwrap();
    drop(db);
    let mut pending = Vec::new();
    let from = LoadFrom { ended_after: sample::at(0), closed_after: sample::at(0) };
    open(&dir)
        .load(from, &mut |loaded| {
            if let Loaded::Delivery(delivery) = loaded {
                pending.push(delivery);
            }
        })
        .unwrap();
    assert_eq!(pending, [waits]);
}

#[test]
fn the_pushes_of_a_delivery_that_ended_in_version_6_are_shown_and_stay_when_it_is_made_pending_again() {
    let dir = TempDir::fresh();
    let db = Connection::open(dir.path().join(MAIN_FILE)).unwrap();
    for migration in &MIGRATIONS[..6] {
        db.execute_batch(migration).unwrap();
    }
    let queued = sample::delivery(10, 1, NoticeKind::Cdr);
    let (id, first, second) = (queued.id.get(), sample::at(11).millis(), sample::at(99).millis());
    db.execute_batch(&format!(
        "INSERT INTO delivery VALUES ({id}, 1, 'cdr', {}, NULL, x'7b7d');
         INSERT INTO attempt VALUES ({id}, 1, {first}, 'http://a/', NULL, 500, 3, NULL, x'', 'answered 500');
         INSERT INTO attempt VALUES ({id}, 2, {second}, 'http://b/', NULL, 200, 4, NULL, x'', NULL);
         INSERT INTO delivery_ended VALUES ({id}, 2, {first}, {second}, 'delivered', {second});
         PRAGMA user_version = 6;",
        queued.call.unwrap().get()
    ))
    .unwrap();
    drop(db);
    let store = open(&dir);
    let urls = || -> (Vec<String>, String) {
        let found = store.delivery(queued.id).unwrap().unwrap();
        let all = found.attempts.iter().map(|attempt| attempt.url.to_string()).collect();
        (all, found.row.last_push.unwrap().url.into())
    };
    assert_eq!(urls(), (vec!["http://a/".into(), "http://b/".into()], "http://b/".into()));
    let again = store.delivery(queued.id).unwrap().unwrap().row.delivery.again(sample::at(200));
    store.commit(&Batch { writes: vec![Write::Redeliver(again)] }).unwrap();
    let (delivered, push) = sample::pushed(again, true, 0);
    store.commit(&Batch { writes: vec![push] }).unwrap();
    let third = sample::attempt().url.to_string();
    assert_eq!(urls(), (vec!["http://a/".into(), "http://b/".into(), third.clone()], third));
    assert_eq!(store.delivery(queued.id).unwrap().unwrap().row.delivery, delivered);
}

#[test]
fn a_file_that_is_no_database_is_called_corrupt() {
    let dir = TempDir::fresh();
    fs::write(dir.path().join(MAIN_FILE), "no database ".repeat(500)).unwrap();
    let refusal = EmbeddedStore::open(dir.path(), [7; 32]).unwrap_err();
    assert!(matches!(refusal, StoreError::Corrupt(_)), "{refusal}");
}

#[test]
fn a_row_that_no_version_wrote_is_called_corrupt() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    store.commit(&bind(1)).unwrap();
    let shell = Connection::open(dir.path().join(MAIN_FILE)).unwrap();
    shell.execute("UPDATE binding SET b = a", []).unwrap();
    let from = LoadFrom { ended_after: sample::at(0), closed_after: sample::at(0) };
    let refusal = store.load(from, &mut drop).unwrap_err();
    assert!(matches!(&refusal, StoreError::Corrupt(why) if why.contains("binding.b")), "{refusal}");
    assert!(!refusal.to_string().contains("138000"), "no number in an error: {refusal}");
}

#[test]
fn nobody_else_may_read_the_files() {
    let parent = TempDir::fresh();
    let dir = parent.path().join("a/data");
    let store = EmbeddedStore::open(&dir, [7; 32]).unwrap();
    store.commit(&bind(1)).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "database, log and lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn a_database_shell_may_read_while_the_gateway_runs() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    store.commit(&bind(1)).unwrap();
    let shell = Connection::open(dir.path().join(MAIN_FILE)).unwrap();
    let x: i64 = shell.query_row("SELECT x FROM binding", [], |row| row.get(0)).unwrap();
    assert_eq!(u64::try_from(x).unwrap(), sample::x(1).number().word());
    store.commit(&bind(2)).unwrap();
}

/// Copies the files as a crash would leave them: nothing closed, nothing written back.
fn crash_image(dir: &TempDir) -> TempDir {
    let image = TempDir::fresh();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), image.path().join(entry.file_name())).unwrap();
    }
    image
}

#[test]
fn after_a_crash_every_committed_batch_is_there() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    for n in 1..=20 {
        store.commit(&bind(n)).unwrap();
        if n % 5 == 0 {
            let image = crash_image(&dir);
            assert_eq!(bindings(&open(&image)), usize::try_from(n).unwrap());
        }
    }
}

#[test]
fn after_a_crash_in_the_middle_of_a_commit_the_batch_is_gone_and_those_before_it_are_there() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    store.commit(&bind(1)).unwrap();
    let log = format!("{MAIN_FILE}-wal");
    let complete = fs::metadata(dir.path().join(&log)).unwrap().len();
    store.commit(&Batch { writes: (2..200).flat_map(|n| bind(n).writes).collect() }).unwrap();
    let longer = fs::metadata(dir.path().join(&log)).unwrap().len();
    for cut in [complete, complete + 1, complete.midpoint(longer), longer - 1] {
        let image = crash_image(&dir);
        fs::OpenOptions::new().write(true).open(image.path().join(&log)).unwrap().set_len(cut).unwrap();
        assert_eq!(bindings(&open(&image)), 1, "cut at {cut} of {longer}");
    }
}

#[test]
fn when_the_disk_is_full_nothing_of_the_batch_is_written_and_later_it_works() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    store.commit(&bind(1)).unwrap();
    let pages_max = |pages: i64| store.writer().db.pragma_update(None, "max_page_count", pages).unwrap();
    pages_max(1); // SQLite takes the present size when that is more
    let large = Batch { writes: (2..2_000).flat_map(|n| bind(n).writes).collect() };
    let refusal = store.commit(&large).unwrap_err();
    assert!(matches!(refusal, StoreError::Unavailable(_)), "{refusal}");
    assert_eq!(bindings(&store), 1);
    pages_max(1_000_000);
    store.commit(&large).unwrap();
    assert_eq!(bindings(&store), 1_999);
}

#[test]
fn a_key_beyond_the_year_2109_is_refused_and_nothing_of_its_batch_is_written() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    let mut batch = bind(1);
    batch.writes.push(bound(axb(RowKey::floor(1 << 42), 8, 9)));
    let refusal = store.commit(&batch).unwrap_err();
    assert!(matches!(&refusal, StoreError::Unavailable(why) if why.contains("binding.id")), "{refusal}");
    assert_eq!(bindings(&store), 0);
}

#[test]
fn a_commit_is_seen_by_a_query_that_begins_after_it() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    for n in 1..=50 {
        let binding = axb(key(n), 1, 2);
        let end =
            sample::unbound(binding.clone(), crate::domain::binding::UnbindCause::Customer, sample::at(n));
        store.commit(&Batch { writes: vec![bound(binding), end, Write::Audit(sample::audit(n))] }).unwrap();
        let newest = store.find_ended(&EndedFilter::default(), Page { before: None, limit: 1 }).unwrap();
        assert_eq!(newest[0].binding.id(), key(n));
    }
}

#[test]
fn many_queries_at_once_share_the_connections() {
    let dir = TempDir::fresh();
    let store = open(&dir);
    store.commit(&bind(1)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(store.binding_count().unwrap(), 1));
        }
    });
}
