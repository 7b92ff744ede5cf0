//! X numbers: add, show, status, remove.

use super::{Fault, OperatorApi, read};
use crate::api::json as reply;
use crate::domain::area::AreaCode;
use crate::domain::customer::{NumberRecord, NumberStatus};
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::XSlot;
use crate::engine::job::{SettingChange, SettingFault};
use crate::http::Reply;
use crate::wire::operator::{FailedNumber, NewNumber, NewNumbers, NewStatus, NumberAnswer, NumbersAdded};
use crate::wire::time_text::format_rfc3339_millis;

/// Most numbers in one request.
const NUMBERS_MAX: usize = 10_000;

impl OperatorApi {
    pub(super) async fn add_numbers(&self, body: &[u8]) -> Result<Reply, Fault> {
        let wanted: NewNumbers = read(body)?;
        if !(1..=NUMBERS_MAX).contains(&wanted.numbers.len()) {
            return Err(Fault::new(
                400,
                "invalid_numbers",
                format!("numbers must hold 1 to {NUMBERS_MAX} entries"),
            ));
        }
        let (mut records, mut failed) = (Vec::new(), Vec::new());
        for new in &wanted.numbers {
            match self.record(new) {
                Ok(record) => records.push(record),
                Err((code, message)) => {
                    failed.push(FailedNumber { number: new.number.clone(), code, message })
                }
            }
        }
        let asked = records.len();
        let faults = self.engine.change("operator", SettingChange::AddNumbers(records)).await??;
        let added = asked - faults.len();
        failed.extend(faults.into_iter().map(|fault| FailedNumber {
            number: fault.x.expose(),
            code: "number_exists",
            message: fault.fault.to_string(),
        }));
        Ok(reply(200, &NumbersAdded { added, failed }))
    }

    pub(super) fn show_number(&self, number: &str) -> Result<Reply, Fault> {
        let x = x_number(number)?;
        let shared = self.engine.shared();
        let answer = shared.registry.directory.view(x, |entry| {
            let app = shared.registry.customers.by_no(entry.record.app);
            let bound = entry.slot.as_ref().map_or(0, XSlot::len);
            let last_call_at = entry.last_call_at.map(format_rfc3339_millis);
            NumberAnswer::of(&entry.record, &app, bound, self.engine.quarantined(x), last_call_at)
        });
        answer.map(|answer| reply(200, &answer)).ok_or_else(|| SettingFault::NumberNotFound.into())
    }

    pub(super) async fn set_number_status(&self, number: &str, body: &[u8]) -> Result<Reply, Fault> {
        let x = x_number(number)?;
        let wanted: NewStatus = read(body)?;
        let unreadable =
            || Fault::new(400, "invalid_status", "status must be 5, 9, 10 or 11, cause 1, 2, 3 or 5 to 9");
        let cause =
            wanted.cause.as_deref().map(|cause| cause.parse().map_err(|_| unreadable())).transpose()?;
        if !cause.is_none_or(|cause: u8| matches!(cause, 1..=3 | 5..=9)) {
            return Err(unreadable());
        }
        let status = NumberStatus::from_codes(&wanted.status, cause).ok_or_else(unreadable)?;
        let faults = self.engine.change("operator", SettingChange::SetStatus(vec![(x, status)])).await??;
        match faults.first() {
            Some(fault) if fault.fault != SettingFault::Unchanged => Err(fault.fault.into()),
            _ => self.show_number(number),
        }
    }

    pub(super) async fn remove_number(&self, number: &str, force: bool) -> Result<Reply, Fault> {
        let x = x_number(number)?;
        self.engine.change("operator", SettingChange::RemoveNumber { x, force }).await??;
        Ok(Reply::empty(hyper::StatusCode::NO_CONTENT))
    }

    fn record(&self, new: &NewNumber) -> Result<NumberRecord, (&'static str, String)> {
        let number = E164::parse(&new.number).map_err(|error| ("invalid_number", error.to_string()))?;
        let app = self.app(&new.app_key).map_err(|_| ("app_not_found", "no app has this key".to_owned()))?;
        let area = match new.area_code.as_deref().filter(|area| !area.is_empty()) {
            None => None,
            Some(area) => {
                let unreadable =
                    || ("invalid_area_code", "areaCode must be a city code such as 0755".to_owned());
                Some(AreaCode::parse(area).ok_or_else(unreadable)?)
            }
        };
        Ok(NumberRecord {
            x: XNumber::new(number),
            app: app.no,
            area,
            sms: new.sms,
            status: NumberStatus::Normal,
            added_at: self.engine.shared().clock.now(),
        })
    }
}

/// A number in a path: with its `+`, as `%2B`, or without.
fn x_number(text: &str) -> Result<XNumber, Fault> {
    let digits =
        text.strip_prefix("%2B").or_else(|| text.strip_prefix("%2b")).or_else(|| text.strip_prefix('+'));
    let number = E164::from_digits(digits.unwrap_or(text));
    number.map(XNumber::new).map_err(|error| Fault::new(400, "invalid_number", error.to_string()))
}
