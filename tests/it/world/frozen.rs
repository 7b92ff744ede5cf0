//! A disk whose flush hangs for as long as a test likes: the embedded store, with commits that wait.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use privnum::domain::call::Call;
use privnum::domain::cdr_file::Day;
use privnum::domain::id::{AppNo, RowKey};
use privnum::domain::operation::BindingOperation;
use privnum::domain::recording::RecordingFile;
use privnum::domain::replay::Replay;
use privnum::domain::sms::Message;
use privnum::domain::time::Timestamp;
use privnum::store::embedded::EmbeddedStore;
use privnum::store::query::{
    CallFilter, CdrFilter, CdrRow, DeliveryDetail, DeliveryFilter, DeliveryRow, EndedFilter, EndedRow,
    MessageFilter, Notices, NoticesAfter, OperationFilter, Page, Retention,
};
use privnum::store::{AuditEntry, Batch, Bodies, LoadFrom, Loaded, Store, StoreError};

/// Holds a disk still.
#[derive(Clone, Debug, Default)]
pub struct Frost(Arc<(Mutex<Disk>, Condvar)>);

#[derive(Debug, Default)]
struct Disk {
    is_frozen: bool,
    probes: usize,
}

impl Frost {
    /// From now on commits and probes wait.
    pub fn freeze(&self) {
        self.disk().is_frozen = true;
    }

    /// Lets those that wait go on, and all that follow.
    pub fn thaw(&self) {
        self.disk().is_frozen = false;
        self.0.1.notify_all();
    }

    /// How many probes there were.
    pub fn probes(&self) -> usize {
        self.disk().probes
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.0.lock().unwrap()
    }

    fn wait(&self) {
        drop(self.0.1.wait_while(self.disk(), |disk| disk.is_frozen).unwrap());
    }
}

/// The embedded store on such a disk.
#[derive(Debug)]
pub struct OnFrozenDisk {
    store: EmbeddedStore,
    frost: Frost,
}

impl OnFrozenDisk {
    pub fn open(dir: &Path, frost: Frost) -> Result<Self, StoreError> {
        Ok(Self { store: EmbeddedStore::open(dir, [7; 32])?, frost })
    }
}

impl Store for OnFrozenDisk {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.frost.wait();
        self.store.commit(batch)
    }

    fn secret(&self) -> Result<[u8; 32], StoreError> {
        self.store.secret()
    }

    fn load(&self, from: LoadFrom, sink: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
        self.store.load(from, sink)
    }

    fn binding_count(&self) -> Result<u64, StoreError> {
        self.store.binding_count()
    }

    fn bodies(&self, deliveries: &[RowKey]) -> Result<Bodies, StoreError> {
        self.store.bodies(deliveries)
    }

    fn tone_content(&self, app: AppNo, name: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.store.tone_content(app, name)
    }

    fn find_cdrs(&self, filter: &CdrFilter, page: Page) -> Result<Vec<CdrRow>, StoreError> {
        self.store.find_cdrs(filter, page)
    }

    fn cdr_files_done(&self) -> Result<Option<Day>, StoreError> {
        self.store.cdr_files_done()
    }

    fn find_messages(&self, filter: &MessageFilter, page: Page) -> Result<Vec<Message>, StoreError> {
        self.store.find_messages(filter, page)
    }

    fn find_calls(&self, filter: &CallFilter, page: Page) -> Result<Vec<Call>, StoreError> {
        self.store.find_calls(filter, page)
    }

    fn find_deliveries(&self, filter: &DeliveryFilter, page: Page) -> Result<Vec<DeliveryRow>, StoreError> {
        self.store.find_deliveries(filter, page)
    }

    fn delivery(&self, id: RowKey) -> Result<Option<DeliveryDetail>, StoreError> {
        self.store.delivery(id)
    }

    fn notices(&self, after: NoticesAfter) -> Result<Notices, StoreError> {
        self.store.notices(after)
    }

    fn find_replays(&self, page: Page) -> Result<Vec<Replay>, StoreError> {
        self.store.find_replays(page)
    }

    fn replay(&self, id: RowKey) -> Result<Option<Replay>, StoreError> {
        self.store.replay(id)
    }

    fn selected(&self, replay: RowKey, from: u32, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        self.store.selected(replay, from, limit)
    }

    fn recordings(&self, keys: &[RowKey]) -> Result<Vec<RecordingFile>, StoreError> {
        self.store.recordings(keys)
    }

    fn expired_recordings(&self, now: Timestamp, limit: usize) -> Result<Vec<RecordingFile>, StoreError> {
        self.store.expired_recordings(now, limit)
    }

    fn find_audit(&self, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.find_audit(page)
    }

    fn find_ended(&self, filter: &EndedFilter, page: Page) -> Result<Vec<EndedRow>, StoreError> {
        self.store.find_ended(filter, page)
    }

    fn find_operations(
        &self,
        filter: &OperationFilter,
        page: Page,
    ) -> Result<Vec<BindingOperation>, StoreError> {
        self.store.find_operations(filter, page)
    }

    fn forget_older(&self, than: Retention, limit: usize) -> Result<usize, StoreError> {
        self.store.forget_older(than, limit)
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.frost.disk().probes += 1;
        // It writes, behind the commit.
        self.frost.wait();
        self.store.ping()
    }
}
