//! AX (customer-api 3).

use serde::Serialize;

use super::{Envelope, PreVoice, XWish, terms, terms_patch, true_or_false};
use crate::domain::ax::{AxBind, AxPatch};
use crate::domain::binding::{Ax, Binding, NEXT_CALLEE_SECS_MAX};
use crate::domain::id::PublicIds;
use crate::domain::number::{E164, XNumber};
use crate::wire::fields::{Fields, Unreadable};
use crate::wire::result_code::ResultCode;
use crate::wire::time_text::format_utc;

/// Default life of an AX temporary callee, seconds (customer-api 3.5).
const NEXT_CALLEE_SECS_DEFAULT: u32 = 60;

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
    let wish = if let Some(x) = fields.x_number("privateNum", ResultCode::AccountMissing)? {
        XWish::Named(x)
    } else {
        let area = fields.area()?;
        if area.is_none() {
            return Err(Unreadable::invalid("Give privateNum, or areaCode with privateNumType."));
        }
        if fields.text("privateNumType")? != Some("mobile-virtual") {
            return Err(Unreadable::invalid("privateNumType must be mobile-virtual."));
        }
        XWish::InArea(area, fields.area_match()?)
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

/// One binding in the answer to an AX query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the members have the names of the protocol")]
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
