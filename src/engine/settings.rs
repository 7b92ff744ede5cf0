//! Changes of apps and X numbers, staged into a batch: durable and audited before they take effect.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::draft::{Draft, Effect};
use super::job::{NumberFault, Setting, SettingChange, SettingFault, Unserved, Who};
use super::ledger::Ledger;
use crate::domain::binding::{Change, UnbindCause};
use crate::domain::customer::{CustomerApp, NumberRecord, NumberStatus};
use crate::domain::delivery::{Delivery, NoticeKind};
use crate::domain::id::{AppNo, RowKey};
use crate::domain::number::XNumber;
use crate::domain::operation::Actor;
use crate::domain::setting::{AppChange, ChangedApp};
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, Write};
use crate::wire::callback;

/// Most X numbers in one status notice (callbacks 7).
const NUMBERS_PER_NOTICE_MAX: usize = 100;

impl Ledger {
    /// Decides a change of settings. `Ok` names the numbers that could not be treated; the others were.
    pub(super) fn stage_setting(
        &mut self,
        setting: &Setting,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<Vec<NumberFault>, SettingFault> {
        let who = setting.who;
        match &setting.change {
            SettingChange::CreateApp(app) => self.create_app(app, who, draft, now).map(|()| Vec::new()),
            SettingChange::Noted { action, subject } => {
                self.audit(who, action, subject.clone(), String::new(), draft, now);
                Ok(Vec::new())
            }
            SettingChange::CdrFileDone(day) => {
                draft.write(Write::CdrFileDone(*day));
                Ok(Vec::new())
            }
            SettingChange::Tone(change) => self.stage_tone(change, who, draft, now).map(|()| Vec::new()),
            SettingChange::AddNumbers(records) => Ok(self.add_numbers(records, who, draft, now)),
            SettingChange::SetStatus(changes) => Ok(self.set_status(changes, who, draft, now)),
            SettingChange::MoveNumber { x, to, force } => {
                self.move_number(*x, *to, *force, who, draft, now).map(|()| Vec::new())
            }
            SettingChange::RemoveNumber { x, force } => {
                let record = self.number(*x).ok_or(SettingFault::NumberNotFound)?;
                let dropped = self.withdraw(*x, *force, draft, now)?;
                draft.effects.push(Effect::RemoveNumber(record.app, *x));
                draft.write(Write::NumberRemoved(*x));
                let detail = format!("{dropped} bindings dropped");
                self.audit(who, "number.remove", x.to_string(), detail, draft, now);
                Ok(Vec::new())
            }
        }
    }

    /// Changes an app as it is now; one that is so already stays without a trace.
    pub(super) fn stage_app_change(
        &mut self,
        no: AppNo,
        change: &AppChange,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Arc<CustomerApp> {
        let before = self.shared.registry.customers.by_no(no);
        let Some(ChangedApp { app, names }) = change.applied_to(&before, now) else { return before };
        self.audit(who, change.action(), app.key.to_string(), names.join(", "), draft, now);
        let app = Arc::new(app);
        put_app(Arc::clone(&app), draft);
        app
    }

    /// Queues one more push of a delivery that an operator names; `false` when there is none. A delivery that
    /// is being pushed, or waits for its turn already, gets what was asked for. `None` = in the next batch.
    pub(super) fn stage_redelivery(
        &mut self,
        id: RowKey,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Option<Result<bool, Unserved>> {
        if draft.touches(id) {
            return None;
        }
        if self.shared.dispatch().is_in_flight(id) {
            return Some(Ok(true));
        }
        // Decided on what is durable, not on what the operator saw: it may have been pushed meanwhile.
        let delivery = match self.shared.store.delivery(id) {
            Ok(Some(detail)) => detail.row.delivery,
            Ok(None) => return Some(Ok(false)),
            Err(_) => return Some(Err(Unserved::StoreUnavailable)),
        };
        if self.queue_again(delivery, draft, now) {
            self.audit(who, "delivery.redeliver", id.get().to_string(), String::new(), draft, now);
        }
        Some(Ok(true))
    }

    /// Queues one more push of a delivery that is not in flight. `false`: it is due already, and has its place
    /// in the queue.
    pub(super) fn queue_again(&self, delivery: Delivery, draft: &mut Draft, now: Timestamp) -> bool {
        if delivery.state.is_pending() {
            if !self.shared.dispatch().withdraw(delivery.id, delivery.due) {
                return false;
            }
            draft.withdrawn.push(delivery);
        }
        let again = delivery.again(now);
        draft.write(Write::Redeliver(again));
        draft.effects.push(Effect::Enqueue(again));
        true
    }

    /// Notes what somebody did to bindings on behalf of their app.
    pub(super) fn audit_bindings(&mut self, who: Who, changes: &[Change], draft: &mut Draft, now: Timestamp) {
        for change in changes {
            let action = match change {
                Change::Bound(_) => "binding.bind",
                Change::Modified(_) => "binding.modify",
                // What had expired unnoticed is not the doing of whoever asks now.
                Change::Unbound { cause: UnbindCause::Expired, .. } | Change::PartyLeft { .. } => continue,
                Change::Unbound { .. } => "binding.unbind",
            };
            let binding = change.binding();
            let app = self.shared.registry.customers.by_no(binding.app());
            let subject = self.shared.origin.ids.subscription(binding.subscription());
            self.audit(who, action, subject, format!("{} of {}", binding.x(), app.key), draft, now);
        }
    }

    fn create_app(
        &mut self,
        app: &CustomerApp,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), SettingFault> {
        let customers = &self.shared.registry.customers;
        if customers.by_key(app.key.as_str()).is_some() {
            return Err(SettingFault::AppExists);
        }
        let no = customers.next_no();
        self.audit(who, "app.create", app.key.to_string(), format!("mode {}", app.mode), draft, now);
        put_app(Arc::new(CustomerApp { no, ..app.clone() }), draft);
        Ok(())
    }

    fn add_numbers(
        &mut self,
        records: &[NumberRecord],
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Vec<NumberFault> {
        let mut faults = Vec::new();
        let mut seen = HashSet::new();
        let mut added: BTreeMap<AppNo, Vec<XNumber>> = BTreeMap::new();
        for record in records {
            if self.number(record.x).is_some() || !seen.insert(record.x) {
                faults.push(NumberFault { x: record.x, fault: SettingFault::NumberExists });
            } else {
                added.entry(record.app).or_default().push(record.x);
                put_number(record.clone(), draft);
            }
        }
        for (app, numbers) in added {
            let app = self.shared.registry.customers.by_no(app).key.to_string();
            let (subject, detail) = match numbers.as_slice() {
                [x] => (x.to_string(), format!("to {app}")),
                _ => (app, format!("{} numbers", numbers.len())),
            };
            self.audit(who, "number.add", subject, detail, draft, now);
        }
        faults
    }

    fn set_status(
        &mut self,
        changes: &[(XNumber, NumberStatus)],
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Vec<NumberFault> {
        let mut faults = Vec::new();
        let mut changed: BTreeMap<AppNo, Vec<(XNumber, NumberStatus)>> = BTreeMap::new();
        // A number may stand in the list twice; the later entry is judged by what the earlier makes of it.
        let mut now_as: HashMap<XNumber, NumberRecord> = HashMap::new();
        for &(x, status) in changes {
            let Some(record) = now_as.get(&x).cloned().or_else(|| self.number(x)) else {
                faults.push(NumberFault { x, fault: SettingFault::NumberNotFound });
                continue;
            };
            if record.status == status {
                faults.push(NumberFault { x, fault: SettingFault::Unchanged });
                continue;
            }
            changed.entry(record.app).or_default().push((x, status));
            let detail = format!("{} to {}", record.status.code(), status.code());
            self.audit(who, "number.status", x.to_string(), detail, draft, now);
            let record = NumberRecord { status, ..record };
            now_as.insert(x, record.clone());
            put_number(record, draft);
        }
        for (app, numbers) in changed {
            self.tell_number_status(app, &numbers, draft, now);
        }
        faults
    }

    /// Queues the notice for the number-status address, else the call-status address (callbacks 7).
    fn tell_number_status(
        &mut self,
        app: AppNo,
        numbers: &[(XNumber, NumberStatus)],
        draft: &mut Draft,
        now: Timestamp,
    ) {
        let app = self.shared.registry.customers.by_no(app);
        let wanted =
            app.push_number_status && (app.urls.number_status.is_some() || app.urls.call_status.is_some());
        if !wanted {
            return;
        }
        for portion in numbers.chunks(NUMBERS_PER_NOTICE_MAX) {
            let id = self.staging.next_key(now);
            let delivery = Delivery::new(id, app.no, NoticeKind::NumberStatus, None, now);
            draft.deliver(delivery, None, callback::number_status(portion));
        }
    }

    /// Gives a number to another app. One that is that app's already stays as it is.
    fn move_number(
        &mut self,
        x: XNumber,
        to: AppNo,
        force: bool,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), SettingFault> {
        let record = self.number(x).ok_or(SettingFault::NumberNotFound)?;
        if record.app == to {
            return Ok(());
        }
        let dropped = self.withdraw(x, force, draft, now)?;
        let key = |app| self.shared.registry.customers.by_no(app).key.clone();
        let detail = format!("from {} to {}, {dropped} bindings dropped", key(record.app), key(to));
        self.audit(who, "number.move", x.to_string(), detail, draft, now);
        let moved = NumberRecord { app: to, ..record.clone() };
        draft.write(Write::Number(moved.clone()));
        draft.effects.push(Effect::MoveNumber(record.app, moved));
        Ok(())
    }

    /// Ends what is bound on a number that leaves its app, if `force` says so. Returns how many that were. What had
    /// expired unnoticed bars nothing and does not count.
    fn withdraw(
        &mut self,
        x: XNumber,
        force: bool,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<usize, SettingFault> {
        let ended = self.staging.vacate(&self.shared.registry, x, now);
        let is_withdrawn =
            |change: &&Change| matches!(change, Change::Unbound { cause: UnbindCause::NumberWithdrawn, .. });
        let dropped = ended.iter().filter(is_withdrawn).count();
        if dropped > 0 && !force {
            return Err(SettingFault::NumberBound);
        }
        self.change(ended, Actor::Operator, draft, now);
        Ok(dropped)
    }

    fn number(&self, x: XNumber) -> Option<NumberRecord> {
        self.shared.registry.directory.view(x, |entry| entry.record.clone())
    }

    /// Notes who did what.
    pub(super) fn audit(
        &mut self,
        who: Who,
        action: &str,
        subject: String,
        detail: String,
        draft: &mut Draft,
        now: Timestamp,
    ) {
        let id = self.staging.next_key(now);
        let (actor, action) = (who.into(), action.into());
        draft.write(Write::Audit(AuditEntry {
            id,
            actor,
            action,
            subject: subject.into(),
            detail: detail.into(),
        }));
    }
}

fn put_app(app: Arc<CustomerApp>, draft: &mut Draft) {
    draft.write(Write::App(Arc::clone(&app)));
    draft.effects.push(Effect::PutApp(app));
}

fn put_number(record: NumberRecord, draft: &mut Draft) {
    draft.write(Write::Number(record.clone()));
    draft.effects.push(Effect::PutNumber(record));
}
