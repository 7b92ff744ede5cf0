//! The customer API's messages: requests read into commands, answers written member by member
//! in the documented order (customer-api 3 to 6, 8 and 9).

mod any;
mod ax;
mod axb;
mod axe;
mod axyb;

use serde::Serialize;

pub use self::any::*;
pub use self::ax::*;
pub use self::axb::*;
pub use self::axe::*;
pub use self::axyb::*;
use super::fields::{Fields, Unreadable};
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::axb::TermsPatch;
use crate::domain::binding::{Extras, MAX_DURATION_MINUTES_MAX, Terms};
use crate::domain::number::XNumber;

/// Which X a bind wants, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XWish {
    /// This one.
    Named(XNumber),
    /// One of a city, or with `None` one of A's own city.
    InArea(Option<AreaCode>, AreaMatch),
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
