"""What reached each phone, read back from the packet capture, and the search for what should not have."""

import collections
import socket
import struct
import subprocess
import time
import uuid

Message = collections.namedtuple("Message", "at source destination text")


class Capture:
    """tcpdump on the loopback interface, from start to stop."""

    def __init__(self, file, addresses):
        self.file, self.address = file, addresses[0]
        wanted = " or ".join(f"host {address}" for address in addresses)
        self.process = subprocess.Popen(
            ["tcpdump", "-i", "lo", "--immediate-mode", "-U", "-n", "-B", "16384", "-w", str(file), f"(udp or tcp) and ({wanted})"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        # tcpdump says on stderr that it listens.
        self.process.stderr.readline()

    def cancelled(self):
        """How many calls the callers have called off so that the switch knows: it has answered, or was told twice."""
        told = collections.Counter()
        for message in messages(self.file):
            lines = message.text.split("\r\n")
            if any(line.startswith("CSeq:") and line.endswith("CANCEL") for line in lines):
                told[next(line for line in lines if line.startswith("Call-ID:"))] += 1
        return sum(count >= 2 for count in told.values())

    def acknowledged(self, call_id):
        """Whether the callee has the ACK of a call, and so is ready for what follows. The Call-ID of its leg is the callId."""
        acks = (message for message in messages(self.file) if message.text.startswith("ACK "))
        return any(f"Call-ID: {call_id}" in message.text.split("\r\n") for message in acks)

    def stop(self):
        # What tcpdump has not read yet when it ends is lost. A packet of our own shows that it has come so far.
        last = uuid.uuid4().bytes
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            end = time.monotonic() + 10
            while last not in self.file.read_bytes()[-65536:]:
                assert time.monotonic() < end, "tcpdump does not see our packets"
                sender.sendto(last, (self.address, 9))
                time.sleep(0.05)
        self.process.terminate()
        self.process.wait(10)
        return list(messages(self.file))


def messages(file):
    """Each packet that begins with a SIP message, with its time in seconds."""
    with open(file, "rb") as capture:
        head = capture.read(24)
        order = "<" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        while record := capture.read(16):
            seconds, micros, length, _ = struct.unpack(order + "4I", record)
            frame = capture.read(length)
            if len(frame) < length:
                return
            ip = frame[14:]
            start = (ip[0] & 15) * 4
            head = 8 if ip[9] == socket.IPPROTO_UDP else (ip[start + 12] >> 4) * 4
            payload = ip[start + head:]
            if b"SIP/2.0" in payload[:400]:
                source, destination = (socket.inet_ntoa(ip[at:at + 4]) for at in (12, 16))
                yield Message(seconds + micros / 1e6, source, destination, payload.decode("utf-8", "replace"))


def leaks(seen, pairs, caller_address, callee_address):
    """Lines of SIP messages that showed a party the other's number or address."""
    found = []
    for _, source, destination, text in seen:
        if source in (caller_address, callee_address):
            continue
        for a, b in pairs:
            if destination == callee_address:
                secrets = (a, caller_address)
            elif destination == caller_address:
                secrets = (b, callee_address)
            else:
                continue
            for line in text.splitlines():
                # The callee's own number stands where it is called; a party may see itself.
                if any(secret in line for secret in secrets):
                    found.append(f"to {destination} in {text.splitlines()[0]!r}: {line}")
    return found
