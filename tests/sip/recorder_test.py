"""The recorder without telephones: what becomes of packets, and of files when things fail."""

import argparse
import contextlib
import http.server
import io
import os
import pathlib
import random
import struct
import sys
import tempfile
import threading
import unittest
import unittest.mock

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "deploy/kamailio/media"))
import recorder
import sound
from softphone import hum, strength

CALLER_PORT, CALLEE_PORT = 30000, 30012
HEADER = len(sound.header(1, 0))
START = 1767323100.25


def datagram(port, payload, sequence=0, timestamp=0, kind=sound.PCMA, source=1):
    rtp = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, source) + payload
    udp = struct.pack("!HHHH", 7000, port, 8 + len(rtp), 0) + rtp
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), bytes(4)) + udp


def speech(port, alaw, start=0.0, first=4294967000, **more):
    """Packets of 20 ms: (seconds after the start of the call, datagram)."""
    for n in range(len(alaw) // 160):
        yield start + n * 0.02, datagram(port, alaw[160 * n:160 * n + 160], n, first + 160 * n, **more)


def capture(*streams):
    """A capture file of everything in `streams`, in the order of arrival."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for at, packet in sorted((item for stream in streams for item in stream), key=lambda item: item[0]):
        seconds, micros = divmod(round((START + at) * 1e6), 1_000_000)
        out += struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet
    return out


def converted(content, **how):
    """The sound in a capture, without the header, and the report."""
    wav = io.BytesIO()
    report = sound.convert(io.BytesIO(content), wav, **how)
    return wav.getvalue()[HEADER:], report


A, B = hum(440, 2), hum(1000, 2)
SILENCE = sound.SILENCE


class PacketsBecomeSound(unittest.TestCase):
    def same(self, one, other, what=""):
        """Equal; without a listing of a difference of megabytes."""
        self.assertTrue(one == other, f"lengths {len(one)} and {len(other)} {what}")

    def test_both_voices_are_in_one_channel(self):
        wav, report = converted(capture(speech(CALLER_PORT, A), speech(CALLEE_PORT, B)))
        self.assertEqual((len(wav), report.seconds, report.decoded), (16000, 2.0, 200))
        self.assertAlmostEqual(strength(wav, 440), 0.5, delta=0.05)
        self.assertAlmostEqual(strength(wav, 1000), 0.5, delta=0.05)

    def test_one_voice_alone_comes_through_unchanged(self):
        self.same(converted(capture(speech(CALLER_PORT, A)))[0], A)

    def test_in_stereo_the_caller_is_on_the_left_whoever_speaks_first(self):
        content = capture(speech(CALLER_PORT, A, 0.01), speech(CALLEE_PORT, B))
        wav, _ = converted(content, caller_port=CALLER_PORT, stereo=True)
        self.assertGreater(strength(wav[0::2], 440), 0.9)
        self.assertGreater(strength(wav[1::2], 1000), 0.9)

    def test_the_header_says_what_the_file_holds(self):
        wav = io.BytesIO()
        sound.convert(io.BytesIO(capture(speech(CALLER_PORT, A))), wav)
        head = wav.getvalue()[:HEADER]
        self.assertEqual(head[:12], b"RIFF" + struct.pack("<I", HEADER - 8 + 16000) + b"WAVE")
        self.assertEqual(struct.unpack_from("<HHIIHH", head, 20), (6, 1, 8000, 8000, 1, 8))
        self.assertEqual(head[-8:], b"data" + struct.pack("<I", 16000))

    def test_mu_law_is_turned_into_a_law(self):
        loud = bytes(range(0, 128, 8)) * 20
        wav, _ = converted(capture(speech(CALLER_PORT, loud, kind=sound.PCMU)))
        for code, got in zip(loud, wav, strict=True):
            meant = sound.ulaw_to_linear(code)
            self.assertLessEqual(abs(sound.alaw_to_linear(got) - meant), max(abs(meant) / 16, 32))

    def test_lost_packets_are_silence(self):
        kept = [item for n, item in enumerate(speech(CALLER_PORT, A)) if n not in (10, 11)]
        self.same(converted(capture(kept))[0], A[:1600] + SILENCE * 320 + A[1920:])

    def test_a_pause_is_silence_as_long_as_it_lasted(self):
        content = capture(speech(CALLER_PORT, A), speech(CALLER_PORT, A, 600, first=4294967000 + 8000 * 600))
        wav, report = converted(content)
        self.assertEqual(report.seconds, 602.0)
        self.same(wav[:16000] + wav[-16000:], A + A)
        self.same(wav[16000:-16000].strip(SILENCE), b"")

    def test_timestamps_rule_where_packets_are_delayed_or_overtake_each_other(self):
        shaken = [(at + (0.15 if n % 7 == 3 else 0), packet) for n, (at, packet) in enumerate(speech(CALLER_PORT, A))]
        self.same(converted(capture(shaken))[0], A)

    def test_a_new_sender_goes_on_where_its_packets_arrive(self):
        content = capture(speech(CALLER_PORT, A), speech(CALLER_PORT, B, 2, first=77, source=2))
        self.same(converted(content)[0], A + B)

    def test_timestamps_that_jump_do_not_move_the_sound(self):
        content = capture(speech(CALLER_PORT, A), speech(CALLER_PORT, B, 2, first=900_000_000))
        self.same(converted(content)[0], A + B)

    def test_the_sound_begins_when_the_recording_did(self):
        content = capture(speech(CALLER_PORT, A, 0.5))
        self.same(converted(content, started=START)[0], SILENCE * 4000 + A)
        self.same(converted(content, started=START + 3)[0], A, "no time before the first packet")

    def test_what_cannot_be_decoded_is_counted_by_payload_type(self):
        wav, report = converted(capture(speech(CALLER_PORT, A, kind=18), speech(CALLEE_PORT, B)))
        self.assertEqual(report.unreadable, {18: 100})
        self.same(wav, B)

    def test_keys_and_rtcp_are_no_sound(self):
        keys = [(0.1, datagram(CALLER_PORT, b"\x01\x0a\x00\xa0", kind=101)), (0.2, datagram(CALLER_PORT, bytes(40), kind=200))]
        wav, report = converted(capture(speech(CALLER_PORT, A), keys))
        self.assertEqual(report.unreadable, {})
        self.same(wav, A)

    def test_a_capture_that_breaks_off_gives_what_is_there(self):
        content = capture(speech(CALLER_PORT, A))
        for length in (0, 10, 24, 30, 1000, len(content) - 1):
            _, report = converted(content[:length])
            self.assertLess(report.decoded, 100)

    def test_no_capture_makes_it_fail(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        whole = capture(speech(CALLER_PORT, A), speech(CALLEE_PORT, B))
        for _ in range(200):
            broken = bytearray(whole[:chance.randrange(25, 20000)])
            for _ in range(chance.randrange(1, 40)):
                broken[chance.randrange(24, len(broken))] = chance.randrange(256)
            with self.subTest(seed=seed), unittest.mock.patch.object(sound, "SAMPLES_MAX", 80_000):
                converted(bytes(broken), stereo=chance.random() < 0.5)


class Gateway:
    """Answers with the statuses it was told, then 200; keeps what it took."""

    def __init__(self):
        self.statuses, self.taken, self.asked = [], {}, []
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = gateway.statuses.pop(0) if gateway.statuses else 200
                gateway.asked.append((self.path, self.headers["Authorization"]))
                if status == 200:
                    gateway.taken.setdefault(self.path.split("/")[-1].split("?")[0], []).append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()


class FilesOutliveFailures(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway()
        self.addCleanup(self.gateway.server.server_close)
        self.addCleanup(self.gateway.server.shutdown)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.spool = pathlib.Path(folder)
        (self.spool / "token").write_text("secret-token\n")
        self.said = self.enterContext(contextlib.redirect_stderr(io.StringIO()))
        self.enterContext(unittest.mock.patch.object(recorder, "WAIT_SECONDS", 0))

    def recorder(self, url=None, **more):
        options = {"spool": self.spool, "stereo": False, "abandoned_secs": 600, "unknown_secs": 7200, "refused_calls": 1000,
                   "refused_mib": 2048, "refused_days": 30, **more}
        gateway = recorder.Gateway(url or self.gateway.url, self.spool / "token")
        return recorder.Recorder(argparse.Namespace(**options), gateway)

    def record(self, call, content=None, ended=True, age=10):
        stem = f"{call}-0123456789abcdef"
        content = capture(speech(CALLER_PORT, A), speech(CALLEE_PORT, B)) if content is None else content
        files = {self.spool / "pcaps" / f"{stem}.pcap": content}
        text = f"/some/where\n\n\ncall end time: x\n\n\ncallId:{call},caller:{CALLER_PORT},started:{START}\n"
        kind = ("metadata", "txt") if ended else ("tmp", "tmp")
        files[self.spool / kind[0] / f"rtpengine-meta-{stem}.{kind[1]}"] = text.encode()
        for file, what in files.items():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(what)
            os.utime(file, (file.stat().st_mtime - age,) * 2)

    def left(self):
        return sorted(file.name for folder in ("pcaps", "metadata", "tmp", "wav") for file in (self.spool / folder).glob("*"))

    def test_a_recording_is_delivered_and_then_deleted(self):
        self.record("c-1")
        self.recorder().look()
        self.assertEqual(self.gateway.asked, [(f"/switch/v1/recordings/c-1?startedAt={START:.6f}", "Bearer secret-token")])
        self.assertEqual(self.left(), [])
        self.assertEqual(len(self.gateway.taken["c-1"][0]), HEADER + 16000)

    def test_a_recording_that_is_not_taken_is_sent_again_and_stays_until_then(self):
        for status in (401, 404, 408, 409, 429, 500, 503):
            with self.subTest(status=status):
                self.gateway.statuses = [status]
                self.record("c-2")
                hands = self.recorder()
                hands.look()
                self.assertIn("c-2-0123456789abcdef.pcap", self.left())
                hands.look()
                self.assertEqual(self.left(), [])

    def test_nothing_is_lost_while_the_gateway_is_away(self):
        for n in range(3):
            self.record(f"c-{n}")
        self.recorder("http://127.0.0.1:9").look()
        self.recorder().look()
        self.assertEqual(sorted(self.gateway.taken), ["c-0", "c-1", "c-2"])

    def test_one_that_is_refused_holds_up_no_other(self):
        self.gateway.statuses = [404]
        self.record("c-1", age=20)
        self.record("c-2")
        self.recorder().look()
        self.assertEqual(list(self.gateway.taken), ["c-2"])

    def test_what_is_refused_for_good_is_set_aside(self):
        self.gateway.statuses = [400]
        self.record("c-1")
        self.recorder().look()
        self.assertEqual(self.left(), [])
        self.assertEqual(len(list((self.spool / "refused").iterdir())), 3)

    def refuse(self, count, **more):
        """Calls c-1, c-2 and so on are refused, of which c-1 is the oldest. Returns which are left in the folder."""
        self.gateway.statuses = [400] * count
        for n in range(1, count + 1):
            self.record(f"c-{n}", age=3600 * (count + 1 - n))
        self.recorder(**more).look()
        self.assertEqual(self.left(), [])
        names = [file.name for file in (self.spool / "refused").iterdir()]
        return {recorder.STEM.sub(r"\1", recorder.SET_ASIDE.search(name)[1]) for name in names}

    def test_of_too_many_calls_that_are_set_aside_the_oldest_go(self):
        self.assertEqual(self.refuse(4, refused_calls=2), {"c-3", "c-4"})
        self.assertIn("<4>call c-1: what was set aside of it is deleted: more than 2 calls", self.said.getvalue())
        self.assertNotIn("call c-3: what was set aside", self.said.getvalue())

    def test_so_it_is_when_they_are_too_large(self):
        whole = sum(len(content) for content in (capture(speech(CALLER_PORT, A), speech(CALLEE_PORT, B)), bytes(16_300)))
        self.assertLess(whole, 1 << 20)
        self.assertEqual(self.refuse(30, refused_mib=1) & {"c-1", "c-2"}, set())
        size = sum(file.stat().st_size for file in (self.spool / "refused").iterdir())
        self.assertTrue((1 << 20) - 2 * whole < size <= 1 << 20, size)

    def test_what_was_set_aside_is_not_kept_for_ever_and_nothing_else_touched(self):
        self.refuse(2)
        (self.spool / "refused" / "a note of mine").write_text("keep")
        with unittest.mock.patch.object(recorder.time, "time", lambda: 31 * 86400 + os.stat(self.spool).st_mtime):
            self.recorder().look()
        self.assertEqual([file.name for file in (self.spool / "refused").iterdir()], ["a note of mine"])

    def test_a_call_that_stays_unknown_is_set_aside_after_a_while(self):
        self.gateway.statuses = [404, 404]
        self.record("c-1")
        hands = self.recorder(unknown_secs=0)
        hands.look()
        hands.look()
        self.assertEqual((self.left(), self.gateway.taken), ([], {}))

    def test_a_call_of_which_nothing_can_be_decoded_is_set_aside(self):
        self.record("c-1", capture(speech(CALLER_PORT, A, kind=18)))
        self.recorder().look()
        self.assertEqual((self.gateway.asked, self.left()), ([], []))

    def test_a_call_that_has_just_ended_or_goes_on_is_left_alone(self):
        self.record("c-1", age=0)
        self.record("c-2", ended=False)
        self.recorder().look()
        self.assertEqual((self.gateway.asked, len(self.left())), ([], 4))

    def test_a_capture_that_nobody_ends_is_taken_after_a_while(self):
        self.record("c-1", ended=False, age=700)
        self.recorder().look()
        self.assertEqual((list(self.gateway.taken), self.left()), (["c-1"], []))

    def test_killed_at_any_point_it_still_delivers(self):
        """The program dies at its n-th change of the disk or of the gateway, before or after; its next run does the rest."""
        for ended in (True, False):
            for after in (False, True):
                step, died = 0, True
                while died:
                    step += 1
                    self.gateway.taken.clear()
                    self.record("c-1", ended=ended, age=700)
                    died = self.run_until(step, after)
                    self.recorder().look()
                    with self.subTest(ended=ended, after=after, step=step):
                        self.assertEqual({len(wav) for wav in self.gateway.taken["c-1"]}, {HEADER + 16000})
                        self.assertEqual(self.left(), [])
                self.assertGreater(step, 5)

    def run_until(self, step, after):
        """Runs it until the step, where it dies. Returns whether it got there."""
        count = 0

        class Killed(BaseException):
            pass

        def deadly(function):
            def call(*arguments, **more):
                nonlocal count
                count += 1
                if count == step and not after:
                    raise Killed
                done = function(*arguments, **more)
                if count == step:
                    raise Killed
                return done
            return call

        hands = self.recorder()
        with unittest.mock.patch.object(os, "replace", deadly(os.replace)), \
                unittest.mock.patch.object(os, "fsync", deadly(os.fsync)), \
                unittest.mock.patch.object(recorder.Gateway, "put", deadly(recorder.Gateway.put)), \
                unittest.mock.patch.object(pathlib.Path, "unlink", deadly(pathlib.Path.unlink)):
            try:
                hands.look()
            except Killed:
                return True
        return False


if __name__ == "__main__":
    unittest.main()
