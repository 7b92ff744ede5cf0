//! What the answers of a gateway mean. Pure functions over what was heard.

use serde_json::{Map, Value};

use super::super::report::{Check, Finding};
use crate::domain::number::E164;

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `Location`.
    pub(super) location: Option<String>,
    /// `null` when the body is no JSON.
    pub(super) body: Value,
}

/// An answer, or why there is none.
pub(super) type Heard = Result<Answer, String>;

/// The body of an answer, `null` without one.
pub(super) fn body_of(heard: &Heard) -> &Value {
    heard.as_ref().map_or(&Value::Null, |answer| &answer.body)
}

/// An answer that has to come: its status, and members with their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    status: u16,
    members: Vec<(&'static str, Value)>,
    filled: Vec<&'static str>,
}

impl Wanted {
    pub(super) const fn status(status: u16) -> Self {
        Self { status, members: Vec::new(), filled: Vec::new() }
    }

    /// With a member of this value.
    pub(super) fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((member, value.into()));
        self
    }

    /// With a member that is some text.
    pub(super) fn filled(mut self, member: &'static str) -> Self {
        self.filled.push(member);
        self
    }
}

/// Compares an answer with what has to come.
pub(super) fn judge(check: &Check, heard: &Heard, wanted: &Wanted) -> Finding {
    let answer = match heard {
        Ok(answer) => answer,
        Err(why) => return check.missing(why.clone()),
    };
    if answer.status != wanted.status {
        let seen = format!("{} instead of {}{}", answer.status, wanted.status, said(&answer.body));
        return if answer.status == 404 { check.missing(seen) } else { check.wrong(seen) };
    }
    let differs = |(member, value): &&(&'static str, Value)| answer.body.get(member) != Some(value);
    if let Some((member, value)) = wanted.members.iter().find(differs) {
        let differs = instead(member, answer.body.get(member), Some(value));
        return check.wrong(format!("{differs}{}", said(&answer.body)));
    }
    let is_empty = |member: &&&'static str| answer.body[**member].as_str().is_none_or(str::is_empty);
    if let Some(member) = wanted.filled.iter().find(is_empty) {
        return check.missing(format!("{member} is {}", told(&answer.body, member)));
    }
    let told =
        wanted.members.iter().map(|(member, value)| format!("{member} {}", shown(member, Some(value))));
    let told: Vec<_> = std::iter::once(answer.status.to_string()).chain(told).collect();
    check.ok(told.join(", "))
}

fn told(body: &Value, member: &str) -> String {
    shown(member, body.get(member))
}

/// A value for people. What somebody wrote to somebody is not shown.
fn shown(member: &str, value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::String(text)) if is_private(member) => format!("{} characters", text.chars().count()),
        Some(Value::String(text)) if E164::parse(text).is_ok() => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn is_private(member: &str) -> bool {
    member == "text"
}

/// What is there, and what was to be.
fn instead(member: &str, told: Option<&Value>, wanted: Option<&Value>) -> String {
    let another = if is_private(member) { "another one, " } else { "" };
    format!("{member} is {another}{} instead of {}", shown(member, told), shown(member, wanted))
}

/// What the gateway says about itself in an answer that was not expected.
pub(super) fn said(body: &Value) -> String {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let code = text("/resultcode").or_else(|| text("/error/code"));
    let words = text("/resultdesc").or_else(|| text("/error/message")).or_else(|| text("/reason"));
    match (code, words) {
        (Some(code), Some(words)) => format!(" ({code}: {words})"),
        (None, Some(words)) => format!(" ({words})"),
        _ => String::new(),
    }
}

/// The answer to a question that was asked before.
pub(super) fn judge_repeat(check: &Check, first: &Heard, again: &Heard) -> Finding {
    match (first, again) {
        (Ok(first), Ok(again)) if first == again => check.ok("the same answer"),
        (Ok(first), Ok(again)) if first.status != again.status => {
            check.wrong(format!("{} instead of {}{}", again.status, first.status, said(&again.body)))
        }
        (Ok(first), Ok(again)) => check.wrong(difference(&first.body, &again.body)),
        (Err(why), _) | (_, Err(why)) => check.missing(why.clone()),
    }
}

/// The first member in which the second answer is another than the first.
fn difference(first: &Value, again: &Value) -> String {
    let members =
        |body: &Value| body.as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<_>>();
    let mut all = [members(first), members(again)].concat().into_iter();
    match all.find(|member| first.get(member) != again.get(member)) {
        Some(member) => instead(&member, again.get(&member), first.get(&member)),
        None => "another answer".to_owned(),
    }
}

/// A decision that was the app's own to make: to connect or send on, or not to. `Ok` only for the first; an app that
/// decided otherwise has not let the rest be tried, and one that did not decide lacks something.
pub(super) fn judge_own_decision(check: &Check, heard: &Heard, wanted: &Wanted) -> Finding {
    let body = body_of(heard);
    let why = || said(body).trim().to_owned();
    if body["stateCode"] == 8017 || body["sendResult"] == 6 {
        return check.not_checked(format!("the app declined {}", why()));
    }
    if matches!(body["action"].as_str(), Some("reject" | "discard")) {
        return check.missing(format!("the app did not decide {}", why()));
    }
    judge(check, heard, wanted)
}

/// Whether the application was asked once, with these values at these JSON pointers.
pub(super) fn judge_question(check: &Check, questions: &[Value], wanted: &[(&str, Value)]) -> Finding {
    let question = match questions {
        [] => return check.missing("no question came"),
        [question] => question,
        several => return check.wrong(format!("asked {} times", several.len())),
    };
    let differs = |(pointer, value): &&(&str, Value)| question.pointer(pointer) != Some(value);
    match wanted.iter().find(differs) {
        Some((pointer, value)) => {
            let told = question.pointer(pointer);
            check.wrong(instead(pointer.trim_start_matches('/'), told, Some(value)))
        }
        None => check.ok("asked once"),
    }
}

/// A notice that the application can fetch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Notice {
    pub(super) kind: String,
    pub(super) body: Value,
}

/// The notices on a page, and where the next page begins.
pub(super) fn page(answer: &Answer) -> Option<(Vec<Notice>, String)> {
    let next = answer.body["nextCursor"].as_str()?.to_owned();
    let items = answer.body["items"].as_array()?;
    let notice =
        |item: &Value| Some(Notice { kind: item["kind"].as_str()?.to_owned(), body: item["body"].clone() });
    Some((items.iter().filter_map(notice).collect(), next))
}

/// The CDR of a call.
pub(super) fn cdr_of<'n>(notices: &'n [Notice], session: &str) -> Vec<&'n Value> {
    let records = notices.iter().filter(|notice| notice.kind == "cdr");
    let records = records.filter_map(|notice| notice.body["feeLst"].as_array()).flatten();
    records.filter(|cdr| cdr["sessionId"] == session).collect()
}

/// The stages of a call that the application was told, in the order of their notices.
fn stages_of(notices: &[Notice], session: &str) -> Vec<String> {
    let events = notices.iter().filter(|notice| notice.kind == "event");
    let of_call = events.filter(|notice| notice.body["statusInfo"]["sessionId"] == session);
    of_call.filter_map(|notice| notice.body["eventType"].as_str().map(str::to_owned)).collect()
}

/// Whether the application was told each stage once. In which order they became known is up to the switch, so
/// only the set counts.
pub(super) fn judge_stages(check: &Check, notices: &[Notice], session: &str, wanted: &[&str]) -> Finding {
    let told = stages_of(notices, session);
    let count = |stage: &str| told.iter().filter(|known| *known == stage).count();
    let absent: Vec<_> = wanted.iter().copied().filter(|stage| count(stage) == 0).collect();
    if !absent.is_empty() {
        return check.missing(format!("no notice of {}; there are: {}", absent.join(", "), listed(&told)));
    }
    if told.len() != wanted.len() {
        return check.wrong(format!("told {}", listed(&told)));
    }
    check.ok(listed(&told))
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// Whether a call has exactly one CDR, answered, its times rising.
pub(super) fn judge_cdr(check: &Check, notices: &[Notice], session: &str) -> Finding {
    let cdr = match cdr_of(notices, session).as_slice() {
        [] => return check.missing("no CDR of the call"),
        [cdr] => *cdr,
        several => return check.wrong(format!("{} CDRs of one call", several.len())),
    };
    let times = ["callInTime", "fwdStartTime", "fwdAlertingTime", "fwdAnswerTime", "callEndTime"];
    let written: Vec<_> = times.iter().filter_map(|time| cdr[*time].as_str()).collect();
    if written.len() != times.len() {
        return check.missing(format!("only {} of {} times in it", written.len(), times.len()));
    }
    if !written.is_sorted() {
        return check.wrong(format!("its times do not rise: {}", written.join(", ")));
    }
    if cdr["ulFailReason"] != 0 {
        return check.wrong(format!("ulFailReason is {} for an answered call", cdr["ulFailReason"]));
    }
    check.ok("one, with its five times")
}

/// The order that a gateway gave, and what the customer who asked for it was told.
pub(super) fn judge_order(
    check: &Check,
    orders: &[String],
    wanted_path: &str,
    customer: &Heard,
    wanted: &Wanted,
) -> Finding {
    if orders.is_empty() {
        let told = match customer {
            Ok(answer) => format!("the customer was told {}{}", answer.status, said(&answer.body)),
            Err(why) => why.clone(),
        };
        return check.missing(format!("no order came; {told}"));
    }
    if !orders.iter().any(|order| order.ends_with(wanted_path)) {
        return check.wrong(format!("the order was {}", orders[0]));
    }
    judge(check, customer, wanted)
}

/// Whether the application was told once what came of a message, and what the switch had said.
pub(super) fn judge_message(check: &Check, notices: &[Notice], identifier: &str) -> Finding {
    let told: Vec<_> = messages(notices, identifier).collect();
    match told.as_slice() {
        [] => check.missing("no notice of the message"),
        [event] if event["sendResult"] == 0 => check.ok("once, sendResult 0"),
        [event] => check.wrong(format!("sendResult is {} instead of 0", event["sendResult"])),
        several => check.wrong(format!("told {} times", several.len())),
    }
}

/// What the application was told of a message.
pub(super) fn messages<'n>(notices: &'n [Notice], identifier: &str) -> impl Iterator<Item = &'n Value> {
    let events = notices.iter().filter(|notice| notice.kind == "sms").map(|notice| &notice.body["smsEvent"]);
    events.filter(move |event| event["smsIdentifier"] == identifier)
}

#[cfg(test)]
mod tests;
