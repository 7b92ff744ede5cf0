//! X numbers: add, list, show, status, move, remove.

use std::collections::BTreeSet;

use super::{Asked, Fault, OPERATOR, OperatorApi};
use crate::api::json;
use crate::domain::area::AreaCode;
use crate::domain::customer::{NumberRecord, NumberStatus};
use crate::domain::id::AppNo;
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::XSlot;
use crate::engine::Engine;
use crate::engine::job::{SettingChange, SettingFault};
use crate::http::Reply;
use crate::registry::directory::Entry;
use crate::wire::operator::number::{
    FailedNumber, NewNumber, NumberAnswer, NumberUse, NumbersAdded, move_to, new_numbers, new_numbers_csv,
    new_status,
};
use crate::wire::operator::params::cursor;
use crate::wire::operator::{Listed, Unusable};

/// The list that a cursor belongs to.
const NUMBERS: &str = "numbers";

impl OperatorApi {
    pub(super) async fn add_numbers(&self, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let wanted = if asked.brings_csv { new_numbers_csv(&asked.body)? } else { new_numbers(&asked.body)? };
        let (mut records, mut failed) = (Vec::new(), wanted.failed);
        for new in wanted.numbers {
            match self.record(&new) {
                Ok(record) => records.push(record),
                Err((code, message)) => failed.push(FailedNumber { number: new.number, code, message }),
            }
        }
        let asked = records.len();
        let faults = match asked {
            0 => Vec::new(),
            _ => self.engine.change(OPERATOR, SettingChange::AddNumbers(records)).await??,
        };
        let added = asked - faults.len();
        failed.extend(faults.into_iter().map(|fault| FailedNumber {
            number: fault.x.expose(),
            code: "number_exists",
            message: fault.fault.to_string(),
        }));
        Ok(json(200, &NumbersAdded { added, failed }))
    }

    /// In the order of numbers. Each page looks at every number, but keeps no more than it shows.
    pub(super) async fn list_numbers(&self, mut asked: Asked) -> Result<Reply, Fault> {
        let params = &mut asked.params;
        let limit = params.limit()?;
        let after = params.cursor(NUMBERS, |text| E164::from_digits(text).ok().map(XNumber::new))?;
        let status = params.word(
            "status",
            |word| NumberStatus::from_codes(word, None).map(NumberStatus::code),
            "5, 9, 10 or 11",
        )?;
        let filter = NumberFilter {
            after,
            app: self.app_filter(params),
            area: params.area("areaCode")?,
            status,
            bound: params.boolean("bound")?,
            digits: params.digits("q")?,
        };
        asked.params.finish()?;
        let found = self.engine.survey(move |engine| filter.lowest(engine, limit + 1)).await?;
        let more = found.len() > limit;
        let shown = &found[..found.len().min(limit)];
        let next_cursor = shown.last().filter(|_| more).map(|last| cursor(NUMBERS, last.number().word()));
        // One that was removed a moment ago is left out.
        let items: Vec<_> = shown.iter().filter_map(|&x| self.number_answer(x)).collect();
        Ok(json(200, &Listed { items, next_cursor }))
    }

    pub(super) fn show_number(&self, number: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        self.shown_number(x_number(number)?)
    }

    pub(super) async fn set_number_status(&self, number: &str, asked: Asked) -> Result<Reply, Fault> {
        asked.params.finish()?;
        let x = x_number(number)?;
        let status = new_status(&asked.body)?;
        let faults = self.engine.change(OPERATOR, SettingChange::SetStatus(vec![(x, status)])).await??;
        match faults.first() {
            Some(fault) if fault.fault != SettingFault::Unchanged => Err(fault.fault.into()),
            _ => self.shown_number(x),
        }
    }

    pub(super) async fn move_number(&self, number: &str, mut asked: Asked) -> Result<Reply, Fault> {
        let force = asked.params.boolean("force")?.unwrap_or(false);
        asked.params.finish()?;
        let x = x_number(number)?;
        let to = self.app(&move_to(&asked.body)?)?.no;
        self.engine.change(OPERATOR, SettingChange::MoveNumber { x, to, force }).await??;
        self.shown_number(x)
    }

    pub(super) async fn remove_number(&self, number: &str, mut asked: Asked) -> Result<Reply, Fault> {
        let force = asked.params.boolean("force")?.unwrap_or(false);
        asked.params.finish()?;
        let x = x_number(number)?;
        self.engine.change(OPERATOR, SettingChange::RemoveNumber { x, force }).await??;
        Ok(Reply::empty(hyper::StatusCode::NO_CONTENT))
    }

    fn shown_number(&self, x: XNumber) -> Result<Reply, Fault> {
        let answer = self.number_answer(x).ok_or(SettingFault::NumberNotFound)?;
        Ok(json(200, &answer))
    }

    fn number_answer(&self, x: XNumber) -> Option<NumberAnswer> {
        let registry = &self.engine.shared().registry;
        let quarantined = self.engine.quarantined(x);
        registry.directory.view(x, |entry| {
            let app = registry.customers.by_no(entry.record.app);
            let bound = entry.slot.as_ref().map_or(0, XSlot::len);
            let capacity = entry.slot.as_ref().and_then(XSlot::capacity);
            let used = NumberUse { bound, capacity, quarantined, last_call_at: entry.last_call_at };
            NumberAnswer::of(&entry.record, &app, used)
        })
    }

    fn record(&self, new: &NewNumber) -> Result<NumberRecord, (&'static str, String)> {
        let number = E164::parse(&new.number).map_err(|error| ("invalid_number", error.to_string()))?;
        let app = self.engine.shared().registry.customers.by_key(&new.app_key);
        let app = app.ok_or_else(|| ("app_not_found", "no app has this key".to_owned()))?;
        let area = match new.area_code.as_str() {
            "" => None,
            area => {
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

/// Which numbers a list has.
struct NumberFilter {
    after: Option<XNumber>,
    app: Option<AppNo>,
    area: Option<AreaCode>,
    status: Option<&'static str>,
    bound: Option<bool>,
    digits: Option<String>,
}

impl NumberFilter {
    /// The lowest numbers that fit, at most so many.
    fn lowest(&self, engine: &Engine, at_most: usize) -> Vec<XNumber> {
        let mut lowest = BTreeSet::new();
        engine.shared().registry.directory.view_all(|entry| {
            let x = entry.record.x;
            let too_high = lowest.len() >= at_most && lowest.last().is_some_and(|last| *last < x);
            if too_high || !self.fits(entry) {
                return;
            }
            lowest.insert(x);
            if lowest.len() > at_most {
                lowest.pop_last();
            }
        });
        lowest.into_iter().collect()
    }

    fn fits(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        self.after.is_none_or(|after| after < record.x)
            && self.app.is_none_or(|app| app == record.app)
            && self.area.is_none_or(|area| record.area == Some(area))
            && self.status.is_none_or(|status| status == record.status.code())
            && self.bound.is_none_or(|bound| bound == entry.slot.is_some())
            && self
                .digits
                .as_ref()
                .is_none_or(|digits| record.x.number().word().to_string().contains(digits.as_str()))
    }
}

/// A number in a path: with its `+` or without.
fn x_number(text: &str) -> Result<XNumber, Fault> {
    let number = E164::from_digits(text.strip_prefix('+').unwrap_or(text)).map(XNumber::new);
    Ok(number
        .map_err(|error| Unusable::field("number", format!("the number in the path is none: {error}")))?)
}
