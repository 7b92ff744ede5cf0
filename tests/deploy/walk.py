"""Runs the shell blocks of the two install pages as they stand, in namespaces that tests/deploy/run has made, then has one phone
call X: the other must ring with X displayed, and the CDR arrive."""

import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path += [str(HERE.parent / "client"), str(HERE.parent / "sip")]

import capture
import lab
import phones
from customer import Application, Receiver

X, A, B = "8617000000001", "8613800000001", "8613900000001"
STAND_INS = {
    "sudo": 'if [ "$1" = -u ]; then shift; exec setpriv --reuid="$1" --regid="$1" --init-groups "${@:2}"; fi; exec "$@"',
    "systemctl": f'exec {sys.executable} {HERE}/systemctl.py "$@"',
    # What a person types: the token, into the one file that wants it.
    "editor": 'case "$1" in */site.cfg) sed -i "s/change-me/$(head -n 1 /etc/privnum/switch.token)/" "$1";; esac',
    # What is there already, or cannot be in here.
    "cargo": "", "apt-get": "", "journalctl": "",
}


def sh(*command, **more):
    return subprocess.run(command, check=True, text=True, **more)


def blocks(page, heading):
    """The shell blocks of a section, one after the other."""
    section = re.search(rf"(?ms)^## {heading}\n(.*?)^## ", page.read_text())[1]
    return "\n".join(re.sub(r"(?m)^   ", "", block) for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", section))


def prepare(folder, privnum):
    sh("ip", "link", "set", "lo", "up")
    sh("cp", "-a", "/etc", str(folder / "etc"))
    sh("mount", "--bind", str(folder / "etc"), "/etc")
    for path in ("/run", "/usr/local", "/var/lib", "/var/log", "/var/spool/rtpengine"):
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for path in ("/usr/local/bin", "/var/lib/redis", "/var/log/redis", "/var/log/walk"):
        pathlib.Path(path).mkdir(parents=True)
    for path, user in (("/var/lib/redis", "redis"), ("/var/log/redis", "redis"), ("/var/spool/rtpengine", "rtpengine")):
        shutil.chown(path, user, user)
    tree = folder / "tree"
    (tree / "target/release").mkdir(parents=True)
    shutil.copy(privnum, tree / "target/release/privnum")
    shutil.copytree(ROOT / "deploy", tree / "deploy")
    # This customer's receiver is on loopback, which callbacks must not reach otherwise.
    example = tree / "deploy/config.example.toml"
    text = example.read_text()
    assert "allow_networks = []" in text
    example.write_text(text.replace("allow_networks = []", 'allow_networks = ["127.0.0.0/8"]'))
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "privkey.pem", "-out", "fullchain.pem", "-subj",
       "/CN=localhost", "-days", "2", cwd=tree, stderr=subprocess.DEVNULL)
    stand_ins = folder / "bin"
    stand_ins.mkdir()
    for name, script in STAND_INS.items():
        (stand_ins / name).write_text(f"#!/bin/bash\n{script}\n")
        (stand_ins / name).chmod(0o755)
    os.environ["PATH"] = f"{stand_ins}:/usr/local/bin:/usr/sbin:/sbin:{os.environ['PATH']}"
    # The page's own example of a file that the reader brings along, and of the address that phones reach.
    (tree / "numbers.csv").write_text("number,appKey,areaCode,sms\n")
    return tree


def call(folder):
    os.environ["PRIVNUM_TOKEN"] = pathlib.Path("/etc/privnum/operator.token").read_text().split()[0]
    receiver = Receiver(lab.RECEIVER)
    app = json.loads(sh("privnum", "app", "create", "--json", "--name", "walk", "--mode", "AXB", "--call-status-url",
                        receiver.url + "/status", "--cdr-url", receiver.url + "/fee", capture_output=True).stdout)
    sh("privnum", "number", "add", f"+{X}", "--app", app["appKey"], "--area", "0755")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    Application("https://127.0.0.1:8443", app["appKey"], app["appSecret"], context=context).bind_axb(f"+{A}", f"+{B}", f"+{X}")
    phones.write(folder)
    seen = capture.Capture(folder / "capture.pcap", [lab.CALLER, lab.CALLEE])
    sipp = lab.Phones(folder)
    sipp.callee("b_answers", 1)
    talked = sipp.has_done(sipp.caller("a_hangs_up", [(A, X)]), 30)
    events, cdrs = receiver.calls(1, 20)
    sipp.end()
    messages = seen.stop()
    assert talked, "the caller's phone failed"
    assert [[kind for kind, _ in told] for told in events.values()] == [
        ["callin", "callout", "alerting", "answer", "disconnect"]], events
    assert [cdr["fwdDisplayNum"] for records in cdrs.values() for cdr in records] == [f"+{X}"], cdrs
    shown = {line for message in messages if message.destination == lab.CALLEE
             for line in message.text.split("\r\n") if message.text.startswith("INVITE") and line.startswith("From:")}
    assert len(shown) == 1 and f"sip:+{X}@" in shown.pop(), shown
    assert not (found := capture.leaks(messages, [(A, B)], lab.CALLER, lab.CALLEE)), found


def main():
    with tempfile.TemporaryDirectory(prefix="privnum-walk-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)
        tree = prepare(folder, sys.argv[1])
        try:
            for page, heading, address in ((ROOT / "deploy/README.md", "Install on Debian 12", ""),
                                           (ROOT / "deploy/kamailio/README.md", "Install", "203.0.113.10")):
                script = blocks(page, heading)
                assert address in script
                script = script.replace(address, lab.RELAY) if address else script
                print(f"--- {page.relative_to(ROOT)}", flush=True)
                sh("bash", "-eux", "-c", script, cwd=tree)
            call(folder)
        except BaseException:
            for log in sorted(pathlib.Path("/var/log/walk").glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
            raise
    print("the install pages lead to a call with X displayed and its CDR")


if __name__ == "__main__":
    main()
