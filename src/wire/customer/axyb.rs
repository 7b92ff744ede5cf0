//! AXYB (customer-api 6).

use serde::Serialize;

use super::{Envelope, true_or_false};
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::axb::TermsPatch;
use crate::domain::axyb::{AxybBind, DURATION_SECS_DEFAULT, DURATION_SECS_MIN, YbBind};
use crate::domain::binding::{AXB_DURATION_SECS_MAX, Axyb, Binding, Terms, Yb};
use crate::domain::id::PublicIds;
use crate::domain::number::{E164, XNumber};
use crate::domain::slot::AxybSlot;
use crate::wire::fields::{Fields, Unreadable};
use crate::wire::result_code::ResultCode;
use crate::wire::time_text::format_utc;

/// What an AXYB bind asks for: one operation with two steps (customer-api 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxybStep {
    /// The first: an X for A.
    X(AxybBind),
    /// The second: a Y for a B.
    Y {
        /// Of the binding with this subscriptionId, as written.
        subscription: String,
        /// Where; `None` = where the first step wanted X.
        area: Option<AreaCode>,
        /// How strictly; `None` = not said.
        matching: Option<AreaMatch>,
        /// The rest.
        bind: YbBind,
    },
}

/// AXYB bind: with a subscriptionId it is the second step.
pub fn axyb_bind(fields: &Fields) -> Result<AxybStep, Unreadable> {
    let number = fields.required_number("origNum")?;
    let (area, matching) = (fields.area()?, fields.area_match()?);
    let yb_duration_secs = life(fields, "ybDuration")?;
    if let Some(subscription) = fields.text("subscriptionId")? {
        let tone = fields.tone("preVoiceY")?.filter(|tone| !tone.is_empty());
        let user_data = fields.user_data()?.filter(|text| !text.is_empty());
        return Ok(AxybStep::Y {
            subscription: subscription.to_owned(),
            area,
            matching: fields.has_any(&["areaMatchMode"]).then_some(matching),
            bind: YbBind { b: number, duration_secs: yb_duration_secs, tone, user_data, on_call: false },
        });
    }
    Ok(AxybStep::X(AxybBind {
        a: number,
        area: area.ok_or_else(|| Unreadable::invalid("areaCode is missing."))?,
        matching,
        duration_secs: life(fields, "duration")?.unwrap_or(DURATION_SECS_DEFAULT),
        yb_duration_secs: yb_duration_secs.unwrap_or(0),
        terms: terms(fields)?,
    }))
}

/// AXYB has neither short messages nor a longest call (customer-api 6.1).
fn terms(fields: &Fields) -> Result<Terms, Unreadable> {
    let given = TermsPatch {
        direction: fields.direction()?,
        record: fields.boolean("recordFlag")?,
        record_hint_tone: fields.tone("recordHintTone")?,
        others_call_tone: fields.tone("preVoiceX")?,
        user_data: fields.user_data()?,
        ..TermsPatch::default()
    };
    Ok(given.applied_to(&Terms::default()))
}

/// A number of seconds: 0, or a minute to 90 days.
fn life(fields: &Fields, name: &str) -> Result<Option<u32>, Unreadable> {
    let wrong = || {
        Unreadable::invalid(format!("{name} must be 0 or {DURATION_SECS_MIN} to {AXB_DURATION_SECS_MAX}."))
    };
    match fields.integer(name, 0, AXB_DURATION_SECS_MAX).map_err(|_| wrong())? {
        Some(1..DURATION_SECS_MIN) => Err(wrong()),
        secs => Ok(secs),
    }
}

/// Which AXYB bindings an unbind means, under this subscriptionId, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxybMeant {
    /// The subscriptionId.
    pub subscription: String,
    /// Of its B.
    pub which: WhichYb,
}

/// Which B of a binding are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichYb {
    /// Every one, and the binding itself.
    All,
    /// The one behind this Y.
    Y(XNumber),
    /// This one.
    B(E164),
}

/// AXYB unbind: yNum wins over bNum (customer-api 6.2).
pub fn axyb_unbind(fields: &Fields) -> Result<AxybMeant, Unreadable> {
    let subscription = fields.text("subscriptionId")?;
    let subscription =
        subscription.ok_or_else(|| Unreadable::invalid("subscriptionId is missing."))?.to_owned();
    let y = fields.x_number("yNum", ResultCode::RecordMissing)?;
    let which = match y {
        Some(y) => WhichYb::Y(y),
        None => fields.number("bNum")?.map_or(WhichYb::All, WhichYb::B),
    };
    Ok(AxybMeant { subscription, which })
}

/// What an AXYB query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxybQuery {
    /// The binding with this subscriptionId, as written.
    Subscription(String),
    /// The binding of this X.
    X(XNumber),
}

/// AXYB query: subscriptionId wins over relationNum (customer-api 6.3).
pub fn axyb_query(fields: &Fields) -> Result<AxybQuery, Unreadable> {
    if let Some(subscription) = fields.text("subscriptionId")? {
        return Ok(AxybQuery::Subscription(subscription.to_owned()));
    }
    let x = fields.x_number("relationNum", ResultCode::RecordMissing)?;
    x.map(AxybQuery::X).ok_or_else(|| Unreadable::invalid("Give subscriptionId or relationNum."))
}

/// Answer to both steps of an AXYB bind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AxybBound {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    subscription_id: String,
    relation_number: String,
}

impl AxybBound {
    /// For the first step: X.
    pub fn of_x(binding: &Binding<Axyb>, ids: &PublicIds) -> Self {
        let subscription_id = ids.subscription(binding.id);
        Self { envelope: Envelope::SUCCESS, subscription_id, relation_number: binding.x.expose() }
    }

    /// For the second step: Y, under the id of the first.
    pub fn of_y(binding: &Binding<Yb>, ids: &PublicIds) -> Self {
        let subscription_id = ids.subscription(binding.relation.ax);
        let relation_number = binding.relation.y.expose();
        Self { envelope: Envelope::SUCCESS, subscription_id, relation_number }
    }
}

/// One B in the answer to an AXYB query, or the binding alone when it has none. `bindId` is the subscriptionId: who
/// asks by X has no other way to learn it. The two durations are texts here (customer-api 6.3).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct XyRelationNum {
    bind_id: String,
    num_a: String,
    num_x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_b: Option<String>,
    record_flag: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_hint_tone: Option<Box<str>>,
    subscribe_time: String,
    call_direction: u8,
    duration: String,
    yb_duration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_voice_x: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pre_voice_y: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Box<str>>,
}

impl XyRelationNum {
    fn of(binding: &Binding<Axyb>, yb: Option<&Binding<Yb>>, ids: &PublicIds) -> Self {
        let terms = yb.map_or(&binding.terms, |yb| &yb.terms);
        let extras = terms.extras();
        let yb_duration_secs = yb.map_or(binding.relation.yb_duration_secs, |yb| yb.relation.duration_secs);
        Self {
            bind_id: ids.subscription(binding.id),
            num_a: binding.relation.a.expose(),
            num_x: binding.x.expose(),
            num_y: yb.map(|yb| yb.relation.y.expose()),
            num_b: yb.map(|yb| yb.relation.pair.b().expose()),
            record_flag: true_or_false(terms.record),
            record_hint_tone: extras.record_hint_tone.clone().filter(|_| terms.record),
            subscribe_time: format_utc(yb.map_or(binding.since, |yb| yb.since)),
            call_direction: terms.direction.code(),
            duration: binding.relation.duration_secs.to_string(),
            yb_duration: yb_duration_secs.to_string(),
            pre_voice_x: extras.others_call_tone.clone(),
            pre_voice_y: extras.a_calls_tone.clone(),
            user_data: extras.user_data.clone(),
        }
    }
}

/// Answer to an AXYB query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AxybFound {
    #[serde(flatten)]
    envelope: Envelope<'static>,
    xy_relation_num_list: Vec<XyRelationNum>,
}

impl AxybFound {
    /// With what is live on an X: each B, or one entry without.
    pub fn of(slot: &AxybSlot, is_live: impl Fn(&Binding<Yb>) -> bool, ids: &PublicIds) -> Self {
        let binding = &slot.binding;
        let with_b = slot.ybs().filter(|yb| is_live(yb));
        let mut list: Vec<_> = with_b.map(|yb| XyRelationNum::of(binding, Some(yb), ids)).collect();
        if list.is_empty() {
            list.push(XyRelationNum::of(binding, None, ids));
        }
        Self { envelope: Envelope::SUCCESS, xy_relation_num_list: list }
    }
}

/// `app_key` among the URL parameters (customer-api 6). It has to be there, and that of the app that signs.
pub fn app_key(query: Option<&str>, signed_by: &str) -> Result<(), Unreadable> {
    match Fields::from_query(query).text("app_key")? {
        None => Err(Unreadable::invalid("app_key is missing.")),
        Some(key) if key == signed_by => Ok(()),
        Some(_) => Err(Unreadable::code(ResultCode::InvalidAppKey)),
    }
}

#[cfg(test)]
mod tests;
