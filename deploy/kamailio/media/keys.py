#!/usr/bin/python3
"""Tells Kamailio of the keys that rtpengine hears callers press.

rtpengine sends a datagram with JSON for each key (dtmf-log-dest, RFC 4733 events). Kamailio 5.6 cannot take it: its own
module for datagrams that are no SIP, nosip, crashes. So each key of a call that is being asked for an extension is passed
on as POST /calls/{callId}/keys/{code} to Kamailio's control address. A key that cannot be passed on is lost, as one that
was not heard.
"""

import argparse
import contextlib
import http.client
import json
import re
import socket
import sys
import urllib.parse

# The suffix is that of the relay's call while Kamailio itself is the caller's other side (media.cfg).
ASKED = re.compile(r"([0-9a-f-]{1,64})-early")
# 0 to 9, then * and #.
CODES = range(12)
DATAGRAM_MAX, SWITCH_SECONDS = 4096, 1


def key(datagram):
    """callId and code of a key of a call that is being asked, or nothing."""
    try:
        told = json.loads(datagram)
        call, code = ASKED.fullmatch(told["callid"]), told["event"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (call[1], code) if call and type(code) is int and code in CODES else None


def pass_on(switch, call, code):
    connection = http.client.HTTPConnection(switch.hostname, switch.port or 80, timeout=SWITCH_SECONDS)
    with contextlib.closing(connection):
        connection.request("POST", f"/calls/{call}/keys/{code}")
        status = connection.getresponse().status
        if status != 200:
            raise http.client.HTTPException(f"Kamailio answered {status}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--listen", default="127.0.0.1:8071", help="HOST:PORT, rtpengine's dtmf-log-dest (127.0.0.1:8071)")
    parser.add_argument("--switch", required=True, help="Kamailio's control address, http://HOST:PORT")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    switch = urllib.parse.urlsplit(options.switch)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as told:
        told.bind((host, int(port)))
        while True:
            if pressed := key(told.recv(DATAGRAM_MAX)):
                try:
                    pass_on(switch, *pressed)
                except (OSError, http.client.HTTPException) as error:
                    print(f"<4>call {pressed[0]}: a key is lost: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
