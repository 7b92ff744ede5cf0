#!/usr/bin/python3
"""Hands the recordings that rtpengine makes to the gateway.

rtpengine (userspace, recording-method = pcap) writes a capture while the call lasts and a metadata file when it has
ended. Each ended call's capture is turned into a WAV file and sent with PUT /switch/v1/recordings/{callId}. Files are
deleted when, and only when, the gateway has answered 2xx: at least once, for the gateway knows a recording that comes
twice. Nothing is kept in memory that matters, so this program may be killed at any time.

What the gateway refuses for good, and captures without any sound that we can read, are moved to the folder `refused`
for a person to look at. That folder has bounds: what is oldest in it is deleted first.
"""

import argparse
import contextlib
import fcntl
import http.client
import os
import pathlib
import re
import signal
import sys
import threading
import time
import urllib.parse

import sound

# A metadata file appears just before the end of the capture is flushed.
SETTLE_SECONDS = 2
# Between two looks at the folder, and after a failure: the wait doubles up to the longest.
LOOK_SECONDS, WAIT_SECONDS, WAIT_SECONDS_MAX = 1, 1, 60
ANSWER_SECONDS = 60
METADATA_BYTES_MAX = 1 << 20
# Statuses that a later try may turn into 200: wrong token, call not known (yet), under way, too slow, unavailable.
TRANSIENT = {401, 404, 408, 409, 429}
OURS = re.compile(r"^callId:([0-9A-Za-z-]{1,256}),caller:([0-9]{0,5}),started:([0-9]{0,12}(?:\.[0-9]{1,6})?)$", re.M)
STEM = re.compile(r"^(.+)-[0-9a-f]{16}$")
# A file that was set aside, by what the files of its call have in common.
SET_ASIDE = re.compile(r"^(?:rtpengine-meta-)?(.+)\.(?:pcap|wav|txt|tmp)$")
# Between two looks at what has become too old there.
TIDY_SECONDS = 3600


def say(level, text):
    """For the journal: the level as systemd reads it from stderr."""
    print(f"<{level}>{text}", file=sys.stderr, flush=True)


ERROR, WARNING, INFO = 3, 4, 6


class Call:
    """The files of one recorded call. `stem` is what their names have in common."""

    def __init__(self, spool, stem):
        self.stem, self.spool = stem, spool
        self.metadata = spool / "metadata" / f"rtpengine-meta-{stem}.txt"
        self.unfinished = spool / "tmp" / f"rtpengine-meta-{stem}.tmp"
        self.capture = spool / "pcaps" / f"{stem}.pcap"
        self.wav = spool / "wav" / f"{stem}.wav"
        self.call_id, self.caller_port, self.started = STEM.sub(r"\1", stem), None, None

    def read_metadata(self):
        """What Kamailio told rtpengine about the call; of a call without it the Call-ID in the name has to do."""
        for file in (self.metadata, self.unfinished):
            with contextlib.suppress(FileNotFoundError), open(file, encoding="utf-8", errors="replace") as text:
                if found := OURS.search(text.read(METADATA_BYTES_MAX)):
                    self.call_id = found[1]
                    self.caller_port = int(found[2] or 0) or None
                    self.started = float(found[3]) if found[3] else None
                return

    def write_wav(self, stereo):
        """Makes the WAV file, whole or not at all. Returns why it is none worth sending, or nothing."""
        part = self.wav.with_suffix(".part")
        with open(self.capture, "rb") as capture, open(part, "wb+") as wav:
            report = sound.convert(capture, wav, self.caller_port, self.started, stereo)
            wav.flush()
            os.fsync(wav.fileno())
        if report.unreadable:
            kinds = ", ".join(f"{count} of payload type {kind}" for kind, count in sorted(report.unreadable.items()))
            say(WARNING, f"call {self.call_id}: cannot decode packets: {kinds}; only G.711 can be recorded")
        if report.unreadable and not report.decoded:
            part.unlink()
            return "no packet could be decoded"
        os.replace(part, self.wav)
        return None

    def delete(self):
        for file in self.files():
            file.unlink(missing_ok=True)

    def files(self):
        """In the order in which they can be moved or deleted, so that a run cut short leads the next one here again: a capture is
        sent once more, a metadata file without one is only deleted."""
        return self.wav, self.unfinished, self.capture, self.metadata


class Refused:
    """What is set aside: so many calls, so many bytes, for so long. What is oldest goes first."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options
        self.looked = float("-inf")

    def take(self, call, why):
        say(ERROR, f"call {call.call_id}: its recording is set aside in {self.folder}: {why}")
        for file in call.files():
            with contextlib.suppress(FileNotFoundError):
                os.replace(file, self.folder / file.name)
        self.tidy()

    def tidy_in_time(self):
        if time.monotonic() - self.looked >= TIDY_SECONDS:
            self.tidy()

    def tidy(self):
        self.looked = time.monotonic()
        calls, size = 0, 0
        for stem, (changed, bytes_of_call, files) in self.newest_first():
            calls, size = calls + 1, size + bytes_of_call
            if calls > self.options.refused_calls:
                self.drop(stem, files, f"more than {self.options.refused_calls} calls")
            elif size > self.options.refused_mib << 20:
                self.drop(stem, files, f"more than {self.options.refused_mib} MiB")
            elif time.time() - changed > self.options.refused_days * 86400:
                self.drop(stem, files, f"older than {self.options.refused_days:g} days")

    def newest_first(self):
        """The calls, with when the last of their files was written, their bytes, and the files. Others' files are left alone."""
        calls = {}
        for entry in os.scandir(self.folder):
            if found := SET_ASIDE.search(entry.name):
                with contextlib.suppress(FileNotFoundError):
                    about = entry.stat()
                    changed, size, files = calls.get(found[1], (0, 0, []))
                    calls[found[1]] = max(changed, about.st_mtime), size + about.st_size, [*files, entry.path]
        return sorted(calls.items(), key=lambda call: call[1][0], reverse=True)

    def drop(self, stem, files, why):
        call = STEM.sub(r"\1", stem)
        say(WARNING, f"call {call}: what was set aside of it is deleted: {why}")
        for file in files:
            pathlib.Path(file).unlink(missing_ok=True)


class Gateway:
    def __init__(self, url, token_file):
        self.url, self.token_file = urllib.parse.urlsplit(url), token_file
        if self.url.scheme != "http" or not self.url.hostname:
            raise ValueError(f"{url}: must be http://HOST:PORT")

    def put(self, call):
        """Sends the WAV file. Returns status and the beginning of the answer."""
        # Read each time: a token can be changed without a restart.
        token = "".join(self.token_file.read_text().split()[:1])
        query = f"?startedAt={call.started:.6f}" if call.started is not None else ""
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port or 80, timeout=ANSWER_SECONDS)
        with contextlib.closing(connection), open(call.wav, "rb") as wav:
            connection.request("PUT", f"/switch/v1/recordings/{urllib.parse.quote(call.call_id, safe='')}{query}", wav, {
                "Authorization": f"Bearer {token}", "Content-Type": "audio/wav",
                "Content-Length": str(os.fstat(wav.fileno()).st_size)})
            answer = connection.getresponse()
            return answer.status, answer.read(500).decode("utf-8", "replace")


class Recorder:
    """Takes the ended calls in turn. One that fails waits longer and longer, and holds up no other."""

    def __init__(self, options, gateway):
        self.spool, self.options, self.gateway = options.spool, options, gateway
        # By stem: when to try again, how long the last wait was, and since when it has failed.
        self.waits = {}
        for folder in ("pcaps", "metadata", "tmp", "wav", "refused"):
            (self.spool / folder).mkdir(mode=0o750, exist_ok=True)
        for part in (self.spool / "wav").glob("*.part"):
            part.unlink()
        self.refused = Refused(self.spool / "refused", options)

    def ended(self):
        """The calls that are over, oldest first."""
        now, found = time.time(), []
        for entry in os.scandir(self.spool / "metadata"):
            if entry.name.startswith("rtpengine-meta-") and entry.name.endswith(".txt"):
                found.append((entry.stat().st_mtime, entry.name[len("rtpengine-meta-"):-len(".txt")]))
        stems = [stem for changed, stem in sorted(found) if now - changed >= SETTLE_SECONDS]
        return stems + sorted(self.abandoned(now, {stem for _, stem in found}))

    def abandoned(self, now, known):
        """Captures without metadata that have not grown for long: rtpengine died under the call."""
        for entry in os.scandir(self.spool / "pcaps"):
            stem = entry.name.removesuffix(".pcap")
            if stem != entry.name and stem not in known:
                with contextlib.suppress(FileNotFoundError):
                    if now - entry.stat().st_mtime >= self.options.abandoned_secs:
                        yield stem

    def look(self):
        """Does what can be done now."""
        self.refused.tidy_in_time()
        stems = self.ended()
        self.waits = {stem: wait for stem, wait in self.waits.items() if stem in set(stems)}
        for stem in stems:
            if STOP.is_set():
                return
            if self.waits.get(stem, (0,))[0] <= time.monotonic() and not self.take(Call(self.spool, stem)):
                return

    def take(self, call):
        """Returns false when the gateway or the disk is out of order, so that others need not be tried now."""
        try:
            call.read_metadata()
            if not call.wav.exists():
                if not call.capture.exists():
                    # Delivered: only the deleting was cut short.
                    call.delete()
                    return True
                if why := call.write_wav(self.options.stereo):
                    self.refused.take(call, why)
                    return True
            status, answer = self.gateway.put(call)
        except (OSError, http.client.HTTPException) as error:
            self.postpone(call, str(error) or type(error).__name__)
            return False
        if 200 <= status < 300:
            say(INFO, f"call {call.call_id}: delivered, {answer.strip()}")
            call.delete()
            self.waits.pop(call.stem, None)
        elif status in TRANSIENT or status >= 500:
            self.postpone(call, f"the gateway answered {status} {answer.strip()}", status == 404)
        else:
            self.refused.take(call, f"the gateway answered {status} {answer.strip()}")
        return True

    def postpone(self, call, why, forgettable=False):
        """`forgettable`: the gateway does not know the call, and after long enough never will."""
        _, wait, since = self.waits.get(call.stem, (0, WAIT_SECONDS / 2, time.monotonic()))
        if forgettable and time.monotonic() - since > self.options.unknown_secs:
            self.refused.take(call, why)
            return
        wait = min(2 * wait, WAIT_SECONDS_MAX)
        if wait in (WAIT_SECONDS, WAIT_SECONDS_MAX):
            say(WARNING, f"call {call.call_id}: not delivered, again in {wait:g} s: {why}")
        self.waits[call.stem] = (time.monotonic() + wait, wait, since)


STOP = threading.Event()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--spool", type=pathlib.Path, required=True, help="rtpengine's recording-dir")
    parser.add_argument("--gateway", required=True, help="the gateway's switch listener, http://HOST:PORT")
    parser.add_argument("--token-file", type=pathlib.Path, required=True, help="its first word is the switch token")
    parser.add_argument("--stereo", action="store_true", help="caller on the left, callee on the right")
    parser.add_argument("--abandoned-secs", type=float, default=600,
                        help="a capture without an end that has not grown for so long is taken as ended (600)")
    parser.add_argument("--unknown-secs", type=float, default=7200,
                        help="a recording of a call that the gateway does not know is set aside after this (7200)")
    parser.add_argument("--refused-calls", type=int, default=1000, help="so many calls that were set aside are kept (1000)")
    parser.add_argument("--refused-mib", type=int, default=2048, help="in so many MiB (2048)")
    parser.add_argument("--refused-days", type=float, default=30, help="for so long (30)")
    return parser.parse_args()


def main():
    options = arguments()
    gateway = Gateway(options.gateway, options.token_file)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: STOP.set())
    with open(options.spool / "recorder.lock", "w") as lock:
        try:
            # Two of us would send everything twice, and delete under each other's hands.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{options.spool}: another recorder is at work here")
        recorder = Recorder(options, gateway)
        while not STOP.is_set():
            try:
                recorder.look()
            except OSError as error:
                say(ERROR, f"cannot read the spool: {error}")
                STOP.wait(WAIT_SECONDS_MAX)
            STOP.wait(LOOK_SECONDS)


if __name__ == "__main__":
    main()
