"""Stands in for systemctl where no systemd runs: starts what a unit's ExecStart says, as the unit's user, with its folders."""

import os
import pathlib
import pwd
import re
import shlex
import subprocess
import sys
import time


def settings(unit):
    for folder in ("/etc/systemd/system", "/lib/systemd/system"):
        file = pathlib.Path(folder, unit + ".service")
        if file.exists():
            text = file.read_text().replace("\\\n", " ")
            return dict(re.findall(r"(?m)^([A-Za-z]+)=(.*)$", text)), re.findall(r"(?m)^Environment='?([^'\n]*)", text)
    sys.exit(f"no unit {unit}")


def start(unit):
    unit = {"redis": "redis-server"}.get(unit, unit)
    service, environment = settings(unit)
    user = pwd.getpwnam(service.get("User", "nobody") if "DynamicUser" not in service else "nobody")
    for key, root in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache")):
        for name in service.get(key, "").split():
            folder = pathlib.Path(root, name)
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(int(service.get(key + "Mode", "755"), 8))
            os.chown(folder, user.pw_uid, user.pw_gid)
    more = dict(line.split("=", 1) for line in environment)
    if "LoadCredential" in service:
        name, source = service["LoadCredential"].split(":")
        credentials = pathlib.Path("/run/credentials", unit)
        credentials.mkdir(parents=True, exist_ok=True)
        (credentials / name).write_text(pathlib.Path(source).read_text())
        os.chown(credentials / name, user.pw_uid, user.pw_gid)
        more["CREDENTIALS_DIRECTORY"] = str(credentials)
    words = [re.sub(r"\$\{?(\w+)\}?", lambda m: more.get(m[1], ""), word) for word in shlex.split(service["ExecStart"])]
    words = [word.replace("%d", more.get("CREDENTIALS_DIRECTORY", "")) for word in words]
    command = ["setpriv", f"--reuid={user.pw_name}", f"--regid={user.pw_gid}", "--init-groups", *words]
    log = open(f"/var/log/walk/{unit}.log", "ab")
    subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                     cwd=service.get("WorkingDirectory", "/"), env=os.environ | more)
    time.sleep(2)


if __name__ == "__main__":
    verb, *units = [word for word in sys.argv[1:] if not word.startswith("--")]
    if verb in ("start", "restart", "enable"):
        for unit in units:
            start(unit)
