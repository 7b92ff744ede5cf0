"""The two phones, as sipp scenarios. Both put their own number and address into every place a careless phone might, so
that whatever reaches the other side is the switch's doing."""

FRAME = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<scenario name="{name}">
{steps}</scenario>
"""


def send(text, repeat=True):
    head = '  <send retrans="500">' if repeat else "  <send>"
    return f"{head}\n    <![CDATA[\n{text.strip()}\n\n]]>\n  </send>\n"


def sdp(me):
    return f"""Content-Type: application/sdp
Content-Length: [len]

v=0
o={me} 1 1 IN IP[local_ip_type] [local_ip]
s=phone of {me}
i={me}
e={me}@[local_ip]
p=+{me}
c=IN IP[media_ip_type] [media_ip]
k=uri:sip:{me}@[local_ip]
t=0 0
a=tool:phone of {me}
a=X-number:{me}
m=audio [media_port] RTP/AVP 8
i={me}
a=rtpmap:8 PCMA/8000
a=ssrc:1 cname:{me}@[local_ip]
a=source-filter: incl IN IP4 * [local_ip]
a=candidate:1 1 UDP 1 [local_ip] 7000 typ host
a=label:{me}
a=sendrecv"""


CALLER = "[field0]"
FROM_CALLER = f'From: "Ms {CALLER}" <sip:{CALLER}@[local_ip]:[local_port]>;tag=[pid]a[call_number]'
TO_X = "To: <sip:[field1]@[remote_ip]:[remote_port]>"
TELLING = """X-Number: {me}
Subject: call of {me}
Organization: {me}
Remote-Party-ID: <sip:{me}@[local_ip]>;party=calling
P-Asserted-Identity: "{me}" <sip:{me}@[local_ip]>
Call-Info: <http://[local_ip]/{me}>;purpose=info
User-Agent: phone of {me} at [local_ip]"""

INVITE = send(f"""INVITE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
{FROM_CALLER}
{TO_X}
Call-ID: {CALLER}///[call_id]
CSeq: 1 INVITE
Contact: "{CALLER}" <sip:{CALLER}@[local_ip]:[local_port];transport=[transport]>
P-Preferred-Identity: <sip:{CALLER}@[local_ip]>
Diversion: <sip:{CALLER}@[local_ip]>;reason=unconditional
History-Info: <sip:{CALLER}@[local_ip]>;index=1
{TELLING.format(me=CALLER)}
Max-Forwards: 70
Allow: INVITE, ACK, BYE, CANCEL
{sdp(CALLER)}""")


def caller_sends(method, cseq, uri="[next_url]", via="Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
                 tag="[peer_tag_param]", body=False):
    return send(f"""{method} {uri} SIP/2.0
{via}
{FROM_CALLER}
{TO_X}{tag}
Call-ID: {CALLER}///[call_id]
CSeq: {cseq} {method}
{TELLING.format(me=CALLER)}
Max-Forwards: 70
{sdp(CALLER) if body else "Content-Length: 0"}""", repeat=method != "ACK")


RECV_ACK = '  <recv request="ACK"/>\n'
X_URI = "sip:[field1]@[remote_ip]:[remote_port]"
TRYING = '  <recv response="100" optional="true"/>\n'
PROGRESS = TRYING + '  <recv response="180" optional="true"/>\n  <recv response="183" optional="true"/>\n'


def recv_reply(code):
    return f'  <recv response="{code}" rrs="true"/>\n'


def pause(ms):
    return f'  <pause milliseconds="{ms}"/>\n'


def ack_refusal():
    return caller_sends("ACK", 1, X_URI, "[last_Via:]")


def reply(code, phrase, me, body=False, more="", tag=";tag=[pid]b[call_number]"):
    text = f"""SIP/2.0 {code} {phrase}
[last_Via:]
[last_From:]
[last_To:]{tag}
[last_Call-ID:]
[last_CSeq:]
Contact: "{me}" <sip:{me}@[local_ip]:[local_port]>
{TELLING.format(me=me).replace("User-Agent", "Server")}
{more}{sdp(me) if body else "Content-Length: 0"}"""
    return send(text, repeat=code >= 200 and body)


# The switch's two BYEs may cross; a real network needs longer than loopback (Kamailio 5.6.3 loses one otherwise).
def hung_up(me):
    return '  <recv request="BYE"/>\n' + pause(20) + reply(200, "OK", me, tag="")


def is_held(me):
    return '  <recv request="INVITE"/>\n' + reply(200, "OK", me, body=True, tag="") + RECV_ACK


ME = "[$me]"
RECV_INVITE = """  <recv request="INVITE" rrs="true">
    <action>
      <ereg regexp="sip:[+]?([0-9]+)@" search_in="msg" check_it="true" assign_to="whole,me"/>
      <ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/>
      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="cseq"/>
    </action>
  </recv>
"""
USED = '  <Reference variables="whole,via,caller,callee,cseq"/>\n'
# What the laboratory sends to a phone that waits for it: see lab.tell.
TOLD = '  <recv request="NOTIFY"/>\n'
RING = reply(180, f"Ringing at {ME}", ME)
ANSWER = RING + pause(200) + reply(200, f"OK says {ME}", ME, body=True) + RECV_ACK
ANSWER_WHEN_TOLD = RING + TOLD + reply(200, f"OK says {ME}", ME, body=True).replace("[last_Via:]", "Via:[$via]").replace(
    "[last_From:]", "From:[$caller]").replace("[last_To:]", "To:[$callee]").replace(
    "[last_CSeq:]", "CSeq: [$cseq] INVITE") + RECV_ACK
CALLEE_HANGS_UP = send(f"""BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$callee];tag=[pid]b[call_number]
To:[$caller]
[last_Call-ID:]
CSeq: 11 BYE
{TELLING.format(me=ME)}
Max-Forwards: 70
Content-Length: 0""") + recv_reply(200)


CALLEE_HOLDS = send(f"""INVITE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$callee];tag=[pid]b[call_number]
To:[$caller]
[last_Call-ID:]
CSeq: 21 INVITE
Contact: "{ME}" <sip:{ME}@[local_ip]:[local_port]>
{TELLING.format(me=ME)}
Max-Forwards: 70
{sdp(ME)}""") + TRYING + recv_reply(200) + send(f"""ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$callee];tag=[pid]b[call_number]
To:[$caller]
[last_Call-ID:]
CSeq: 21 ACK
{TELLING.format(me=ME)}
Max-Forwards: 70
Content-Length: 0""", repeat=False)


POSES_AS_CALLER = send(f"""BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$caller]
To:[$callee];tag=[pid]b[call_number]
[last_Call-ID:]
CSeq: 12 BYE
Max-Forwards: 70
Content-Length: 0""") + recv_reply(481)


def callee(steps):
    return RECV_INVITE + steps + USED


def refuses(code, phrase, more=""):
    return callee(reply(code, f"{phrase} says {ME}", ME, more=more) + RECV_ACK)


TALK = pause(700)
SCENARIOS = {
    "a_hangs_up": INVITE + PROGRESS + recv_reply(200) + caller_sends("ACK", 1) + TALK + caller_sends("BYE", 2)
    + recv_reply(200),
    "a_holds": INVITE + PROGRESS + recv_reply(200) + caller_sends("ACK", 1) + pause(100)
    + caller_sends("INVITE", 2, body=True) + TRYING + recv_reply(200) + caller_sends("ACK", 2) + TALK
    + caller_sends("BYE", 3) + recv_reply(200),
    "a_is_held": INVITE + PROGRESS + recv_reply(200) + caller_sends("ACK", 1) + is_held(CALLER) + TALK
    + caller_sends("BYE", 2) + recv_reply(200),
    "a_waits": INVITE + PROGRESS + recv_reply(200) + caller_sends("ACK", 1) + hung_up(CALLER),
    "a_gives_up": INVITE + TRYING + recv_reply(180) + pause(300)
    + caller_sends("CANCEL", 1, X_URI, "[last_Via:]", tag="") + recv_reply(200) + recv_reply(487) + ack_refusal(),
    "a_gives_up_early": INVITE + recv_reply(100) + pause(300)
    + caller_sends("CANCEL", 1, X_URI, "[last_Via:]", tag="") + '  <recv response="200" optional="true"/>\n' + recv_reply(487) + ack_refusal(),
    "b_answers": callee(ANSWER + hung_up(ME)),
    "b_is_held": callee(ANSWER + is_held(ME) + hung_up(ME)),
    "b_holds": callee(ANSWER + pause(100) + CALLEE_HOLDS + hung_up(ME)),
    "b_hangs_up": callee(ANSWER + TALK + CALLEE_HANGS_UP),
    "b_hangs_up_when_told": callee(ANSWER + TOLD + CALLEE_HANGS_UP),
    "b_answers_when_told": callee(ANSWER_WHEN_TOLD + hung_up(ME)),
    "b_poses_as_caller": callee(ANSWER + pause(200) + POSES_AS_CALLER + hung_up(ME)),
    "b_rings": callee(RING + '  <recv request="CANCEL"/>\n' + reply(200, "OK", ME)
                      + reply(487, "Request Terminated", ME).replace("[last_CSeq:]", "CSeq: [$cseq] INVITE") + RECV_ACK),
    "b_is_busy": refuses(486, "Busy"),
    "b_rejects": refuses(603, "Decline"),
    "b_does_not_exist": refuses(404, "Not Found"),
    "b_is_off": refuses(480, "Off", "Reason: Q.850;cause=27\n"),
    "b_redirects": refuses(302, "Moved"),
}
for refusal in (403, 404, 408, 480, 486, 487, 503, 603):
    SCENARIOS[f"a_gets_{refusal}"] = INVITE + PROGRESS + recv_reply(refusal) + ack_refusal()


def write(folder):
    for name, steps in SCENARIOS.items():
        (folder / f"{name}.xml").write_text(FRAME.format(name=name, steps=steps))
