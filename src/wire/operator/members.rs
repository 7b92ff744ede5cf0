//! The members of a JSON body, read one by one and strictly: a wrong type, a value out of range and an unknown
//! member are refused with the member's name.

use serde_json::{Map, Value};

use super::{RFC3339, Unusable, rfc3339};
use crate::domain::time::Timestamp;

/// The members of one object that have not been read yet.
#[derive(Debug, Default)]
pub struct Members {
    members: Map<String, Value>,
    /// What stands before a member's name in an error: `numbers[3].`.
    path: String,
}

impl Members {
    /// Reads a body that must be a JSON object.
    pub fn of_body(body: &[u8]) -> Result<Self, Unusable> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { members, path: String::new() }),
            Ok(_) => Err(Unusable::whole("the body must be a JSON object")),
            Err(error) => Err(Unusable::whole(format!(
                "the body is not JSON at line {} column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// Reads a body that may also be absent.
    pub fn of_optional_body(body: &[u8]) -> Result<Self, Unusable> {
        if body.trim_ascii().is_empty() { Ok(Self::default()) } else { Self::of_body(body) }
    }

    /// The objects of an array of `min` to `max`.
    pub fn objects(&mut self, name: &str, min: usize, max: usize) -> Result<Vec<Self>, Unusable> {
        let Some(Value::Array(values)) = self.members.remove(name) else {
            return Err(self.wrong(name, format!("must be an array of {min} to {max}")));
        };
        if !(min..=max).contains(&values.len()) {
            return Err(self.wrong(name, format!("must have {min} to {max} entries")));
        }
        let object = |(at, value)| match value {
            Value::Object(members) => Ok(Self { members, path: format!("{}{name}[{at}].", self.path) }),
            _ => Err(Unusable::field(format!("{}{name}[{at}]", self.path), "must be an object")),
        };
        values.into_iter().enumerate().map(object).collect()
    }

    /// A text. Absent is `None`; `null` is refused.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Unusable> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str) -> Result<String, Unusable> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// One of some words.
    pub fn word<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        words: &str,
    ) -> Result<Option<T>, Unusable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| self.wrong(name, format!("must be {words}")))
    }

    /// An instant in RFC 3339.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Unusable> {
        self.word(name, rfc3339, RFC3339)
    }

    /// A text or `null`: absent is `None`, `null` is `Some(None)`.
    pub fn nullable_text(&mut self, name: &str) -> Result<Option<Option<String>>, Unusable> {
        if self.take_null(name) {
            return Ok(Some(None));
        }
        match self.text(name)? {
            Some(text) => Ok(Some(Some(text))),
            None => Ok(None),
        }
    }

    /// An array of texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Unusable> {
        let values = match self.members.remove(name) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(_) => return Err(self.wrong(name, "must be an array of strings")),
        };
        let text = |value| match value {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(name, "must be an array of strings")),
        };
        values.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Unusable> {
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    /// A whole number in a range.
    pub fn integer(&mut self, name: &str, min: u32, max: u32) -> Result<Option<u32>, Unusable> {
        let Some(value) = self.members.remove(name) else { return Ok(None) };
        let value = value.as_u64().and_then(|value| u32::try_from(value).ok());
        let value = value.filter(|value| (min..=max).contains(value));
        value.map(Some).ok_or_else(|| self.wrong(name, format!("must be a whole number, {min} to {max}")))
    }

    /// A whole number in a range, or `null`: absent is `None`, `null` is `Some(None)`.
    pub fn nullable_integer(
        &mut self,
        name: &str,
        min: u32,
        max: u32,
    ) -> Result<Option<Option<u32>>, Unusable> {
        if self.take_null(name) {
            return Ok(Some(None));
        }
        Ok(self.integer(name, min, max)?.map(Some))
    }

    /// Refuses the first of these members that is there.
    pub fn refuse(&self, names: &[&str], why: &str) -> Result<(), Unusable> {
        match names.iter().find(|name| self.members.contains_key(**name)) {
            Some(name) => Err(self.wrong(name, why)),
            None => Ok(()),
        }
    }

    /// Refuses what nobody has read.
    pub fn finish(self) -> Result<(), Unusable> {
        match self.members.keys().next() {
            // What somebody made up is shown no longer than any name we know.
            Some(name) => {
                let name: String = name.chars().take(64).collect();
                Err(self.wrong(&name, "is not a member of this request"))
            }
            None => Ok(()),
        }
    }

    /// What is wrong with a member.
    pub fn wrong(&self, name: &str, why: impl AsRef<str>) -> Unusable {
        let name = format!("{}{name}", self.path);
        let message = format!("{name} {}", why.as_ref());
        Unusable::field(name, message)
    }

    fn take_null(&mut self, name: &str) -> bool {
        let is_null = self.members.get(name).is_some_and(Value::is_null);
        if is_null {
            self.members.remove(name);
        }
        is_null
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Members {
        Members::of_body(json.as_bytes()).unwrap()
    }

    fn culprit<T: std::fmt::Debug>(result: Result<T, Unusable>) -> String {
        result.unwrap_err().field.unwrap()
    }

    #[test]
    fn absent_null_and_given_are_three_things() {
        assert_eq!(members("{}").nullable_text("a"), Ok(None));
        assert_eq!(members("{\"a\":null}").nullable_text("a"), Ok(Some(None)));
        assert_eq!(members("{\"a\":\"x\"}").nullable_text("a"), Ok(Some(Some("x".into()))));
        assert_eq!(members("{\"a\":null}").nullable_integer("a", 1, 5), Ok(Some(None)));
        assert_eq!(culprit(members("{\"a\":null}").text("a")), "a");
        assert_eq!(culprit(members("{\"a\":null}").boolean("a")), "a");
    }

    #[test]
    fn a_wrong_type_or_range_is_refused_with_the_members_name() {
        for json in ["{\"a\":0}", "{\"a\":6}", "{\"a\":1.5}", "{\"a\":-1}", "{\"a\":\"1\"}", "{\"a\":[1]}"] {
            assert_eq!(culprit(members(json).integer("a", 1, 5)), "a", "{json}");
        }
        assert_eq!(culprit(members("{\"a\":1}").text("a")), "a");
        assert_eq!(culprit(members("{\"a\":\"true\"}").boolean("a")), "a");
        assert_eq!(culprit(members("{\"a\":[1]}").texts("a")), "a");
        assert_eq!(culprit(members("{}").required_text("a")), "a");
    }

    #[test]
    fn what_nobody_reads_is_refused_by_its_name() {
        let mut read = members("{\"a\":1,\"recordng\":true}");
        read.integer("a", 0, 1).unwrap();
        assert_eq!(culprit(read.finish()), "recordng");
        let long = format!("{{\"{}\":1}}", "x".repeat(9_999));
        assert_eq!(culprit(members(&long).finish()).len(), 64);
    }

    #[test]
    fn a_member_of_an_array_is_named_with_its_place() {
        let mut entries = members("{\"n\":[{},{\"a\":1}]}").objects("n", 1, 2).unwrap();
        assert_eq!(culprit(entries[1].text("a")), "n[1].a");
        assert_eq!(culprit(members("{\"n\":[1]}").objects("n", 1, 2)), "n[0]");
        assert_eq!(culprit(members("{\"n\":[]}").objects("n", 1, 2)), "n");
        assert_eq!(culprit(members("{}").objects("n", 1, 2)), "n");
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_a_whole() {
        for body in ["", "[]", "{", "nonsense", "\u{0}"] {
            assert_eq!(Members::of_body(body.as_bytes()).unwrap_err().field, None, "{body:?}");
        }
        assert!(Members::of_optional_body(b" \n").is_ok());
        assert!(Members::of_body("[".repeat(100_000).as_bytes()).is_err());
    }
}
