"""Every kind of call end, in every way that a call can go: what the two phones do, and what the customer must be told."""

import dataclasses

CALLS = 3
TALKED = ["callin", "callout", "alerting", "answer", "disconnect"]
RANG = ["callin", "callout", "alerting", "disconnect"]
TRIED = ["callin", "callout", "disconnect"]
REFUSED = ["callin", "disconnect"]


@dataclasses.dataclass
class Case:
    """`caller` and `callee` are scenarios of phones.py; `state` is the stateCode; `direction` that of the CDR."""

    mode: str
    name: str
    caller: str
    callee: str | None
    events: list
    state: int
    direction: int = 1
    a_dials: bool = True
    bound: bool = True
    bind: dict = dataclasses.field(default_factory=dict)
    # AX: A has a temporary callee, or had one.
    next_callee: str = ""
    # AXE: dial the "right" extension along with X, or a "wrong" one; B has called A before.
    keys: str = ""
    called: bool = False
    # Keep the bindings for the cases that follow, or take those that a case before has kept.
    leaves: bool = False
    takes: bool = False
    # Once each call rings, or is talked ("alerting", "answer"): "stop" it, "unbind" it, let its binding "expire".
    midway: str = ""
    stage: str = ""
    # How the caller's phone speaks SIP: by UDP, or by "TCP" or "TLS".
    by: str = ""
    # X mode: what the app answers when it is asked: "connect", "close" or nothing.
    app: str = ""
    # The gateway is "away" for the whole case, or it "hangs" until the callers have given up.
    gateway: str = ""


# What two phones can do about a call that the gateway lets through.
ENDS = [
    Case("", "caller hangs up", "a_hangs_up", "b_answers", TALKED, 0),
    Case("", "callee hangs up", "a_waits", "b_hangs_up", TALKED, 0),
    Case("", "busy", "a_gets_486", "b_is_busy", TRIED, 8102),
    Case("", "rejected", "a_gets_603", "b_rejects", TRIED, 7503),
    Case("", "no answer", "a_gets_480", "b_rings", RANG, 8101),
    Case("", "nobody there", "a_gets_408", None, TRIED, 8035),
    Case("", "caller gives up while it rings", "a_gives_up", "b_rings", RANG, 7502),
    Case("", "caller gives up during the route query", "a_gives_up_early", None, REFUSED, 7516, gateway="hangs"),
    Case("", "gateway away", "a_gets_503", None, REFUSED, 7505, gateway="away"),
    Case("", "stopped while talking", "a_waits", "b_answers", TALKED, 0, midway="stop", stage="answer"),
    Case("", "stopped while ringing", "a_gets_487", "b_rings", RANG, 8020, midway="stop", stage="alerting"),
    Case("", "unbound while talking", "a_waits", "b_hangs_up_when_told", TALKED, 0, midway="unbind", stage="answer"),
    Case("", "unbound while ringing", "a_hangs_up", "b_answers_when_told", TALKED, 0, midway="unbind", stage="alerting"),
]


def along(path, ends=ENDS, **way):
    """Each of `ends`, for calls that go this way."""
    for end in ends:
        case = dataclasses.replace(end, name=f"{path}: {end.name}", **way)
        if way.get("keys"):
            case.events = ["callin", "collectInfo", *end.events[1:]]
            if end.gateway == "away":
                # A gateway that was never asked does not know whose extension it was.
                case.direction = 2
        yield case


AXB = [
    *along("A calls B", mode="AXB"),
    *along("B calls A", mode="AXB", direction=0, a_dials=False),
    Case("AXB", "callee poses as the caller", "a_hangs_up", "b_poses_as_caller", TALKED, 0),
    Case("AXB", "caller holds", "a_holds", "b_is_held", TALKED, 0),
    Case("AXB", "callee holds", "a_is_held", "b_holds", TALKED, 0),
    Case("AXB", "caller by TCP hangs up", "a_hangs_up", "b_answers", TALKED, 0, by="TCP"),
    Case("AXB", "callee hangs up on a caller by TCP", "a_waits", "b_hangs_up", TALKED, 0, by="TCP"),
    Case("AXB", "caller by TLS hangs up", "a_hangs_up", "b_answers", TALKED, 0, by="TLS"),
    Case("AXB", "number does not exist", "a_gets_404", "b_does_not_exist", TRIED, 8100),
    Case("AXB", "switched off", "a_gets_480", "b_is_off", TRIED, 8104),
    Case("AXB", "redirected", "a_gets_480", "b_redirects", TRIED, 8103),
    Case("AXB", "not bound", "a_gets_403", None, REFUSED, 8014, direction=2, bound=False),
    Case("AXB", "direction forbidden", "a_gets_403", None, REFUSED, 8016, bind={"callDirection": 2}),
    Case("AXB", "expires while ringing", "a_hangs_up", "b_answers_when_told", TALKED, 0, midway="expire", stage="alerting",
         leaves=True),
    Case("AXB", "the next call after expiry", "a_gets_403", None, REFUSED, 8014, direction=2, takes=True),
]
AX = [
    *along("somebody calls A", mode="AX", direction=0, a_dials=False),
    *along("A calls the temporary callee", mode="AX", next_callee="has"),
    Case("AX", "A calls without a temporary callee", "a_gets_403", None, REFUSED, 8013),
    Case("AX", "A calls when the temporary callee is over", "a_gets_403", None, REFUSED, 8019, next_callee="had"),
    Case("AX", "direction forbidden", "a_gets_403", None, REFUSED, 8016, direction=0, a_dials=False,
         bind={"callDirection": 1}),
    Case("AX", "X belongs to nobody", "a_gets_403", None, REFUSED, 8018, direction=2, bound=False),
]
AXE_KEYED = list(along("X*EXT", mode="AXE", direction=0, a_dials=False, keys="right"))
AXE = [
    *AXE_KEYED,
    dataclasses.replace(AXE_KEYED[0], name="somebody dials X and the extension", leaves=True),
    Case("AXE", "and then A calls back", "a_hangs_up", "b_answers", TALKED, 0, takes=True),
    *along("A calls back", mode="AXE", called=True),
    Case("AXE", "wrong extension", "a_gets_403", None, ["callin", "collectInfo", "disconnect"], 8022, direction=2,
         a_dials=False, keys="wrong"),
    Case("AXE", "no extension", "a_gets_403", None, ["callin", "collectInfo", "disconnect"], 8033, direction=2, a_dials=False),
    Case("AXE", "nobody to call back", "a_gets_403", None, REFUSED, 8019),
]
# In X mode nothing is bound, and the app hears of the beginning of a call by the question. A gateway that was away knows no
# answer, and waits for one before it makes the CDR: longer than a case lasts.
DECIDED = [end for end in ENDS if end.midway != "unbind" and not end.gateway]
X_MODE = [dataclasses.replace(case, events=case.events[1:]) for case in [
    *along("the app connects", DECIDED, mode="X", direction=0, app="connect"),
    Case("X", "caller gives up while the app is asked", "a_gives_up_early", None, REFUSED, 7516, direction=2),
    Case("X", "the app ends the call", "a_gets_403", None, REFUSED, 8017, direction=0, app="close"),
    Case("X", "the app does not answer", "a_gets_403", None, REFUSED, 8014, direction=2),
]]
PARTS = {"AXB": AXB, "AX": AX, "AXE": AXE, "X": X_MODE}


def chosen(cases, only):
    """Those whose name contains `only`. A case that takes what another leaves needs that one."""
    for case, following in zip(cases, [*cases[1:], None]):
        if only in case.name or (case.leaves and only in following.name):
            yield case


def check(case, events, cdrs):
    """What the customer was told, against what should have happened."""
    problems = []
    if len(cdrs) != CALLS:
        problems.append(f"{len(cdrs)} CDRs of {CALLS} calls")
    for session, told in events.items():
        problems += check_call(case, told, cdrs.get(session, []))
    return problems


def check_call(case, told, cdrs):
    kinds = [kind for kind, _ in told]
    if kinds != case.events:
        yield f"events {kinds}, expected {case.events}"
    times = [info["timestamp"] for _, info in told]
    if times != sorted(times):
        yield f"timestamps fall: {times}"
    state = told[-1][1].get("stateCode")
    if state != case.state:
        yield f"stateCode {state}, expected {case.state}"
    if len(cdrs) != 1:
        yield f"{len(cdrs)} CDRs of one call"
    for cdr in cdrs:
        if (cdr["ulFailReason"], cdr["direction"]) != (case.state, case.direction):
            yield f"CDR has ulFailReason {cdr['ulFailReason']} and direction {cdr['direction']}"
