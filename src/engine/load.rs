//! Start-up, and starting over: everything durable is read into memory before anything is served.

use std::sync::Arc;

use super::Shared;
use super::ledger::LedgerRules;
use crate::domain::binding::Change;
use crate::domain::call::{Call, Stage};
use crate::domain::replay::OpenReplays;
use crate::domain::time::Timestamp;
use crate::registry::Staging;
use crate::store::{LoadFrom, Loaded, StoreError};

/// Called with the number of bindings read so far.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// What a load leaves to the writer alone.
#[derive(Debug)]
pub struct LoadedRest {
    /// Its own view of the bindings.
    pub staging: Staging,
    /// The calls that have ended without a CDR.
    pub ended_calls: Vec<Call>,
    /// The replays that are not finished.
    pub replays: OpenReplays,
}

/// Reads everything into an empty registry.
pub fn load(
    shared: &Shared,
    rules: LedgerRules,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<LoadedRest, StoreError> {
    let mut staging = Staging::new(rules.quarantine);
    let mut ended_calls = Vec::new();
    let mut replays = OpenReplays::default();
    let from =
        LoadFrom { ended_after: now.before(rules.quarantine), closed_after: now.before(rules.keep_ended) };
    let mut bindings = 0;
    let mut apps = Vec::new();
    shared.store.load(from, &mut |loaded| {
        if !apps.is_empty() && !matches!(loaded, Loaded::App(_)) {
            shared.put_loaded_apps(std::mem::take(&mut apps));
        }
        match loaded {
            Loaded::LastKey(key) => staging.keys_continue_after(key),
            Loaded::App(app) => apps.push(Arc::new(app)),
            Loaded::Number(record, last_call_at) => {
                staging.put_number(&record);
                shared.registry.directory.put_number(record, last_call_at);
            }
            Loaded::Binding(binding) => {
                staging.absorb(&shared.registry, &Change::Bound(binding));
                bindings += 1;
                progress(bindings);
            }
            Loaded::LastCaller(id, caller) => shared.registry.directory.note_caller(id, caller),
            Loaded::Ended(binding, at) => staging.note_ended(&binding, at),
            Loaded::Call(call) => {
                if call.closed.is_none() && call.decision.is_some() && call.reached(Stage::Released).is_some()
                {
                    ended_calls.push(Call::clone(&call));
                }
                shared.registry.calls.put(call.into());
            }
            Loaded::Message(message) => shared.registry.messages.put(Arc::new(*message), now),
            Loaded::Tone(tone) => shared.registry.tones.put(tone),
            Loaded::Delivery(delivery) => shared.dispatch().enqueue(delivery, now),
            Loaded::Replay(replay) => _ = replays.put(replay, now),
        }
    })?;
    shared.put_loaded_apps(apps);
    Ok(LoadedRest { staging, ended_calls, replays })
}
