//! From TOML text to [`RawConfig`], collecting every problem on the way.
//!
//! serde stops at the first key it cannot use. To report them all at once, that key is noted, taken out of
//! the document, and the rest is read again.
//!
//! A TOML error prints the line it stands in, and that line may hold a token. So only the error's own message
//! is used, and not even that for a key that holds a secret.

use std::ops::Range;

use serde::Deserialize as _;
use toml::de::{DeTable, Deserializer, Error};

use super::problem::{ConfigProblems, Problem};
use super::raw::RawConfig;

/// Each problem costs one more pass over the document; nobody reads a longer list.
const PROBLEMS_MAX: usize = 100;
/// How alike (0 to 1) an unknown and a known key must be for the known one to be suggested alone.
const LIKENESS_MIN: f64 = 0.8;
/// Keys whose value is never quoted.
const SECRET_KEYS: [&str; 5] = ["token", "url", "control_token", "s3_access_key", "s3_secret_key"];

/// What could be read of `text`, and the keys that could not. When the text is no TOML at all, only the
/// places where it breaks the syntax are reported: what follows such a place is guesswork.
pub(super) fn read(text: &str) -> Result<(RawConfig, Vec<Problem>), ConfigProblems> {
    let (mut document, syntax_errors) = DeTable::parse_recoverable(text);
    let syntax_problems = syntax_errors.iter().take(PROBLEMS_MAX).map(|error| syntax_problem(text, error));
    ConfigProblems::none_of(syntax_problems.collect())?;

    let mut problems = Vec::new();
    loop {
        let error = match RawConfig::deserialize(Deserializer::from(document.clone())) {
            Ok(raw) => return Ok((raw, problems)),
            Err(error) => error,
        };
        let place = error.span().and_then(|span| path_to(document.get_ref(), &span));
        problems.push(match &place {
            Some(path) => unusable_key(text, path, &error),
            None => syntax_problem(text, &error),
        });
        match place {
            Some(path) if problems.len() < PROBLEMS_MAX => remove(document.get_mut(), &path),
            _ => return Err(ConfigProblems::none_of(problems).expect_err("one was pushed above")),
        }
    }
}

fn syntax_problem(text: &str, error: &Error) -> Problem {
    Problem::new(error.span().map_or_else(|| "file".to_owned(), |span| line(text, &span)), error.message())
}

fn unusable_key(text: &str, path: &[String], error: &Error) -> Problem {
    let own_name = path.last().map_or("", String::as_str);
    let what = match known_keys(error.message()) {
        Some(known) => hint(own_name, &known),
        None if SECRET_KEYS.contains(&own_name) => "must be text in quotes".to_owned(),
        None => error
            .message()
            .replace("expected f64", "expected a number")
            .replace("expected i64", "expected a whole number"),
    };
    let place = error.span().map_or_else(String::new, |span| format!(" ({})", line(text, &span)));
    let key = path.join(".").escape_debug().to_string();
    Problem::new(key, format!("{what}{place}"))
}

/// The keys that serde lists after "unknown field `x`, expected ..."; `None` for any other message.
fn known_keys(message: &str) -> Option<Vec<&str>> {
    let (_, expected) = message.strip_prefix("unknown field `")?.split_once("`, expected ")?;
    Some(expected.split('`').skip(1).step_by(2).collect())
}

fn hint(unknown: &str, known: &[&str]) -> String {
    let likeness = |key: &str| strsim::jaro_winkler(unknown, key);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest {
        Some(key) if likeness(key) >= LIKENESS_MIN => format!("unknown key; did you mean `{key}`?"),
        _ => format!("unknown key; known here: {}", known.join(", ")),
    }
}

/// Where the deepest key stands whose name or value holds the span `at`.
fn path_to(table: &DeTable<'_>, at: &Range<usize>) -> Option<Vec<String>> {
    table.iter().find_map(|(key, value)| {
        let here = || covers(&key.span(), at) || covers(&value.span(), at);
        let below = value.get_ref().as_table().and_then(|inner| path_to(inner, at));
        let mut path = below.or_else(|| here().then(Vec::new))?;
        path.insert(0, key.get_ref().to_string());
        Some(path)
    })
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn remove(table: &mut DeTable<'_>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.remove(first.as_str());
        return;
    }
    let inner = table.get_mut(first.as_str()).map(toml::Spanned::get_mut);
    if let Some(toml::de::DeValue::Table(inner)) = inner {
        remove(inner, rest);
    }
}

fn line(text: &str, at: &Range<usize>) -> String {
    let before = text.as_bytes().iter().take(at.start);
    format!("line {}", 1 + before.filter(|&&byte| byte == b'\n').count())
}
