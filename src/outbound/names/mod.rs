//! From a name to its addresses (delivery R11).
//!
//! Own component and not the system's resolver, because that one holds a thread for as long as the name
//! servers please, forgets nothing and remembers nothing: a dead name server and a few hundred customers would
//! stand still together. Here a look-up has a budget of wall-clock time, answers are kept within bounds, also
//! those that say no, and all who ask for one name at a time share one question. `/etc/hosts` comes first.
//!
//! Says nothing about where a callback may go; that is `guard.rs`.

mod cache;
mod files;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

pub(super) use self::cache::NameFault;
use self::cache::{Answer, Cache, Found, Known};
use self::files::Files;

/// Names that are remembered: some 10 MB when full.
const NAMES_MAX: usize = 65_536;
/// Look-ups under way. More wait, within their budget: each is two datagrams to every name server at once, and
/// a burst that overflows somebody's receive buffer takes longer than one that does not.
const LOOKUPS_MAX: usize = 128;

/// How names are looked up. [`Default`] is what fits production.
#[derive(Clone, Debug)]
pub struct NameSettings {
    /// Name servers to ask; empty: those of `resolv_conf`.
    pub servers: Vec<SocketAddr>,
    /// How long one look-up may take.
    pub budget: Duration,
    /// Shortest time that an answer is kept, whatever its TTL: name servers must not be asked for every push.
    pub kept_min: Duration,
    /// Names that are not asked for.
    pub hosts: PathBuf,
    /// Where the system's name servers stand.
    pub resolv_conf: PathBuf,
    /// How often the two files are looked at for changes.
    pub check_files_every: Duration,
}

impl Default for NameSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            budget: Duration::from_secs(2),
            kept_min: Duration::from_secs(1),
            hosts: "/etc/hosts".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            check_files_every: Duration::from_secs(1),
        }
    }
}

/// Looks names up. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub(super) struct Names {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: Files,
    cache: Mutex<Cache>,
    lookups: Semaphore,
    budget: Duration,
}

impl Names {
    pub(super) fn new(settings: NameSettings) -> Self {
        let (budget, kept_min) = (settings.budget, settings.kept_min);
        let files = Files::read(settings);
        let cache = Mutex::new(Cache::new(NAMES_MAX, kept_min));
        Self { shared: Arc::new(Shared { files, cache, lookups: Semaphore::new(LOOKUPS_MAX), budget }) }
    }

    /// The addresses of `name`; never none. Takes no longer than the budget.
    pub(super) async fn lookup(&self, name: &str) -> Known {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let now = Instant::now();
        if let Some(ips) = self.shared.files.current(now).hosts.find(&name) {
            return Ok(ips);
        }
        let mut waiting = {
            let mut cache = self.shared.cache();
            match cache.find(&name, now) {
                Found::Known(known) => return known,
                Found::Asked(waiting) => waiting,
                Found::Nothing => {
                    let (asker, waiting) = watch::channel(None);
                    cache.asked(&name, waiting.clone(), now);
                    // In a task of its own, so that it goes on for the others when the first who asked leaves.
                    tokio::spawn(Arc::clone(&self.shared).ask(name, asker));
                    waiting
                }
            }
        };
        let known = waiting.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        known.unwrap_or_else(|| Err(NameFault::failed("the look-up broke off")))
    }
}

impl Shared {
    async fn ask(self: Arc<Self>, name: String, asker: watch::Sender<Option<Known>>) {
        let asked = async {
            let _turn = self.lookups.acquire().await.expect("the semaphore is never closed");
            upstream::ask(&self.files.current(Instant::now()).resolvers, &name).await
        };
        let too_late = || Answer::failed(&format!("no answer within {} s", self.budget.as_secs_f64()));
        let answer = tokio::time::timeout(self.budget, asked).await.unwrap_or_else(|_| too_late());
        self.cache().answered(&name, &answer, Instant::now());
        asker.send_replace(Some(answer.known));
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
