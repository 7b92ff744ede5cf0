//! What is being found out for somebody who waits. Each thing is found out once, in a task of its own: who asks again
//! meanwhile waits for the same, and who hangs up changes nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Holds what was found out once it is there; closed without it when it will never come.
pub(super) type Awaited<V> = watch::Receiver<Option<V>>;

/// What is under way, each with where it will be told.
#[derive(Debug)]
pub(super) struct UnderWay<K, V>(Mutex<HashMap<K, Awaited<V>>>);

impl<K: Eq + Hash + Clone, V> UnderWay<K, V> {
    /// Everything that is under way. Hold it for as long as one question takes.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<K, Awaited<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for UnderWay<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Takes something out of what is under way when dropped.
pub(super) struct Leaving<K: Eq + Hash + Clone, V> {
    pub(super) under_way: Arc<UnderWay<K, V>>,
    pub(super) what: K,
}

impl<K: Eq + Hash + Clone, V> Drop for Leaving<K, V> {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.what);
    }
}
