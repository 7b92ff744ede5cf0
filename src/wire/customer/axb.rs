//! AXB (customer-api 4).

use serde::Serialize;

use super::{Envelope, PreVoice, XWish, terms, terms_patch, true_or_false};
use crate::domain::axb::{AxbBind, AxbPatch};
use crate::domain::binding::{AXB_DURATION_SECS_MAX, Axb, Binding};
use crate::domain::id::PublicIds;
use crate::domain::number::{E164, Pair, XNumber};
use crate::wire::fields::{Fields, Unreadable};
use crate::wire::result_code::ResultCode;
use crate::wire::time_text::format_utc;

/// Page size of a query unless a sensible one is asked for (customer-api 4.4).
const PAGE_SIZE_DEFAULT: u32 = 50;

/// AXB bind (customer-api 4.1).
pub fn axb_bind(fields: &Fields) -> Result<(XWish, AxbBind), Unreadable> {
    let (a, b) = (fields.required_number("callerNum")?, fields.required_number("calleeNum")?);
    let pair =
        Pair::new(a, b).ok_or_else(|| Unreadable::invalid("callerNum and calleeNum must not be equal."))?;
    let wish = match fields.x_number("relationNum", ResultCode::ResourceNotApplied)? {
        Some(x) => XWish::Named(x),
        None => XWish::InArea(fields.area()?, fields.area_match()?),
    };
    let duration_secs = fields.integer("duration", 0, AXB_DURATION_SECS_MAX)?.unwrap_or(0);
    Ok((wish, AxbBind { pair, duration_secs, terms: terms(fields)? }))
}

/// AXB modify (customer-api 4.3).
pub fn axb_modify(fields: &Fields) -> Result<(String, AxbPatch), Unreadable> {
    let subscription = fields.text("subscriptionId")?;
    let subscription =
        subscription.ok_or_else(|| Unreadable::invalid("subscriptionId is missing."))?.to_owned();
    let patch = AxbPatch {
        a: fields.number("callerNum")?,
        b: fields.number("calleeNum")?,
        duration_secs: fields.integer("duration", 0, AXB_DURATION_SECS_MAX)?,
        terms: terms_patch(fields)?,
    };
    Ok((subscription, patch))
}

/// Which AXB bindings an unbind means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxbMeant {
    /// This one.
    Subscription(String),
    /// All on this X.
    AllOn(XNumber),
}

/// AXB unbind: subscriptionId wins over relationNum (customer-api 4.2).
pub fn axb_unbind(fields: &Fields) -> Result<AxbMeant, Unreadable> {
    if let Some(subscription) = fields.text("subscriptionId")? {
        return Ok(AxbMeant::Subscription(subscription.to_owned()));
    }
    let x = fields.x_number("relationNum", ResultCode::ResourceNotApplied)?;
    x.map(AxbMeant::AllOn).ok_or(Unreadable::code(ResultCode::ResourceNotApplied))
}

/// What an AXB query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxbQuery {
    /// `subscriptionId`; wins over everything else.
    pub subscription: Option<String>,
    /// `relationNum`.
    pub x: Option<XNumber>,
    /// `callerNum`: only the binding with this A.
    pub a: Option<E164>,
    /// `calleeNum`: only the binding with this B.
    pub b: Option<E164>,
    /// From 1.
    pub page_index: u32,
    /// 10 to 100; anything else becomes 50.
    pub page_size: u32,
}

/// AXB query (customer-api 4.4). A page index or size out of range is no error.
pub fn axb_query(fields: &Fields) -> Result<AxbQuery, Unreadable> {
    let subscription = fields.text("subscriptionId")?.map(str::to_owned);
    // It wins over the other selectors, so what they hold does not matter (customer-api 4.4).
    let selectors = if subscription.is_some() { &Fields::default() } else { fields };
    let query = AxbQuery {
        subscription,
        x: selectors.x_number("relationNum", ResultCode::ResourceNotApplied)?,
        a: selectors.number("callerNum")?,
        b: selectors.number("calleeNum")?,
        page_index: fields.integer("pageIndex", 1, u32::MAX).ok().flatten().unwrap_or(1),
        page_size: fields.integer("pageSize", 10, 100).ok().flatten().unwrap_or(PAGE_SIZE_DEFAULT),
    };
    if query.subscription.is_none() && query.x.is_none() {
        return Err(Unreadable::invalid("Give subscriptionId or relationNum."));
    }
    Ok(query)
}

/// Answer to an AXB bind. One client cannot live without `duration` (client-tolerances E38).
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of customer-api 4.1")]
#[serde(rename_all = "camelCase")]
pub struct AxbBound {
    #[serde(flatten)]
    pub envelope: Envelope<'static>,
    pub subscription_id: String,
    pub relation_num: String,
    pub call_direction: u8,
    pub duration: u32,
    pub max_duration: u16,
}

impl AxbBound {
    /// For this binding.
    pub fn of(binding: &Binding<Axb>, ids: &PublicIds) -> Self {
        Self {
            envelope: Envelope::SUCCESS,
            subscription_id: ids.subscription(binding.id),
            relation_num: binding.x.expose(),
            call_direction: binding.terms.direction.code(),
            duration: binding.relation.duration_secs,
            max_duration: binding.terms.max_duration_minutes,
        }
    }
}

/// One binding in the answer to an AXB query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the protocol")]
pub struct RelationNum {
    subscription_id: String,
    relation_num: String,
    caller_num: String,
    callee_num: String,
    call_direction: u8,
    duration: u32,
    max_duration: u16,
    record_flag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_hint_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_min_voice: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_voice: Option<PreVoice>,
    private_sms: &'static str,
    subscribe_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Box<str>>,
}

impl RelationNum {
    /// For this binding.
    pub fn of(binding: &Binding<Axb>, ids: &PublicIds) -> Self {
        let (terms, extras) = (&binding.terms, binding.terms.extras());
        Self {
            subscription_id: ids.subscription(binding.id),
            relation_num: binding.x.expose(),
            caller_num: binding.relation.pair.a().expose(),
            callee_num: binding.relation.pair.b().expose(),
            call_direction: terms.direction.code(),
            duration: binding.relation.duration_secs,
            max_duration: terms.max_duration_minutes,
            record_flag: true_or_false(terms.record),
            record_hint_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
            last_min_voice: extras.last_minute_tone.clone(),
            pre_voice: PreVoice::of(extras),
            private_sms: true_or_false(terms.sms),
            subscribe_time: format_utc(binding.since),
            user_data: extras.user_data.clone(),
        }
    }
}

/// Answer to an AXB query. `totalCount` is always there: one client unboxes it (client-tolerances E39).
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of customer-api 4.4")]
pub struct AxbFound {
    #[serde(flatten)]
    pub envelope: Envelope<'static>,
    pub app_key: String,
    #[serde(rename = "totalCount")]
    pub total_count: usize,
    #[serde(rename = "pageIndex")]
    pub page_index: u32,
    #[serde(rename = "pageSize")]
    pub page_size: u32,
    #[serde(rename = "relationNumList")]
    pub relation_num_list: Vec<RelationNum>,
}
