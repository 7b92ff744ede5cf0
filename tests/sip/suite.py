"""Real SIP calls through the shipped Kamailio configuration and the real gateway. Run by ./run; prints a table."""

import pathlib
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "client"))

import capture
import faults
import lab
import phones
from cases import ALL, CALLS, check
from customer import Application, Receiver

X = [f"861700000{n:04}" for n in range(1, 3 + CALLS)]
AXB_X, AXE_X, AX_X = X[0], X[1], X[2:]


class Suite:
    def __init__(self, world, receiver, quiet=False):
        self.world, self.receiver, self.quiet = world, receiver, quiet
        self.people = 0
        self.passed = self.failed = 0
        self.axb_x = AXB_X
        self.axb, self.axe = self.application("AXB", [AXB_X]), self.application("AXE", [AXE_X])
        self.ax = self.application("AX", AX_X)
        self.left = None

    def application(self, mode, numbers):
        app = self.world.operator("POST", "apps", {
            "name": "sip", "mode": mode, "callStatusUrl": self.receiver.url + "/status",
            "cdrUrl": self.receiver.url + "/fee"})
        self.world.operator("POST", "numbers", {"numbers": [
            {"number": "+" + x, "appKey": app["appKey"], "areaCode": "0755"} for x in numbers]})
        return Application(f"http://{lab.GATEWAY}:{self.world.ports['customer']}", app["appKey"], app["appSecret"])

    def pairs(self, count=CALLS):
        """New people for each case: A and B of each call."""
        self.people += count
        return [(f"861380000{n:04}", f"861390000{n:04}") for n in range(self.people - count, self.people)]

    def bind(self, case, pairs):
        """Binds what the case wants. Returns what dials which X, for each call, and how to unbind."""
        if case.mode == "AXB":
            bound = [self.axb.bind_axb("+" + a, "+" + b, "+" + AXB_X, **case.bind) for a, b in pairs if case.bound]
            dialled, unbind = [AXB_X] * len(pairs), self.axb.unbind_axb
        elif case.mode == "AXE":
            extensions = [f"{number:04}" for number in range(self.people, self.people + len(pairs))]
            bound = [self.axe.bind_axe("+" + a, "+" + AXE_X, e) for (a, _), e in zip(pairs, extensions) if case.bound]
            keyed = {"": [""] * len(pairs), "right": ["*" + e for e in extensions], "wrong": ["*9876"] * len(pairs)}
            dialled, unbind = [AXE_X + digits for digits in keyed[case.keys]], self.axe.unbind_axe
        else:
            bound = [self.ax.bind_ax("+" + a, "+" + x) for (a, _), x in zip(pairs, AX_X) if case.bound]
            for subscription, (_, b) in zip(bound, pairs):
                if case.next_callee:
                    self.ax.set_next_callee(subscription, "+" + b)
            dialled, unbind = AX_X, self.ax.unbind_ax
        return dialled, lambda: [unbind(subscription) for subscription in bound]

    def prepare(self, case):
        """The people of a case, what each dials, and how to unbind."""
        if case.takes:
            (pairs, unbind), self.left = self.left, None
            return pairs, [AXE_X] * len(pairs), unbind
        pairs = self.pairs()
        return pairs, *self.bind(case, pairs)

    def run(self, case):
        pairs, dialled, unbind = self.prepare(case)
        # Whoever dials is the caller, also when that is B.
        sides = pairs if case.a_dials else [(b, a) for a, b in pairs]
        folder = self.world.folder
        seen = capture.Capture(folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
        sipp = lab.Phones(folder)
        try:
            if case.callee:
                sipp.callee(case.callee, CALLS)
            caller = sipp.caller(case.caller, [(who, x) for (who, _), x in zip(sides, dialled)])
            if case.stop:
                self.stop_calls("answer" if "answer" in case.events else "alerting")
            problems = [] if caller.wait(70) == 0 else ["the caller's phone failed, see its log"]
            events, cdrs = self.receiver.calls(CALLS, 20)
        finally:
            sipp.end()
            found = capture.leaks(seen.stop(), sides, lab.CALLER, lab.CALLEE)
        if case.leaves:
            self.left = pairs, unbind
        else:
            unbind()
        self.row(case.mode, case.name, check(case, events, cdrs) + problems + found)

    def stop_calls(self, stage):
        """Waits until each call has come to `stage`, then stops it as its customer does."""
        stopped = set()

        def all_stopped():
            for call in self.world.operator("GET", "calls?open=true")["items"]:
                known = self.world.operator("GET", f"calls/{call['sessionId']}")
                if call["callId"] not in stopped and any(event["event"] == stage for event in known["events"]):
                    assert self.axb.stop_call(call["sessionId"]) == (200, {"resultcode": "0", "resultdesc": "Success"})
                    stopped.add(call["callId"])
            return len(stopped) == CALLS

        lab.wait_for("calls to stop", all_stopped)

    def row(self, mode, name, problems):
        self.passed += not problems
        self.failed += bool(problems)
        if self.quiet:
            return
        print(f"{mode:4} {name:48} {'FAILED' if problems else 'ok'}", flush=True)
        for problem in problems[:6]:
            print(f"       {problem}", flush=True)


def run(privnum, only, mutate=None):
    """Runs the cases whose name contains `only` in a laboratory of their own. Returns the suite."""
    with tempfile.TemporaryDirectory(prefix="privnum-sip-") as folder:
        folder = pathlib.Path(folder)
        phones.write(folder)
        receiver = Receiver(lab.RECEIVER)
        with lab.Lab(folder, privnum, mutate) as world:
            suite = Suite(world, receiver, quiet=mutate is not None)
            for case, following in zip(ALL, [*ALL[1:], None]):
                # A case that takes what another leaves needs that one.
                if only in case.name or (case.leaves and only in following.name):
                    suite.run(case)
            if mutate is None:
                for fault in faults.ALL:
                    if only in fault.__doc__:
                        suite.row("", fault.__doc__, fault(suite))
            if suite.failed and mutate is None:
                world.print_logs()
        receiver.server.shutdown()
    return suite


def break_on_purpose(folder):
    """A configuration that keeps one header too many."""
    file = folder / "hide.cfg"
    file.write_text(file.read_text().replace("keep_hf(\"^(", "keep_hf(\"^(X-Number|"))


def main():
    privnum = sys.argv[1]
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    suite = run(privnum, only)
    if not only:
        broken = run(privnum, "caller hangs up", break_on_purpose)
        suite.row("", "the search for leaks finds one made on purpose", [] if broken.failed else ["nothing found"])
    print(f"{suite.passed} passed, {suite.failed} failed")
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
