"""Parts of the installation die under calls. No event and no CDR may be lost. Each function returns its problems; its
doc string is its name in the table."""

import re

import lab
from cases import REFUSED, TALKED

SIGKILL = 9
CALLS = 30


def talk(suite, while_calling, count=CALLS):
    """`count` calls, ten a second, with `while_calling` run in their midst. Returns the callers' exit code."""
    pairs = suite.pairs(count)
    x = suite.axb_x
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + x) for a, b in pairs]
    sipp = lab.Phones(suite.world.folder)
    try:
        sipp.callee("b_answers", count)
        caller = sipp.caller("a_hangs_up", [(a, x) for a, _ in pairs])
        while_calling(caller)
        return caller.wait(90)
    finally:
        sipp.end()
        for subscription in bound:
            suite.axb.unbind_axb(subscription)


def complete(suite, count, *kinds, killed=False):
    """What is missing at the customer of `count` calls that each had one of `kinds` of events. Of a gateway that was
    `killed` a push may come twice: of a call the same kind of event, the same CDR (proto-docs/callbacks.md, Re-pushes)."""
    events, cdrs = suite.receiver.calls(count, 30)
    if killed:
        events = {call: list({kind: (kind, info) for kind, info in told}.values()) for call, told in events.items()}
        cdrs = {call: list({cdr["icid"]: cdr for cdr in records}.values()) for call, records in cdrs.items()}
    problems = []
    if len(cdrs) != count:
        problems.append(f"{len(cdrs)} CDRs of {count} calls")
    for told in events.values():
        if sorted(kind for kind, _ in told) not in [sorted(expected) for expected in kinds]:
            problems.append(f"events {[kind for kind, _ in told]}")
    if any(len(records) != 1 for records in cdrs.values()):
        problems.append("a call has more than one CDR")
    return problems


def log_size(world):
    return len((world.folder / "kamailio.log").read_text(errors="replace"))


def in_memory(world, since):
    """The callId of each event that redis did not take, from a size of the log on."""
    log = (world.folder / "kamailio.log").read_text(errors="replace")
    return re.findall(r"event of call (\S+) waits in memory", log[since:])


def gateway_is_killed(suite):
    """gateway killed for five seconds: no report is lost, new calls get 503"""

    def kill(_):
        lab.wait_for("calls in the middle", lambda: suite.receiver.arrived.qsize() >= 40, 30)
        suite.world.stop("gateway", SIGKILL)
        lab.wait_for("spooled events", lambda: int(suite.world.redis("LLEN", "switch1:events")) >= 100, 30)
        suite.world.start_gateway()

    talk(suite, kill, 80)
    return complete(suite, 80, TALKED, REFUSED, killed=True)


def redis_goes_away(suite):
    """redis away under calls: events wait in memory"""

    def restart(caller):
        lab.wait_for("calls in the middle", lambda: suite.receiver.arrived.qsize() >= CALLS, 30)
        suite.world.stop("redis", SIGKILL)
        lab.wait_for("events in memory", lambda: len(in_memory(suite.world, 0)) >= 2 * CALLS, 30)
        suite.world.start_redis()

    problems = [] if talk(suite, restart) == 0 else ["a caller's phone failed, see its log"]
    return problems + complete(suite, CALLS, TALKED)


def redis_is_away_at_the_start(suite):
    """redis away when Kamailio starts: events go straight to the gateway, and a second report of an end is none"""
    suite.world.stop("kamailio")
    suite.world.stop("redis")
    before = log_size(suite.world)
    suite.world.start_kamailio()
    problems = [] if talk(suite, lambda _: None, 5) == 0 else ["a caller's phone failed, see its log"]
    lab.wait_for("ends", lambda: sum(told.get("eventType") == "disconnect" for told in list(suite.receiver.arrived.queue)) == 5, 30)
    suite.world.start_redis()
    # As if they had begun before redis went away: they are on record, and Kamailio dies before it is put right.
    reported = set(in_memory(suite.world, before))
    suite.world.redis("SADD", "switch1:live", *reported)
    suite.world.stop("kamailio", SIGKILL)
    suite.world.start_kamailio()
    lab.wait_for("the second report", lambda: suite.world.redis("SCARD", "switch1:live") == "0")
    lab.wait_for("reports", lambda: suite.world.redis("LLEN", "switch1:events") == "0")
    for call in suite.world.operator("GET", "calls?open=false")["items"]:
        if call["callId"] in reported:
            ends = [event for event in suite.world.operator("GET", f"calls/{call['sessionId']}")["events"]
                    if event["event"] == "disconnect"]
            problems += [] if [end.get("by") for end in ends] == ["caller"] else [f"ended by {ends}"]
    return problems + complete(suite, 5, TALKED)


def redis_comes_after_the_start(suite):
    """redis comes when Kamailio runs: calls under way are no lost ones, and on record"""
    world, count = suite.world, 3
    world.stop("kamailio")
    world.stop("redis")
    before = log_size(world)
    world.start_kamailio()
    pairs = suite.pairs(count)
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + suite.axb_x) for a, b in pairs]
    sipp = lab.Phones(world.folder)
    try:
        sipp.callee("b_answers", count)
        sipp.caller("a_waits", [(a, suite.axb_x) for a, _ in pairs])
        lab.wait_for("answers", lambda: len(in_memory(world, before)) >= 4 * count, 30)
        # As if a worker had found redis before the sender did, which looks for calls of its former self.
        aside = world.folder / "aside.sock"
        world.start_redis(aside)
        world.redis("SADD", "switch1:live", in_memory(world, before)[0], socket=aside)
        world.stop("redis")
        world.start_redis()
        lab.wait_for("calls on record", lambda: int(world.redis("SCARD", "switch1:live")) == count)
        lab.wait_for("reports", lambda: int(world.redis("LLEN", "switch1:events")) == 0)
        open_calls = world.operator("GET", "calls?open=true")["items"]
        world.stop("kamailio", SIGKILL)
    finally:
        sipp.end()
    world.start_kamailio()
    problems = [] if len(open_calls) == count else [f"{len(open_calls)} of {count} calls are open"]
    problems += complete(suite, count, TALKED)
    for subscription in bound:
        suite.axb.unbind_axb(subscription)
    return problems


def kamailio_dies_with_spooled_events(suite):
    """Kamailio killed with the gateway away: spooled events survive, calls in progress are closed"""
    pairs = suite.pairs(5)
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + suite.axb_x) for a, b in pairs]
    world = suite.world
    sipp = lab.Phones(world.folder)
    try:
        sipp.callee("b_answers", 5)
        sipp.caller("a_waits", [(a, suite.axb_x) for a, _ in pairs])
        lab.wait_for("answers", lambda: suite.receiver.arrived.qsize() >= 4 * 5, 30)
        world.stop("gateway", SIGKILL)
        world.stop("kamailio", SIGKILL)
    finally:
        sipp.end()
    world.start_kamailio()
    lab.wait_for("reports of lost calls", lambda: int(world.redis("LLEN", "switch1:events")) >= 5, 30)
    world.start_gateway()
    problems = complete(suite, 5, TALKED, killed=True)
    for subscription in bound:
        suite.axb.unbind_axb(subscription)
    return problems


def redis_may_not_grow(suite):
    """redis full and Kamailio killed: an end that waited in memory, and calls in progress, are closed when there is room"""
    world, count = suite.world, 3
    pairs = suite.pairs(count)
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + suite.axb_x) for a, b in pairs]
    sipp = lab.Phones(world.folder)
    before = log_size(world)
    try:
        sipp.callee("b_answers", count)
        sipp.caller("a_waits", [(a, suite.axb_x) for a, _ in pairs])
        lab.wait_for("answers", lambda: suite.receiver.arrived.qsize() >= 4 * count, 30)
        world.redis("CONFIG", "SET", "maxmemory", "1")
        for call in world.operator("GET", "calls?open=true")["items"][:1]:
            suite.axb.stop_call(call["sessionId"])
        lab.wait_for("an end in memory", lambda: in_memory(world, before))
        world.stop("kamailio", SIGKILL)
    finally:
        sipp.end()
    before = log_size(world)
    world.start_kamailio()
    log = world.folder / "kamailio.log"
    lab.wait_for("refused reports", lambda: log.read_text(errors="replace")[before:].count("Redis error:OOM") >= 1)
    world.redis("CONFIG", "SET", "maxmemory", "0")
    problems = complete(suite, count, TALKED)
    for subscription in bound:
        suite.axb.unbind_axb(subscription)
    return problems


ALL = [gateway_is_killed, redis_goes_away, kamailio_dies_with_spooled_events, redis_is_away_at_the_start,
       redis_comes_after_the_start, redis_may_not_grow]
