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
        log = suite.world.folder / "kamailio.log"
        lab.wait_for("events in memory", lambda: log.read_text(errors="replace").count("waits in memory") >= 2 * CALLS, 30)
        suite.world.start_redis()

    problems = [] if talk(suite, restart) == 0 else ["a caller's phone failed, see its log"]
    return problems + complete(suite, CALLS, TALKED)


def redis_is_away_at_the_start(suite):
    """redis away when Kamailio starts: events go straight to the gateway"""
    suite.world.stop("kamailio")
    suite.world.stop("redis")
    suite.world.start_kamailio()
    problems = [] if talk(suite, lambda _: None, 5) == 0 else ["a caller's phone failed, see its log"]
    problems += complete(suite, 5, TALKED)
    suite.world.start_redis()
    return problems


def redis_comes_after_the_start(suite):
    """redis comes when Kamailio runs: calls under way are no lost ones, and on record"""
    world, count = suite.world, 3
    world.stop("kamailio")
    world.stop("redis")
    log = world.folder / "kamailio.log"
    before = len(log.read_text(errors="replace"))
    world.start_kamailio()
    pairs = suite.pairs(count)
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + suite.axb_x) for a, b in pairs]
    sipp = lab.Phones(world.folder)

    def waiting():
        return re.findall(r"event of call (\S+) waits in memory", log.read_text(errors="replace")[before:])

    try:
        sipp.callee("b_answers", count)
        sipp.caller("a_waits", [(a, suite.axb_x) for a, _ in pairs])
        lab.wait_for("answers", lambda: len(waiting()) >= 4 * count, 30)
        # As if a worker had found redis before the sender did, which looks for calls of its former self.
        aside = world.folder / "aside.sock"
        world.start_redis(aside)
        world.redis("SADD", "switch1:live", waiting()[0], socket=aside)
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


ALL = [gateway_is_killed, redis_goes_away, kamailio_dies_with_spooled_events, redis_is_away_at_the_start,
       redis_comes_after_the_start]
