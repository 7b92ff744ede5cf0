"""Short messages as SIP MESSAGE. Two phones of a few lines, because sipp does not look at bodies well."""

import socket

import capture
import lab

UTF8 = "你在哪里？ I am at the gate 😀"


class Phone:
    """A UDP socket where a phone is expected."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, lab.SIP))
        self.socket.settimeout(15)

    def write(self, who, x, text, name, kind="text/plain;charset=UTF-8"):
        """Writes to X, and puts its own number wherever there is room for it."""
        body = text.encode()
        self.socket.sendto((
            f"MESSAGE sip:{x}@{lab.CALLER_SIDE} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address}:{lab.SIP};branch=z9hG4bK{name}\r\n"
            f'From: "{who}" <sip:{who}@{self.address}>;tag={who}{name}\r\nTo: <sip:{x}@{lab.CALLER_SIDE}>\r\n'
            f"Call-ID: {who}-{name}@{self.address}\r\nCSeq: 7 MESSAGE\r\nMax-Forwards: 70\r\nX-Number: {who}\r\nSubject: {who}\r\n"
            f"P-Preferred-Identity: <sip:{who}@{self.address}>\r\nUser-Agent: {who}\r\nDate: {who}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body, (lab.CALLER_SIDE, lab.SIP))

    def receive(self):
        """The next message: first line, headers, body."""
        head, _, body = self.socket.recv(65536).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return first, dict(line.split(": ", 1) for line in lines), body.decode()

    def answer(self, request, code, who):
        lines = [f"{name}: {request[name]}" for name in ("Via", "From", "Call-ID", "CSeq")]
        self.socket.sendto("\r\n".join([
            f"SIP/2.0 {code} says {who}", *lines, f"To: {request['To']};tag={who}", f"X-Number: {who}", f"Server: {who}",
            "Content-Length: 0", "", ""]).encode(), (lab.CALLEE_SIDE, lab.SIP))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def relay(suite, name, text, answer, kind="text/plain;charset=UTF-8", bound=True):
    """One message from A to X. `answer` is B's status, None if B gets nothing or is silent. Returns the status that A got, and
    problems."""
    (a, b), = suite.pairs(1)
    subscription = suite.texts.bind_axb("+" + a, "+" + b, "+" + suite.sms_x) if bound else None
    seen = capture.Capture(suite.world.folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
    problems = []
    with Phone(lab.CALLER) as sender, Phone(lab.CALLEE) as receiver:
        sender.write(a, suite.sms_x, text, name, kind)
        if answer:
            first, headers, body = receiver.receive()
            if (body, first) != (text, f"MESSAGE sip:+{b}@{lab.CALLEE}:{lab.SIP} SIP/2.0"):
                problems.append(f"B got {first} with {body!r}")
            if f"sip:+{suite.sms_x}@" not in headers["From"]:
                problems.append(f"B sees From {headers['From']}")
            receiver.answer(headers, answer, b)
        status = int(sender.receive()[0].split()[1])
    found = capture.leaks(seen.stop(), [(a, b)], lab.CALLER, lab.CALLEE)
    if subscription:
        suite.texts.unbind_axb(subscription)
    return status, problems + found


def told(suite):
    return suite.receiver.arrived.get(timeout=20)["smsEvent"]["sendResult"]


def expect(suite, status, result, *message, **more):
    got, problems = relay(suite, *message, **more)
    if got != status:
        problems.append(f"A got {got}")
    if result is not None and (sent := told(suite)) != result:
        problems.append(f"the customer was told {sent}")
    return problems


def reaches_b(suite):
    """SMS: A writes to X, B reads it from X, the customer is told"""
    return expect(suite, 200, 0, "plain", "I am at the gate", 200)


def any_script(suite):
    """SMS: characters beyond ASCII arrive as they were written"""
    return expect(suite, 202, 0, "utf8", UTF8, 202)


def long_text(suite):
    """SMS: a long text arrives whole, quotes and line breaks too"""
    return expect(suite, 200, 0, "long", 'He said "yes\\no".\r\n' * 100, 200)


def too_long(suite):
    """SMS: a text that is too long is refused"""
    return expect(suite, 403, 10, "toolong", "x" * 2001, None)


def not_sent(suite):
    """SMS: B's network refuses it, the customer is told that it was not sent"""
    return expect(suite, 486, 10, "refused", "hello", 486)


def nobody_answers(suite):
    """SMS: B's network does not answer"""
    return expect(suite, 408, 10, "silent", "hello", None)


def not_bound(suite):
    """SMS: nothing is bound, nothing goes on"""
    return expect(suite, 403, 2, "unbound", "hello", None, bound=False)


def other_bodies(suite):
    """SMS: other bodies than text/plain are refused, the gateway is not asked"""
    return expect(suite, 415, None, "html", "<b>hello</b>", None, kind="text/html")


ALL = [reaches_b, any_script, long_text, too_long, not_sent, nobody_answers, not_bound, other_bodies]
