//! The members of a customer's request, whether they came as JSON or in the query string, read as leniently
//! as real clients need (client-tolerances C and D) and refused with a text that names the member.

use serde_json::{Map, Value};

use super::result_code::ResultCode;
use crate::domain::allocation::AreaMatch;
use crate::domain::area::AreaCode;
use crate::domain::binding::CallDirection;
use crate::domain::number::{E164, XNumber};

/// Longest text that is quoted nowhere but kept somewhere: userData (customer-api 3.1).
const USER_DATA_CHARS_MAX: usize = 256;
/// Longest name of a tone file (customer-api 1).
const TONE_CHARS_MAX: usize = 128;

/// A request that cannot be carried out as it stands: the result code and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The documented code.
    pub code: ResultCode,
    /// What is wrong and where, in ASCII; added to the documented text.
    pub what: String,
}

impl Unreadable {
    /// `1010002 Invalid request.` with the culprit.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self { code: ResultCode::InvalidRequest, what: what.into() }
    }

    /// Another code without further words.
    pub const fn code(code: ResultCode) -> Self {
        Self { code, what: String::new() }
    }
}

/// The members of one request.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    members: Map<String, Value>,
}

impl Fields {
    /// Reads a JSON object. Bytes that are no UTF-8 are replaced, not refused: one official sample sends the
    /// low byte of each character (client-tolerances B21).
    pub fn from_json(body: &[u8]) -> Result<Self, Unreadable> {
        Self::from_object(json(body)?)
    }

    /// As [`Fields::from_json`], also when the object stands alone in an array.
    pub fn from_json_or_only(body: &[u8]) -> Result<Self, Unreadable> {
        match json(body)? {
            Value::Array(items) if items.len() == 1 => {
                Self::from_object(items.into_iter().next().unwrap_or_default())
            }
            value => Self::from_object(value),
        }
    }

    fn from_object(value: Value) -> Result<Self, Unreadable> {
        match value {
            Value::Object(members) => Ok(Self { members }),
            _ => Err(Unreadable::invalid("The body must be a JSON object.")),
        }
    }

    /// Reads a query string as a form: `%2B` is a plus, a bare `+` is a blank. The first of several counts.
    pub fn from_query(query: Option<&str>) -> Self {
        let mut members = Map::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            members.entry(name).or_insert_with(|| Value::String(value.into_owned()));
        }
        Self { members }
    }

    /// Whether any of these members is there with a value.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.value(name).is_some())
    }

    /// A text. Absent, `null` and empty are the same.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Unreadable::invalid(format!("{name} must be a string."))),
        }
    }

    /// Digits with their leading zeros. A JSON number is taken as it is written.
    pub fn digits(&self, name: &str) -> Result<Option<String>, Unreadable> {
        match self.value(name) {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            _ => Ok(self.text(name)?.map(|text| text.trim().to_owned())),
        }
    }

    /// Whether a member is there and empty, which takes away what it stands for.
    pub fn is_emptied(&self, name: &str) -> bool {
        self.members.get(name).and_then(Value::as_str) == Some("")
    }

    /// A number in global form.
    pub fn number(&self, name: &str) -> Result<Option<E164>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        E164::parse(text).map(Some).map_err(|error| Unreadable::invalid(format!("{name}: {error}.")))
    }

    /// A number in global form that has to be there.
    pub fn required_number(&self, name: &str) -> Result<E164, Unreadable> {
        self.number(name)?.ok_or_else(|| Unreadable::invalid(format!("{name} is missing.")))
    }

    /// A number that names an X. One that is no number is answered like one that is not the app's.
    pub fn x_number(&self, name: &str, otherwise: ResultCode) -> Result<Option<XNumber>, Unreadable> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_str().and_then(|text| E164::parse(text).ok());
        number.map(|number| Some(XNumber::new(number))).ok_or(Unreadable::code(otherwise))
    }

    /// A whole number in a range, as a JSON number or as digits in a string.
    pub fn integer(&self, name: &str, min: u32, max: u32) -> Result<Option<u32>, Unreadable> {
        let value = match self.value(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let value =
            value.and_then(|value| u32::try_from(value).ok()).filter(|value| (min..=max).contains(value));
        value.map(Some).ok_or_else(|| Unreadable::invalid(format!("{name} must be {min} to {max}.")))
    }

    /// A yes or no: `true`, `"true"` in any case, 1 or `"1"`, and so on.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Unreadable> {
        let value = match self.value(name) {
            None => return Ok(None),
            Some(Value::Bool(value)) => Some(*value),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Some(Value::String(text)) => match text.trim() {
                "0" => Some(false),
                "1" => Some(true),
                text if text.eq_ignore_ascii_case("true") => Some(true),
                text if text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        value.map(Some).ok_or_else(|| Unreadable::invalid(format!("{name} must be true or false.")))
    }

    /// A setting that is `on` or `off`.
    pub fn on_off(&self, name: &str) -> Result<Option<bool>, Unreadable> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("on") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("off") => Ok(Some(false)),
            Some(_) => Err(Unreadable::invalid(format!("{name} must be on or off."))),
        }
    }

    /// `callDirection`.
    pub fn direction(&self) -> Result<Option<CallDirection>, Unreadable> {
        let code = self.integer("callDirection", 0, 2)?;
        Ok(code.and_then(|code| CallDirection::from_code(u8::try_from(code).ok()?)))
    }

    /// `areaMatchMode`; absent = strict.
    pub fn area_match(&self) -> Result<AreaMatch, Unreadable> {
        Ok(match self.integer("areaMatchMode", 0, 1)? {
            Some(1) => AreaMatch::Loose,
            _ => AreaMatch::Strict,
        })
    }

    /// `areaCode`.
    pub fn area(&self) -> Result<Option<AreaCode>, Unreadable> {
        let Some(text) = self.text("areaCode")? else { return Ok(None) };
        let what = "areaCode must be a city code with its leading 0, for example 0755.";
        AreaCode::parse(text).map(Some).ok_or_else(|| Unreadable::invalid(what))
    }

    /// `userData`.
    pub fn user_data(&self) -> Result<Option<Box<str>>, Unreadable> {
        let Some(text) = self.given_text("userData")? else { return Ok(None) };
        if text.chars().count() > USER_DATA_CHARS_MAX {
            return Err(Unreadable::invalid(format!(
                "userData has more than {USER_DATA_CHARS_MAX} characters."
            )));
        }
        Ok(Some(text.into()))
    }

    /// The name of a tone file.
    pub fn tone(&self, name: &str) -> Result<Option<Box<str>>, Unreadable> {
        let Some(text) = self.given_text(name)? else { return Ok(None) };
        if !text.is_empty() && !is_tone(text) {
            let what = format!("{name} must be at most {TONE_CHARS_MAX} letters, digits and -_.@ .");
            return Err(Unreadable::invalid(what));
        }
        Ok(Some(text.into()))
    }

    /// The members of an object inside, such as `preVoice`; none when it is absent.
    pub fn inner(&self, name: &str) -> Result<Self, Unreadable> {
        match self.value(name) {
            None => Ok(Self::default()),
            Some(Value::Object(members)) => Ok(Self { members: members.clone() }),
            Some(_) => Err(Unreadable::invalid(format!("{name} must be an object."))),
        }
    }

    /// The members of an object inside that may also stand alone in an array, as one official sample writes it
    /// (callbacks 3); `None` when it is absent.
    pub fn inner_or_only(&self, name: &str) -> Result<Option<Self>, Unreadable> {
        let members = match self.value(name) {
            None => return Ok(None),
            Some(Value::Object(members)) => Some(members),
            Some(Value::Array(items)) => match items.as_slice() {
                [Value::Object(members)] => Some(members),
                _ => None,
            },
            Some(_) => None,
        };
        let members = members.cloned();
        let what = || Unreadable::invalid(format!("{name} must be an object, or an array of one."));
        members.map(|members| Some(Self { members })).ok_or_else(what)
    }

    /// A text that may be given as empty, which is something else than not given: it removes what was there.
    fn given_text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        match self.members.get(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            _ => self.text(name),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }
}

/// Whether a text can be the name of a tone file.
pub fn is_tone(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    (1..=TONE_CHARS_MAX).contains(&text.len()) && text.chars().all(plain)
}

/// `60.0` is 60: some languages write every number that way.
fn whole(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small whole number"
    )]
    (value.fract() == 0.0 && (0.0..=1e9).contains(&value)).then_some(value as u64)
}

fn json(body: &[u8]) -> Result<Value, Unreadable> {
    let text = String::from_utf8_lossy(body);
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Unreadable::invalid(format!("The body is not JSON at line {line} column {column}."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn yes_and_no_come_in_many_spellings() {
        for (json, expected) in [
            ("true", Some(true)),
            ("\"true\"", Some(true)),
            ("\"FALSE\"", Some(false)),
            ("0", Some(false)),
            ("\"1\"", Some(true)),
            ("null", None),
            ("\"\"", None),
        ] {
            assert_eq!(
                fields(&format!("{{\"recordFlag\":{json}}}")).boolean("recordFlag"),
                Ok(expected),
                "{json}"
            );
        }
        let refused = fields("{\"recordFlag\":\"maybe\"}").boolean("recordFlag").unwrap_err();
        assert_eq!(refused.what, "recordFlag must be true or false.");
    }

    #[test]
    fn whole_numbers_come_as_numbers_or_as_digits_and_stay_in_range() {
        for (json, expected) in [("60", Some(60)), ("\"60\"", Some(60)), ("60.0", Some(60)), ("null", None)] {
            assert_eq!(
                fields(&format!("{{\"duration\":{json}}}")).integer("duration", 0, 100),
                Ok(expected),
                "{json}"
            );
        }
        for json in ["101", "-1", "60.5", "\"x\"", "[]", "1e300", "true"] {
            let refused =
                fields(&format!("{{\"duration\":{json}}}")).integer("duration", 0, 100).unwrap_err();
            assert_eq!(refused.what, "duration must be 0 to 100.", "{json}");
        }
    }

    #[test]
    fn a_query_is_read_as_a_form_and_empty_values_are_absent() {
        let query =
            Fields::from_query(Some("subscriptionId=&relationNum=%2B8617000000001&fileName=a+b%2Bc.wav"));
        assert_eq!(query.text("subscriptionId"), Ok(None));
        assert_eq!(query.text("fileName"), Ok(Some("a b+c.wav")));
        let bare = Fields::from_query(Some("relationNum=+8617000000001"));
        assert_eq!(bare.number("relationNum"), query.number("relationNum"));
    }

    #[test]
    fn a_body_that_is_no_utf_8_is_read_with_replacements() {
        let body = b"{\"userData\":\"\xA2\x55\x8C\",\"a\":1}";
        assert!(Fields::from_json(body).unwrap().user_data().unwrap().unwrap().contains('U'));
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_its_place() {
        assert_eq!(Fields::from_json(b"[]").unwrap_err().what, "The body must be a JSON object.");
        assert_eq!(Fields::from_json(b"").unwrap_err().what, "The body is not JSON at line 1 column 0.");
        assert_eq!(Fields::from_json(b"{\"a\":\"\0\"}").unwrap_err().code, ResultCode::InvalidRequest);
        let deep = "[".repeat(100_000);
        assert!(Fields::from_json(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_empty_text_that_removes_is_told_from_one_that_is_absent() {
        assert_eq!(fields("{\"userData\":\"\"}").user_data(), Ok(Some("".into())));
        assert_eq!(fields("{\"userData\":null}").user_data(), Ok(None));
        assert_eq!(fields("{}").user_data(), Ok(None));
    }
}
