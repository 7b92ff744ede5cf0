//! Changes of apps and X numbers, staged into a batch: durable and audited before they take effect.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::draft::{Draft, Effect};
use super::job::{NumberFault, Setting, SettingChange, SettingFault, Who};
use super::writer::Writer;
use crate::domain::customer::{CustomerApp, NumberRecord, NumberStatus};
use crate::domain::delivery::{Delivery, NoticeKind, State};
use crate::domain::id::AppNo;
use crate::domain::number::XNumber;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, Write};
use crate::wire::callback;

/// Most X numbers in one status notice (callbacks 7).
const NUMBERS_PER_NOTICE_MAX: usize = 100;

impl Writer {
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
            SettingChange::ChangeApp { app, action, what } => {
                self.audit(who, action, app.key.to_string(), what.clone(), draft, now);
                self.put_app(Arc::clone(app), draft);
                Ok(Vec::new())
            }
            SettingChange::Noted { action, subject } => {
                self.audit(who, action, subject.clone(), String::new(), draft, now);
                Ok(Vec::new())
            }
            SettingChange::AddNumbers(records) => Ok(self.add_numbers(records, who, draft, now)),
            SettingChange::SetStatus(changes) => Ok(self.set_status(changes, who, draft, now)),
            SettingChange::MoveNumber { x, to, force } => {
                let record = self.withdraw(*x, *force, who, "number.move", draft, now)?;
                self.put_number(NumberRecord { app: *to, ..record }, draft);
                Ok(Vec::new())
            }
            SettingChange::RemoveNumber { x, force } => {
                self.withdraw(*x, *force, who, "number.remove", draft, now)?;
                draft.write(Write::NumberRemoved(*x));
                Ok(Vec::new())
            }
        }
    }

    /// Queues one more push of a delivery that an operator names.
    pub(super) fn stage_redelivery(
        &mut self,
        delivery: Delivery,
        who: Who,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<(), SettingFault> {
        let shared = Arc::clone(&self.shared);
        let mut dispatch = shared.dispatch();
        if dispatch.is_in_flight(delivery.id) {
            return Err(SettingFault::InFlight);
        }
        if delivery.state == State::Pending && !dispatch.withdraw(delivery.id, delivery.due) {
            // It is due already and has its place in the queue.
            return Ok(());
        }
        drop(dispatch);
        let again = delivery.again(now);
        draft.write(Write::Redeliver(again));
        draft.effects.push(Effect::Enqueue(again));
        self.audit(who, "delivery.redeliver", again.id.get().to_string(), String::new(), draft, now);
        Ok(())
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
        self.put_app(Arc::new(CustomerApp { no, ..app.clone() }), draft);
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
        let mut added = HashSet::new();
        for record in records {
            if self.number(record.x).is_some() || !added.insert(record.x) {
                faults.push(NumberFault { x: record.x, fault: SettingFault::NumberExists });
            } else {
                self.put_number(record.clone(), draft);
            }
        }
        if !added.is_empty() {
            self.audit(who, "number.add", format!("{} numbers", added.len()), String::new(), draft, now);
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
        for &(x, status) in changes {
            let Some(record) = self.number(x) else {
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
            self.put_number(NumberRecord { status, ..record }, draft);
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

    /// Takes a number out of its app: what is bound on it ends, if `force` says so.
    fn withdraw(
        &mut self,
        x: XNumber,
        force: bool,
        who: Who,
        action: &'static str,
        draft: &mut Draft,
        now: Timestamp,
    ) -> Result<NumberRecord, SettingFault> {
        let record = self.number(x).ok_or(SettingFault::NumberNotFound)?;
        let bound = self.shared.registry.directory.view(x, |entry| entry.slot.is_some()).unwrap_or(false);
        if bound && !force {
            return Err(SettingFault::NumberBound);
        }
        let ended = self.staging.vacate(&self.shared.registry, x, now);
        self.audit(who, action, x.to_string(), format!("{} bindings dropped", ended.len()), draft, now);
        draft.change(ended);
        draft.effects.push(Effect::RemoveNumber(record.app, x));
        Ok(record)
    }

    fn number(&self, x: XNumber) -> Option<NumberRecord> {
        self.shared.registry.directory.view(x, |entry| entry.record.clone())
    }

    fn put_app(&self, app: Arc<CustomerApp>, draft: &mut Draft) {
        draft.write(Write::App(Arc::clone(&app)));
        draft.effects.push(Effect::PutApp(app));
    }

    fn put_number(&self, record: NumberRecord, draft: &mut Draft) {
        draft.write(Write::Number(record.clone()));
        draft.effects.push(Effect::PutNumber(record));
    }

    fn audit(
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
