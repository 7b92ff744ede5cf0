"""Calls that reach their maximum duration. It is counted in minutes, so this takes one."""

import datetime

import capture
import lab

MINUTE = 60


def maximum_duration(suite):
    """cut at the maximum duration and not before, both legs with X"""
    (a, b), (c, d) = pairs = suite.pairs(2)
    x = suite.axb_x
    bound = [suite.axb.bind_axb("+" + a, "+" + b, "+" + x, maxDuration=1),
             suite.ax.bind_ax("+" + d, "+" + suite.ax_x[0], maxDuration=1)]
    seen = capture.Capture(suite.world.folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
    sipp = lab.Phones(suite.world.folder)
    try:
        sipp.callee("b_answers", 2)
        caller = sipp.caller("a_waits", [(a, x), (c, suite.ax_x[0])])
        problems = [] if sipp.has_done(caller, 100) else ["the caller's phone failed, see its log"]
        _, cdrs = suite.receiver.calls(2, 20)
    finally:
        sipp.end()
        problems += capture.leaks(seen.stop(), pairs, lab.CALLER, lab.CALLEE)
    problems += check(suite, cdrs)
    suite.axb.unbind_axb(bound[0])
    suite.ax.unbind_ax(bound[1])
    return problems


def check(suite, cdrs):
    if len(cdrs) != 2:
        yield f"{len(cdrs)} CDRs of 2 calls"
    for session in cdrs:
        events = {event["event"]: event for event in suite.world.operator("GET", f"calls/{session}")["events"]}
        answer, end = (datetime.datetime.fromisoformat(events[name]["ts"]) for name in ("answer", "disconnect"))
        if (end - answer).total_seconds() < MINUTE:
            yield f"cut after {end - answer}"
        if events["disconnect"].get("by") != "maxDuration":
            yield f"ended by {events['disconnect']}"
