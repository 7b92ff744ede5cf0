//! AXE (customer-api 5).

use serde::Serialize;

use super::{Envelope, XWish, true_or_false};
use crate::domain::axb::TermsPatch;
use crate::domain::axe::{AxeBind, AxePatch, FallbackPatch};
use crate::domain::binding::{Axe, Binding, Fallback, Terms, TimeUnit};
use crate::domain::extension::{Extension, highest};
use crate::domain::id::{BindingId, PublicIds, RowKey};
use crate::domain::number::XNumber;
use crate::wire::fields::{Fields, Unreadable};
use crate::wire::result_code::ResultCode;

/// Page size of a query v2.0 unless another is asked for; the protocol names none.
const LIMIT_DEFAULT: u32 = 100;
/// Largest page of a query v2.0. A larger one asked for is cut, not refused.
const LIMIT_MAX: u32 = 1_000;
/// Digits of the two parts of a cursor: exactly so many, and at most so many (customer-api 5.5).
const CURSOR_DIGITS: (usize, usize) = (13, 20);

/// Which AXE binding a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxeMeant {
    /// The one with this subscriptionId, as written.
    Subscription(String),
    /// The one with this extension on this X; `None` = with one that no binding can have.
    Extension(XNumber, Option<Extension>),
}

/// AXE bind (customer-api 5.1) of an app whose extensions have so many digits. `draw` decides which free extension
/// is given out.
pub fn axe_bind(fields: &Fields, digits: u8, draw: u16) -> Result<(XWish, AxeBind), Unreadable> {
    let a = fields.required_number("bindNum")?;
    let wish = match fields.x_number("virtualNum", ResultCode::ResourceNotApplied)? {
        Some(x) => XWish::Named(x),
        None => match fields.area()? {
            None => return Err(Unreadable::invalid("Give virtualNum or areaCode.")),
            area => XWish::InArea(area, fields.area_match()?),
        },
    };
    // Effective only with virtualNum (customer-api 5.1).
    let extension = match wish {
        XWish::Named(_) => wanted_extension(fields, digits)?,
        XWish::InArea(..) => None,
    };
    let (life, callback) = times(fields)?;
    let bind = AxeBind {
        a,
        extension,
        unit: unit(fields)?,
        life,
        callback,
        fallback: fallback(fields)?.new,
        shows_caller: fields.integer("displayNumMode", 0, 1)? == Some(1),
        terms: terms_patch(fields)?.applied_to(&Terms::default()),
        draw,
    };
    Ok((wish, bind))
}

/// AXE modify (customer-api 5.3).
pub fn axe_modify(fields: &Fields) -> Result<(AxeMeant, AxePatch), Unreadable> {
    let meant = meant(fields)?.ok_or_else(no_selector)?;
    let (life, callback) = times(fields)?;
    let patch = AxePatch {
        unit: unit(fields)?,
        life,
        callback,
        fallback: fallback(fields)?,
        shows_caller: fields.integer("displayNumMode", 0, 1)?.map(|mode| mode == 1),
        terms: terms_patch(fields)?,
    };
    Ok((meant, patch))
}

/// AXE unbind: subscriptionId, or virtualNum with extendNum (customer-api 5.2 and 14).
pub fn axe_unbind(fields: &Fields) -> Result<AxeMeant, Unreadable> {
    meant(fields)?.ok_or(Unreadable::code(ResultCode::ResourceNotApplied))
}

/// AXE query v1.0: as unbind (customer-api 5.4).
pub fn axe_query(fields: &Fields) -> Result<AxeMeant, Unreadable> {
    meant(fields)?.ok_or_else(no_selector)
}

/// What an AXE query v2.0 asks for (customer-api 5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxeListQuery {
    /// One binding.
    One(AxeMeant),
    /// A page of those on one X.
    Page {
        /// The X.
        x: XNumber,
        /// Those bound after this one; `None` = from the first.
        after: Option<BindingId>,
        /// 1 to 1,000.
        limit: u32,
    },
}

/// AXE query v2.0. The cursor counts only for a list (customer-api 5.5).
pub fn axe_list_query(fields: &Fields) -> Result<AxeListQuery, Unreadable> {
    let selected = fields.has_any(&["subscriptionId", "extendNum"]);
    let x = fields.x_number("virtualNum", ResultCode::ResourceNotApplied);
    match x {
        Ok(Some(x)) if !selected => {
            Ok(AxeListQuery::Page { x, after: cursor(fields)?, limit: limit(fields) })
        }
        _ => Ok(AxeListQuery::One(axe_query(fields)?)),
    }
}

/// `subscriptionId` wins whatever the others hold; else both of the others are needed. `None` = no X is named.
fn meant(fields: &Fields) -> Result<Option<AxeMeant>, Unreadable> {
    if let Some(subscription) = fields.text("subscriptionId")? {
        return Ok(Some(AxeMeant::Subscription(subscription.to_owned())));
    }
    let x = fields.x_number("virtualNum", ResultCode::ResourceNotApplied)?;
    let extension = fields.digits("extendNum")?.and_then(|text| Extension::parse(&text));
    Ok(x.map(|x| AxeMeant::Extension(x, extension)))
}

fn no_selector() -> Unreadable {
    Unreadable::invalid("Give subscriptionId, or virtualNum and extendNum.")
}

fn wanted_extension(fields: &Fields, digits: u8) -> Result<Option<Extension>, Unreadable> {
    let Some(text) = fields.digits("extendNum")? else { return Ok(None) };
    let extension = Extension::parse(&text).filter(|extension| extension.digits() == digits);
    extension.map(Some).ok_or_else(|| {
        let width = usize::from(digits);
        Unreadable::invalid(format!("extendNum must be {:0width$} to {}.", 1, highest(digits)))
    })
}

fn unit(fields: &Fields) -> Result<Option<TimeUnit>, Unreadable> {
    let code = fields.integer("timeUnit", 0, 1)?;
    Ok(code.and_then(|code| TimeUnit::from_code(u8::try_from(code).ok()?)))
}

/// `bindExpiredTime` and `callbackExpiredTime`. Whether they suit their unit and each other is a rule.
fn times(fields: &Fields) -> Result<(Option<u16>, Option<u16>), Unreadable> {
    let time = |name| {
        let amount = fields.integer(name, 0, TimeUnit::Minutes.amount_max().into())?;
        Ok(amount.and_then(|amount| u16::try_from(amount).ok()))
    };
    Ok((time("bindExpiredTime")?, time("callbackExpiredTime")?))
}

fn fallback(fields: &Fields) -> Result<FallbackPatch, Unreadable> {
    let tone = fields.tone("callbackTone")?.filter(|tone| !tone.is_empty());
    let new = match (tone, fields.number("callbackNum")?) {
        (Some(_), Some(_)) => {
            return Err(Unreadable::invalid("callbackTone and callbackNum exclude each other."));
        }
        (Some(tone), None) => Some(Fallback::Tone(tone)),
        (None, Some(number)) => Some(Fallback::Number(number)),
        (None, None) => None,
    };
    let (no_tone, no_number) = (fields.is_emptied("callbackTone"), fields.is_emptied("callbackNum"));
    Ok(FallbackPatch { new, no_tone, no_number })
}

/// AXE has neither short messages nor a longest call nor directions (customer-api 5).
fn terms_patch(fields: &Fields) -> Result<TermsPatch, Unreadable> {
    Ok(TermsPatch {
        record: fields.boolean("recordFlag")?,
        record_hint_tone: fields.tone("recordHintTone")?,
        user_data: fields.user_data()?,
        ..TermsPatch::default()
    })
}

/// Reads `\d{13}_\d{1,20}`: the millisecond in which the last binding of the former page was bound, and its place
/// in that millisecond.
fn cursor(fields: &Fields) -> Result<Option<BindingId>, Unreadable> {
    let Some(text) = fields.text("cursor")? else { return Ok(None) };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (exactly, at_most) = CURSOR_DIGITS;
    match text.split_once('_') {
        Some((millis, place))
            if digits(millis)
                && digits(place)
                && millis.len() == exactly
                && (1..=at_most).contains(&place.len()) =>
        {
            // Beyond a word is beyond any place.
            Ok(Some(RowKey::at(millis.parse().unwrap_or(u64::MAX), place.parse().unwrap_or(u64::MAX))))
        }
        _ => Err(Unreadable::invalid("cursor must be 13 digits, _ and 1 to 20 digits.")),
    }
}

fn cursor_after(id: BindingId) -> String {
    format!("{:013}_{}", id.millis(), id.sequence())
}

/// As in AXB a page size that makes no sense is no error.
fn limit(fields: &Fields) -> u32 {
    fields.integer("limit", 1, u32::MAX).ok().flatten().map_or(LIMIT_DEFAULT, |limit| limit.min(LIMIT_MAX))
}

/// Answer to an AXE bind.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of customer-api 5.1")]
#[serde(rename_all = "camelCase")]
pub struct AxeBound {
    #[serde(flatten)]
    pub envelope: Envelope<'static>,
    pub subscription_id: String,
    pub virtual_num: String,
    pub extend_num: String,
    pub bind_expired_time: u16,
    pub callback_expired_time: u16,
}

impl AxeBound {
    /// For this binding.
    pub fn of(binding: &Binding<Axe>, ids: &PublicIds) -> Self {
        Self {
            envelope: Envelope::SUCCESS,
            subscription_id: ids.subscription(binding.id),
            virtual_num: binding.x.expose(),
            extend_num: binding.relation.extension.to_string(),
            bind_expired_time: binding.relation.life.amount,
            callback_expired_time: binding.relation.callback.amount,
        }
    }
}

/// One binding in the answer to an AXE query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AxeItem {
    subscription_id: String,
    virtual_num: String,
    extend_num: String,
    bind_num: String,
    display_num_mode: &'static str,
    record_flag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_hint_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_num: Option<String>,
    time_unit: &'static str,
    bind_expired_time: u16,
    callback_expired_time: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Box<str>>,
}

impl AxeItem {
    /// For this binding. timeUnit and bindExpiredTime are those first given (customer-api 5.4).
    pub fn of(binding: &Binding<Axe>, ids: &PublicIds) -> Self {
        let (axe, terms, extras) = (&binding.relation, &binding.terms, binding.terms.extras());
        let (callback_tone, callback_num) = match axe.fallback.as_deref() {
            None => (None, None),
            Some(Fallback::Tone(tone)) => (Some(tone.clone()), None),
            Some(Fallback::Number(number)) => (None, Some(number.expose())),
        };
        Self {
            subscription_id: ids.subscription(binding.id),
            virtual_num: binding.x.expose(),
            extend_num: axe.extension.to_string(),
            bind_num: axe.a.expose(),
            display_num_mode: if axe.shows_caller { "1" } else { "0" },
            record_flag: true_or_false(terms.record),
            record_hint_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
            callback_tone,
            callback_num,
            time_unit: match axe.first.unit.unwrap_or_default() {
                TimeUnit::Hours => "0",
                TimeUnit::Minutes => "1",
            },
            bind_expired_time: axe.first.amount.unwrap_or(0),
            callback_expired_time: axe.callback.amount,
            user_data: extras.user_data.clone(),
        }
    }
}

/// Answer to an AXE query v1.0: flat.
#[derive(Debug, Serialize)]
pub struct AxeFound {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    #[serde(flatten)]
    binding: AxeItem,
}

impl AxeFound {
    /// With this binding.
    pub const fn new(binding: AxeItem) -> Self {
        Self { envelope: Envelope::SUCCESS, binding }
    }
}

/// Answer to an AXE query v2.0. `nextCusor` is the documented spelling (customer-api 5.5).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AxeListed {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    extend_num_list: Vec<AxeItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cusor: Option<String>,
}

impl AxeListed {
    /// With these bindings, of which the last is named in the cursor if `more` follow.
    pub fn new(bindings: &[Binding<Axe>], more: bool, ids: &PublicIds) -> Self {
        Self {
            envelope: Envelope::SUCCESS,
            extend_num_list: bindings.iter().map(|binding| AxeItem::of(binding, ids)).collect(),
            next_cusor: bindings.last().filter(|_| more).map(|last| cursor_after(last.id)),
        }
    }
}

#[cfg(test)]
mod tests;
