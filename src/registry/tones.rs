//! Which tone files each app has, without their sound. Reading is one atomic load; changing copies the lists of
//! the apps, which share their content and change rarely.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::id::AppNo;
use crate::domain::tone::{Tone, ToneName, ToneState};

/// The tone files of one app, in the order of their names.
pub type TonesOfApp = BTreeMap<ToneName, Tone>;

/// All tone files.
#[derive(Debug, Default)]
pub struct Tones {
    apps: ArcSwap<HashMap<AppNo, Arc<TonesOfApp>>>,
}

impl Tones {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those of one app.
    pub fn of(&self, app: AppNo) -> Arc<TonesOfApp> {
        self.apps.load().get(&app).cloned().unwrap_or_default()
    }

    /// The one with this name.
    pub fn get(&self, app: AppNo, name: &str) -> Option<Tone> {
        self.apps.load().get(&app)?.get(name).cloned()
    }

    /// Whether the app has an approved tone file of this name.
    pub fn is_approved(&self, app: AppNo, name: &str) -> bool {
        let approved =
            |tones: &Arc<TonesOfApp>| tones.get(name).is_some_and(|tone| tone.state == ToneState::Approved);
        self.apps.load().get(&app).is_some_and(approved)
    }

    /// Adds a tone file or replaces its former self.
    pub fn put(&self, tone: Tone) {
        self.change(tone.app, |tones| drop(tones.insert(tone.name.clone(), tone)));
    }

    /// Takes a tone file out.
    pub fn remove(&self, app: AppNo, name: &ToneName) {
        self.change(app, |tones| drop(tones.remove(name)));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.apps.store(Arc::default());
    }

    /// Only the writer changes, so nothing happens between the load and the store.
    fn change(&self, app: AppNo, change: impl FnOnce(&mut TonesOfApp)) {
        let mut apps = HashMap::clone(&self.apps.load());
        change(Arc::make_mut(apps.entry(app).or_default()));
        self.apps.store(Arc::new(apps));
    }
}
