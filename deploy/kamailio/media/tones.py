#!/usr/bin/python3
"""Keeps the sound files that route answers name where rtpengine can open them.

Kamailio asks `GET /APPKEY/NAME` and gets the path of a WAV file: the app's from the gateway (GET
/switch/v1/tones/APPKEY/NAME), kept for a minute, or one of the switch's own, a file NAME in the folder `--own`; 404 if
there is neither. A copy is used on while the gateway is away.
"""

import argparse
import contextlib
import http.client
import http.server
import os
import pathlib
import re
import signal
import sys
import tempfile
import threading
import time
import urllib.parse

# How long an answer of the gateway is good, also "there is none".
FRESH_SECONDS = 60
# The gateway's limit for a tone.
BYTES_MAX = 2 << 20
# Kamailio waits three seconds, and a caller with it.
GATEWAY_SECONDS = 1
FILES_MAX = 2000
ASKED_FOR = re.compile(r"/(?:([0-9A-Za-z]{1,64})/)?([0-9A-Za-z._@-]{1,128})")


class Tones:
    """The copies. A file is replaced by renaming, so that whoever plays the old one is not disturbed."""

    def __init__(self, cache, own, gateway, token_file):
        self.cache, self.own, self.token_file = cache, own, token_file
        self.gateway = urllib.parse.urlsplit(gateway)
        # When the gateway was asked last, by (appKey, name).
        self.asked = {}
        self.lock = threading.Lock()

    def path(self, app, name):
        """Of the file to play, or nothing."""
        if app:
            copy = self.cache / f"{app}@{name}"
            with self.lock:
                fresh = time.monotonic() - self.asked.get((app, name), float("-inf")) < FRESH_SECONDS
                if not fresh:
                    if len(self.asked) >= FILES_MAX:
                        self.forget()
                    # Failed or not: who finds it out of date must not queue up behind a gateway that hangs.
                    self.asked[app, name] = time.monotonic()
            if not fresh:
                self.fetch(app, name, copy)
            if copy.is_file():
                return copy
        own = self.own / name
        return own if own.is_file() else None

    def fetch(self, app, name, copy):
        try:
            status, content = self.ask(app, name)
        except (OSError, http.client.HTTPException) as error:
            print(f"<4>tone {name} of {app}: {error}", file=sys.stderr, flush=True)
            return
        if status == 200 and len(content) <= BYTES_MAX:
            with tempfile.NamedTemporaryFile(dir=self.cache, prefix=".", delete=False) as file:
                file.write(content)
                os.fchmod(file.fileno(), 0o640)
            os.replace(file.name, copy)
        elif status == 404:
            copy.unlink(missing_ok=True)
        else:
            print(f"<4>tone {name} of {app}: the gateway answered {status}", file=sys.stderr, flush=True)

    def ask(self, app, name):
        token = "".join(self.token_file.read_text().split()[:1])
        connection = http.client.HTTPConnection(self.gateway.hostname, self.gateway.port or 80, timeout=GATEWAY_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", f"/switch/v1/tones/{app}/{urllib.parse.quote(name)}",
                               headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, answer.read(BYTES_MAX + 1)

    def forget(self):
        """Everything: it is fetched again when it is wanted."""
        self.asked.clear()
        for file in self.cache.iterdir():
            file.unlink(missing_ok=True)


def server(address, tones):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer leaves in one write: two would wait for each other (Nagle).
        wbufsize = -1

        def do_GET(self):
            wanted = ASKED_FOR.fullmatch(urllib.parse.unquote(self.path))
            # A name that begins with a dot is a file that is being written, or the folder above.
            path = wanted and not wanted[2].startswith(".") and tones.path(wanted[1], wanted[2])
            body = str(path).encode() if path else b""
            self.send_response(200 if path else 404)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            print(f"<4>an asker went away: {sys.exc_info()[1]}", file=sys.stderr, flush=True)

    return Server(address, Handler)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--listen", default="127.0.0.1:8070", help="HOST:PORT (127.0.0.1:8070)")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="a folder for the copies, readable for rtpengine")
    parser.add_argument("--own", type=pathlib.Path, required=True, help="the folder of the switch's own sound files")
    parser.add_argument("--gateway", required=True, help="the gateway's switch listener, http://HOST:PORT")
    parser.add_argument("--token-file", type=pathlib.Path, required=True, help="its first word is the switch token")
    options = parser.parse_args()
    options.cache.mkdir(mode=0o750, parents=True, exist_ok=True)
    tones = Tones(options.cache, options.own, options.gateway, options.token_file)
    for unfinished in options.cache.glob(".*"):
        unfinished.unlink()
    host, _, port = options.listen.rpartition(":")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with server((host, int(port)), tones) as listening:
        listening.serve_forever()


if __name__ == "__main__":
    main()
