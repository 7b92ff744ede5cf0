"""Runs the shell blocks of the two install pages as they stand, in namespaces that tests/deploy/run has made and with a systemd in
them as PID 1, then has one phone call X: the other must ring with X displayed, the CDR arrive, and the units have done their part."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import traceback
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path += [str(HERE.parent / "client"), str(HERE.parent / "sip")]

import capture
import lab
import phones
from customer import Application, Receiver

X, A, B = "8617000000001", "8613800000001", "8613900000001"
STAND_INS = {
    "sudo": 'if [ "$1" = -u ]; then shift; exec setpriv --reuid="$1" --regid="$1" --init-groups "${@:2}"; fi; exec "$@"',
    # What a person types: the token, into the one file that wants it.
    "editor": 'case "$1" in */site.cfg) sed -i "s/change-me/$(head -n 1 /etc/privnum/switch.token)/" "$1";; esac',
    # What is there already, or cannot be in here.
    "cargo": "", "apt-get": "",
}
UNITS = Path("/etc/systemd/system")
# What a machine starts besides, and what would reach out of the namespaces.
NOT_STARTED = ("system-generators", *(f"system/{target}.target.wants" for target in (
    "sysinit", "sockets", "timers", "local-fs", "basic", "multi-user", "graphical")))
MASKED = ("systemd-tmpfiles-setup.service", "systemd-tmpfiles-clean.timer", "systemd-udevd.service",
          "systemd-udev-trigger.service", "systemd-sysctl.service")
OURS = ("privnum", "redis-server", "rtpengine-daemon", "kamailio", "privnum-recorder", "privnum-tones", "privnum-keys")


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
    for path in ("/run", "/usr/local", "/var/lib", "/var/log", "/var/cache", "/var/tmp", "/var/spool/rtpengine"):
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for path in ("/usr/local/bin", "/var/lib/redis", "/var/log/redis", "/run/lock"):
        Path(path).mkdir(parents=True)
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
    os.environ["PRIVNUM_TOKEN"] = Path("/etc/privnum/operator.token").read_text().split()[0]
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


def prepare_systemd():
    """Nothing is there to be started but what the pages start, and the journal."""
    for entry in UNITS.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    for name in NOT_STARTED:
        if (path := Path("/usr/lib/systemd", name)).is_dir():
            sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(path))
    for unit in MASKED:
        (UNITS / unit).symlink_to("/dev/null")
    (UNITS / "walk.target").write_text("[Unit]\nWants=systemd-journald-dev-log.socket systemd-journald.service\n")
    sh("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")


def units_have_worked():
    for unit in OURS:
        state = sh("systemctl", "show", "-P", "ActiveState", "-P", "NRestarts", unit, capture_output=True).stdout.split()
        assert sorted(state) == ["0", "active"], (unit, state)
    Path("/etc/privnum-tones/walk.wav").write_bytes(b"RIFF")
    with urllib.request.urlopen("http://127.0.0.1:8070/walk.wav", timeout=5) as answer:
        assert answer.read() == b"/etc/privnum-tones/walk.wav"
    journal = sh("journalctl", "--no-pager", "-o", "cat", "-u", "privnum*", capture_output=True).stdout
    # The sandbox must not keep the gateway from knowing its own addresses, which callbacks may not reach.
    assert "addresses cannot be read" not in journal, journal


def walk(folder, tree):
    lab.wait_for("systemd", lambda: not subprocess.run(["systemctl", "-q", "is-active", "walk.target"]).returncode)
    for page, heading, address in ((ROOT / "deploy/README.md", "Install on Debian 12", ""),
                                   (ROOT / "deploy/kamailio/README.md", "Install", "203.0.113.10")):
        script = blocks(page, heading)
        assert address in script
        script = script.replace(address, lab.RELAY) if address else script
        print(f"--- {page.relative_to(ROOT)}", flush=True)
        sh("bash", "-eux", "-c", script, cwd=tree, stdin=subprocess.DEVNULL)
    call(folder)
    units_have_worked()
    print("the install pages lead to a call with X displayed and its CDR", flush=True)


def main():
    folder = Path(sys.argv[2])
    folder.chmod(0o755)
    tree = prepare(folder, sys.argv[1])
    prepare_systemd()
    if os.fork():
        os.execve("/lib/systemd/systemd", ["systemd", "--unit=walk.target", "--show-status=no"],
                  {"container": "other", "PATH": os.environ["PATH"]})
    status = 1
    try:
        walk(folder, tree)
        status = 0
    except BaseException:
        traceback.print_exc()
        for unit in OURS:
            subprocess.run(["systemctl", "--no-pager", "-l", "-n", "20", "status", unit])
    (folder / "status").write_text(str(status))
    subprocess.run(["systemctl", "stop", *OURS], timeout=60)
    sh("systemctl", "halt", "--force", "--force")


if __name__ == "__main__":
    main()
