"""The laboratory: redis, rtpengine, Kamailio with the shipped configuration, and the real gateway, each on loopback
addresses of its own, in a folder of its own, ended by pid."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MEDIA = REPOSITORY / "deploy/kamailio/media"
# Parts of the suite that run at the same time have a network each.
NET = "127.0." + os.environ.get("PRIVNUM_SIP_NET", "0")
CALLER, CALLEE = f"{NET}.20", f"{NET}.30"
CALLER_SIDE, CALLEE_SIDE = f"{NET}.10", f"{NET}.11"
GATEWAY, RECEIVER, RELAY = f"{NET}.40", f"{NET}.41", f"{NET}.50"
SIP = 5060
RING_MS = 6000


def free_port(address):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_for(what, true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


class Lab:
    def __init__(self, folder, privnum, mutate=None):
        self.folder = pathlib.Path(folder)
        self.privnum, self.mutate = privnum, mutate
        self.processes = {}
        self.ports = {name: free_port(GATEWAY) for name in ("customer", "switch", "operator")}
        self.control = free_port(CALLER_SIDE)
        self.ng, self.tones, self.keys = (free_port(RELAY) for _ in range(3))
        self.tokens = {name: secrets.token_hex(16) for name in ("switch", "operator")}
        self.socket = self.folder / "redis.sock"
        self.spool = self.folder / "recordings"

    def __enter__(self):
        try:
            self.start_redis()
            self.start_rtpengine()
            self.start_gateway()
            self.start_kamailio()
            self.start_media()
        except BaseException:
            self.stop_all()
            self.print_logs(sys.stderr)
            raise
        return self

    def __exit__(self, *_):
        self.stop_all()

    def print_logs(self, to):
        for log in sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("*.err")):
            print(f"--- {NET} {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=to, flush=True)

    def run(self, name, command, **more):
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                                cwd=self.folder, **more)
        return self.processes[name]

    def stop(self, name, signal=15):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(signal)
        if name == "kamailio" and signal == 9:
            self.end_workers()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if name == "kamailio":
            self.end_workers()

    def end_workers(self):
        """Kamailio's workers outlive a main process that was killed, or told to end while it starts: found by our
        configuration's path."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if str(self.folder / "kamailio.cfg").encode() in command:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(entry.name), 9)

    def stop_all(self):
        for name in ("kamailio", "keys", "tones", "recorder", "gateway", "rtpengine", "redis"):
            self.stop(name)

    def start_redis(self, socket=None):
        self.run("redis", ["redis-server", "--port", "0", "--unixsocket", str(socket or self.socket), "--dir",
                           str(self.folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                           "--daemonize", "no"])
        wait_for("redis", lambda: self.redis("PING", socket=socket) == "PONG")

    def redis(self, *command, socket=None):
        done = subprocess.run(["redis-cli", "-s", str(socket or self.socket), *command], capture_output=True, text=True)
        return done.stdout.strip()

    def start_rtpengine(self):
        self.spool.mkdir(exist_ok=True)
        self.run("rtpengine", ["rtpengine", "--config-file=none", "--table=-1", f"--interface={RELAY}",
                               f"--listen-ng={RELAY}:{self.ng}",
                               f"--listen-cli={RELAY}:{free_port(RELAY)}",
                               "--foreground", "--log-stderr", "--log-level=3", "--delete-delay=0",
                               f"--dtmf-log-dest={RELAY}:{self.keys}", f"--recording-dir={self.spool}", "--recording-method=pcap",
                               "--recording-format=raw", "--port-min=30000", "--port-max=39999"])
        wait_for("rtpengine", lambda: self.answers_ping())

    def start_media(self):
        token = self.folder / "switch.token"
        token.write_text(self.tokens["switch"])
        (self.folder / "own-tones").mkdir()
        self.start_recorder()
        self.run("tones", ["python3", str(MEDIA / "tones.py"), "--listen", f"{RELAY}:{self.tones}", "--cache",
                           str(self.folder / "tones"), "--own", str(self.folder / "own-tones"), *self.of_gateway()])
        self.run("keys", ["python3", str(MEDIA / "keys.py"), "--listen", f"{RELAY}:{self.keys}", "--switch",
                          f"http://{CALLER_SIDE}:{self.control}"])
        wait_for("the tones", lambda: self.answers(f"http://{RELAY}:{self.tones}/any/none"))

    def start_recorder(self):
        self.run("recorder", ["python3", str(MEDIA / "recorder.py"), "--spool", str(self.spool), *self.of_gateway()])

    def of_gateway(self):
        return ["--gateway", f"http://{GATEWAY}:{self.ports['switch']}", "--token-file", str(self.folder / "switch.token")]

    @staticmethod
    def answers(url):
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def answers_ping(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((RELAY, 0))
            client.settimeout(0.2)
            client.sendto(b"lab d7:command4:pinge", (RELAY, self.ng))
            try:
                return b"pong" in client.recv(2048)
            except OSError:
                return False

    def config(self):
        return f"""
[listen]
customer = "{GATEWAY}:{self.ports['customer']}"
switch = "{GATEWAY}:{self.ports['switch']}"
operator = "{GATEWAY}:{self.ports['operator']}"
[store]
kind = "embedded"
dir = "data"
[operator]
token = "{self.tokens['operator']}"
[switch]
token = "{self.tokens['switch']}"
control_url = "http://{CALLER_SIDE}:{self.control}"
[recording]
public_url = "http://{GATEWAY}:{self.ports['customer']}"
[callback]
allow_networks = ["127.0.0.0/8"]
[allocation]
quarantine_secs = 0
"""

    def start_gateway(self):
        file = self.folder / "privnum.toml"
        file.write_text(self.config())
        self.run("gateway", [self.privnum, "serve", "--config", str(file)])
        wait_for("the gateway", lambda: self.is_ready())

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{GATEWAY}:{self.ports['operator']}/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def start_kamailio(self):
        for file in (REPOSITORY / "deploy/kamailio").glob("*.cfg"):
            shutil.copy(file, self.folder)
        site = self.folder / "site.cfg"
        site.write_text(self.site(site.read_text()))
        if self.mutate:
            self.mutate(self.folder)
        (self.folder / "run").mkdir(exist_ok=True)
        if not (self.folder / "cert.pem").exists():
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                            "-subj", "/CN=switch", "-days", "2"], cwd=self.folder, check=True, capture_output=True)
        self.run("kamailio", ["kamailio", "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E", "-m", "128", "-M", "8",
                              "-Y", str(self.folder / "run"), "-P", str(self.folder / "kamailio.pid")])
        wait_for("Kamailio", lambda: self.answers_options(), 60)

    def site(self, text):
        """The shipped site.cfg with the laboratory's values."""
        values = {
            "TRUNK_OUT": f"{CALLEE}:{SIP}", "GATEWAY": f"{GATEWAY}:{self.ports['switch']}",
            "GATEWAY_TOKEN": self.tokens["switch"], "REDIS_SOCKET": str(self.socket),
            "CERTIFICATE": str(self.folder / "cert.pem"), "KEY": str(self.folder / "key.pem"),
            "RTPENGINE": f"udp:{RELAY}:{self.ng}", "RING_MS": str(RING_MS), "SETUP_MS": "2000",
            "TONES": f"{RELAY}:{self.tones}", "LAST_MINUTE": "118",
        }
        for word, value in values.items():
            text, count = re.subn(rf'(?m)^(#!substdef "!SITE_{word}!).*(!g")$', lambda m: m[1] + value + m[2], text)
            assert count == 1, word
        for line in ("listen=tcp:127.0.0.10:5060", "enable_tls=yes", "listen=tls:127.0.0.10:5061"):
            assert f"# {line}" in text, line
            text = text.replace(f"# {line}", line)
        text = text.replace("##!define SITE_TLS", "#!define SITE_TLS")
        # Several laboratories stand side by side, and each worker is a process.
        for many, few in (("children=4", "children=2"), ("async_workers=32", "async_workers=8")):
            assert many in text, many
            text = text.replace(many, few)
        text = text.replace("listen=tcp:127.0.0.10:8060", f"listen=tcp:{CALLER_SIDE}:{self.control}")
        return text.replace("127.0.0.", f"{NET}.").replace("127[.]0[.]0[.]", "127[.]0[.]")

    def answers_options(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind((CALLER, 0))
            phone.settimeout(0.2)
            port = phone.getsockname()[1]
            phone.sendto((f"OPTIONS sip:{CALLER_SIDE} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER}:{port};branch=z9hG4bKlab\r\n"
                          f"From: <sip:lab@{CALLER}>;tag=1\r\nTo: <sip:{CALLER_SIDE}>\r\nCall-ID: lab\r\n"
                          "CSeq: 1 OPTIONS\r\nMax-Forwards: 10\r\nContent-Length: 0\r\n\r\n").encode(), (CALLER_SIDE, SIP))
            try:
                return b"200 OK" in phone.recv(2048)
            except OSError:
                return False

    def operator(self, method, path, body=None, raw=None):
        return self.ask("operator", method, path, body, raw)

    def switch(self, path, body):
        return self.ask("switch", "POST", path, body)

    def ask(self, listener, method, path, body, raw=None):
        request = urllib.request.Request(
            f"http://{GATEWAY}:{self.ports[listener]}/{listener}/v1/{path}", method=method,
            data=raw if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.tokens[listener]}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def signal(self, name, signal):
        self.processes[name].send_signal(signal)


def tell(call_id):
    """Tells the callee's phone of this call to go on. Its Call-ID is the callId."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        voice.bind((GATEWAY, 0))
        voice.sendto((f"NOTIFY sip:phone@{CALLEE} SIP/2.0\r\nVia: SIP/2.0/UDP {GATEWAY};branch=z9hG4bKtell\r\n"
                      f"From: <sip:lab@{GATEWAY}>;tag=1\r\nTo: <sip:phone@{CALLEE}>\r\nCall-ID: {call_id}\r\n"
                      "CSeq: 1 NOTIFY\r\nMax-Forwards: 10\r\nContent-Length: 0\r\n\r\n").encode(), (CALLEE, SIP))


class Tunnel:
    """Takes TCP connections and carries them on to Kamailio by TLS: Debian's sipp speaks none."""

    def __init__(self):
        self.listener = socket.create_server((CALLER, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while True:
            plain, _ = self.listener.accept()
            server = socket.create_connection((CALLER_SIDE, SIP + 1), source_address=(CALLER, 0))
            threading.Thread(target=self.carry, args=(plain, context.wrap_socket(server)), daemon=True).start()

    def carry(self, plain, encrypted):
        # What can be read of TLS may be its own business and no data for us.
        encrypted.setblocking(False)
        with plain, encrypted:
            while True:
                for ready in select.select([plain, encrypted], [], [])[0]:
                    try:
                        data = ready.recv(65536)
                    except ssl.SSLWantReadError:
                        continue
                    if not data:
                        return
                    (encrypted if ready is plain else plain).sendall(data)

class Phones:
    """One run of sipp on each side."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.running = []

    def callee(self, scenario, count, more=()):
        return self.start(f"callee-{scenario}", ["sipp", "-sf", f"{scenario}.xml", "-i", CALLEE, "-p", str(SIP), "-mi",
                                                 CALLEE, "-mp", "7100", "-m", str(count), *more])

    def caller(self, scenario, callers, rate=10, to=f"{CALLER_SIDE}:{SIP}", more=()):
        """`callers`: (caller's digits, dialled digits) for each call."""
        rows = "SEQUENTIAL\n" + "".join(f"{a};{x}\n" for a, x in callers)
        (self.folder / "callers.csv").write_text(rows)
        return self.start(f"caller-{scenario}", ["sipp", to, "-sf", f"{scenario}.xml", "-inf",
                                                 "callers.csv", "-i", CALLER, "-p", str(SIP), "-mi", CALLER, "-mp",
                                                 "7000", "-m", str(len(callers)), "-r", str(rate), *more])

    def start(self, name, command):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen([*command, "-nostdin", "-timeout", "90", "-trace_err", "-error_file",
                                    str(self.folder / f"{name}.err")],
                                   cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.running.append(process)
        return process

    def has_done(self, process, seconds):
        """Whether the phone has made all its calls as it should."""
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False

    def end(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.running.clear()
