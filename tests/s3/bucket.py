"""Recordings and CDR files in a bucket: uploaded by the gateway, read by a customer over the link of the 301, deleted when their
time is over. Run by ./run."""

import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from customer import Application, Receiver

OPERATOR, SWITCH = "operator-token-of-a-test", "switch-token-of-a-test"
A, B, X = "+8613800000001", "+8613800000002", "+8617000000001"
RECORD = "/rest/provision/voice/record/v1.0"
BUCKET, KEY, SECRET = "recordings", "S3RVER", "S3RVER"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the S3 server does not listen")


def start_bucket(s3rver, folder, port):
    process = subprocess.Popen([s3rver, "--directory", str(folder), "--address", "127.0.0.1", "--port", str(port), "--silent",
                                "--no-vhost-buckets", "--configure-bucket", BUCKET], stdout=subprocess.DEVNULL)
    wait_for(port)
    return process


def start_gateway(privnum, folder, port):
    (folder / "privnum.toml").write_text(f"""
cdr_merge_ms = 0
[listen]
customer = "127.0.0.1:0"
switch = "127.0.0.1:0"
operator = "127.0.0.1:0"
[store]
kind = "embedded"
dir = "data"
[operator]
token = "{OPERATOR}"
[switch]
token = "{SWITCH}"
[callback]
allow_networks = ["127.0.0.0/8"]
[recording]
store = "s3"
s3_endpoint = "http://127.0.0.1:{port}"
s3_bucket = "{BUCKET}"
s3_access_key = "{KEY}"
s3_secret_key = "{SECRET}"
[cdr_files]
dir = "files"
at = "00:00"
store = "s3"
s3_endpoint = "http://127.0.0.1:{port}"
s3_bucket = "{BUCKET}"
s3_prefix = "cdrs/"
s3_access_key = "{KEY}"
s3_secret_key = "{SECRET}"
""")
    process = subprocess.Popen([privnum, "serve", "--config", str(folder / "privnum.toml")], stdout=subprocess.PIPE,
                               stderr=(folder / "log").open("a"), text=True)
    line = process.stdout.readline()
    return process, dict(word.split("=") for word in line.split()[1:])


def ask(method, url, token=None, body=None, headers=()):
    headers = dict(headers) | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def wav(seconds):
    sound = bytes(n % 251 for n in range(8000 * seconds))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 6, 1, 8000, 8000, 1, 8)
    return struct.pack("<4sI4s", b"RIFF", 0, b"WAVE") + form + struct.pack("<4sI", b"data", 0) + sound


def stored(bucket, name):
    """An object as the S3 server keeps it; None when there is none."""
    file = bucket / BUCKET / f"{name}._S3rver_object"
    return file.read_bytes() if file.exists() else None


def cdr_file(folder):
    """Yesterday's CDR file, which is due as soon as the gateway starts, once it is complete in the bucket."""
    yesterday = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).date()
    name = f"cdr-{yesterday}.csv"
    for _ in range(200):
        checksum = stored(folder / "bucket", f"cdrs/{name}.sha256")
        if checksum and (folder / "files" / f"{name}.sha256").exists():
            return name, checksum, stored(folder / "bucket", f"cdrs/{name}")
        time.sleep(0.05)
    raise AssertionError("no CDR file in the bucket")


def record(app, cdr):
    """The answer to a request for the link, not followed: status and Location."""
    query = urllib.parse.urlencode({"recordDomain": cdr["recordDomain"], "fileName": cdr["recordObjectName"]})
    connection = http.client.HTTPConnection(app.base.removeprefix("http://"))
    connection.request("GET", f"{RECORD}?{query}", headers=app.headers())
    answer = connection.getresponse()
    return answer.status, answer.getheader("Location"), answer.read()


def signature(link):
    """What a signed URL must be signed with: AWS Signature Version 4 for query strings, written from its description.
    The server of this test does not check it."""
    url = urllib.parse.urlsplit(link)
    query = [pair for pair in sorted(url.query.split("&")) if not pair.startswith("X-Amz-Signature=")]
    given = dict(urllib.parse.parse_qsl(url.query))
    request = "\n".join(["GET", url.path, "&".join(query), f"host:{url.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
    scope = given["X-Amz-Credential"].split("/", 1)[1]
    text = "\n".join(["AWS4-HMAC-SHA256", given["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Calls:
    """Calls through the switch API."""

    def __init__(self, switch):
        self.base = f"http://{switch}/switch/v1"

    def post(self, path, body):
        status, answer, _ = ask("POST", f"{self.base}/{path}", SWITCH, json.dumps(body).encode())
        assert status == 200, (status, answer)
        return json.loads(answer)

    def event(self, call, stage, ts, **more):
        self.post("events", {"eventId": f"{call}-{stage}", "callId": call, "event": stage, "ts": ts, **more})

    def talk(self, call):
        now = int(time.time())
        self.post("route", {"callId": call, "caller": A, "called": X})
        self.event(call, "callin", now - 40, caller=A, called=X)
        for stage, ago in (("callout", 39), ("alerting", 38), ("answer", 30)):
            self.event(call, stage, now - ago)

    def send(self, call, sound):
        return ask("PUT", f"{self.base}/recordings/{call}", SWITCH, sound)

    def hang_up(self, call):
        self.event(call, "disconnect", int(time.time()), sip=200, q850=16, by="callee")


def main():
    privnum, s3rver = sys.argv[1:]
    done = []

    def passed(what):
        done.append(what)
        print(f"{what:90} ok", flush=True)

    with tempfile.TemporaryDirectory(prefix="privnum-s3-") as folder:
        folder = pathlib.Path(folder)
        port = free_port()
        bucket = start_bucket(s3rver, folder / "bucket", port)
        gateway, addresses = start_gateway(privnum, folder, port)
        try:
            name, checksum, csv = cdr_file(folder)
            assert csv == (folder / "files" / name).read_bytes() and csv.count(b"\n") == 1, csv
            assert checksum.decode() == f"{hashlib.sha256(csv).hexdigest()}  {name}\n", checksum
            passed("the CDR file of yesterday and its checksum, the same in the folder and in the bucket")

            receiver = Receiver("127.0.0.1")
            operator = f"http://{addresses['operator']}/operator/v1"
            made = json.loads(ask("POST", f"{operator}/apps", OPERATOR, json.dumps(
                {"name": "records", "mode": "AXB", "recording": True, "cdrUrl": receiver.url}).encode())[1])
            ask("POST", f"{operator}/numbers", OPERATOR, json.dumps(
                {"numbers": [{"number": X, "appKey": made["appKey"], "areaCode": "0755"}]}).encode())
            app = Application(f"http://{addresses['customer']}", made["appKey"], made["appSecret"])
            app.bind_axb(A, B, X)
            calls = Calls(addresses["switch"])

            sound = wav(60)
            calls.talk("one")
            status, answer, _ = calls.send("one", sound)
            assert status == 200, (status, answer)
            calls.hang_up("one")
            _, cdrs = receiver.calls(1, 10)
            cdr = next(iter(cdrs.values()))[0]
            assert cdr["recordFlag"] == 1 and cdr["recordObjectName"] == json.loads(answer)["object"], cdr
            status, link, body = record(app, cdr)
            assert (status, body) == (301, b"") and link.startswith(f"http://127.0.0.1:{port}/{BUCKET}/sp-"), (status, link)
            assert "X-Amz-Signature" in link and not list((folder / "data/recordings/incoming").iterdir())
            passed("uploaded by the gateway, told in the CDR, linked to in the bucket")

            for _ in range(2):
                status, body, headers = ask("GET", link)
                assert (status, body == sound, headers["Content-Type"]) == (200, True, "audio/wav"), (status, headers)
            status, body, _ = ask("GET", link, headers={"Range": "bytes=100-199"})
            assert (status, body) == (206, sound[100:200]), status
            passed("read twice, and in part, without further headers")

            assert urllib.parse.parse_qs(link)["X-Amz-Signature"] == [signature(link)], link
            assert urllib.parse.parse_qs(link)["X-Amz-Expires"] == [str(3 * 86400)], link
            passed("signed for three days, by the rules of AWS Signature Version 4")

            bucket.terminate()
            bucket.wait(20)
            calls.talk("two")
            status, answer, _ = calls.send("two", sound)
            assert status == 503, (status, answer)
            bucket = start_bucket(s3rver, folder / "bucket", port)
            status, answer, _ = calls.send("two", sound)
            assert status == 200, (status, answer)
            passed("while the bucket is away the switch is told to send again")

            gateway.terminate()
            gateway.wait(20)
            with sqlite3.connect(folder / "data/privnum.db") as db:
                changed = [db.execute(f"UPDATE {table} SET {column} = 1000 WHERE {column} IS NOT NULL").rowcount
                           for table, column in (("recording", "expires_at"), ("recording_expiry", "at"))]
            db.close()
            assert changed == [1, 1], changed
            gateway, addresses = start_gateway(privnum, folder, port)
            operator = f"http://{addresses['operator']}/operator/v1"
            app.base = f"http://{addresses['customer']}"
            for _ in range(200):
                entries = json.loads(ask("GET", f"{operator}/audit", OPERATOR)[1])["items"]
                gone = [entry["detail"] for entry in entries if entry["action"] == "recording.expire"]
                if gone:
                    break
                time.sleep(0.05)
            assert gone == [cdr["recordObjectName"]], gone
            assert ask("GET", link)[0] == 404
            status, _, body = record(app, cdr)
            assert (status, json.loads(body)["resultcode"]) == (403, "1012007"), (status, body)
            passed("deleted from the bucket when its time is over, and the audit names it")
        except BaseException:
            print((folder / "log").read_text(), file=sys.stderr)
            raise
        finally:
            for process in (gateway, bucket):
                process.terminate()
                process.wait(20)
    print(f"{len(done)} passed, 0 failed")


if __name__ == "__main__":
    main()
