//! What a switch's messages mean. Pure functions over the log.

use std::collections::{BTreeMap, BTreeSet};

use super::super::report::{Check, Finding};
use super::checks as c;
use super::log::{Log, Order, Reported};
use super::step::{CUT_AFTER_SECS, Step};
use crate::domain::call::Stage;
use crate::domain::number::CallingParty;
use crate::domain::release::ReleasedBy;
use crate::wire::time_text::parse_switch_time;

/// How far a timer of the switch may be early, in milliseconds: switches count whole seconds.
const EARLY_MS_MAX: u64 = 2_500;
/// How far it may be late: some add a second or two so as never to be early, and the machine may be busy.
const LATE_MS_MAX: u64 = 5_000;
/// Fewer requests tell nothing about connections.
const REQUESTS_MIN: usize = 4;

/// Everything that can be said. `left_out` are the steps that were not played, with the reason.
pub(super) fn judge(log: &Log, plan: &[Step], left_out: &[(Step, &str)]) -> Vec<Finding> {
    let mut findings = vec![
        token(log),
        uris(log),
        keep_alive(log),
        questions(log),
        well_formed(log),
        times(log),
        rising(log),
        event_ids(log),
        call_ids(log),
        again(log),
        callin(log),
        one_end(log),
        why(log),
    ];
    for step in Step::ALL {
        let why = left_out.iter().find(|(left, _)| *left == step).map(|(_, why)| *why);
        let checks = checks_of(step);
        match (why, log.call_of(step)) {
            (Some(why), _) => findings.extend(checks.iter().map(|check| check.not_checked(why))),
            (None, _) if !plan.contains(&step) => {}
            (None, None) => {
                findings.extend(checks.iter().map(|check| check.missing("the test call did not come")));
            }
            (None, Some(call)) => findings.extend(of_step(log, step, call)),
        }
    }
    findings
}

const fn checks_of(step: Step) -> &'static [Check] {
    match step {
        Step::Answered => &[c::ANSWERED],
        Step::GivenUp => &[c::GIVEN_UP],
        Step::Refused => &[c::REFUSED],
        Step::Rejected => &[c::REJECTED],
        Step::Extension => &[c::EXTENSION],
        Step::Cut => &[c::CUT],
        Step::Stopped => &[c::STOPPED, c::STOPPED_AGAIN, c::STOPPED_UNKNOWN],
        Step::Recorded => &[c::RECORDED],
        Step::Unanswered => &[c::UNANSWERED],
    }
}

fn token(log: &Log) -> Finding {
    match (log.requests, log.without_token) {
        (0, _) => c::TOKEN.missing("no request came"),
        (requests, 0) => c::TOKEN.ok(format!("{requests} requests")),
        (requests, without) => {
            c::TOKEN.wrong(format!("{without} of {requests} requests without it, or with another"))
        }
    }
}

fn uris(log: &Log) -> Finding {
    match log.elsewhere.as_slice() {
        _ if log.requests == 0 => c::URIS.missing("no request came"),
        [] => c::URIS.ok("all of them"),
        [first, ..] => c::URIS.wrong(format!("{} were not, such as {first}", log.elsewhere.len())),
    }
}

fn keep_alive(log: &Log) -> Finding {
    let seen = format!("{} requests over {} connections", log.requests, log.connections.len());
    if log.requests < REQUESTS_MIN {
        return c::KEEP_ALIVE.not_checked(seen);
    }
    if log.connections.len() == log.requests { c::KEEP_ALIVE.wrong(seen) } else { c::KEEP_ALIVE.ok(seen) }
}

fn questions(log: &Log) -> Finding {
    if log.questions.is_empty() {
        return c::QUESTION.missing("no question came");
    }
    let is_number = |text: &str| {
        let digits = text.strip_prefix('+').unwrap_or(text);
        crate::domain::number::E164::from_digits(digits).is_ok()
    };
    for question in &log.questions {
        let text = |member: &str| question.body[member].as_str().unwrap_or_default();
        if question.call.is_none() {
            return c::QUESTION.wrong("a question without a usable callId");
        }
        if !is_number(text("called")) {
            return c::QUESTION.wrong("a question whose called is no number in global form");
        }
        let caller = text("caller");
        if !caller.is_empty() && !caller.eq_ignore_ascii_case("anonymous") && !is_number(caller) {
            return c::QUESTION.wrong("a question whose caller is no number in global form");
        }
    }
    c::QUESTION.ok(format!("{} questions", log.questions.len()))
}

fn well_formed(log: &Log) -> Finding {
    match log.unusable.as_slice() {
        [] if log.events.is_empty() => c::EVENT.missing("no event came"),
        [] => c::EVENT.ok(format!("{} events", log.events.len())),
        [first, ..] => c::EVENT.wrong(format!("{} cannot, such as {first}", log.unusable.len())),
    }
}

fn times(log: &Log) -> Finding {
    if log.events.is_empty() {
        return c::TS.missing("no event came");
    }
    let has_time = |event: &&Reported| {
        let ts = &event.body["ts"];
        let text = ts.as_str().map_or_else(|| ts.to_string(), str::to_owned);
        parse_switch_time(&text).is_some()
    };
    match log.events.iter().find(|event| !has_time(event)) {
        None => c::TS.ok("all of them"),
        Some(event) if event.body.get("ts").is_none() => {
            c::TS.missing(format!("{} has no ts", event.event.stage.as_str()))
        }
        Some(event) => c::TS.wrong(format!("{} has the ts {}", event.event.stage.as_str(), event.body["ts"])),
    }
}

/// The kept events by call.
fn by_call(log: &Log) -> BTreeMap<&str, Vec<&Reported>> {
    let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in log.events.iter().filter(|event| event.status == 200) {
        calls.entry(event.call.as_str()).or_default().push(event);
    }
    calls
}

/// The first of a stage.
fn first<'e>(events: &[&'e Reported], stage: Stage) -> Option<&'e Reported> {
    events.iter().copied().find(|event| event.event.stage == stage)
}

const STAGES: [Stage; 6] =
    [Stage::Incoming, Stage::Collected, Stage::Outgoing, Stage::Alerting, Stage::Answered, Stage::Released];

fn rising(log: &Log) -> Finding {
    let calls = by_call(log);
    if calls.is_empty() {
        return c::RISING.missing("no event came");
    }
    for events in calls.values() {
        let stages: Vec<_> = STAGES.iter().filter_map(|stage| first(events, *stage)).collect();
        if let Some(pair) = stages.windows(2).find(|pair| pair[1].event.at < pair[0].event.at) {
            let [before, after] = [pair[0], pair[1]].map(|event| event.event.stage.as_str());
            return c::RISING.wrong(format!("{after} lies before {before}"));
        }
    }
    c::RISING.ok(format!("{} calls", calls.len()))
}

fn event_ids(log: &Log) -> Finding {
    let mut known: BTreeMap<&str, &Reported> = BTreeMap::new();
    for event in &log.events {
        let first = known.entry(&event.event.event_id).or_insert(event);
        if first.call != event.call || first.event.stage != event.event.stage {
            let stages = [first.event.stage, event.event.stage].map(Stage::as_str);
            return c::EVENT_ID.wrong(format!("{} and {} have the same eventId", stages[0], stages[1]));
        }
    }
    // Two of a stage with ids of their own are an end told twice, or the same event under a new id.
    for events in by_call(log).values() {
        for stage in [Stage::Incoming, Stage::Answered] {
            let ids: BTreeSet<_> = events
                .iter()
                .filter(|event| event.event.stage == stage)
                .map(|event| &event.event.event_id)
                .collect();
            if ids.len() > 1 {
                return c::EVENT_ID.wrong(format!(
                    "{} of one call has {} eventIds",
                    stage.as_str(),
                    ids.len()
                ));
            }
        }
    }
    if known.is_empty() {
        return c::EVENT_ID.missing("no event came");
    }
    c::EVENT_ID.ok(format!("{} ids", known.len()))
}

fn call_ids(log: &Log) -> Finding {
    let asked: BTreeSet<_> = log.questions.iter().filter_map(|question| question.call.as_deref()).collect();
    let calls = by_call(log);
    if calls.is_empty() {
        return c::CALL_ID.missing("no event came");
    }
    // A caller may hang up before the question is asked: then there is a callin and an end, no more.
    let is_strange = |(call, events): &(&&str, &Vec<&Reported>)| {
        !asked.contains(*call) && events.iter().any(|event| event.event.stage == Stage::Outgoing)
            || first(events, Stage::Incoming).is_none() && !asked.contains(*call)
    };
    match calls.iter().filter(is_strange).count() {
        0 => c::CALL_ID.ok(format!("{} calls", calls.len())),
        strange => c::CALL_ID.wrong(format!("{strange} callIds in events that no question had")),
    }
}

fn again(log: &Log) -> Finding {
    let refused: Vec<_> = log.events.iter().filter(|event| event.status != 200).collect();
    if refused.is_empty() {
        return c::AGAIN.missing("no event came");
    }
    let came = |event: &Reported| {
        log.kept_events(&event.call).any(|kept| kept.event.event_id == event.event.event_id)
    };
    match refused.iter().find(|event| !came(event)) {
        None => c::AGAIN.ok(format!("{} were", refused.len())),
        Some(lost) => c::AGAIN.missing(format!("{} did not come again", lost.event.stage.as_str())),
    }
}

fn callin(log: &Log) -> Finding {
    let calls = by_call(log);
    let callins: Vec<_> = calls.values().filter_map(|events| first(events, Stage::Incoming)).collect();
    if callins.is_empty() {
        return c::CALLIN.missing("no callin came");
    }
    let unusable = |event: &&&Reported| event.event.caller == Some(CallingParty::Unusable);
    match callins.iter().find(unusable) {
        Some(_) => c::CALLIN.wrong("a caller that is no number in global form"),
        None => c::CALLIN.ok(format!("{} of them", callins.len())),
    }
}

fn one_end(log: &Log) -> Finding {
    let calls = by_call(log);
    if calls.is_empty() {
        return c::ONE_END.missing("no event came");
    }
    for events in calls.values() {
        let ends: BTreeSet<_> = events
            .iter()
            .filter(|event| event.event.stage == Stage::Released)
            .map(|event| &event.event.event_id)
            .collect();
        match (first(events, Stage::Incoming).is_some(), ends.len()) {
            (true, 1) => {}
            (_, 0) => return c::ONE_END.missing("a call without disconnect"),
            (false, _) => return c::ONE_END.missing("a disconnect without callin"),
            (_, more) => return c::ONE_END.wrong(format!("{more} disconnects of one call")),
        }
    }
    c::ONE_END.ok(format!("{} calls", calls.len()))
}

fn why(log: &Log) -> Finding {
    let ends = log.events.iter().filter(|event| event.status == 200 && event.event.stage == Stage::Released);
    let ends: Vec<_> = ends.collect();
    if ends.is_empty() {
        return c::WHY.missing("no disconnect came");
    }
    for end in &ends {
        let by = &end.body["by"];
        if end.event.by.is_none() {
            return if by.is_null() { c::WHY.missing("no by") } else { c::WHY.wrong(format!("by is {by}")) };
        }
        if end.event.sip.is_none() && end.event.q850.is_none() {
            return c::WHY.missing("neither sip nor q850");
        }
    }
    c::WHY.ok(format!("{} of them", ends.len()))
}

/// What a test call has to look like.
fn of_step(log: &Log, step: Step, call: &str) -> Vec<Finding> {
    let events: Vec<_> = log.kept_events(call).collect();
    let told: Vec<_> =
        STAGES.iter().filter(|stage| first(&events, **stage).is_some()).map(|stage| stage.as_str()).collect();
    let story = if told.is_empty() { "no event".to_owned() } else { told.join(", ") };
    let check = &checks_of(step)[0];
    let has = |stage| first(&events, stage).is_some();
    let absent = |stages: &[Stage]| stages.iter().copied().find(|stage| !has(*stage)).map(Stage::as_str);
    let Some(end) = first(&events, Stage::Released) else {
        return with_orders(log, step, check.missing(format!("no disconnect; there is {story}")));
    };
    let ended = format!("{story}; {}", end_in_words(end));
    let by = |wanted: &[ReleasedBy]| end.event.by.is_some_and(|by| wanted.contains(&by));
    let talked = &[Stage::Incoming, Stage::Outgoing, Stage::Alerting, Stage::Answered];
    let (needed, allowed): (&[Stage], bool) = match step {
        Step::Answered => (talked, by(&[ReleasedBy::Caller, ReleasedBy::Callee])),
        Step::GivenUp => (
            &[Stage::Incoming, Stage::Outgoing],
            !has(Stage::Answered) && (by(&[ReleasedBy::Caller]) || end.event.sip == Some(487)),
        ),
        Step::Refused => (
            &[Stage::Incoming, Stage::Outgoing],
            !has(Stage::Answered) && end.event.sip.is_some_and(|sip| sip >= 400),
        ),
        Step::Rejected => (
            &[Stage::Incoming],
            !has(Stage::Outgoing) && end.event.sip == Some(403) && by(&[ReleasedBy::Gateway]),
        ),
        Step::Extension => return vec![extension(log, call, &events, &ended)],
        Step::Cut => (talked, by(&[ReleasedBy::MaxDuration]) && was_cut_in_time(&events, end)),
        Step::Stopped => (talked, by(&[ReleasedBy::Gateway])),
        Step::Recorded => return vec![recorded(log, call, &ended)],
        Step::Unanswered => (&[Stage::Incoming], !has(Stage::Outgoing) && end.event.sip == Some(503)),
    };
    let finding = match absent(needed) {
        Some(stage) => check.missing(format!("no {stage}; there is {ended}")),
        None if allowed => check.ok(ended),
        None => check.wrong(ended),
    };
    with_orders(log, step, finding)
}

fn end_in_words(end: &Reported) -> String {
    let number = |name: &str, value: Option<u16>| value.map(|value| format!("{name} {value}"));
    let parts = [
        number("sip", end.event.sip),
        number("q850", end.event.q850),
        end.event.by.map(|by| format!("by {}", by.as_str())),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no reason".to_owned() } else { parts.join(", ") }
}

fn was_cut_in_time(events: &[&Reported], end: &Reported) -> bool {
    first(events, Stage::Answered).is_some_and(|answer| {
        let talked = end.event.at.millis().saturating_sub(answer.event.at.millis());
        let meant = CUT_AFTER_SECS * 1_000;
        (meant - EARLY_MS_MAX..=meant + LATE_MS_MAX).contains(&talked)
    })
}

fn extension(log: &Log, call: &str, events: &[&Reported], ended: &str) -> Finding {
    let questions: Vec<_> =
        log.questions.iter().filter(|question| question.call.as_deref() == Some(call)).collect();
    let keyed = |question: &&super::log::Question| question.body.get("extension").is_some();
    let Some(with_keys) = questions.iter().copied().find(keyed) else {
        return c::EXTENSION.missing(format!("no question with an extension; there is {ended}"));
    };
    if keyed(&questions[0]) {
        return c::EXTENSION.ok(format!("the switch knew the extension at once; {ended}"));
    }
    let Some(collected) = first(events, Stage::Collected) else {
        return c::EXTENSION.missing(format!("no collectInfo; there is {ended}"));
    };
    let extension = &with_keys.body["extension"];
    let digits = collected.event.digits.as_deref().unwrap_or_default();
    if extension.as_str().is_some_and(|extension| extension.trim_end_matches('#') == digits) {
        return c::EXTENSION.ok(ended);
    }
    c::EXTENSION.wrong("collectInfo has other digits than the question")
}

fn recorded(log: &Log, call: &str, ended: &str) -> Finding {
    let of_call: Vec<_> = log.recordings.iter().filter(|recording| recording.call == call).collect();
    match of_call.as_slice() {
        [] => c::RECORDED.missing(format!("no recording; there is {ended}")),
        [first, ..] if first.late => c::RECORDED.wrong("the first word of it came after the disconnect"),
        recordings => match recordings.iter().find_map(|recording| recording.fault) {
            Some(fault) => c::RECORDED.wrong(fault),
            None => c::RECORDED.ok(ended),
        },
    }
}

/// The finding about a call, and for the call that is stopped those about the orders.
fn with_orders(log: &Log, step: Step, finding: Finding) -> Vec<Finding> {
    if step != Step::Stopped {
        return vec![finding];
    }
    let stop = match log.orders.first() {
        Some(Order::Ending) => finding,
        Some(Order::NotThere) => c::STOPPED.wrong("404 or 409 for a call that is being talked"),
        Some(Order::Failed(why)) => c::STOPPED.wrong(why.clone()),
        None => c::STOPPED.missing("the call was not answered, so no order was given"),
    };
    let later =
        [(&c::STOPPED_AGAIN, 1), (&c::STOPPED_UNKNOWN, 2)].map(|(check, at)| match log.orders.get(at) {
            Some(Order::NotThere) => check.ok("it was"),
            Some(Order::Ending) => check.wrong("2xx"),
            Some(Order::Failed(why)) => check.wrong(why.clone()),
            None => check.not_checked("the call that was to be stopped did not end"),
        });
    std::iter::once(stop).chain(later).collect()
}

#[cfg(test)]
mod tests;
