//! The connections that queries read through: opened when needed, kept, never more than a few.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::sqlite;
use crate::store::StoreError;

/// Most reading connections. Queries are operators' and short; more would only fight for the same cores.
const CONNECTIONS_MAX: usize = 8;
/// How long a query waits for one of them before it is refused.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The reading connections to one file.
#[derive(Debug)]
pub(super) struct ReadPool {
    path: PathBuf,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
}

impl ReadPool {
    /// A pool of connections to the file at `path`; opens none yet.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default(), returned: Condvar::new() }
    }

    /// Lets `work` read. Everything it reads belongs to one moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = self.lend()?;
        let connection = lent.connection.as_mut().expect("a connection is only taken out on drop");
        let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let found = work(&snapshot)?;
        snapshot.commit()?;
        Ok(found)
    }

    fn lend(&self) -> Result<Lent<'_>, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |state: &mut State| state.idle.is_empty() && state.open >= CONNECTIONS_MAX;
        let (mut state, _) =
            self.returned.wait_timeout_while(state, WAIT_MAX, busy).unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = state.idle.pop() {
            return Ok(Lent { pool: self, connection: Some(connection) });
        }
        if state.open >= CONNECTIONS_MAX {
            return Err(StoreError::Unavailable("too many queries at once".into()));
        }
        state.open += 1;
        drop(state);
        let mut lent = Lent { pool: self, connection: None }; // gives its place back should opening fail
        lent.connection = Some(sqlite::open_for_reading(&self.path)?);
        Ok(lent)
    }
}

/// A connection on loan.
struct Lent<'p> {
    pool: &'p ReadPool,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.connection.take() {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}
