//! The row of a binding. Without tones and user data it is plain numbers: a million of them load in a second
//! or two.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::column::Json;
use super::{RowError, columns};
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::binding::{
    AnyBinding, Ax, Axb, Axe, Axyb, Binding, CallDirection, Expiry, Extras, Fallback, FirstGiven, NextCallee,
    Span, Terms, TimeUnit, Yb,
};
use crate::domain::customer::Mode;
use crate::domain::extension::Extension;
use crate::domain::id::{AppNo, BindingId};
use crate::domain::number::{E164, Pair, XNumber};
use crate::domain::time::Timestamp;

columns! {
    /// A binding that stands, and the part of an ended one that tells what it was.
    BindingColumns of "binding" {
        id: BindingId,
        app: AppNo,
        mode: Mode,
        x: XNumber,
        a: E164,
        b: Option<E164>,
        duration_secs: Option<u32>,
        next_callee: Option<E164>,
        next_callee_until: Option<Timestamp>,
        next_callee_user_data: Option<Cow<'r, str>>,
        direction_given: bool,
        turned_on: bool,
        direction: CallDirection,
        max_duration_minutes: u16,
        record: bool,
        sms: bool,
        extras: Option<Json<ExtrasDocument>>,
        expires_at: Option<Timestamp>,
        since: Timestamp,
        extension: Option<Extension>,
        axe: Option<Json<AxeDocument>>,
        axyb: Option<Json<AxybDocument>>,
        ax: Option<BindingId>,
        y: Option<XNumber>,
    }
}

/// [`Extras`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(crate) struct ExtrasDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    record_hint_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_minute_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    a_calls_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others_call_tone: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Box<str>>,
}

/// What only AXE bindings have and nobody searches for, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AxeDocument {
    life: u16,
    life_unit: u8,
    callback: u16,
    callback_unit: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_unit: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_life: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback_tone: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    callback_number: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shows_caller: bool,
}

impl From<&Axe> for AxeDocument {
    fn from(axe: &Axe) -> Self {
        let (callback_tone, callback_number) = tone_and_number(axe.fallback.as_deref());
        Self {
            life: axe.life.amount,
            life_unit: axe.life.unit.code(),
            callback: axe.callback.amount,
            callback_unit: axe.callback.unit.code(),
            first_unit: axe.first.unit.map(TimeUnit::code),
            first_life: axe.first.amount,
            callback_tone,
            callback_number,
            shows_caller: axe.shows_caller,
        }
    }
}

impl AxeDocument {
    fn into_axe(self, a: E164, extension: Extension) -> Option<Axe> {
        let span = |amount, unit| Some(Span { amount, unit: TimeUnit::from_code(unit)? });
        Some(Axe {
            a,
            extension,
            life: span(self.life, self.life_unit)?,
            callback: span(self.callback, self.callback_unit)?,
            first: FirstGiven {
                unit: match self.first_unit {
                    Some(code) => Some(TimeUnit::from_code(code)?),
                    None => None,
                },
                amount: self.first_life,
            },
            fallback: fallback(self.callback_tone, self.callback_number)?.map(Box::new),
            shows_caller: self.shows_caller,
        })
    }
}

/// What only the bindings of an X of AXYB have and nobody searches for, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AxybDocument {
    area: u16,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    loose: bool,
    yb_duration_secs: u32,
}

impl From<&Axyb> for AxybDocument {
    fn from(axyb: &Axyb) -> Self {
        Self {
            area: axyb.area.word(),
            loose: axyb.matching == AreaMatch::Loose,
            yb_duration_secs: axyb.yb_duration_secs,
        }
    }
}

impl AxybDocument {
    fn into_axyb(self, a: E164, duration_secs: u32) -> Option<Axyb> {
        let matching = if self.loose { AreaMatch::Loose } else { AreaMatch::Strict };
        let area = AreaCode::from_word(self.area)?;
        Some(Axyb { a, area, matching, duration_secs, yb_duration_secs: self.yb_duration_secs })
    }
}

/// A [`Fallback`] as a tone and a number, of which one at most is there.
pub(super) fn tone_and_number(fallback: Option<&Fallback>) -> (Option<Box<str>>, Option<u64>) {
    match fallback {
        None => (None, None),
        Some(Fallback::Tone(tone)) => (Some(tone.clone()), None),
        Some(Fallback::Number(number)) => (None, Some(number.word())),
    }
}

/// Inverse of [`tone_and_number`]; `None` when nothing of the kind was written.
#[expect(clippy::option_option, reason = "there may be no fallback, or none that could have been written")]
pub(super) fn fallback(tone: Option<Box<str>>, number: Option<u64>) -> Option<Option<Fallback>> {
    match (tone, number) {
        (None, None) => Some(None),
        (Some(tone), None) => Some(Some(Fallback::Tone(tone))),
        (None, Some(number)) => Some(Some(Fallback::Number(E164::from_word(number)?))),
        (Some(_), Some(_)) => None,
    }
}

impl From<&Extras> for ExtrasDocument {
    fn from(extras: &Extras) -> Self {
        let Extras { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data } =
            extras.clone();
        Self { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data }
    }
}

impl From<ExtrasDocument> for Extras {
    fn from(document: ExtrasDocument) -> Self {
        let ExtrasDocument { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data } =
            document;
        Self { record_hint_tone, last_minute_tone, a_calls_tone, others_call_tone, user_data }
    }
}

impl<'r> From<&'r AnyBinding> for BindingColumns<'r> {
    fn from(binding: &'r AnyBinding) -> Self {
        match binding {
            AnyBinding::Ax(binding) => {
                let Ax { a, next_callee, direction_given, turned_on } = &binding.relation;
                let next = next_callee.as_deref();
                Self {
                    next_callee: next.map(|next| next.callee),
                    next_callee_until: next.map(|next| next.until),
                    next_callee_user_data: next.and_then(|next| next.user_data.as_deref()).map(Cow::Borrowed),
                    direction_given: *direction_given,
                    turned_on: *turned_on,
                    ..common(binding, Mode::Ax, *a)
                }
            }
            AnyBinding::Axb(binding) => {
                let Axb { pair, duration_secs } = binding.relation;
                Self {
                    b: Some(pair.b()),
                    duration_secs: Some(duration_secs),
                    ..common(binding, Mode::Axb, pair.a())
                }
            }
            AnyBinding::Axe(binding) => Self {
                extension: Some(binding.relation.extension),
                axe: Some(Json((&binding.relation).into())),
                ..common(binding, Mode::Axe, binding.relation.a)
            },
            AnyBinding::Axyb(binding) => Self {
                duration_secs: Some(binding.relation.duration_secs),
                axyb: Some(Json((&binding.relation).into())),
                ..common(binding, Mode::Axyb, binding.relation.a)
            },
            AnyBinding::Yb(binding) => {
                let Yb { ax, y, pair, duration_secs } = binding.relation;
                Self {
                    b: Some(pair.b()),
                    duration_secs: Some(duration_secs),
                    ax: Some(ax),
                    y: Some(y),
                    ..common(binding, Mode::Axyb, pair.a())
                }
            }
        }
    }
}

/// The columns that do not depend on the mode; the others empty.
fn common<'r, R>(binding: &Binding<R>, mode: Mode, a: E164) -> BindingColumns<'r> {
    let Terms { direction, max_duration_minutes, record, sms, extras } = &binding.terms;
    let expires_at = match binding.expiry {
        Expiry::Never => None,
        Expiry::At(at) => Some(at),
    };
    BindingColumns {
        id: binding.id,
        app: binding.app,
        mode,
        x: binding.x,
        a,
        b: None,
        duration_secs: None,
        next_callee: None,
        next_callee_until: None,
        next_callee_user_data: None,
        direction_given: false,
        turned_on: false,
        direction: *direction,
        max_duration_minutes: *max_duration_minutes,
        record: *record,
        sms: *sms,
        extras: extras.as_deref().map(|extras| Json(extras.into())),
        expires_at,
        since: binding.since,
        extension: None,
        axe: None,
        axyb: None,
        ax: None,
        y: None,
    }
}

impl BindingColumns<'_> {
    /// The binding that the row tells of.
    pub(crate) fn into_binding(mut self) -> Result<AnyBinding, RowError> {
        match self.mode {
            Mode::Ax => {
                let next_callee = self.take_next_callee()?.map(Box::new);
                let relation = Ax {
                    a: self.a,
                    next_callee,
                    direction_given: self.direction_given,
                    turned_on: self.turned_on,
                };
                Ok(AnyBinding::Ax(self.with(relation)))
            }
            Mode::Axb => {
                let (pair, duration_secs) = (self.pair()?, self.duration_secs()?);
                Ok(AnyBinding::Axb(self.with(Axb { pair, duration_secs })))
            }
            Mode::Axe => {
                let extension = self.extension.ok_or(RowError::Unreadable("binding.extension"))?;
                let axe = self.axe.take().and_then(|Json(document)| document.into_axe(self.a, extension));
                Ok(AnyBinding::Axe(self.with(axe.ok_or(RowError::Unreadable("binding.axe"))?)))
            }
            Mode::Axyb => {
                let duration_secs = self.duration_secs()?;
                let Some(ax) = self.ax else {
                    let (document, a) = (self.axyb.take(), self.a);
                    let axyb = document.and_then(|Json(document)| document.into_axyb(a, duration_secs));
                    return Ok(AnyBinding::Axyb(
                        self.with(axyb.ok_or(RowError::Unreadable("binding.axyb"))?),
                    ));
                };
                let y = self.y.ok_or(RowError::Unreadable("binding.y"))?;
                let pair = self.pair()?;
                Ok(AnyBinding::Yb(self.with(Yb { ax, y, pair, duration_secs })))
            }
            Mode::X => Err(RowError::Unreadable("binding.mode")),
        }
    }

    fn pair(&self) -> Result<Pair, RowError> {
        self.b.and_then(|b| Pair::new(self.a, b)).ok_or(RowError::Unreadable("binding.b"))
    }

    fn duration_secs(&self) -> Result<u32, RowError> {
        self.duration_secs.ok_or(RowError::Unreadable("binding.duration_secs"))
    }

    fn take_next_callee(&mut self) -> Result<Option<NextCallee>, RowError> {
        let Some(callee) = self.next_callee else { return Ok(None) };
        let until = self.next_callee_until.ok_or(RowError::Unreadable("binding.next_callee_until"))?;
        let user_data = self.next_callee_user_data.take().map(|text| Box::from(&*text));
        Ok(Some(NextCallee { callee, until, user_data }))
    }

    fn with<R>(self, relation: R) -> Binding<R> {
        Binding {
            id: self.id,
            app: self.app,
            x: self.x,
            relation,
            terms: Terms {
                direction: self.direction,
                max_duration_minutes: self.max_duration_minutes,
                record: self.record,
                sms: self.sms,
                extras: self.extras.map(|Json(document)| Box::new(document.into())),
            },
            expiry: self.expires_at.map_or(Expiry::Never, Expiry::At),
            since: self.since,
        }
    }
}
