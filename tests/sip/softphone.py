"""A telephone that can be heard: it speaks SIP, hums a tone of its own as G.711 A-law, and keeps what it hears. sipp plays
no part in the tests of sound, because they have to know what each side hears when."""

import math
import queue
import re
import socket
import struct
import sys
import threading
import time

import lab

sys.path.append(str(lab.MEDIA))
from sound import RATE, alaw_to_linear, header as wav_header, linear_to_alaw

WAV_HEADER = len(wav_header(1, 0))
# Samples in a packet of 20 ms.
PACKET = 160
PCMA, EVENT = 8, 101


def hum(hz, seconds):
    """A tone as A-law."""
    samples = (8000 * math.sin(2 * math.pi * hz * n / RATE) for n in range(int(RATE * seconds)))
    return bytes(linear_to_alaw(int(sample)) for sample in samples)


def strength(alaw, hz):
    """How much of a sound is the tone `hz`: about 1 when it is a pure one of that frequency (Goertzel), 0 for silence."""
    samples = [alaw_to_linear(code) for code in alaw]
    power = sum(sample * sample for sample in samples)
    if power < len(samples) * 100:
        return 0.0
    turn = 2 * math.pi * hz / RATE
    real = sum(sample * math.cos(turn * n) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(turn * n) for n, sample in enumerate(samples))
    return 2 * (real * real + imaginary * imaginary) / (len(samples) * power)


def has_tone(alaw, hz, seconds=0.5):
    """Whether the tone can be heard somewhere for about so long without a break."""
    step = RATE // 10
    run = 0
    for start in range(0, len(alaw) - step + 1, step):
        run = run + 1 if strength(alaw[start:start + step], hz) > 0.25 else 0
        if run * step >= seconds * RATE:
            return True
    return False


class Phone:
    """One telephone in one call."""

    def __init__(self, address, number, hz, port=0):
        self.address, self.number, self.hz = address, number, hz
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind((address, port))
        self.port = self.sip.getsockname()[1]
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((address, 0))
        self.rtp.settimeout(0.05)
        self.remote = None
        self.sequence, self.timestamp = 100, 5000
        self.heard = bytearray()
        # Where sound came from.
        self.sources = set()
        self.keys = queue.Queue()
        self.tag = f"t{time.monotonic_ns()}"
        self.call_id, self.from_header, self.to_header = f"{number}-{self.tag}", None, None
        self.peer, self.contact, self.cseq = None, None, 1
        self.request = None
        self.on = True
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.speak, self.listen)]
        for thread in self.threads:
            thread.start()

    # Sound.

    def speak(self):
        sound = hum(self.hz, 1.0)
        begin, count = time.monotonic(), 0
        while self.on:
            if self.remote:
                try:
                    self.event(self.keys.get_nowait())
                except queue.Empty:
                    at = count * PACKET % len(sound)
                    self.packet(PCMA, sound[at:at + PACKET])
                    self.timestamp += PACKET
            count += 1
            time.sleep(max(0, begin + count * PACKET / RATE - time.monotonic()))

    def packet(self, kind, payload, marker=0):
        head = struct.pack("!BBHII", 0x80, kind | marker, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, 7)
        self.rtp.sendto(head + payload, self.remote)
        self.sequence += 1

    def event(self, digit):
        """A key for 100 ms (RFC 4733)."""
        code = "0123456789*#".index(digit)
        for n in range(8):
            end = 0x80 if n > 4 else 0
            self.packet(EVENT, struct.pack("!BBH", code, end | 10, min(n + 1, 5) * PACKET), 0x80 if n == 0 else 0)
            time.sleep(0.02)
        self.timestamp += 8 * PACKET

    def key(self, digits):
        for digit in digits:
            self.keys.put(digit)

    def listen(self):
        while self.on:
            try:
                packet, (address, _) = self.rtp.recvfrom(2048)
            except OSError:
                continue
            self.sources.add(address)
            if packet[1] & 0x7F == PCMA:
                self.heard += packet[12:]

    def hears(self, hz, seconds=0.5, within=8):
        """Waits until the tone can be heard."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            if has_tone(bytes(self.heard[-2 * RATE:]), hz, seconds):
                return True
            time.sleep(0.05)
        return False

    def sdp(self):
        return (f"v=0\r\no={self.number} 1 1 IN IP4 {self.address}\r\ns=phone of {self.number}\r\nc=IN IP4 {self.address}\r\n"
                f"t=0 0\r\nm=audio {self.rtp.getsockname()[1]} RTP/AVP {PCMA} {EVENT}\r\na=rtpmap:{PCMA} PCMA/8000\r\n"
                f"a=rtpmap:{EVENT} telephone-event/8000\r\na=sendrecv\r\n")

    def learn(self, body):
        if "m=audio" in body:
            address = re.search(r"^c=IN IP4 (\S+)", body, re.M)[1]
            self.remote = address, int(re.search(r"^m=audio (\d+)", body, re.M)[1])

    # Messages.

    def send(self, head, headers, body=""):
        content = "Content-Type: application/sdp\r\n" if body.startswith("v=0") else ""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        text = f"{head}\r\n{lines}{content}Content-Length: {len(body)}\r\n\r\n{body}"
        self.sip.sendto(text.encode(), self.peer)

    def receive(self, wanted, seconds=8):
        """Waits for a message whose first line matches; others are passed over. Returns its text."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sip.settimeout(left)
            try:
                data, peer = self.sip.recvfrom(65536)
            except TimeoutError:
                break
            text = data.decode("utf-8", "replace")
            if re.match(wanted, text):
                self.peer = peer
                head, _, body = text.partition("\r\n\r\n")
                self.learn(body)
                if contact := header(head, "Contact"):
                    self.contact = re.search(r"<([^>]+)>", contact)[1]
                return text
        raise TimeoutError(f"{self.number}: no {wanted}")

    def ask(self, method, uri, to, body="", more=(), cseq=None, branch=None):
        branch = branch or f"z9hG4bK{self.tag}{method}{self.cseq}"
        self.send(f"{method} {uri} SIP/2.0", [
            ("Via", f"SIP/2.0/UDP {self.address}:{self.port};branch={branch}"), ("From", self.from_header), ("To", to),
            ("Call-ID", self.call_id), ("CSeq", f"{cseq or self.cseq} {method}"), ("Max-Forwards", "70"),
            ("Contact", f"<sip:{self.number}@{self.address}:{self.port}>"), *more], body)

    # As the caller.

    def call(self, x, describe=True):
        """`describe`: with an offer; without, the callee makes one."""
        self.peer = (lab.CALLER_SIDE, lab.SIP)
        self.uri = f"sip:{x}@{lab.CALLER_SIDE}:{lab.SIP}"
        self.from_header = f"<sip:{self.number}@{self.address}>;tag={self.tag}"
        self.ask("INVITE", self.uri, f"<{self.uri}>", self.sdp() if describe else "")

    def move(self):
        """Offers another port for its sound (re-INVITE)."""
        self.rtp, old = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), self.rtp
        self.rtp.bind((self.address, 0))
        self.rtp.settimeout(0.05)
        self.cseq += 1
        self.ask("INVITE", self.contact, self.to_header, self.sdp())
        old.close()

    def wait(self, status, seconds=8, cseq=1, body=""):
        """Waits for an answer to the INVITE; acknowledges a final one, with `body`."""
        text = self.receive(rf"SIP/2.0 {status}", seconds)
        self.to_header = header(text, "To")
        if status >= 200:
            self.ask("ACK", self.contact if status < 300 else self.uri, self.to_header, body,
                     branch=f"z9hG4bK{self.tag}{'ACK' if status < 300 else 'INVITE'}{cseq}", cseq=cseq)
        return text

    def cancel(self):
        self.ask("CANCEL", self.uri, f"<{self.uri}>", branch=f"z9hG4bK{self.tag}INVITE1")

    # As the callee.

    def rung(self):
        """Waits for the call."""
        self.request = self.receive("INVITE")
        self.call_id = header(self.request, "Call-ID")
        self.from_header = header(self.request, "To") + f";tag={self.tag}"
        self.to_header = header(self.request, "From")

    def reply(self, code, body=""):
        self.answer_to(self.request, code, body)

    def answer_to(self, request, code, body=""):
        to = header(request, "To")
        self.send(f"SIP/2.0 {code} says {self.number}", [
            ("Via", header(request, "Via")), ("From", header(request, "From")),
            ("To", to if "tag=" in to else f"{to};tag={self.tag}"), ("Call-ID", header(request, "Call-ID")),
            ("CSeq", header(request, "CSeq")), ("Contact", f"<sip:{self.number}@{self.address}:{self.port}>")], body)

    # As either.

    def info(self, body, kind="application/dtmf-relay"):
        self.cseq += 1
        self.ask("INFO", self.contact, self.to_header, body, [("Content-Type", kind)])
        return self.receive(r"SIP/2.0 \d+")

    def hang_up(self, other):
        self.cseq += 1
        self.ask("BYE", self.contact, self.to_header)
        other.hung_up()
        self.receive("SIP/2.0 200")

    def hung_up(self, seconds=8):
        bye = self.receive("BYE", seconds)
        time.sleep(0.02)
        self.answer_to(bye, 200)

    def close(self):
        self.on = False
        for thread in self.threads:
            thread.join()
        self.sip.close()
        self.rtp.close()


def header(text, name):
    """The value of a header, or nothing."""
    found = re.search(rf"^{name}: *(.*?)\r?$", text.partition("\r\n\r\n")[0], re.M | re.I)
    return found and found[1]
