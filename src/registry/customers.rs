//! Customer apps, by key and by number; replaced whole, never edited in place.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::customer::CustomerApp;
use crate::domain::id::{AppKey, AppNo};

/// All apps. Reading is one atomic load; changing copies the maps, which are small and change rarely.
#[derive(Debug)]
pub struct Customers {
    apps: ArcSwap<Apps>,
}

#[derive(Clone, Debug, Default)]
struct Apps {
    by_key: HashMap<AppKey, Arc<CustomerApp>>,
    by_no: HashMap<AppNo, Arc<CustomerApp>>,
}

impl Customers {
    /// No apps yet.
    pub fn new() -> Self {
        Self { apps: ArcSwap::from_pointee(Apps::default()) }
    }

    /// The app with this key.
    pub fn by_key(&self, key: &str) -> Option<Arc<CustomerApp>> {
        self.apps.load().by_key.get(key).cloned()
    }

    /// The app with this number.
    ///
    /// # Panics
    /// When there is none: apps are never deleted, so a number that something refers to has its app.
    pub fn by_no(&self, no: AppNo) -> Arc<CustomerApp> {
        Arc::clone(self.apps.load().by_no.get(&no).expect("apps are never deleted"))
    }

    /// Every app, in the order of creation.
    pub fn all(&self) -> Vec<Arc<CustomerApp>> {
        let mut apps: Vec<_> = self.apps.load().by_no.values().cloned().collect();
        apps.sort_unstable_by_key(|app| app.no);
        apps
    }

    /// The number the next app gets.
    pub fn next_no(&self) -> AppNo {
        AppNo(self.apps.load().by_no.keys().map(|no| no.0).max().unwrap_or(0) + 1)
    }

    /// Adds an app or replaces its former self. Effective for the next request.
    pub fn put(&self, app: Arc<CustomerApp>) {
        self.put_all([app]);
    }

    /// The same for several in one copy: start-up may have thousands.
    pub fn put_all(&self, new: impl IntoIterator<Item = Arc<CustomerApp>>) {
        let mut apps = Apps::clone(&self.apps.load());
        for app in new {
            apps.by_key.insert(app.key.clone(), Arc::clone(&app));
            apps.by_no.insert(app.no, app);
        }
        self.apps.store(Arc::new(apps));
    }
}

impl Default for Customers {
    fn default() -> Self {
        Self::new()
    }
}
