//! What a gateway has to do for its switch, in the order in which it is tried (proto-docs/switch.md).

use super::super::report::{Check, checks};

checks! {
    APP = "customer.app", "the application is admitted",
        "Is --customer the customer listener, and do --key and --secret belong to one of its apps?";
    TOKEN_MISSING = "token.missing", "without a token the switch API answers 401",
        "Anybody who reaches the listener could read who calls whom. Is there a proxy that adds a token?";
    TOKEN_WRONG = "token.wrong", "with a wrong token it answers 401",
        "The same as without a token.";
    TOKEN_BASIC = "token.basic", "the token is taken as the password of Basic",
        "Switches whose HTTP client knows only user and password need it.";
    BIND = "customer.bind", "the application binds",
        "Give the app an X number that is free, or name one with --x. The code in the answer says more.";
    SECOND_STEP = "customer.secondStep", "AXYB: the second step gives B a Y",
        "The app needs two numbers at least, three for the whole check. The code in the answer says more.";
    SENSELESS = "route.senseless", "a question that is no JSON is answered with a rejection",
        "A switch cannot repair a question: the answer must be 200 with action reject.";
    UNKNOWN_X = "route.unknownNumber", "a call to a number that is nobody's is rejected with 404 and Q.850 1",
        "See the table of rejections in proto-docs/switch.md.";
    WITHHELD = "route.withheld", "a caller who hides the number is rejected",
        "See the table of rejections in proto-docs/switch.md.";
    STRANGER = "route.stranger", "a caller who is not bound is rejected, where the mode asks for it",
        "See the table of rejections in proto-docs/switch.md.";
    UNKNOWN_B = "route.unknownB", "AXYB: an unknown caller of X gets a Y, by which A calls back",
        "The Y must be on disk before the answer, and be neither X nor the Y of another B.";
    SELF = "route.self", "AXYB: A who dials its own X, and B its own Y, are rejected with 8032",
        "See the table of rejections in proto-docs/switch.md.";
    COLLECT = "route.collect", "a caller of an AXE number is asked for the extension",
        "The first answer must be collect, with as many digits as the app's extensions have.";
    WRONG_KEYS = "route.wrongExtension", "an extension that nobody has, and none, are rejected with 8022 and 8033",
        "See the table of rejections in proto-docs/switch.md.";
    CONNECT = "route.connect", "a call to X is connected with the right party, showing X, in AXYB Y",
        "The callee must be the other party, or whom the app names, and displayNum a lent number, else numbers leak.";
    QUESTION = "route.question", "X mode: the application is asked about a call, once",
        "Set callStatusUrl of the app to the address given with --receiver; callback.allow_networks must allow it.";
    APP_ENDS = "route.appEnds", "X mode: an answer that ends the call is a rejection with 8017",
        "See the table of rejections in proto-docs/switch.md.";
    APP_ERRS = "route.appErrs", "X mode: an answer that names nobody is a rejection with 8014",
        "See the table of rejections in proto-docs/switch.md.";
    REPEAT = "route.repeat", "the same question again gets the same answer",
        "A switch asks again when an answer is lost: the decision must stand while the call lives.";
    OTHER_SIDE = "route.otherSide", "a call from the other side of the binding gets what its mode says",
        "AXB: B reaches A. AX: A has no temporary callee, 8013. AXE: A reaches the last caller. AXYB: A reaches B by Y.";
    FORMS = "route.forms", "numbers without + and times as seconds are understood",
        "A switch sends what its script language can make: see the common rules in proto-docs/switch.md.";
    EVENTS = "events.accepted", "each event of a call is accepted",
        "The answer must be 200 with accepted 1, after the event is on disk.";
    END = "events.end", "so is its end, with numbers written as text",
        "Every integer may be sent as a string of digits.";
    DUPLICATES = "events.duplicates", "events that are sent again count as duplicates",
        "A switch sends at least once, so the gateway must know an event by its eventId.";
    SECOND_STAGE = "events.repeatedStage", "a second alerting with an eventId of its own is accepted",
        "A repeated 180 is no error: the earlier counts.";
    UNUSABLE = "events.unusable", "events that cannot be used are answered 200 and parked",
        "Any other status blocks the queue of the switch for ever.";
    UNKNOWN_CALL = "events.unknownCall", "an event of a call that nobody asked about is parked",
        "Any other status blocks the queue of the switch for ever.";
    REVERSED = "events.reversed", "events that come last first are parked and taken when their call is known",
        "Events may overtake the route question and each other: order them by ts.";
    NO_WAV = "recordings.noWav", "a recording that is no WAV file is refused with 400",
        "Else broken files reach customers.";
    NO_CALL = "recordings.unknownCall", "a recording of an unknown call is refused with 404",
        "Else the switch never learns that its callId is none.";
    ANNOUNCED = "recordings.announced", "a recording is announced before its call ends",
        "The answer must be 200 with accepted 1.";
    RECORDING = "recordings.taken", "the file of a recording is taken and named",
        "Look at the gateway's log: is there room where recordings are stored, does the bucket answer?";
    RECORDED_TWICE = "recordings.duplicate", "the same recording again counts as a duplicate",
        "A switch sends again when an answer is lost.";
    LINK = "recordings.link", "the application is linked to the recording",
        "The CDR must name the recording, and the application get 301 with Location for that name.";
    TONE = "tones.absent", "a sound file that is not there is answered 404",
        "The switch then plays its own.";
    NUMBERS = "numbers.status", "a status for a number that is nobody's counts as unknown",
        "The answer must be 200 with unknown 1.";
    STOP = "stop.order", "a call stop of the application becomes an order to the switch",
        "Set switch.control_url of the gateway to the address given with --control, and reload it.";
    STOP_GONE = "stop.gone", "when the switch says 409 the application gets 1020152",
        "The switch knows better than the gateway whether a call still lives.";
    MESSAGE_SENSELESS = "messages.senseless", "a message that is no JSON, or to a number that is nobody's, is dropped",
        "The answer must be 200 with action discard, and sendResult 5 or 2.";
    MESSAGE_NONE = "messages.none", "where the mode has no short messages one to X is dropped with 4",
        "See the table of dropped messages in proto-docs/switch.md.";
    MESSAGE = "messages.forward", "a short message to X goes on to the right party, from X",
        "to must be the other party, or whom the app names, and displayNum X, else numbers leak.";
    MESSAGE_REPEAT = "messages.repeat", "the same message again gets the same answer",
        "A switch asks again when an answer is lost.";
    MESSAGE_STRANGER = "messages.stranger", "AXB: a message of somebody who is not bound is dropped with 2",
        "See the table of dropped messages in proto-docs/switch.md.";
    MESSAGE_ADDRESSED = "messages.addressed", "AX: a message of A that ends with @ and a number goes there, without them",
        "See where a message goes in proto-docs/switch.md.";
    MESSAGE_QUESTION = "messages.question", "the application is asked about a message that only it can decide, once",
        "Set smsControlUrl of the app to the address given with --receiver; callback.allow_networks must allow it.";
    MESSAGE_OBEYED = "messages.obeyed", "what it answers is obeyed: sent on, or dropped with 6",
        "See the question about an SMS in proto-docs/callbacks.md.";
    MESSAGE_RESULT = "messages.result", "what came of a message is accepted, and a duplicate the second time",
        "A switch reports at least once.";
    MESSAGE_OVER = "messages.over", "when that is on record the message is dropped if it comes again",
        "Else it would be sent twice.";
    MESSAGE_UNKNOWN = "messages.unknownResult", "what came of an unknown message is parked",
        "Any other status blocks the queue of the switch for ever.";
    UNBIND = "customer.unbind", "the application unbinds",
        "See unbind in proto-docs/customer.md; the code in the answer says more. The binding may still stand.";
    UNBOUND = "route.unbound", "after the unbind the same call is rejected",
        "A binding that was released must not connect anybody.";
    NOTICES = "notices.events", "the application is told each stage of the call once",
        "Has the app a callStatusUrl? Only what has an address is queued.";
    NOTICES_REVERSED = "notices.reversed", "so it is when the events came last first",
        "Order events by ts and take what was parked.";
    NOTICES_MESSAGE = "notices.message", "the application is told once what came of the message",
        "Has the app a smsNotifyUrl? Only what has an address is queued.";
    CDR = "notices.cdr", "each call has one CDR with rising times",
        "Has the app a cdrUrl? Only what has an address is queued.";
}
