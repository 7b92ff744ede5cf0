//! Start-up, and starting over: everything durable is read into memory before anything is served.

use super::Shared;
use super::ledger::LedgerRules;
use crate::domain::binding::Change;
use crate::domain::call::{Call, Stage};
use crate::domain::time::Timestamp;
use crate::registry::Staging;
use crate::store::{LoadFrom, Loaded, StoreError};

/// Called with the number of bindings read so far.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// Reads everything into an empty registry. Returns the writer's own view and the calls that have ended
/// without a CDR.
pub fn load(
    shared: &Shared,
    rules: LedgerRules,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<(Staging, Vec<Call>), StoreError> {
    let mut staging = Staging::new(rules.quarantine);
    let mut ended_calls = Vec::new();
    let from =
        LoadFrom { ended_after: now.before(rules.quarantine), closed_after: now.before(rules.keep_ended) };
    let mut bindings = 0;
    shared.store.load(from, &mut |loaded| match loaded {
        Loaded::LastKey(key) => staging.keys_continue_after(key),
        Loaded::App(app) => shared.put_app(app.into()),
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
            if call.closed.is_none() && call.decision.is_some() && call.reached(Stage::Released).is_some() {
                ended_calls.push(Call::clone(&call));
            }
            shared.registry.calls.put(call.into());
        }
        Loaded::Tone(tone) => shared.registry.tones.put(tone),
        Loaded::Delivery(delivery) => shared.dispatch().enqueue(delivery, now),
    })?;
    Ok((staging, ended_calls))
}
