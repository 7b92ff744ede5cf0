"""A customer's client, written against the protocol alone, talks to the real program over HTTPS: bind, query, modify,
unbind in AXB and AX, with both kinds of signature. Run by ./run."""

import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import urllib.request

from customer import Application

OPERATOR, SWITCH = "operator-token-of-a-test", "switch-token-of-a-test"
AXB = "/rest/caas/relationnumber/partners/v1.0"
AX = "/rest/provision/caas/privatenumber/v1.0"
A, B, C, X, Y = (f"+86138000000{n:02}" for n in (1, 2, 3, 4, 5))



def start(privnum, folder):
    """The gateway with a certificate of its own. Returns the process and the addresses of its ready line."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   cwd=folder, check=True, capture_output=True)
    (folder / "privnum.toml").write_text(f"""
[listen]
customer = "127.0.0.1:0"
switch = "127.0.0.1:0"
operator = "127.0.0.1:0"
[tls]
certificate = "cert.pem"
key = "key.pem"
[store]
kind = "embedded"
dir = "data"
[operator]
token = "{OPERATOR}"
[switch]
token = "{SWITCH}"
[allocation]
# The same people meet others on the same X again at once.
quarantine_secs = 0
""")
    process = subprocess.Popen([privnum, "serve", "--config", str(folder / "privnum.toml")], stdout=subprocess.PIPE,
                               text=True)
    line = process.stdout.readline()
    return process, dict(word.split("=") for word in line.split()[1:])


def operator(address, path, body):
    request = urllib.request.Request(f"http://{address}/operator/v1/{path}", json.dumps(body).encode(),
                                     {"Authorization": f"Bearer {OPERATOR}"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def succeeds(answer):
    status, body = answer
    assert status == 200 and body["resultcode"] == "0" and body["resultdesc"], answer
    return body


def refused(answer, code):
    status, body = answer
    assert status == 403 and body["resultcode"] == code and body["resultdesc"], answer


def axb(client):
    bound = succeeds(client.ask("POST", AXB, body={
        "callerNum": A, "calleeNum": B, "areaCode": "0755", "callDirection": 0, "duration": 3600, "maxDuration": 60,
        "recordFlag": "false", "userData": "order-1"}))
    assert bound["relationNum"] == X and bound["duration"] == 3600 and bound["maxDuration"] == 60, bound
    subscription = bound["subscriptionId"]
    refused(client.ask("POST", AXB, body={"callerNum": A, "calleeNum": C, "relationNum": X}), "1012010")
    succeeds(client.ask("PUT", AXB, body={"subscriptionId": subscription, "calleeNum": C, "duration": 7200}))
    found = succeeds(client.ask("GET", AXB, {"relationNum": X, "callerNum": A}))
    first = found["relationNumList"][0]
    assert found["totalCount"] == 1 and first["calleeNum"] == C and first["duration"] == 7200, found
    assert first["userData"] == "order-1" and first["subscriptionId"] == subscription, found
    succeeds(client.ask("DELETE", AXB, {"subscriptionId": subscription}))
    refused(client.ask("GET", AXB, {"subscriptionId": subscription}), "1012007")


def ax(client):
    bound = succeeds(client.ask("POST", AX, body={"origNum": A, "privateNum": Y, "calleeNumDisplay": "0"}))
    assert bound["privateNum"] == Y and bound["origNum"] == A, bound
    succeeds(client.ask("PUT", "/rest/caas/privatenumber/calleenumber/v1.0",
                        body={"subscriptionId": bound["subscriptionId"], "calleeNum": "+8695588", "duration": 60}))
    succeeds(client.ask("PUT", AX, body={"subscriptionId": bound["subscriptionId"], "maxDuration": 30}))
    found = succeeds(client.ask("GET", AX, {"origNum": A}))["privateNumList"]
    assert [entry["privateNum"] for entry in found] == [Y] and found[0]["maxDuration"] == 30, found
    succeeds(client.ask("DELETE", AX, {"origNum": A, "privateNum": Y}))
    refused(client.ask("GET", AX, {"privateNum": Y}), "1016001")


def main():
    checks = 0
    with tempfile.TemporaryDirectory(prefix="privnum-client-") as folder:
        folder = pathlib.Path(folder)
        process, addresses = start(sys.argv[1], folder)
        try:
            context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
            for mode, number, steps in (("AXB", X, axb), ("AX", Y, ax)):
                app = operator(addresses["operator"], "apps", {"name": "official style", "mode": mode})
                operator(addresses["operator"], "numbers",
                         {"numbers": [{"number": number, "appKey": app["appKey"], "areaCode": "0755"}]})
                for scheme in ("AKSK", "WSSE"):
                    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                        context.minimum_version = context.maximum_version = version
                        base = f"https://{addresses['customer']}"
                        steps(Application(base, app["appKey"], app["appSecret"], scheme, context))
                        print(f"{mode:4} {scheme}, {version.name}: bind, query, modify, unbind over HTTPS   ok", flush=True)
                        checks += 1
        finally:
            process.terminate()
            process.wait(20)
    print(f"{checks} passed, 0 failed")


if __name__ == "__main__":
    main()
