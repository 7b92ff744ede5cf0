"""The shipped Kamailio under `privnum switch-check listen`: the command plays the gateway, two phones place the test calls
that it asks for, and it judges the switch."""

import json
import sys
import tempfile
import time

import lab
from softphone import Phone

X, A, B = "8617000000001", "8613800000001", "8613800000002"


class Lab(lab.Lab):
    """With the command in the gateway's place."""

    def start_gateway(self):
        (self.folder / "switch.token").write_text(self.tokens["switch"])
        self.run("gateway", [self.privnum, "switch-check", "listen", "--json", "--callee", "+" + B,
                             "--listen", f"{lab.GATEWAY}:{self.ports['switch']}",
                             "--switch-token-file", str(self.folder / "switch.token"),
                             "--control", f"http://{lab.CALLER_SIDE}:{self.control}", "--for-secs", "90"])
        lab.wait_for("the command", lambda: "listening on" in self.said())

    def said(self):
        return (self.folder / "gateway.log").read_text(errors="replace")

    def findings(self):
        """What the command found, once it has ended."""
        self.processes["gateway"].wait(90)
        return json.loads(next(line for line in self.said().splitlines() if line.startswith("{")))["checks"]


def connect(a, b):
    a.call(X)
    answer(a, b)


def answer(a, b):
    b.rung()
    b.reply(180)
    a.wait(180)
    b.reply(200, b.sdp())
    a.wait(200)
    b.receive("ACK")


def answered(a, b):
    connect(a, b)
    a.hang_up(b)


def given_up(a, b):
    a.call(X)
    b.rung()
    b.reply(180)
    a.wait(180)
    a.cancel()
    b.answer_to(b.receive("CANCEL"), 200)
    b.reply(487)
    a.wait(487)


def refused(a, b):
    a.call(X)
    b.rung()
    b.reply(486)
    a.wait(486)


def rejected(a, _):
    a.call(X)
    a.wait(403)


def extension(a, b):
    a.call(X)
    a.wait(183)
    a.key("1234")
    answer(a, b)
    a.hang_up(b)


def is_ended(a, b):
    connect(a, b)
    for phone in (b, a):
        phone.hung_up(10)


def recorded(a, b):
    connect(a, b)
    time.sleep(3.5)
    a.hang_up(b)


def unanswered(a, _):
    a.call(X)
    a.wait(503)


# In the order in which the command asks for them: the sixth is cut, the seventh stopped.
CALLS = [answered, given_up, refused, rejected, extension, is_ended, is_ended, recorded, unanswered]


def place(call):
    a, b = Phone(lab.CALLER, A, 440), Phone(lab.CALLEE, B, 1000, lab.SIP)
    try:
        call(a, b)
    except TimeoutError as missing:
        return [f"{call.__name__}: {missing}"]
    finally:
        a.close()
        b.close()
    return []


def run(privnum):
    """switch-check listen: nothing is missing, wrong or not checked"""
    with tempfile.TemporaryDirectory(prefix="privnum-sip-") as folder, Lab(folder, privnum) as world:
        problems = [problem for call in CALLS for problem in place(call)]
        found = world.findings()
        problems += [f"{one['check']}: {one['verdict']}, {one['seen']}" for one in found if one["verdict"] != "ok"]
        if problems:
            world.print_logs(sys.stderr)
    return problems
