//! What one column can hold. All conversions of single values between the domain and the database are here.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Value;
use crate::domain::area::AreaCode;
use crate::domain::binding::{CallDirection, UnbindCause};
use crate::domain::call::{Basis, Stage};
use crate::domain::customer::Mode;
use crate::domain::delivery::{NoticeKind, State};
use crate::domain::extension::Extension;
use crate::domain::id::{AppNo, RowKey};
use crate::domain::number::{CallingParty, E164, XNumber};
use crate::domain::release::{ReleasedBy, StateCode};
use crate::domain::replay::Phase;
use crate::domain::time::Timestamp;

/// A caller whose number the network hid, where a number would stand.
const CALLER_WITHHELD: i64 = 0;
/// A caller whose number is no global number, where a number would stand.
const CALLER_UNUSABLE: i64 = -1;

/// A value that one column can hold.
pub(crate) trait Column<'r>: Sized {
    /// The column's value; `None` when it would not fit.
    fn write(&self) -> Option<Value<'_>>;
    /// Inverse of [`Column::write`]; `None` when nothing of this type was written there.
    fn read(value: Value<'r>) -> Option<Self>;
}

/// The smallest key a row of the instant `at` or later can have; beyond the last key for instants that keys
/// no longer reach. Turns a span of time into a range of keys.
pub(crate) fn first_key_at(at: Timestamp) -> i64 {
    const FIRST_MILLIS_BEYOND: u64 = 1 << 42;
    if at.millis() >= FIRST_MILLIS_BEYOND {
        return i64::MAX;
    }
    key_or_beyond(RowKey::floor(at.millis()))
}

/// A key as an integer to compare with; beyond every stored key when no store could hold it.
pub(crate) fn key_or_beyond(key: RowKey) -> i64 {
    i64::try_from(key.get()).unwrap_or(i64::MAX)
}

impl<'r> Column<'r> for i64 {
    fn write(&self) -> Option<Value<'_>> {
        Some(Value::Int(*self))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        match value {
            Value::Int(int) => Some(int),
            _ => None,
        }
    }
}

impl<'r> Column<'r> for Cow<'r, str> {
    fn write(&self) -> Option<Value<'_>> {
        Some(Value::Text(Cow::Borrowed(self)))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'r> Column<'r> for Cow<'r, [u8]> {
    fn write(&self) -> Option<Value<'_>> {
        Some(Value::Bytes(Cow::Borrowed(self)))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn write(&self) -> Option<Value<'_>> {
        self.as_ref().map_or(Some(Value::Null), T::write)
    }
    fn read(value: Value<'r>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

/// Something nested, written as JSON.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<'r, T: Serialize + DeserializeOwned> Column<'r> for Json<T> {
    fn write(&self) -> Option<Value<'_>> {
        serde_json::to_string(&self.0).ok().map(|text| Value::Text(Cow::Owned(text)))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        let text = Cow::<str>::read(value)?;
        serde_json::from_str(&text).ok().map(Self)
    }
}

/// Types that are whole numbers in the store: how to write one, and how to read one.
macro_rules! whole_numbers {
    ($($type:ty: |$value:ident| $write:expr, |$int:ident| $read:expr;)+) => {$(
        impl<'r> Column<'r> for $type {
            fn write(&self) -> Option<Value<'_>> {
                let $value = *self;
                i64::try_from($write).ok().map(Value::Int)
            }
            fn read(value: Value<'r>) -> Option<Self> {
                let $int = i64::read(value)?;
                $read
            }
        }
    )+};
}

whole_numbers! {
    bool: |flag| u8::from(flag), |int| match int { 0 => Some(false), 1 => Some(true), _ => None };
    u8: |small| small, |int| int.try_into().ok();
    u16: |small| small, |int| int.try_into().ok();
    u32: |small| small, |int| int.try_into().ok();
    u64: |large| large, |int| int.try_into().ok();
    AppNo: |app| app.0, |int| int.try_into().ok().map(AppNo);
    StateCode: |code| code.number(), |int| StateCode::from_number(int.try_into().ok()?);
    RowKey: |key| key.get(), |int| RowKey::from_stored(int.try_into().ok()?);
    Timestamp: |at| at.millis(), |int| {
        (int > 0).then_some(())?;
        int.try_into().ok().map(Timestamp::from_millis)
    };
    E164: |number| number.word(), |int| E164::from_word(int.try_into().ok()?);
    XNumber: |x| x.number().word(), |int| E164::from_word(int.try_into().ok()?).map(XNumber::new);
    CallDirection: |direction| direction.code(), |int| CallDirection::from_code(int.try_into().ok()?);
    CallingParty: |party| match party {
        CallingParty::Number(number) => i64::try_from(number.word()).ok()?,
        CallingParty::Withheld => CALLER_WITHHELD,
        CallingParty::Unusable => CALLER_UNUSABLE,
    }, |int| match int {
        CALLER_WITHHELD => Some(CallingParty::Withheld),
        CALLER_UNUSABLE => Some(CallingParty::Unusable),
        word => E164::from_word(word.try_into().ok()?).map(CallingParty::Number),
    };
}

/// Types that are one of a few words in the store: the word of a value, and the value of a word.
macro_rules! words {
    ($($type:ty: $write:expr, $read:expr;)+) => {$(
        impl<'r> Column<'r> for $type {
            fn write(&self) -> Option<Value<'_>> {
                let word: &'static str = $write(*self);
                Some(Value::Text(Cow::Borrowed(word)))
            }
            fn read(value: Value<'r>) -> Option<Self> {
                let word = Cow::<str>::read(value)?;
                $read(&word)
            }
        }
    )+};
}

words! {
    Mode: Mode::as_str, Mode::from_word;
    Stage: Stage::as_str, Stage::from_word;
    State: State::as_str, State::from_word;
    NoticeKind: NoticeKind::as_str, NoticeKind::from_word;
    Phase: Phase::as_str, Phase::from_word;
    UnbindCause: UnbindCause::as_str, UnbindCause::from_word;
    ReleasedBy: ReleasedBy::as_str, ReleasedBy::from_word;
    Basis: basis_word, basis_of_word;
}

fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Asked => "asked",
        Basis::Presumed => "presumed",
    }
}

fn basis_of_word(word: &str) -> Option<Basis> {
    [Basis::Asked, Basis::Presumed].into_iter().find(|&basis| basis_word(basis) == word)
}

impl<'r> Column<'r> for AreaCode {
    fn write(&self) -> Option<Value<'_>> {
        Some(Value::Text(Cow::Owned(self.to_string())))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        AreaCode::parse(&Cow::<str>::read(value)?)
    }
}

impl<'r> Column<'r> for Extension {
    fn write(&self) -> Option<Value<'_>> {
        Some(Value::Text(Cow::Owned(self.to_string())))
    }
    fn read(value: Value<'r>) -> Option<Self> {
        Extension::parse(&Cow::<str>::read(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_year_2109_or_later_is_refused_instead_of_wrapped() {
        assert!(RowKey::floor((1 << 42) - 1).write().is_some());
        assert_eq!(RowKey::floor(1 << 42).write(), None);
        assert_eq!(Timestamp::from_millis(u64::MAX).write(), None);
    }

    #[test]
    fn a_span_of_time_that_keys_do_not_reach_ends_at_the_last_key() {
        assert_eq!(first_key_at(Timestamp::from_millis(3)), 3 << 21);
        assert_eq!(first_key_at(Timestamp::from_millis(1 << 42)), i64::MAX);
        assert_eq!(first_key_at(Timestamp::from_millis(u64::MAX)), i64::MAX);
    }

    #[test]
    fn what_no_column_was_written_with_is_not_read() {
        assert_eq!(bool::read(Value::Int(2)), None);
        assert_eq!(Timestamp::read(Value::Int(-5)), None);
        assert_eq!(E164::read(Value::Int(1)), None);
        assert_eq!(CallingParty::read(Value::Int(-2)), None);
        assert_eq!(Stage::read(Value::Text("shouting".into())), None);
        assert_eq!(Option::<u16>::read(Value::Int(65_536)), None);
        assert_eq!(Option::<u16>::read(Value::Null), Some(None));
    }
}
