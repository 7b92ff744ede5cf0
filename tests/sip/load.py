"""What the gateway and Kamailio add to the time until the caller hears the ringing tone, and whether anything is lost
at a rate. Times are shown and not judged: they are the machine's as much as ours."""

import capture
import lab
from cases import TALKED
from faults import complete

PEOPLE = 200
# Calls a second, and for how many seconds.
RATES = [(20, 20), (60, 60)]


def run(suite):
    pairs = suite.pairs(PEOPLE)
    for a, b in pairs:
        suite.axb.bind_axb("+" + a, "+" + b, "+" + suite.axb_x)
    for rate, seconds in RATES:
        measured, problems = calls(suite, pairs, rate, rate * seconds)
        suite.report("load", f"{rate} calls a second for {seconds} s: {measured}", problems)


def calls(suite, pairs, rate, count):
    seen = capture.Capture(suite.world.folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
    sipp = lab.Phones(suite.world.folder)
    try:
        sipp.callee("b_answers", count)
        caller = sipp.caller("a_hangs_up", [(pairs[n % PEOPLE][0], suite.axb_x) for n in range(count)], rate)
        problems = [] if sipp.has_done(caller, 120) else ["the caller's phone failed, see its log"]
        problems += complete(suite, count, TALKED)
    finally:
        sipp.end()
        messages = seen.stop()
    delays = sorted(added_delays(messages).values())
    if len(delays) < count:
        problems.append(f"the capture holds {len(delays)} of {count} calls")
    if not delays:
        return "nothing measured", problems
    return f"adds {at(delays, 0.5)} ms, 99 % below {at(delays, 0.99)} ms", problems


def at(sorted_seconds, share):
    return f"{1000 * sorted_seconds[int(share * (len(sorted_seconds) - 1))]:.1f}"


def added_delays(messages):
    """By call: how long the INVITE stayed between the phones, and the 180. The caller's tag is on both legs."""
    first = {}
    for message in messages:
        kind = message.text.split(" ", 2)
        kind = kind[0] if kind[0] == "INVITE" else kind[1]
        if kind not in ("INVITE", "180"):
            continue
        tag = next(line for line in message.text.split("\r\n") if line.startswith("From:")).split("tag=")[1]
        way = "in" if message.source in (lab.CALLER, lab.CALLEE) else "out"
        first.setdefault((tag, kind, way), message.at)
    delays = {}
    for tag in {tag for tag, _, _ in first}:
        times = [first.get((tag, kind, way)) for kind in ("INVITE", "180") for way in ("in", "out")]
        if None not in times:
            invite_in, invite_out, ringing_in, ringing_out = times
            delays[tag] = invite_out - invite_in + ringing_out - ringing_in
    return delays
