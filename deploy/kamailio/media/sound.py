"""From packets to sound: a WAV file of what rtpengine captured of a call.

Everything here works on what phones have sent, so nothing is trusted: packets that make no sense are passed over, and
memory is bounded by a second or two of sound, however long the call and whatever its timestamps claim.
"""

import array
import dataclasses
import functools
import struct

# Samples a second; one byte each.
RATE = 8000
# A-law of no sound at all.
SILENCE = b"\xd5"
# A packet whose timestamp leads this far from its arrival belongs to a sender whose clock was set anew.
DRIFT_MAX = RATE // 2
# Sound is kept open this long for packets that come late.
LATE_MAX = RATE
# Where a recording ends, whatever the clock of the capture does: 24 hours.
SAMPLES_MAX = 24 * 3600 * RATE
PCMU, PCMA, COMFORT_NOISE = 0, 8, 13
# From this payload type on meanings are agreed on per call. Four bytes in one are a telephone event (RFC 4733).
DYNAMIC, EVENT_BYTES = 96, 4


def alaw_to_linear(code):
    code ^= 0x55
    exponent, value = code >> 4 & 7, (code & 15) << 4 | 8
    if exponent:
        value = value + 0x100 << exponent - 1
    return value if code & 0x80 else -value


def linear_to_alaw(sample):
    magnitude = min(abs(sample), 32767)
    exponent = max(magnitude.bit_length() - 8, 0)
    mantissa = magnitude >> max(exponent, 1) + 3 & 15
    return (0x80 if sample >= 0 else 0) ^ exponent << 4 ^ mantissa ^ 0x55


def ulaw_to_linear(code):
    code = ~code & 0xFF
    value = ((code & 15) << 3 | 0x84) << (code >> 4 & 7)
    return 0x84 - value if code & 0x80 else value - 0x84


ULAW_TO_ALAW = bytes(linear_to_alaw(ulaw_to_linear(code)) for code in range(256))


@functools.cache
def sums():
    """The A-law code of the sum of two: by the two codes as one number."""
    linear = [alaw_to_linear(code) for code in range(256)]
    # A-law has no zero. What is silent on one side must leave the other side's sound as it is.
    linear[SILENCE[0]] = 0
    return bytes(linear_to_alaw(linear[one] + linear[other]) for one in range(256) for other in range(256))


def mixed(both):
    """One channel of two that take turns in `both`."""
    return bytes(map(sums().__getitem__, array.array("H", both)))


@dataclasses.dataclass
class Packet:
    """One RTP packet as it arrived: `at` in seconds, `port` is the relay's own."""

    at: float
    port: int
    kind: int
    timestamp: int
    source: int
    payload: bytes


def packets(capture):
    """The RTP packets of a capture file (raw IP), up to where it breaks off."""
    head = capture.read(24)
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(head[:4])
    if order is None:
        return
    while len(record := capture.read(16)) == 16:
        seconds, micros, length, _ = struct.unpack(order + "4I", record)
        if length > 0x10000:
            return
        datagram = capture.read(length)
        if len(datagram) < length:
            return
        if packet := rtp(seconds + micros / 1e6, datagram):
            yield packet


def rtp(at, datagram):
    """The RTP packet in an IP packet, or nothing."""
    if not datagram:
        return None
    if datagram[0] >> 4 == 4:
        udp, protocol = (datagram[0] & 15) * 4, datagram[9:10]
    else:
        udp, protocol = 40, datagram[6:7]
    content = datagram[udp + 8:]
    # 192 to 223 in the second byte: RTCP on the same port (RFC 5761).
    if protocol != b"\x11" or len(content) < 12 or content[0] >> 6 != 2 or 192 <= content[1] <= 223:
        return None
    port, = struct.unpack_from("!H", datagram, udp + 2)
    timestamp, source = struct.unpack_from("!II", content, 4)
    start = 12 + 4 * (content[0] & 15)
    if content[0] & 0x10:
        if len(content) < start + 4:
            return None
        start += 4 + 4 * struct.unpack_from("!H", content, start + 2)[0]
    end = len(content) - (content[-1] if content[0] & 0x20 else 0)
    return Packet(at, port, content[1] & 0x7F, timestamp, source, content[start:end])


class Clock:
    """Where on the time line the packets of one sender belong: by their timestamps, which know nothing of delays on the
    way, tied to the arrival of the first one, and anew whenever they lead too far astray."""

    def __init__(self):
        self.source = self.timestamp = self.position = None

    def place(self, packet, arrival):
        position = arrival
        if packet.source == self.source:
            step = packet.timestamp - self.timestamp & 0xFFFFFFFF
            position = self.position + (step - (1 << 32) if step >= 1 << 31 else step)
            if abs(position - arrival) > DRIFT_MAX:
                position = arrival
        self.source, self.timestamp, self.position = packet.source, packet.timestamp, position
        return position


class TimeLine:
    """Two channels side by side, written to `out` as soon as no packet can come for them any more."""

    def __init__(self, out, stereo):
        self.out, self.stereo = out, stereo
        self.written = 0
        self.open = bytearray()

    def put(self, position, channel, sound):
        """Returns whether there was still a place for it."""
        late = self.written - position
        if late > 0:
            sound, position = sound[late:], self.written
        start = 2 * (position - self.written) + channel
        end = start - channel + 2 * len(sound)
        if end > len(self.open):
            self.open += SILENCE * (end - len(self.open))
        self.open[start:end:2] = sound
        return bool(sound)

    def close_until(self, position):
        """Writes what lies before `position`."""
        position = min(position, SAMPLES_MAX)
        while self.written < position:
            count = min(position - self.written, RATE)
            piece = bytes(self.open[:2 * count]).ljust(2 * count, SILENCE)
            del self.open[:2 * count]
            self.out.write(piece if self.stereo else mixed(piece))
            self.written += count

    def end(self):
        self.close_until(self.written + len(self.open) // 2)


@dataclasses.dataclass
class Report:
    """What became of a capture: `unreadable` counts packets by payload type, `late` those that came too late."""

    seconds: float = 0.0
    decoded: int = 0
    late: int = 0
    unreadable: dict = dataclasses.field(default_factory=dict)


def header(channels, size):
    """Of a WAV file of A-law with so many bytes of sound."""
    form = struct.pack("<HHIIHHH", 6, channels, RATE, channels * RATE, channels, 8, 0)
    fact = struct.pack("<I", size // channels)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<I", 4) + fact
    whole = 4 + len(chunks) + 8 + size + size % 2
    return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)


def alaw(packet, report):
    """The sound of a packet as A-law; counts what is none."""
    if packet.kind == PCMA:
        return packet.payload
    if packet.kind == PCMU:
        return packet.payload.translate(ULAW_TO_ALAW)
    if packet.kind != COMFORT_NOISE and not (packet.kind >= DYNAMIC and len(packet.payload) == EVENT_BYTES):
        report.unreadable[packet.kind] = report.unreadable.get(packet.kind, 0) + 1
    return b""


def convert(capture, wav, caller_port=None, started=None, stereo=False):
    """Writes to the open file `wav` what is in the open file `capture`. What came to `caller_port` of the relay is the
    caller's and goes to the left; unknown, the first who speaks counts as the caller. The sound begins at `started`,
    a Unix time, if that is a moment before the first packet; else with that packet. Returns a Report."""
    report, clocks = Report(), {}
    channels = 2 if stereo else 1
    wav.write(header(channels, 0))
    line = TimeLine(wav, stereo)
    for packet in packets(capture):
        if not clocks:
            if caller_port is None:
                caller_port = packet.port
            if started is None or not 0 <= packet.at - started <= 60:
                started = packet.at
        arrival = max(round((packet.at - started) * RATE), 0)
        if arrival > SAMPLES_MAX:
            break
        line.close_until(arrival - LATE_MAX)
        clock = clocks.setdefault(packet.port, Clock())
        if sound := alaw(packet, report):
            report.decoded += 1
            if not line.put(max(clock.place(packet, arrival), 0), int(packet.port != caller_port), sound):
                report.late += 1
    line.end()
    size = line.written * channels
    if size % 2:
        wav.write(SILENCE)
    wav.seek(0)
    wav.write(header(channels, size))
    report.seconds = line.written / RATE
    return report
