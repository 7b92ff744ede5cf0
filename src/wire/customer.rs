//! The customer API's messages for AX and AXB: requests read into commands, answers written member by member
//! in the documented order (customer-api 3 and 4).

use serde::Serialize;

use super::fields::{Fields, Unreadable};
use super::result_code::ResultCode;
use super::time_text::format_utc;
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::ax::{AxBind, AxPatch};
use crate::domain::axb::{AxbBind, AxbPatch, TermsPatch};
use crate::domain::binding::{
    AXB_DURATION_SECS_MAX, Ax, Axb, Binding, Extras, MAX_DURATION_MINUTES_MAX, NEXT_CALLEE_SECS_MAX, Terms,
};
use crate::domain::id::PublicIds;
use crate::domain::number::{E164, Pair, XNumber};

/// Default life of an AX temporary callee, seconds (customer-api 3.5).
const NEXT_CALLEE_SECS_DEFAULT: u32 = 60;
/// Page size of a query unless a sensible one is asked for (customer-api 4.4).
const PAGE_SIZE_DEFAULT: u32 = 50;

/// Which X a bind wants, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XWish {
    /// This one.
    Named(XNumber),
    /// One of a city, or with `None` one of A's own city.
    InArea(Option<AreaCode>, AreaMatch),
}

/// Which AX binding a request means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AxMeant {
    /// `subscriptionId`, as written; wins.
    pub subscription: Option<String>,
    /// `origNum`.
    pub a: Option<E164>,
    /// `privateNum`.
    pub x: Option<XNumber>,
}

/// AX bind (customer-api 3.1).
pub fn ax_bind(fields: &Fields) -> Result<(XWish, AxBind), Unreadable> {
    let a = fields.required_number("origNum")?;
    let wish = match fields.x_number("privateNum", ResultCode::AccountMissing)? {
        Some(x) => XWish::Named(x),
        None => {
            let area = fields.area()?;
            if area.is_none() {
                return Err(Unreadable::invalid("Give privateNum, or areaCode with privateNumType."));
            }
            if fields.text("privateNumType")? != Some("mobile-virtual") {
                return Err(Unreadable::invalid("privateNumType must be mobile-virtual."));
            }
            XWish::InArea(area, fields.area_match()?)
        }
    };
    let bind = AxBind {
        a,
        direction_given: fields.direction()?.is_some(),
        turned_on: fields.on_off("turnFlag")?.unwrap_or(true),
        terms: terms(fields)?,
    };
    fields.integer("calleeNumDisplay", 0, 1)?; // Carriers force 0: read, checked, without effect.
    Ok((wish, bind))
}

/// AX modify (customer-api 3.3). `origNum` is the new A here, not a selector.
pub fn ax_modify(fields: &Fields) -> Result<(AxMeant, AxPatch), Unreadable> {
    let subscription = fields.text("subscriptionId")?.map(str::to_owned);
    let x = match subscription {
        Some(_) => None,
        None => fields.x_number("privateNum", ResultCode::AccountMissing)?,
    };
    let meant = AxMeant { subscription, a: None, x };
    if meant == AxMeant::default() {
        return Err(Unreadable::invalid("Give subscriptionId or privateNum."));
    }
    let patch = AxPatch {
        a: fields.number("origNum")?,
        turned_on: fields.on_off("turnFlag")?,
        terms: terms_patch(fields)?,
    };
    Ok((meant, patch))
}

/// AX unbind: subscriptionId, or privateNum with or without origNum (customer-api 3.2).
pub fn ax_unbind(fields: &Fields) -> Result<AxMeant, Unreadable> {
    let subscription = fields.text("subscriptionId")?.map(str::to_owned);
    if subscription.is_some() {
        return Ok(AxMeant { subscription, ..AxMeant::default() });
    }
    let not_applied = || Unreadable::code(ResultCode::NumberNotApplied);
    let x = fields.x_number("privateNum", ResultCode::NumberNotApplied)?.ok_or_else(not_applied)?;
    let a = fields.number("origNum").map_err(|_| not_applied())?;
    Ok(AxMeant { subscription, a, x: Some(x) })
}

/// AX query: subscriptionId before origNum before privateNum (customer-api 3.4).
pub fn ax_query(fields: &Fields) -> Result<AxMeant, Unreadable> {
    let subscription = fields.text("subscriptionId")?.map(str::to_owned);
    if subscription.is_some() {
        return Ok(AxMeant { subscription, ..AxMeant::default() });
    }
    if let Some(a) = fields.number("origNum")? {
        return Ok(AxMeant { a: Some(a), ..AxMeant::default() });
    }
    let x = fields.x_number("privateNum", ResultCode::RecordMissing)?;
    if x.is_none() {
        return Err(Unreadable::invalid("Give subscriptionId, origNum or privateNum."));
    }
    Ok(AxMeant { x, ..AxMeant::default() })
}

/// A temporary callee as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCalleeWish {
    /// Whom A's calls shall reach.
    pub callee: E164,
    /// For how many seconds.
    pub secs: u32,
    /// Echoed in the notices of A's calls.
    pub user_data: Option<Box<str>>,
}

/// AX temporary callee (customer-api 3.5).
pub fn ax_next_callee(fields: &Fields) -> Result<(AxMeant, NextCalleeWish), Unreadable> {
    let subscription = fields.text("subscriptionId")?.map(str::to_owned);
    // It wins over privateNum, so what that holds does not matter.
    let x = match subscription {
        Some(_) => None,
        None => fields.x_number("privateNum", ResultCode::RecordMissing)?,
    };
    let meant = AxMeant { subscription, a: fields.number("origNum")?, x };
    if meant == AxMeant::default() {
        return Err(Unreadable::invalid("Give subscriptionId, privateNum or origNum."));
    }
    let wish = NextCalleeWish {
        callee: fields.required_number("calleeNum")?,
        secs: fields.integer("duration", 1, NEXT_CALLEE_SECS_MAX)?.unwrap_or(NEXT_CALLEE_SECS_DEFAULT),
        user_data: fields.user_data()?.filter(|text| !text.is_empty()),
    };
    if meant.a == Some(wish.callee) {
        return Err(Unreadable::invalid("origNum and calleeNum must not be equal."));
    }
    Ok((meant, wish))
}

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

fn terms(fields: &Fields) -> Result<Terms, Unreadable> {
    let nothing = Terms { sms: true, ..Terms::default() };
    Ok(terms_patch(fields)?.applied_to(&nothing))
}

fn terms_patch(fields: &Fields) -> Result<TermsPatch, Unreadable> {
    let tones = fields.inner("preVoice")?;
    let minutes = fields.integer("maxDuration", 0, MAX_DURATION_MINUTES_MAX.into())?;
    Ok(TermsPatch {
        direction: fields.direction()?,
        max_duration_minutes: minutes.and_then(|minutes| u16::try_from(minutes).ok()),
        record: fields.boolean("recordFlag")?,
        sms: fields.boolean("privateSms")?,
        record_hint_tone: fields.tone("recordHintTone")?,
        last_minute_tone: fields.tone("lastMinVoice")?,
        a_calls_tone: tones.tone("callerHintTone")?,
        others_call_tone: tones.tone("calleeHintTone")?,
        user_data: fields.user_data()?,
    })
}

/// The answer that carries nothing but its code.
#[derive(Debug, Serialize)]
pub struct Envelope<'a> {
    /// Numeric text; `"0"` for success.
    pub resultcode: &'a str,
    /// ASCII.
    pub resultdesc: &'a str,
}

impl Envelope<'static> {
    /// Success.
    pub const SUCCESS: Self = Self { resultcode: "0", resultdesc: "Success" };
}

/// Answer to an AX bind.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the members are those of customer-api 3.1")]
#[serde(rename_all = "camelCase")]
pub struct AxBound {
    #[serde(flatten)]
    pub envelope: Envelope<'static>,
    pub orig_num: String,
    pub private_num: String,
    pub subscription_id: String,
}

impl AxBound {
    /// For this binding.
    pub fn of(binding: &Binding<Ax>, ids: &PublicIds) -> Self {
        Self {
            envelope: Envelope::SUCCESS,
            orig_num: binding.relation.a.expose(),
            private_num: binding.x.expose(),
            subscription_id: ids.subscription(binding.id),
        }
    }
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

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreVoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_hint_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callee_hint_tone: Option<Box<str>>,
}

impl PreVoice {
    fn of(extras: &Extras) -> Option<Self> {
        let (caller_hint_tone, callee_hint_tone) =
            (extras.a_calls_tone.clone(), extras.others_call_tone.clone());
        let any = caller_hint_tone.is_some() || callee_hint_tone.is_some();
        any.then_some(Self { caller_hint_tone, callee_hint_tone })
    }
}

/// One binding in the answer to an AX query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateNum {
    orig_num: String,
    private_num: String,
    private_num_type: &'static str,
    subscription_id: String,
    subscribe_time: String,
    record_flag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_hint_tone: Option<Box<str>>,
    callee_num_display: &'static str,
    private_sms: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_voice: Option<PreVoice>,
    max_duration: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_min_voice: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_direction: Option<u8>,
    turn_flag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Box<str>>,
}

impl PrivateNum {
    /// For this binding.
    pub fn of(binding: &Binding<Ax>, ids: &PublicIds) -> Self {
        let (terms, extras) = (&binding.terms, binding.terms.extras());
        Self {
            orig_num: binding.relation.a.expose(),
            private_num: binding.x.expose(),
            private_num_type: "mobile-virtual",
            subscription_id: ids.subscription(binding.id),
            subscribe_time: format_utc(binding.since),
            record_flag: true_or_false(terms.record),
            record_hint_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
            callee_num_display: "0",
            private_sms: true_or_false(terms.sms),
            pre_voice: PreVoice::of(extras),
            max_duration: terms.max_duration_minutes,
            last_min_voice: extras.last_minute_tone.clone(),
            call_direction: binding.relation.direction_given.then(|| terms.direction.code()),
            turn_flag: if binding.relation.turned_on { "on" } else { "off" },
            user_data: extras.user_data.clone(),
        }
    }
}

/// Answer to an AX query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AxFound {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    private_num_list: Vec<PrivateNum>,
}

impl AxFound {
    /// With these bindings.
    pub const fn new(private_num_list: Vec<PrivateNum>) -> Self {
        Self { envelope: Envelope::SUCCESS, private_num_list }
    }
}

/// One binding in the answer to an AXB query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
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

const fn true_or_false(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_id_wins_whatever_the_other_selectors_hold() {
        let query = Fields::from_query(Some("subscriptionId=abc&relationNum=nonsense&callerNum=x"));
        let read = axb_query(&query).unwrap();
        assert_eq!((read.subscription.as_deref(), read.x, read.a), (Some("abc"), None, None));
        let (meant, _) =
            ax_modify(&Fields::from_query(Some("subscriptionId=abc&privateNum=nonsense"))).unwrap();
        assert_eq!((meant.subscription.as_deref(), meant.x), (Some("abc"), None));
        let callee = "subscriptionId=abc&privateNum=nonsense&calleeNum=%2B8613800000001";
        let (meant, _) = ax_next_callee(&Fields::from_query(Some(callee))).unwrap();
        assert_eq!((meant.subscription.as_deref(), meant.x), (Some("abc"), None));
    }
}
