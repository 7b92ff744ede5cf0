"""A customer's application as the protocol pages describe one: signs, binds, receives callbacks. Standard library only;
it shares no code with the gateway."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import queue
import threading
import urllib.parse
import urllib.request
import uuid


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


class Application:
    """One app of the gateway, by its key and secret."""

    def __init__(self, base, key, secret, scheme="AKSK", context=None):
        self.base, self.key, self.secret, self.scheme, self.context = base, key, secret, scheme, context

    def headers(self):
        nonce = uuid.uuid4().hex
        created = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.scheme == "AKSK":
            digest = hmac.new(self.secret.encode(), (nonce + created).encode(), hashlib.sha256).digest()
        else:
            digest = hashlib.sha256((nonce + created + self.secret).encode()).digest()
        password = base64.b64encode(digest).decode()
        return {
            "Content-Type": "application/json;charset=UTF-8",
            "Authorization": f'{self.scheme} realm="SDP",profile="UsernameToken",type="Appkey"',
            f"X-{self.scheme}": f'UsernameToken Username="{self.key}",PasswordDigest="{password}",'
                                f'Nonce="{nonce}",Created="{created}"',
        }

    def ask(self, method, path, query=None, body=None):
        url = self.base + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self.headers(), method=method)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.context) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def bind_axb(self, a, b, x, **more):
        status, answer = self.ask("POST", "/rest/caas/relationnumber/partners/v1.0",
                                  body={"callerNum": a, "calleeNum": b, "relationNum": x, **more})
        assert (status, answer["resultcode"]) == (200, "0"), answer
        return answer["subscriptionId"]

    def unbind_axb(self, subscription):
        return self.ask("DELETE", "/rest/caas/relationnumber/partners/v1.0", {"subscriptionId": subscription})

    def modify_axb(self, subscription, **changes):
        status, answer = self.ask("PUT", "/rest/caas/relationnumber/partners/v1.0",
                                  body={"subscriptionId": subscription, **changes})
        assert (status, answer["resultcode"]) == (200, "0"), answer

    def is_bound_axb(self, subscription):
        _, answer = self.ask("GET", "/rest/caas/relationnumber/partners/v1.0", {"subscriptionId": subscription})
        return answer["resultcode"] == "0"

    def bind_ax(self, a, x, **more):
        status, answer = self.ask("POST", "/rest/provision/caas/privatenumber/v1.0",
                                  body={"origNum": a, "privateNum": x, **more})
        assert (status, answer["resultcode"]) == (200, "0"), answer
        return answer["subscriptionId"]

    def stop_call(self, session):
        return self.ask("POST", "/rest/httpsessions/callStop/v2.0", body={"sessionid": session, "signal": "call_stop"})

    def recording_link(self, domain, name):
        """Where a recording can be fetched, or nothing while there is none."""
        query = urllib.parse.urlencode({"recordDomain": domain, "fileName": name})
        request = urllib.request.Request(f"{self.base}/rest/provision/voice/record/v1.0?{query}", headers=self.headers())
        try:
            urllib.request.build_opener(Stay).open(request, timeout=10)
        except urllib.error.HTTPError as answer:
            return answer.headers["Location"] if answer.code == 301 else None

    def bind_axe(self, a, x, extension):
        status, answer = self.ask("POST", "/rest/caas/extendnumber/v1.0",
                                  body={"bindNum": a, "virtualNum": x, "extendNum": extension})
        assert (status, answer["resultcode"]) == (200, "0"), answer
        return answer["subscriptionId"]

    def unbind_axe(self, subscription):
        return self.ask("DELETE", "/rest/caas/extendnumber/v1.0", {"subscriptionId": subscription})

    def unbind_ax(self, subscription):
        return self.ask("DELETE", "/rest/provision/caas/privatenumber/v1.0", {"subscriptionId": subscription})

    def set_next_callee(self, subscription, callee, seconds=60):
        status, answer = self.ask("PUT", "/rest/caas/privatenumber/calleenumber/v1.0",
                                  body={"subscriptionId": subscription, "calleeNum": callee, "duration": seconds})
        assert (status, answer["resultcode"]) == (200, "0"), answer


class Receiver:
    """The customer's callback URLs. Everything that arrives is put into a queue, in the order of arrival."""

    def __init__(self, address):
        self.arrived = queue.Queue()
        # What is answered to the question of X mode about a call: a JSON object; None leaves the gateway waiting.
        self.decide = lambda question: None
        self.gone = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = b""
                if body.get("statusInfo", {}).get("notifyMode") == "Block":
                    decision = receiver.decide(body["statusInfo"])
                    if decision is None:
                        receiver.gone.wait()
                    answer = json.dumps(decision).encode()
                else:
                    receiver.arrived.put(body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256

        self.server = Server((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def calls(self, count, seconds):
        """Waits until CDRs and ends of `count` calls are here: they come by ways of their own. Returns, by session, the events
        in order and the CDRs."""
        events, cdrs, ended = {}, {}, set()
        while len(cdrs) < count or len(ended) < count:
            try:
                notice = self.arrived.get(timeout=seconds)
            except queue.Empty:
                break
            if notice["eventType"] == "fee":
                for cdr in notice["feeLst"]:
                    cdrs.setdefault(cdr["sessionId"], []).append(cdr)
            else:
                info = notice["statusInfo"]
                events.setdefault(info["sessionId"], []).append((notice["eventType"], info))
                if notice["eventType"] == "disconnect":
                    ended.add(info["sessionId"])
        return events, cdrs
