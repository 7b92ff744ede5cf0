"""Real SIP calls through the shipped Kamailio configuration and the real gateway. Run by ./run; prints a table.

The parts run at the same time, each in a process, a network and a laboratory of its own."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "client"))

import capture
import checked
import faults
import lab
import limits
import load
import media
import messages
import phones
from cases import CALLS, PARTS, check, chosen
from customer import Application, Receiver

X = [f"861700000{n:04}" for n in range(1, 5 + CALLS)]
AXB_X, AXE_X, X_X, SMS_X, AX_X = *X[:4], X[4:]


class Suite:
    def __init__(self, world, receiver, report):
        self.world, self.receiver, self.report = world, receiver, report
        self.people = 0
        self.axb_x, self.ax_x = AXB_X, AX_X
        self.axb, self.axe = self.application("AXB", [AXB_X]), self.application("AXE", [AXE_X])
        self.ax = self.application("AX", AX_X)
        self.apps = {"AXB": self.axb, "AX": self.ax, "AXE": self.axe, "X": self.application("X", [X_X])}
        self.texts, self.sms_x = self.application("AXB", [SMS_X], sms=True), SMS_X
        self.left = self.tunnel = None

    def application(self, mode, numbers, sms=False):
        app = self.world.operator("POST", "apps", {
            "name": "sip", "mode": mode, "callStatusUrl": self.receiver.url + "/status",
            "cdrUrl": self.receiver.url + "/fee", "sms": sms, "smsNotifyUrl": self.receiver.url + "/sms"})
        self.world.operator("POST", "numbers", {"numbers": [
            {"number": "+" + x, "appKey": app["appKey"], "areaCode": "0755", "sms": sms} for x in numbers]})
        return Application(f"http://{lab.GATEWAY}:{self.world.ports['customer']}", app["appKey"], app["appSecret"])

    def pairs(self, count=CALLS):
        """New people for each case: A and B of each call."""
        self.people += count
        return [(f"861380000{n:04}", f"861390000{n:04}") for n in range(self.people - count, self.people)]

    def bind(self, case, pairs):
        """Binds what the case wants. Returns what dials which X, for each call, and how to unbind each."""
        binds = {"AXB": self.bind_axb, "AX": self.bind_ax, "AXE": self.bind_axe, "X": self.answer_x}
        dialled, unbind, bound = binds[case.mode](case, pairs)
        return dialled, {person: lambda s=s: unbind(s) for person, s in zip(pairs, bound)}, bound

    def bind_axb(self, case, pairs):
        bound = [self.axb.bind_axb("+" + a, "+" + b, "+" + AXB_X, **case.bind) for a, b in pairs if case.bound]
        return [AXB_X] * len(pairs), self.axb.unbind_axb, bound

    def bind_ax(self, case, pairs):
        bound = [self.ax.bind_ax("+" + a, "+" + x, **case.bind) for (a, _), x in zip(pairs, AX_X) if case.bound]
        for subscription, (_, b) in zip(bound, pairs):
            if case.next_callee:
                self.ax.set_next_callee(subscription, "+" + b, 60 if case.next_callee == "has" else 1)
        if case.next_callee == "had":
            over = time.time() + 1.01
            lab.wait_for("the end of the temporary callees", lambda: time.time() > over)
        return AX_X, self.ax.unbind_ax, bound

    def bind_axe(self, case, pairs):
        extensions = [f"{number:04}" for number in range(self.people, self.people + len(pairs))]
        bound = [self.axe.bind_axe("+" + a, "+" + AXE_X, e) for (a, _), e in zip(pairs, extensions) if case.bound]
        if case.called:
            for (_, b), extension in zip(pairs, extensions):
                self.has_called(b, AXE_X, extension)
            self.receiver.calls(len(pairs), 20)
        keyed = {"": [""] * len(pairs), "right": ["*" + e for e in extensions], "wrong": ["*9876"] * len(pairs)}
        return [AXE_X + digits for digits in keyed[case.keys]], self.axe.unbind_axe, bound

    def answer_x(self, case, pairs):
        callees = {"+" + a: "+" + b for a, b in pairs}
        answers = {"": lambda _: None, "close": lambda _: {"operation": "close", "closeInfo": {}},
                   "connect": lambda question: {"operation": "connect",
                                                "connectInfo": {"calleeNum": callees[question["caller"]]}}}
        self.receiver.decide = answers[case.app]
        return [X_X] * len(pairs), None, []

    def has_called(self, who, x, extension):
        """A call of the past, told to the gateway by the switch API: the suite's own calls prove that one can be made."""
        call = {"callId": f"past-{who}", "caller": who, "called": x}
        self.world.switch("events", {**call, "eventId": f"{who}-callin", "event": "callin"})
        assert self.world.switch("route", {**call, "extension": extension})["action"] == "connect"
        self.world.switch("events", [
            {"callId": call["callId"], "eventId": f"{who}-{event}", "event": event, "sip": 200, "by": "caller"}
            for event in ("callout", "alerting", "answer", "disconnect")])

    def prepare(self, case):
        """The people of a case, what each dials, and how to unbind."""
        if case.takes:
            (pairs, unbind, bound), self.left = self.left, None
            return pairs, [AXB_X if case.mode == "AXB" else AXE_X] * len(pairs), unbind, bound
        pairs = self.pairs()
        return pairs, *self.bind(case, pairs)

    def run(self, case):
        pairs, dialled, unbind, bound = self.prepare(case)
        # Whoever dials is the caller, also when that is B.
        sides = pairs if case.a_dials else [(b, a) for a, b in pairs]
        folder = self.world.folder
        seen = capture.Capture(folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
        sipp = lab.Phones(folder)
        try:
            if case.callee:
                sipp.callee(case.callee, CALLS)
            self.break_gateway(case.gateway)
            caller = sipp.caller(case.caller, [(who, x) for (who, _), x in zip(sides, dialled)], **self.way(case))
            if case.midway:
                self.meanwhile(case, dict(zip(("+" + who for who, _ in sides), pairs)), dict(zip(pairs, bound)), unbind, seen)
            if case.gateway == "hangs":
                lab.wait_for("callers to give up", lambda: seen.cancelled() >= CALLS)
                self.world.signal("gateway", signal.SIGCONT)
            # A caller who is asked for an extension and keys none waits for 30 seconds.
            problems = [] if sipp.has_done(caller, 45) else ["the caller's phone failed, see its log"]
            if case.gateway == "away":
                self.world.start_gateway()
            events, cdrs = self.receiver.calls(CALLS, 20)
        finally:
            sipp.end()
            found = capture.leaks(seen.stop(), sides, lab.CALLER, lab.CALLEE)
        if case.leaves:
            self.left = pairs, unbind, bound
        else:
            for release in unbind.values():
                release()
        self.report(case.mode, case.name, check(case, events, cdrs) + problems + found)

    def way(self, case):
        """How the caller's phone reaches the switch."""
        if not case.by:
            return {}
        way = {"more": ("-t", "t1")}
        if case.by == "TLS":
            self.tunnel = self.tunnel or lab.Tunnel()
            way["to"] = f"{lab.CALLER}:{self.tunnel.port}"
        return way

    def break_gateway(self, how):
        if how == "away":
            self.world.stop("gateway")
        if how == "hangs":
            self.world.signal("gateway", signal.SIGSTOP)

    def meanwhile(self, case, callers, bound, unbind, seen):
        """Waits until each call has come to the case's stage, and does then what the case wants, once for each."""
        done = set()

        def done_for_all():
            for call in self.world.operator("GET", "calls?open=true")["items"]:
                # One that failed in a case before may still be open.
                if call["callId"] in done or call["caller"] not in callers:
                    continue
                known = self.world.operator("GET", f"calls/{call['sessionId']}")
                happened = any(event["event"] == case.stage for event in known["events"])
                if happened and (case.stage != "answer" or seen.acknowledged(call["callId"])):
                    pair = callers[call["caller"]]
                    self.intervene(case, call, bound.get(pair), unbind.get(pair))
                    done.add(call["callId"])
            return len(done) == CALLS

        lab.wait_for("calls to come so far", done_for_all)

    def intervene(self, case, call, subscription, unbind):
        if case.midway == "stop":
            answer = self.apps[case.mode].stop_call(call["sessionId"])
            assert answer == (200, {"resultcode": "0", "resultdesc": "Success"}), answer
            return
        if case.midway == "expire":
            self.axb.modify_axb(subscription, duration=1)
            lab.wait_for("expiry", lambda: not self.axb.is_bound_axb(subscription))
        else:
            unbind()
        lab.tell(call["callId"])


# Parts that run at the same time: two cores have enough to do with them.
AT_ONCE = 5
# Parts beside those of cases.py: functions that return their problems, named by their doc string.
OTHERS = {"limits": [limits.maximum_duration], "faults": faults.ALL, "media": media.ALL, "messages": messages.ALL}


def run(privnum, use, mutate=None):
    """A laboratory of its own for what `use` does with a suite. Returns the rows that it reported."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="privnum-sip-") as folder:
        folder = pathlib.Path(folder)
        phones.write(folder)
        receiver = Receiver(lab.RECEIVER)
        with lab.Lab(folder, privnum, mutate) as world:
            try:
                use(Suite(world, receiver, lambda *row: rows.append(row)))
            except (TimeoutError, AssertionError) as gave_up:
                rows.append(("", "the suite itself", [f"{type(gave_up).__name__}: {gave_up}"]))
            if mutate is None and any(problems for _, _, problems in rows):
                world.print_logs(sys.stderr)
        receiver.gone.set()
        receiver.server.shutdown()
    return rows


def run_cases(mode, only):
    return lambda suite: [suite.run(case) for case in chosen(PARTS[mode], only)]


def run_each(named):
    return lambda suite: [suite.report("", each.__doc__, each(suite)) for each in named]


def break_on_purpose(folder):
    """A configuration that keeps one header too many."""
    file = folder / "hide.cfg"
    file.write_text(file.read_text().replace("keep_hf(\"^(", "keep_hf(\"^(X-Number|"))


def run_broken(privnum):
    rows = run(privnum, run_cases("AXB", "A calls B: caller hangs up"), break_on_purpose)
    found = any("X-Number" in problem for _, _, problems in rows for problem in problems)
    return [("", "the search for leaks finds one made on purpose", [] if found else ["nothing found"])]


def run_part(privnum, part, only):
    if part == "broken":
        return [] if only else run_broken(privnum)
    if part == "checked":
        return [("", checked.run.__doc__, checked.run(privnum))] if only in checked.run.__doc__ else []
    if part == "load":
        return run(privnum, load.run)
    if part in OTHERS:
        named = [each for each in OTHERS[part] if only in each.__doc__]
        return run(privnum, run_each(named)) if named else []
    return run(privnum, run_cases(part, only)) if any(chosen(PARTS[part], only)) else []


def print_rows(rows):
    for mode, name, problems in rows:
        print(f"{mode:4} {name:64} {'FAILED' if problems else 'ok'}", flush=True)
        for problem in problems[:6]:
            print(f"       {problem}", flush=True)


def in_process(privnum, only, net, part):
    """The rows of a part, run in a process and a network of its own."""
    done = subprocess.run([sys.executable, __file__, privnum, only], stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"PRIVNUM_SIP_PART": part, "PRIVNUM_SIP_NET": str(net)})
    if done.returncode != 0:
        return [("", f"the part {part}", ["it failed, see above"])]
    return json.loads(done.stdout)


def main():
    if part := os.environ.get("PRIVNUM_SIP_PART"):
        privnum, only = sys.argv[1:]
        json.dump(run_part(privnum, part, only), sys.stdout)
        return 0
    privnum, only = sys.argv[1], " ".join(sys.argv[2:])
    parts = ["load"] if only == "load" else [*PARTS, *OTHERS, "checked", "broken"]
    rows = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(lambda numbered: in_process(privnum, only, *numbered), enumerate(parts)):
            print_rows(result)
            rows += result
    failed = sum(bool(problems) for _, _, problems in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
