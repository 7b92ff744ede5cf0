"""Every kind of call end: what the two phones do, and what the customer must be told about it."""

import dataclasses

CALLS = 3
TALKED = ["callin", "callout", "alerting", "answer", "disconnect"]
RANG = ["callin", "callout", "alerting", "disconnect"]
TRIED = ["callin", "callout", "disconnect"]
REFUSED = ["callin", "disconnect"]
KEYED = ["callin", "collectInfo", "callout", "alerting", "answer", "disconnect"]


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
    next_callee: bool = False
    stop: bool = False
    # AXE: dial the extension along with X, or another one; leave the bindings to the next case, or take those of the last.
    keys: str = ""
    leaves: bool = False
    takes: bool = False


ALL = [
    Case("AXB", "caller hangs up", "a_hangs_up", "b_answers", TALKED, 0),
    Case("AXB", "callee hangs up", "a_waits", "b_hangs_up", TALKED, 0),
    Case("AXB", "B calls A", "a_hangs_up", "b_answers", TALKED, 0, direction=0, a_dials=False),
    Case("AXB", "callee poses as the caller", "a_hangs_up", "b_poses_as_caller", TALKED, 0),
    Case("AXB", "busy", "a_gets_486", "b_is_busy", TRIED, 8102),
    Case("AXB", "rejected", "a_gets_603", "b_rejects", TRIED, 7503),
    Case("AXB", "number does not exist", "a_gets_404", "b_does_not_exist", TRIED, 8100),
    Case("AXB", "switched off", "a_gets_480", "b_is_off", TRIED, 8104),
    Case("AXB", "redirected", "a_gets_480", "b_redirects", TRIED, 8103),
    Case("AXB", "no answer", "a_gets_480", "b_rings", RANG, 8101),
    Case("AXB", "nobody there", "a_gets_408", None, TRIED, 8035),
    Case("AXB", "caller gives up while it rings", "a_gives_up", "b_rings", RANG, 7502),
    Case("AXB", "not bound", "a_gets_403", None, REFUSED, 8014, direction=2, bound=False),
    Case("AXB", "direction forbidden", "a_gets_403", None, REFUSED, 8016, bind={"callDirection": 2}),
    Case("AXB", "stopped while talking", "a_waits", "b_answers", TALKED, 0, stop=True),
    Case("AXB", "stopped while ringing", "a_gets_487", "b_rings", RANG, 8020, stop=True),
    Case("AX", "somebody calls A", "a_hangs_up", "b_answers", TALKED, 0, direction=0, a_dials=False),
    Case("AX", "A calls the temporary callee", "a_hangs_up", "b_answers", TALKED, 0, next_callee=True),
    Case("AX", "A calls without a temporary callee", "a_gets_403", None, REFUSED, 8013),
    Case("AX", "X belongs to nobody", "a_gets_403", None, REFUSED, 8018, direction=2, bound=False),
    Case("AXE", "somebody dials X and the extension", "a_hangs_up", "b_answers", KEYED, 0, direction=0, a_dials=False,
         keys="right", leaves=True),
    Case("AXE", "A calls back", "a_hangs_up", "b_answers", TALKED, 0, takes=True),
    Case("AXE", "nobody to call back", "a_gets_403", None, REFUSED, 8019),
    Case("AXE", "wrong extension", "a_gets_403", None, ["callin", "collectInfo", "disconnect"], 8022, direction=2,
         a_dials=False, keys="wrong"),
    Case("AXE", "no extension", "a_gets_403", None, REFUSED, 8033, direction=2, a_dials=False),
]


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
