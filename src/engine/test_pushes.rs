//! Test pushes: what each of an app's URLs answers to a notice that stands for nothing. They go through the same
//! client and carry the same signature as any push; they are no deliveries, are not stored and not repeated.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::deliverer::{push_to, recorded};
use super::{Shared, random};
use crate::domain::customer::CustomerApp;
use crate::outbound::Outbound;
use crate::store::Attempt;
use crate::wire::test_notice::{TestNotice, test_notices};

/// Most apps whose URLs are tested at once. Each takes at most five pushes and the time limit of one.
const APPS_MAX: usize = 4;

/// Makes test pushes.
#[derive(Debug)]
pub(super) struct Tester {
    outbound: Outbound,
    seats: Semaphore,
}

/// What came of one test push.
#[derive(Debug)]
pub struct TestPush {
    /// What was pushed where.
    pub notice: TestNotice,
    /// What came of it.
    pub attempt: Attempt,
}

impl Tester {
    pub(super) fn new(outbound: Outbound) -> Self {
        Self { outbound, seats: Semaphore::new(APPS_MAX) }
    }

    /// Pushes to all URLs of an app at once; the answers in the order of proto-docs/operator.md.
    pub(super) async fn push_all(&self, shared: &Shared, app: &Arc<CustomerApp>) -> Vec<TestPush> {
        let _seat = self.seats.acquire().await.expect("the seats are never closed");
        let began = shared.clock.now();
        let session = format!("test-{}", random::nonce());
        let mut pushes = JoinSet::new();
        for (place, notice) in test_notices(app, &session, began, &shared.origin).into_iter().enumerate() {
            let (outbound, app, session) = (self.outbound.clone(), Arc::clone(app), session.clone());
            pushes.spawn(async move {
                let push = push_to(&app, &notice.url, Bytes::from(notice.body.clone()), session, began);
                let pushed = outbound.post(&push, began, random::nonce()).await;
                let (attempt, _) = recorded(began, &notice.url, &pushed, app.accept_any_2xx);
                (place, TestPush { notice, attempt })
            });
        }
        let mut made = pushes.join_all().await;
        made.sort_unstable_by_key(|(place, _)| *place);
        made.into_iter().map(|(_, push)| push).collect()
    }
}
