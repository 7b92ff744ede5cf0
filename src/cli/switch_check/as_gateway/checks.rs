//! What a switch has to do for its gateway (proto-docs/switch.md).

use super::super::report::{Check, checks};

checks! {
    TOKEN = "requests.token", "every request carries the token",
        "Send Authorization: Bearer TOKEN, or Basic with the token as the password, with a token of --switch-token-file.";
    URIS = "requests.uris", "requests go to the URIs of the switch API",
        "See the first table of proto-docs/switch.md; the method counts too.";
    KEEP_ALIVE = "requests.keepAlive", "connections are kept open between requests",
        "A new connection for each request costs every caller the time to open it: keep one per worker.";
    QUESTION = "route.wellFormed", "route questions have callId, caller and called in global form",
        "callId has 1 to 256 characters. Numbers are +CC... or CC...; a caller who hides the number is left out or \"anonymous\".";
    EVENT = "events.wellFormed", "every event can be used",
        "An event needs eventId, callId and one of callin, collectInfo, callout, alerting, answer, disconnect; a callin its called, too.";
    TS = "events.ts", "every event says when it happened",
        "Give ts as RFC 3339 or as seconds and fraction, taken when it happened: the gateway orders by it.";
    RISING = "events.rising", "the times of a call rise from callin to disconnect",
        "Take ts when it happens, from one clock; not when the event is sent.";
    EVENT_ID = "events.eventId", "each event has an eventId of its own, and keeps it when it is sent again",
        "The gateway drops what has an eventId that it has seen: two events with one id lose the second.";
    CALL_ID = "events.callId", "events name the callId of the route question",
        "It is what ties question, events and recording together.";
    AGAIN = "events.again", "events that were answered 503 are sent again",
        "Keep an event until it is answered 200; send it again on anything else.";
    CALLIN = "events.callin", "callin says who called what",
        "Give caller and called; called is the X number.";
    ONE_END = "events.oneEnd", "every call that came in ends exactly once",
        "Send one disconnect for every callin, whatever became of the call.";
    WHY = "events.by", "disconnect says why: sip or q850, and by",
        "Without them the gateway cannot tell the application why the call ended.";
    ANSWERED = "call.answered", "an answered call: callin, callout, alerting, answer, disconnect by a side",
        "Send each event when it happens, answer at the callee's 200; by is caller or callee.";
    GIVEN_UP = "call.givenUp", "a caller who gives up: no answer, disconnect by caller or with 487",
        "Report the CANCEL of the caller as by caller.";
    REFUSED = "call.refused", "a callee who declines: no answer, disconnect with the callee's status",
        "Give the final SIP status of the leg to the callee in sip.";
    REJECTED = "call.rejected", "reject is obeyed: no callout, disconnect with its sip, by gateway",
        "Answer the caller with sip and q850 of the decision, and call nobody.";
    EXTENSION = "call.extension", "collect is obeyed: collectInfo, and a second question with the extension",
        "Let the caller key, report collectInfo with digits, and ask again with the same callId and extension.";
    CUT = "call.cut", "maxDuration is obeyed: cut after it, disconnect by maxDuration",
        "Start a timer at the answer, and end both legs when it is over.";
    STOPPED = "call.stopped", "a call stop is obeyed: 2xx, then disconnect by gateway",
        "POST /calls/{callId}/stop at the control address ends both legs.";
    STOPPED_AGAIN = "stop.over", "a stop of a call that is over is answered 404 or 409",
        "Anything else is an error for whoever gave the order.";
    STOPPED_UNKNOWN = "stop.unknown", "a stop of an unknown call is answered 404 or 409",
        "Anything else is an error for whoever gave the order.";
    RECORDED = "call.recorded", "recordFlag is obeyed: a recording is announced, named or sent before the disconnect",
        "POST /switch/v1/recordings before the disconnect event, or PUT the WAV file.";
    UNANSWERED = "call.unanswered", "without a decision the call ends with 503, and is reported",
        "End the call with 503, and report its disconnect as of any other; by is switch.";
}
