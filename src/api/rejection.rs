//! From a refusal inside to the documented answer outside. Every refusal has its code here, in matches without
//! a `_` arm, so that a new one does not compile until it has been given one.

use std::borrow::Cow;

use super::json;
use crate::domain::axyb::YB_PER_X_MAX;
use crate::domain::customer::Mode;
use crate::domain::number::E164;
use crate::domain::refusal::Refusal;
use crate::engine::job::Unserved;
use crate::http::Reply;
use crate::wire::customer::Envelope;
use crate::wire::fields::Unreadable;
use crate::wire::result_code::ResultCode;

/// Longest `resultdesc` (customer-api 1).
const RESULTDESC_CHARS_MAX: usize = 256;

/// A request of a customer that is answered with a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code.
    pub code: ResultCode,
    /// What is wrong and where, added to the code's text. Goes to the customer: ASCII, no numbers.
    pub what: Cow<'static, str>,
    /// The HTTP status, where it is not the code's own.
    pub status: Option<u16>,
}

impl Rejection {
    /// With nothing to add to the code's text.
    pub const fn new(code: ResultCode) -> Self {
        Self { code, what: Cow::Borrowed(""), status: None }
    }

    /// `1010002 Invalid request.` with the culprit, and a status of its own if `status` is given.
    pub const fn invalid(what: &'static str, status: Option<u16>) -> Self {
        Self { code: ResultCode::InvalidRequest, what: Cow::Borrowed(what), status }
    }

    /// 1012010 with the text that it has in AXYB, where it names the number (customer-api 10); masked, like every
    /// number in a text.
    pub fn number_bound(number: E164) -> Self {
        let what = format!("The number {number} has been bound.").into();
        Self { what, ..Self::new(ResultCode::RelationBound) }
    }

    /// The text for the customer.
    pub fn text(&self) -> String {
        // Of 1012010 alone the words are not added to the text, but stand in its place.
        let text = if self.code == ResultCode::RelationBound && !self.what.is_empty() {
            ""
        } else {
            self.code.text()
        };
        let mut text = format!("{text}{}", self.what);
        text.retain(|c| c.is_ascii() && !c.is_ascii_control());
        text.truncate(RESULTDESC_CHARS_MAX);
        text
    }

    /// The member that is wrong, when it is known: the words begin with its name.
    pub fn culprit(&self) -> Option<&str> {
        let word = self.what.split([' ', ':']).next()?;
        let is_name = word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then_some(word)
    }

    /// The answer.
    pub fn reply(&self) -> Reply {
        let text = self.text();
        let envelope = Envelope { resultcode: self.code.code(), resultdesc: &text };
        json(self.status.unwrap_or(self.code.status()), &envelope)
    }
}

impl From<ResultCode> for Rejection {
    fn from(code: ResultCode) -> Self {
        Self::new(code)
    }
}

impl From<Unreadable> for Rejection {
    fn from(unreadable: Unreadable) -> Self {
        Self { code: unreadable.code, what: unreadable.what.into(), status: None }
    }
}

impl From<Unserved> for Rejection {
    fn from(unserved: Unserved) -> Self {
        Self::new(match unserved {
            // Documented for overload: "try again after a minute" (customer-api 10).
            Unserved::Overloaded => ResultCode::FlowControl,
            Unserved::StoreUnavailable | Unserved::NotServing => ResultCode::InternalError,
            Unserved::NotInTime => {
                let what = format!(" In words: {unserved}.").into();
                return Self { what, ..Self::new(ResultCode::InternalError) };
            }
        })
    }
}

/// What was asked, as far as the code of a refusal depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To bind.
    Bind,
    /// To unbind.
    Unbind,
    /// To modify.
    Modify,
    /// To query, or to set a temporary callee.
    Other,
}

/// The documented answer to a refusal (customer-api 3, 4 and 10).
pub fn rejection(refusal: &Refusal, mode: Mode, asked: Asked) -> Rejection {
    match mode {
        Mode::Ax => ax(refusal, asked),
        Mode::Axb => axb(refusal),
        Mode::Axe => axe(refusal),
        Mode::Axyb => axyb(refusal),
        // Nothing is bound in X mode, so whatever was asked belongs to another.
        Mode::X => Rejection::new(ResultCode::ApiNotAllowed),
    }
}

fn ax(refusal: &Refusal, asked: Asked) -> Rejection {
    Rejection::new(match refusal {
        Refusal::XNotOwned => match asked {
            Asked::Bind | Asked::Modify => ResultCode::AccountMissing,
            Asked::Unbind => ResultCode::NumberNotApplied,
            Asked::Other => ResultCode::RecordMissing,
        },
        Refusal::NoneFree(why) => {
            return Rejection {
                what: why.to_string().into(),
                ..Rejection::new(ResultCode::NumbersExhausted)
            };
        }
        Refusal::TooManyX => ResultCode::NumberLimitReached,
        Refusal::SamePairBound => ResultCode::RecordExists,
        Refusal::NoSuchBinding => ResultCode::RecordMissing,
        Refusal::SameNumber => {
            return Rejection::invalid("origNum and calleeNum must not be equal.", None);
        }
        // All but the first cannot be asked of an AX number: it carries one A without an extension.
        Refusal::XTaken
        | Refusal::NumberBound(_)
        | Refusal::TooManyB
        | Refusal::XFull
        | Refusal::PartyAlreadyBound
        | Refusal::ExtensionTaken
        | Refusal::NoFreeExtension(_)
        | Refusal::TimeTooLong
        | Refusal::CallbackOutlivesBinding => ResultCode::NumberTaken,
        Refusal::XNotUsable(_) => ResultCode::NumberStatusAbnormal,
        Refusal::PartyIsX => return Rejection::invalid("A party must not be a private number.", None),
        Refusal::RecordingNotEnabled => ResultCode::RecordingNotOpened,
        Refusal::WrongMode(_) => ResultCode::ApiNotAllowed,
    })
}

fn axb(refusal: &Refusal) -> Rejection {
    Rejection::new(match refusal {
        Refusal::XNotOwned => ResultCode::ResourceNotApplied,
        Refusal::NoneFree(why) => {
            return Rejection { what: why.to_string().into(), ..Rejection::new(ResultCode::NoNumberForArea) };
        }
        Refusal::XFull => ResultCode::RelationLimitReached,
        Refusal::NoSuchBinding => ResultCode::RelationMissing,
        Refusal::SameNumber => {
            return Rejection::invalid("callerNum and calleeNum must not be equal.", None);
        }
        // All but the first cannot be asked of an AXB number: it has neither an owner nor extensions.
        Refusal::PartyAlreadyBound
        | Refusal::NumberBound(_)
        | Refusal::TooManyB
        | Refusal::XTaken
        | Refusal::TooManyX
        | Refusal::SamePairBound
        | Refusal::ExtensionTaken
        | Refusal::NoFreeExtension(_)
        | Refusal::TimeTooLong
        | Refusal::CallbackOutlivesBinding => ResultCode::RelationBound,
        Refusal::XNotUsable(_) => ResultCode::NumberStatusAbnormal,
        Refusal::PartyIsX => return Rejection::invalid("A party must not be a private number.", None),
        Refusal::RecordingNotEnabled => ResultCode::RecordingNotOpened,
        Refusal::WrongMode(_) => ResultCode::ApiNotAllowed,
    })
}

fn axe(refusal: &Refusal) -> Rejection {
    Rejection::new(match refusal {
        Refusal::XNotOwned => ResultCode::ResourceNotApplied,
        Refusal::NoneFree(why) => {
            return Rejection { what: why.to_string().into(), ..Rejection::new(ResultCode::NoNumberForArea) };
        }
        Refusal::NoFreeExtension(why) => {
            return Rejection { what: why.to_string().into(), ..Rejection::new(ResultCode::NoIdleExtension) };
        }
        Refusal::TimeTooLong => {
            let what = "bindExpiredTime and callbackExpiredTime must be at most 720 hours or 43200 minutes.";
            return Rejection::invalid(what, None);
        }
        Refusal::CallbackOutlivesBinding => {
            return Rejection::invalid("bindExpiredTime must be 0 or at least callbackExpiredTime.", None);
        }
        Refusal::NoSuchBinding => ResultCode::RecordMissing,
        Refusal::SameNumber => {
            return Rejection::invalid("bindNum and callbackNum must not be equal.", None);
        }
        // An AXE number carries any A any number of times: of these only the first can be asked of it.
        Refusal::ExtensionTaken
        | Refusal::NumberBound(_)
        | Refusal::TooManyB
        | Refusal::XFull
        | Refusal::XTaken
        | Refusal::TooManyX
        | Refusal::SamePairBound
        | Refusal::PartyAlreadyBound => ResultCode::NoIdleExtension,
        Refusal::XNotUsable(_) => ResultCode::NumberStatusAbnormal,
        Refusal::PartyIsX => return Rejection::invalid("A party must not be a private number.", None),
        Refusal::RecordingNotEnabled => ResultCode::RecordingNotOpened,
        Refusal::WrongMode(_) => ResultCode::ApiNotAllowed,
    })
}

fn axyb(refusal: &Refusal) -> Rejection {
    let no_number =
        |why: String| Rejection { what: why.into(), ..Rejection::new(ResultCode::NoNumberForArea) };
    Rejection::new(match refusal {
        Refusal::NoneFree(why) => return no_number(why.to_string()),
        Refusal::TooManyB => {
            return no_number(format!("The binding has {YB_PER_X_MAX} B, as many as there may be."));
        }
        Refusal::NumberBound(number) => return Rejection::number_bound(*number),
        Refusal::NoSuchBinding | Refusal::XNotOwned => ResultCode::RecordMissing,
        Refusal::SameNumber => {
            return Rejection::invalid("origNum must not be that of the first step.", None);
        }
        // None of these can be asked of an AXYB number: nobody can name one, and it has no extensions.
        Refusal::XTaken
        | Refusal::XFull
        | Refusal::PartyAlreadyBound
        | Refusal::TooManyX
        | Refusal::SamePairBound
        | Refusal::ExtensionTaken
        | Refusal::NoFreeExtension(_)
        | Refusal::TimeTooLong
        | Refusal::CallbackOutlivesBinding => ResultCode::NoNumberForArea,
        Refusal::XNotUsable(_) => ResultCode::NumberStatusAbnormal,
        Refusal::PartyIsX => return Rejection::invalid("A party must not be a private number.", None),
        Refusal::RecordingNotEnabled => ResultCode::RecordingNotOpened,
        Refusal::WrongMode(_) => ResultCode::ApiNotAllowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_for_a_customer_is_ascii_and_bounded() {
        let what = format!("areaCode \u{6df1}\n{}", "x".repeat(400));
        let rejection = Rejection { what: what.into(), ..Rejection::new(ResultCode::InvalidRequest) };
        assert!(rejection.text().is_ascii());
        assert_eq!(rejection.text().len(), RESULTDESC_CHARS_MAX);
        assert!(rejection.text().starts_with("Invalid request.areaCode x"));
    }

    #[test]
    fn the_culprit_is_the_member_that_the_words_begin_with() {
        let culprit = |what| Rejection::invalid(what, None).culprit().map(str::to_owned);
        assert_eq!(culprit("callerNum is missing."), Some("callerNum".into()));
        assert_eq!(culprit("origNum: a number starts with + and the country code."), Some("origNum".into()));
        assert_eq!(culprit("The body must be a JSON object."), None);
        assert_eq!(culprit(""), None);
    }

    #[test]
    fn the_same_refusal_has_the_code_of_its_mode_and_operation() {
        let code = |refusal, mode, asked| rejection(&refusal, mode, asked).code.code();
        assert_eq!(code(Refusal::XNotOwned, Mode::Ax, Asked::Bind), "1011001");
        assert_eq!(code(Refusal::XNotOwned, Mode::Ax, Asked::Modify), "1011001");
        assert_eq!(code(Refusal::XNotOwned, Mode::Ax, Asked::Unbind), "1011004");
        assert_eq!(code(Refusal::XNotOwned, Mode::Axb, Asked::Bind), "1012001");
        assert_eq!(code(Refusal::NoSuchBinding, Mode::Ax, Asked::Other), "1016001");
        assert_eq!(code(Refusal::NoSuchBinding, Mode::Axb, Asked::Other), "1012007");
        assert_eq!(code(Refusal::XNotOwned, Mode::Axe, Asked::Unbind), "1012001");
        assert_eq!(code(Refusal::NoSuchBinding, Mode::Axe, Asked::Unbind), "1016001");
        assert_eq!(code(Refusal::ExtensionTaken, Mode::Axe, Asked::Bind), "1020167");
        assert_eq!(code(Refusal::RecordingNotEnabled, Mode::Axe, Asked::Other), "1012012");
    }
}
