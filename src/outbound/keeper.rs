//! Keeps connections between pushes, and closes them when they are not used again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::time::Instant;

use super::connect::Place;
use super::connection::Connection;
use super::pool::{Pool, PoolLimits};

#[derive(Clone, Debug)]
pub(super) struct Keeper {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    pool: Pool<Place, Connection>,
    /// Whether a task waits to close what is idle for too long.
    is_watched: bool,
}

impl Keeper {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self { kept: Arc::new(Mutex::new(Kept { pool: Pool::new(limits), is_watched: false })) }
    }

    /// A connection to `place` that seems to be open still, and when it was made.
    pub(super) fn take(&self, place: &Place) -> Option<(Connection, Instant)> {
        lock(&self.kept).pool.take(place, Instant::now(), Connection::is_open)
    }

    /// Keeps a connection, made at `born`, that is ready for another request.
    pub(super) fn put(&self, place: Place, connection: Connection, born: Instant) {
        let mut kept = lock(&self.kept);
        kept.pool.put(place, connection, born, Instant::now());
        if !kept.is_watched {
            kept.is_watched = true;
            tokio::spawn(close_idle(Arc::downgrade(&self.kept)));
        }
    }
}

/// Runs for as long as there is something to close.
async fn close_idle(kept: Weak<Mutex<Kept>>) {
    while let Some(strong) = kept.upgrade() {
        let next = {
            let mut kept = lock(&strong);
            let next = kept.pool.drop_idle(Instant::now());
            kept.is_watched = next.is_some();
            next
        };
        drop(strong);
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => return,
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
