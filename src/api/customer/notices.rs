//! Fetching notices: what was or will be pushed, for a receiver that was down (proto-docs/customer.md).
//!
//! A customer who asks without pause must not hold up pushes and operators, who read through the same few
//! connections: each app has one reader at a time, and all together have some of the connections.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::rejection::Rejection;
use crate::api::json;
use crate::domain::customer::CustomerApp;
use crate::domain::id::AppNo;
use crate::engine::Engine;
use crate::engine::job::Unserved;
use crate::http::Reply;
use crate::store::query::NoticesAfter;
use crate::wire::fields::Fields;
use crate::wire::notices::{NoticesAnswer, notices_query};
use crate::wire::result_code::ResultCode;

/// Bodies in one answer, unless a single one is longer.
const ANSWER_BYTES_MAX: usize = 4 * 1_048_576;
/// Most apps that read at once: three of the eight connections to the store.
const READERS_MAX: usize = 3;

/// Who fetches notices just now.
#[derive(Debug)]
pub struct Readers {
    seats: Arc<Semaphore>,
    apps: Mutex<HashSet<AppNo>>,
}

impl Default for Readers {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(READERS_MAX)), apps: Mutex::default() }
    }
}

/// That an app reads, or waits to. It may do so again when this is dropped.
#[derive(Debug)]
struct Reading {
    readers: Arc<Readers>,
    app: AppNo,
}

impl Readers {
    /// Waits for a seat, in order of arrival; each app waits for one at most. `None`: the app reads already.
    async fn seat(self: &Arc<Self>, app: AppNo) -> Option<(Reading, OwnedSemaphorePermit)> {
        if !self.apps().insert(app) {
            return None;
        }
        let reading = Reading { readers: Arc::clone(self), app };
        let seat = Arc::clone(&self.seats).acquire_owned().await.ok()?;
        Some((reading, seat))
    }

    fn apps(&self) -> MutexGuard<'_, HashSet<AppNo>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.readers.apps().remove(&self.app);
    }
}

pub(super) async fn fetch(
    engine: &Engine,
    readers: &Arc<Readers>,
    app: &CustomerApp,
    fields: &Fields,
) -> Result<Reply, Rejection> {
    let ids = &engine.shared().origin.ids;
    let (after, limit) = notices_query(fields, app.no, ids)?;
    let asked = NoticesAfter { app: app.no, after, limit, bytes_max: ANSWER_BYTES_MAX };
    let seat = readers.seat(app.no).await.ok_or(Rejection::new(ResultCode::FlowControl))?;
    // The seat goes along to the thread that reads: whoever hangs up still keeps it until that is done.
    let found = engine.query(move |store| {
        let _seat = seat;
        store.notices(asked)
    });
    let found = found.await.map_err(|error| {
        tracing::warn!(app = %app.key, "notices cannot be read: {error}");
        Rejection::from(Unserved::StoreUnavailable)
    })?;
    let mut answer = NoticesAnswer::behind(found.reached, app.no, ids);
    for notice in found.notices {
        answer.add(notice.id, notice.kind, &notice.body, ids);
    }
    Ok(json(200, &answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_app_reads_once_at_a_time_and_does_not_hold_up_the_others() {
        let readers = Arc::new(Readers::default());
        let first = readers.seat(AppNo(1)).await.unwrap();
        assert!(readers.seat(AppNo(1)).await.is_none());
        let second = readers.seat(AppNo(2)).await.unwrap();
        drop(first);
        assert!(readers.seat(AppNo(1)).await.is_some());
        drop(second);
        assert!(readers.apps().is_empty());
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_leaves_nothing_behind() {
        let readers = Arc::new(Readers::default());
        let mut seats = Vec::new();
        for app in 0..3 {
            seats.push(readers.seat(AppNo(app)).await.unwrap());
        }
        let waiting = tokio::spawn({
            let readers = Arc::clone(&readers);
            async move { readers.seat(AppNo(9)).await.is_some() }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        drop(waiting.await);
        assert_eq!(readers.apps().len(), 3);
    }
}
