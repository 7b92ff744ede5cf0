//! What happened in a call, in two or three sentences: the first thing an operator wants to read.

use super::call::Call;
use super::cdr::Cdr;
use super::delivery::Delivery;
use super::word::state_code;

/// The story of a call from what the gateway knows about it.
pub(super) fn of(call: &Call, cdrs: &[Cdr], deliveries: &[Delivery]) -> String {
    format!("{}\n{}\n{}", course(call), record(call, cdrs), notices(deliveries))
}

/// How the call went.
fn course(call: &Call) -> String {
    if call.state == "unannounced" {
        return "The switch reported events of this call, but neither asked where it goes nor reported its callin."
            .into();
    }
    let rejection = call.decision.as_ref().filter(|decision| decision.action == "reject");
    if let Some(decision) = rejection {
        let reason = decision.reason.as_deref().unwrap_or("no reason is known");
        return format!("The gateway rejected the call: {reason}.");
    }
    if call.decision.as_ref().is_some_and(|decision| decision.action == "ask") {
        return match call.state_code {
            Some(code) => format!("The call ended before the app said where it goes. {}", state_code(code)),
            None => "Where the call goes is for the app to say; its answer is not known.".into(),
        };
    }
    let answered = call.events.iter().any(|event| event.event == "answer");
    let course = match (call.state_code, answered) {
        (Some(code), true) => format!("The call was connected and answered. {}", state_code(code)),
        (Some(code), false) => format!("The call was not answered. {}", state_code(code)),
        (None, true) => "The call was connected and answered, and its end was not reported yet.".into(),
        (None, false) => match call.events.iter().max_by(|one, other| one.ts.cmp(&other.ts)) {
            Some(event) => format!("The call has not ended; the last that was reported is {}.", event.event),
            None => "The switch was told where the call goes and has reported nothing since.".into(),
        },
    };
    if call.closed_by_sweeper {
        return format!("{course} Its end was never reported; the gateway closed it.");
    }
    course
}

/// What stands in its CDR.
fn record(call: &Call, cdrs: &[Cdr]) -> String {
    match cdrs.first() {
        Some(cdr) => {
            let talk = cdr.talk().map(|talk| format!(", {} s of talk", talk.as_secs())).unwrap_or_default();
            format!("Its CDR says: {}{talk}.", cdr.outcome().trim_end_matches('.'))
        }
        None if call.state == "ended" => "There is no CDR yet.".into(),
        None => "There is no CDR before it ends.".into(),
    }
}

/// What the app knows.
fn notices(deliveries: &[Delivery]) -> String {
    let in_state = |state: &str| deliveries.iter().filter(|delivery| delivery.state == state).count();
    let (pending, exhausted) = (in_state("pending"), in_state("exhausted"));
    match (deliveries.len(), pending + exhausted) {
        (0, _) => "No notice to the app is on record.".into(),
        (all, 0) => format!("All {all} notices to the app were delivered."),
        (all, _) => {
            let culprit = deliveries.iter().find(|delivery| delivery.state != "delivered");
            let hint = culprit.map(|delivery| format!(" See `privnum delivery show {}`.", delivery.id));
            let delivered = all - pending - exhausted;
            format!(
                "Notices to the app: {delivered} delivered, {pending} waiting, {exhausted} given up.{}",
                hint.unwrap_or_default()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(more: &Value) -> Call {
        let mut call = json!({"sessionId": "s", "callId": "c", "state": "ended"});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(call).unwrap()
    }

    fn delivery(state: &str) -> Delivery {
        serde_json::from_value(
            json!({"id": "7", "appKey": "k", "kind": "event", "state": state, "pushes": 1}),
        )
        .unwrap()
    }

    fn event(event: &str, ts: &str) -> Value {
        json!({"event": event, "ts": ts})
    }

    #[test]
    fn an_answered_call_is_told_with_its_talk_and_its_notices() {
        let call = call(&json!({"stateCode": 0, "events": [event("answer", "2026-01-02T03:04:05.000Z")]}));
        let cdr = json!({"appKey": "k", "bindNum": "+8617000000001", "sessionId": "s", "ulFailReason": 0,
            "fwdAnswerTime": "2026-01-02T03:04:05.000Z", "callEndTime": "2026-01-02T03:04:09.000Z",
            "madeAt": "2026-01-02T03:04:10.000Z"});
        let cdrs = [serde_json::from_value(cdr).unwrap()];
        assert_eq!(
            of(&call, &cdrs, &[delivery("delivered"), delivery("delivered")]),
            "The call was connected and answered. The user releases the call.\n\
             Its CDR says: answered, 4 s of talk.\nAll 2 notices to the app were delivered."
        );
    }

    #[test]
    fn a_rejected_call_is_told_with_the_reason() {
        let decision = json!({"at": "2026-01-02T03:04:05.000Z", "basis": "asked", "action": "reject",
            "reason": "no binding of +86138****0009 on +86170****0001"});
        let text = of(&call(&json!({"decision": decision, "stateCode": 8014})), &[], &[]);
        assert!(text.starts_with(
            "The gateway rejected the call: no binding of +86138****0009 on +86170****0001.\nThere is no CDR yet."
        ), "{text}");
    }

    #[test]
    fn an_unanswered_call_an_open_one_and_an_unannounced_one_are_told_apart() {
        let busy = of(&call(&json!({"stateCode": 8102})), &[], &[]);
        assert!(busy.starts_with("The call was not answered. The callee is busy."), "{busy}");
        let events =
            [event("alerting", "2026-01-02T03:04:06.000Z"), event("callin", "2026-01-02T03:04:05.000Z")];
        let open = of(&call(&json!({"state": "open", "events": events})), &[], &[]);
        assert!(
            open.starts_with("The call has not ended; the last that was reported is alerting."),
            "{open}"
        );
        let parked = of(&call(&json!({"state": "unannounced"})), &[], &[]);
        assert!(parked.contains("neither asked"), "{parked}");
    }

    #[test]
    fn a_call_that_the_app_did_not_decide_is_told_as_such() {
        let decision = json!({"at": "2026-01-02T03:04:05.000Z", "basis": "presumed", "action": "ask"});
        let open = of(&call(&json!({"state": "open", "decision": decision})), &[], &[]);
        assert!(open.starts_with("Where the call goes is for the app to say;"), "{open}");
        let ended = of(&call(&json!({"stateCode": 7516, "decision": decision})), &[], &[]);
        assert!(ended.starts_with("The call ended before the app said where it goes."), "{ended}");
    }

    #[test]
    fn what_was_not_delivered_is_pointed_at() {
        let text = of(&call(&json!({"stateCode": 0})), &[], &[delivery("delivered"), delivery("exhausted")]);
        assert!(
            text.ends_with(
                "Notices to the app: 1 delivered, 0 waiting, 1 given up. See `privnum delivery show 7`."
            ),
            "{text}"
        );
    }
}
