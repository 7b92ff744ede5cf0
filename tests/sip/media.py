"""What can be heard: recordings, tones and keyed digits, with phones that hum and listen. Each function returns its
problems; its doc string is its name in the table."""

import contextlib
import itertools
import re
import time
import urllib.request

import capture
import lab
from cases import REFUSED, TALKED
from customer import Application
from softphone import WAV_HEADER, Phone, has_tone, hum, strength, wav_header

# What each phone hums, in Hz.
A_HZ, B_HZ = 440, 1000
# What tone files play.
TONE_HZ, NOTICE_HZ = 700, 1700
KEYED = ["callin", "collectInfo", *TALKED[1:]]
X_OF_TEST = (f"8617000099{n:03}" for n in itertools.count())
PERSON = (f"86137{n:08}" for n in itertools.count())


class Scene:
    """A customer with recording and an X of its own, two people, and a phone for each."""

    def __init__(self, suite, mode="AXB", **settings):
        self.suite, self.world, self.receiver = suite, suite.world, suite.receiver
        self.x, self.a_number, self.b_number = next(X_OF_TEST), next(PERSON), next(PERSON)
        self.app = self.world.operator("POST", "apps", {
            "name": "sound", "mode": mode, "recording": True, "callStatusUrl": self.receiver.url + "/status",
            "cdrUrl": self.receiver.url + "/fee", **settings})
        self.world.operator("POST", "numbers", {"numbers": [
            {"number": "+" + self.x, "appKey": self.app["appKey"], "areaCode": "0755"}]})
        self.customer = Application(f"http://{lab.GATEWAY}:{self.world.ports['customer']}", self.app["appKey"],
                                    self.app["appSecret"])
        self.problems = []

    def bind(self, **more):
        self.customer.bind_axb("+" + self.a_number, "+" + self.b_number, "+" + self.x, **more)

    def tone(self, name, hz, seconds):
        """An approved sound file of the app."""
        content = hum(hz, seconds)
        self.world.operator("PUT", f"apps/{self.app['appKey']}/tones/{name}", raw=wav_header(1, len(content)) + content)
        self.world.operator("POST", f"apps/{self.app['appKey']}/tones/{name}/approve")

    def connects(self, **info):
        """From now on the app, of mode X, answers so that A reaches B."""
        self.receiver.decide = lambda _: {"operation": "connect", "connectInfo": {"calleeNum": "+" + self.b_number, **info}}

    @contextlib.contextmanager
    def phones(self):
        """A, who calls, and B. What SIP showed them, and where sound came from, is searched for leaks."""
        seen = capture.Capture(self.world.folder / "media.pcap", [lab.CALLER, lab.CALLEE])
        a, b = Phone(lab.CALLER, self.a_number, A_HZ), Phone(lab.CALLEE, self.b_number, B_HZ, lab.SIP)
        try:
            yield a, b
        except TimeoutError as missing:
            self.problems.append(f"timeout: {missing}")
        finally:
            a.close()
            b.close()
            self.problems += capture.leaks(seen.stop(), [(self.a_number, self.b_number)], lab.CALLER, lab.CALLEE)
            self.expect((a.sources | b.sources) <= {lab.RELAY}, f"sound came from {a.sources | b.sources}")

    def expect(self, true, otherwise):
        if not true:
            self.problems.append(otherwise)

    def connect(self, a, b):
        a.call(self.x)
        b.rung()
        b.reply(180)
        a.wait(180)
        b.reply(200, b.sdp())
        a.wait(200)
        b.receive("ACK")

    def told(self, kinds):
        """Events and CDR of the one call: the CDR."""
        events, cdrs = self.receiver.calls(1, 20)
        happened = [kind for told in events.values() for kind, _ in told]
        self.expect(happened == kinds, f"events {happened}, expected {kinds}")
        cdrs = [cdr for found in cdrs.values() for cdr in found]
        self.expect(len(cdrs) == 1, f"{len(cdrs)} CDRs")
        return cdrs[0] if cdrs else {}

    def recording(self, cdr, seconds=15):
        """The file that the customer gets for a CDR by way of the link, or nothing."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            link = self.customer.recording_link(cdr.get("recordDomain", ""), cdr.get("recordObjectName", ""))
            if link:
                with urllib.request.urlopen(link, timeout=10) as answer:
                    return answer.read()
            time.sleep(0.1)
        return None

    def expect_both_voices(self, wav):
        if not wav:
            self.problems.append("there is no recording")
            return
        voices = wav[WAV_HEADER:]
        for name, hz in (("A", A_HZ), ("B", B_HZ)):
            self.expect(has_tone(voices, hz, 2), f"{name} is not in the recording")
        self.expect(strength(voices[8000:16000], 300) < 0.05, "the recording has a tone that nobody hummed")


def recording(suite):
    """recording: the customer downloads both voices"""
    scene = Scene(suite)
    scene.bind(recordFlag=True)
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(b.hears(A_HZ) and a.hears(B_HZ), "they do not hear each other")
        time.sleep(3.5)
        a.hang_up(b)
    cdr = scene.told(TALKED)
    scene.expect(cdr.get("recordFlag") == 1, f"the CDR has recordFlag {cdr.get('recordFlag')}")
    scene.expect_both_voices(scene.recording(cdr))
    return scene.problems


def recording_too_short(suite):
    """recording: a call of less than three seconds has none"""
    scene = Scene(suite)
    scene.bind(recordFlag=True)
    with scene.phones() as (a, b):
        scene.connect(a, b)
        a.hang_up(b)
    cdr = scene.told(TALKED)
    scene.expect(cdr.get("recordFlag") == 0, f"the CDR has recordFlag {cdr.get('recordFlag')}")
    lab.wait_for("the files of the short call to go", lambda: not list((suite.world.spool / "pcaps").iterdir()))
    return scene.problems


def recording_outlives_gateway_and_recorder(suite):
    """recording: gateway and recorder killed, the file still arrives"""
    scene = Scene(suite)
    scene.bind(recordFlag=True)
    with scene.phones() as (a, b):
        scene.connect(a, b)
        suite.world.stop("recorder", 9)
        time.sleep(3.5)
        suite.world.stop("gateway", 9)
        a.hang_up(b)
        lab.wait_for("the capture", lambda: list((suite.world.spool / "metadata").glob("*.txt")))
        suite.world.start_recorder()
        time.sleep(3)
        suite.world.start_gateway()
    scene.expect_both_voices(scene.recording(scene.told(TALKED)))
    return scene.problems


def moved(suite):
    """sound: the caller moves to another port in mid-call"""
    scene = Scene(suite)
    scene.bind()
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other")
        a.move()
        again = b.receive("INVITE")
        b.answer_to(again, 200, b.sdp())
        a.wait(200, cseq=2)
        b.receive("ACK")
        for phone in (a, b):
            phone.heard.clear()
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other afterwards")
        a.hang_up(b)
    scene.told(TALKED)
    return scene.problems


def late_offer(suite):
    """sound: the caller leaves the offer to the callee, and is recorded"""
    scene = Scene(suite)
    scene.bind(recordFlag=True)
    with scene.phones() as (a, b):
        a.call(scene.x, describe=False)
        b.rung()
        b.reply(180)
        a.wait(180)
        b.reply(200, b.sdp())
        offered = a.wait(200, body=a.sdp())
        scene.expect("m=audio" in offered, "the callee's offer does not reach the caller")
        b.receive("ACK")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other")
        time.sleep(3.5)
        a.hang_up(b)
    scene.expect_both_voices(scene.recording(scene.told(TALKED)))
    return scene.problems


def caller_tone(suite):
    """tones: the caller hears the app's instead of ringing, until the callee answers"""
    scene = Scene(suite)
    scene.tone("ring.wav", TONE_HZ, 1)
    scene.bind(preVoice={"callerHintTone": "ring.wav"})
    with scene.phones() as (a, b):
        a.call(scene.x)
        b.rung()
        b.reply(180)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ, 1.5), "A does not hear the tone, over and over")
        b.reply(200, b.sdp())
        a.wait(200)
        b.receive("ACK")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other")
        a.heard.clear()
        scene.expect(not a.hears(TONE_HZ, 0.3, within=1), "A goes on hearing the tone")
        scene.expect(not has_tone(bytes(b.heard), TONE_HZ), "B hears the tone")
        a.hang_up(b)
    scene.told(TALKED)
    return scene.problems


def callee_tone(suite):
    """tones: the callee hears the app's before the two are connected"""
    scene = Scene(suite, "X")
    scene.tone("callee.wav", TONE_HZ, 1.5)
    scene.connects(calleeHintVoice="callee.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(b.hears(TONE_HZ, 1), "B does not hear the tone")
        scene.expect(not has_tone(bytes(b.heard), A_HZ, 0.1), "B hears A before the end of the tone")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other after it")
        scene.expect(not has_tone(bytes(a.heard), TONE_HZ, 0.1), "A hears the tone")
        a.hang_up(b)
    scene.told(TALKED[1:])
    return scene.problems


def callee_tone_before_the_notice(suite):
    """tones: first the callee's, then the notice for both, then the recording"""
    scene = Scene(suite, "X")
    scene.tone("callee.wav", TONE_HZ, 1)
    scene.tone("notice.wav", NOTICE_HZ, 1)
    scene.connects(calleeHintVoice="callee.wav", recordFlag=True, recordHintTone="notice.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(b.hears(TONE_HZ), "B does not hear its tone")
        scene.expect(not has_tone(bytes(b.heard), NOTICE_HZ, 0.1), "B hears the notice before the end of its tone")
        scene.expect(a.hears(NOTICE_HZ) and b.hears(NOTICE_HZ), "the notice is not heard by both")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other after it")
        time.sleep(3.5)
        a.hang_up(b)
    cdr = scene.told(TALKED[1:])
    wav = scene.recording(cdr)
    scene.expect_both_voices(wav)
    for hz in (TONE_HZ, NOTICE_HZ):
        scene.expect(not has_tone(wav or b"", hz), f"a tone of {hz} Hz is in the recording")
    return scene.problems


def callee_tone_cut_short(suite):
    """tones: the callee hangs up while its tone is played"""
    scene = Scene(suite, "X")
    scene.tone("callee.wav", TONE_HZ, 20)
    scene.connects(calleeHintVoice="callee.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(b.hears(TONE_HZ), "B does not hear the tone")
        b.hang_up(a)
    scene.told(TALKED[1:])
    return scene.problems


def record_tone(suite):
    """tones: both hear the notice, and the recording begins after it"""
    scene = Scene(suite)
    scene.tone("notice.wav", TONE_HZ, 1.5)
    scene.bind(recordFlag=True, recordHintTone="notice.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(a.hears(TONE_HZ, 1) and b.hears(TONE_HZ, 1), "the notice is not heard by both")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other after it")
        time.sleep(3.5)
        a.hang_up(b)
    cdr = scene.told(TALKED)
    wav = scene.recording(cdr)
    scene.expect_both_voices(wav)
    scene.expect(not has_tone(wav or b"", TONE_HZ), "the notice is in the recording")
    return scene.problems


def last_minute_tone(suite):
    """tones: both are told of the last minute"""
    scene = Scene(suite)
    scene.tone("last.wav", TONE_HZ, 1)
    scene.bind(maxDuration=2, lastMinVoice="last.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other before it")
        scene.expect(a.hears(TONE_HZ) and b.hears(TONE_HZ), "it is not heard by both")
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other after it")
        a.hang_up(b)
    scene.told(TALKED)
    return scene.problems


def missing_tones(suite):
    """tones: a call whose sound files are missing goes on without"""
    scene = Scene(suite)
    scene.bind(recordFlag=True, recordHintTone="no.wav", preVoice={"callerHintTone": "no.wav"}, maxDuration=2,
               lastMinVoice="no.wav")
    with scene.phones() as (a, b):
        scene.connect(a, b)
        scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other")
        a.hang_up(b)
    scene.told(TALKED)
    return scene.problems


def reject_tone(suite):
    """tones: a refused caller hears why before the refusal"""
    scene = Scene(suite, noBindingTone="why.wav")
    scene.tone("why.wav", TONE_HZ, 1.2)
    with scene.phones() as (a, _):
        a.call(scene.x)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ, 1), "A does not hear the tone")
        a.wait(403)
    cdr = scene.told(REFUSED)
    scene.expect(cdr.get("ulFailReason") == 8014, f"the CDR has ulFailReason {cdr.get('ulFailReason')}")
    return scene.problems


def reject_tone_cancelled(suite):
    """tones: a refused caller hangs up before the tone is over"""
    scene = Scene(suite, noBindingTone="why.wav")
    scene.tone("why.wav", TONE_HZ, 20)
    with scene.phones() as (a, _):
        a.call(scene.x)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ), "A does not hear the tone")
        a.cancel()
        a.wait(487)
    scene.told(REFUSED)
    return scene.problems


def extension_scene(suite, **settings):
    """The callee's phone is bound with the extension 0407."""
    scene = Scene(suite, "AXE", extensionDigits=4, **{"extensionTone": "ask.wav", **settings})
    scene.tone("ask.wav", TONE_HZ, 20)
    scene.customer.bind_axe("+" + scene.b_number, "+" + scene.x, "0407")
    return scene


def keyed(scene, a, b):
    """The phone A, which has keyed, is connected to B."""
    b.rung()
    b.reply(180)
    a.wait(180)
    b.reply(200, b.sdp())
    a.wait(200)
    b.receive("ACK")
    scene.expect(a.hears(B_HZ) and b.hears(A_HZ), "they do not hear each other")
    scene.expect(not has_tone(bytes(b.heard), TONE_HZ), "the callee hears the prompt")
    a.hang_up(b)


def extension_by_rtp(suite):
    """extension: prompted for, keyed as RFC 4733 events, connected"""
    scene = extension_scene(suite)
    with scene.phones() as (a, b):
        a.call(scene.x)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ), "A does not hear the prompt")
        a.key("0407")
        keyed(scene, a, b)
    scene.told(KEYED)
    return scene.problems


def extension_by_info(suite):
    """extension: prompted for, keyed by SIP INFO, connected"""
    scene = extension_scene(suite)
    with scene.phones() as (a, b):
        a.call(scene.x)
        a.wait(183)
        for digit in "04":
            scene.expect("200" in a.info(f"Signal={digit}\r\nDuration=160\r\n"), "INFO was refused")
        for digit in "07":
            scene.expect("200" in a.info(digit, "application/dtmf"), "INFO was refused")
        keyed(scene, a, b)
    scene.told(KEYED)
    return scene.problems


def extension_wrong(suite):
    """extension: a wrong one, ended with #, is refused"""
    scene = extension_scene(suite)
    with scene.phones() as (a, _):
        a.call(scene.x)
        a.wait(183)
        a.key("99#")
        a.wait(403)
    cdr = scene.told(["callin", "collectInfo", "disconnect"])
    scene.expect(cdr.get("ulFailReason") == 8022, f"the CDR has ulFailReason {cdr.get('ulFailReason')}")
    return scene.problems


def extension_stopped(suite):
    """extension: the customer stops the call while the caller is being asked"""
    scene = extension_scene(suite)
    with scene.phones() as (a, _):
        a.call(scene.x)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ), "A does not hear the prompt")
        open_calls = scene.world.operator("GET", "calls?open=true")["items"]
        for call in open_calls:
            scene.customer.stop_call(call["sessionId"])
        a.wait(480)
    cdr = scene.told(REFUSED)
    scene.expect(cdr.get("ulFailReason") == 8020, f"the CDR has ulFailReason {cdr.get('ulFailReason')}")
    return scene.problems


def extension_given_up(suite):
    """extension: the caller hears the switch's own prompt and hangs up"""
    scene = extension_scene(suite, extensionTone=None)
    (suite.world.folder / "own-tones/prompt.wav").write_bytes(wav_header(1, 8000) + hum(TONE_HZ, 1))
    with scene.phones() as (a, _):
        a.call(scene.x)
        a.wait(183)
        scene.expect(a.hears(TONE_HZ), "A does not hear the prompt")
        a.key("4")
        a.cancel()
        a.wait(487)
    scene.told(REFUSED)
    return scene.problems


ALL = [recording, recording_too_short, recording_outlives_gateway_and_recorder, moved, late_offer, caller_tone, callee_tone,
       callee_tone_before_the_notice, callee_tone_cut_short, record_tone, last_minute_tone,
       missing_tones, reject_tone, reject_tone_cancelled, extension_by_rtp, extension_by_info, extension_wrong,
       extension_stopped, extension_given_up]
