#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# http_heads.py BOOT_PORT ATTEST_PORT CA_PEM ADMIN_SOCKET: to each listener of
# a musterd requests whose head is right, and ones in which one thing is wrong.
# Prints a line for each: "ok - …" or "not ok - …". A wrong one is answered
# 400 with no verdict, and the request that follows it in the same write is not.
import re
import socket
import ssl
import sys

boot_port, attest_port, ca, admin = sys.argv[1:]
HEAD = b'{"octets":[["secret",32]]}'
ACTIVATION = len(HEAD).to_bytes(4, "big") + HEAD + bytes(32)


def plain():
    return socket.create_connection(("127.0.0.1", int(boot_port)), 10)


def tls():
    context = ssl.create_default_context(cafile=ca)
    raw = socket.create_connection(("127.0.0.1", int(attest_port)), 10)
    return context.wrap_socket(raw, server_hostname="127.0.0.1")


def unix():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(admin)
    return s


# name, connect, method, path, lines, body, status of the right request
LISTENERS = (
    ("boot", plain, b"GET", b"/boot/one.efi", b"", b"", 200),
    ("attest", tls, b"POST", b"/v2/activate",
     b"Content-Type: application/x-muster\r\nContent-Length: %d\r\n" % len(ACTIVATION), ACTIVATION, 403),
    ("admin", unix, b"GET", b"/v1/status", b"", b"", 200),
)


def talk(connect, octets):
    """The statuses of all answers, and the first one whole, until the end or half a second of silence."""
    s = connect()
    got = b""
    ended = False
    try:
        s.sendall(octets)
        s.settimeout(0.5)
        while more := s.recv(1 << 20):
            got += more
        ended = True
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        ended = True
    except TimeoutError:
        pass
    s.close()
    parts = re.split(rb"HTTP/1\.1 (?=\d{3} [A-Z])", got)[1:]
    return [int(p[:3]) for p in parts], parts[0] if parts else b"", ended


failed = False


def say(good, name, why):
    global failed
    failed = failed or not good
    print(("ok - " if good else "not ok - ") + name)
    if not good:
        print("#   " + why)


# extra lines of the head
RIGHT = {
    "no blank after the colon": b"X:a\r\n",
    "blanks and a tab after the colon, and behind the value": b"X: \t a b \r\n",
    "an empty value": b"X:\r\nY: \r\n",
    "a name with every character it may have": b"!#$%&'*+-.^_`|~09azAZ: x\r\n",
    "a value with bytes beyond ASCII": b"X: \xc3\xa9\r\n",
}
WRONG = {
    "a folded line": b"X: a\r\n b\r\n",
    "a line folded with a tab": b"X: a\r\n\tb\r\n",
    "a line folded to nothing": b"X: a\r\n \r\n",
    "lines folded twice": b"X: a\r\n b\r\n c\r\n",
    "a line that its fold would make another": b"Content-Len: 0\r\n gth\r\n",
    "a NUL in a value": b"X: a\0b\r\n",
    "a NUL behind a value": b"X: a\0\r\n",
    "a NUL in a name": b"X\0Y: a\r\n",
    "a NUL that hides a length": b"X: a\0\r\nContent-Length: 5\r\n",
    "a NUL as a line": b"\0\r\n",
    "a NUL before a line": b"\0X: a\r\n",
    "a blank before the colon": b"X : a\r\n",
    "a tab before the colon": b"X\t: a\r\n",
    "a blank in a name": b"X Y: a\r\n",
    "a blank before the colon of a length": b"Content-Length : 0\r\n",
    "a line without a colon": b"X\r\n",
    "a line without a name": b": a\r\n",
    "a name that is no token": b"X(Y): a\r\n",
    "a bare CR in a value": b"X: a\rb\r\n",
    "a bare CR in a name": b"X\rY: a\r\n",
    "a bare CR behind a line": b"X: a\r\r\n",
    "a line that ends with LF alone": b"X: a\n",
    "a control character in a value": b"X: a\x01b\r\n",
    "a DEL in a value": b"X: a\x7fb\r\n",
    "two hosts": b"Host: x\r\n",
    "another host": b"Host: y\r\n",
    "two types": b"Content-Type: application/x-muster\r\nContent-Type: application/x-muster\r\n",
    "two ranges": b"Range: bytes=0-1\r\nrange: bytes=0-1\r\n",
    "a length and a coding": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    "a coding and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "two equal lengths": b"Content-Length: 0\r\nContent-Length: 0\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 0, 0\r\n",
    "a signed length": b"Content-Length: +0\r\n",
}
# what stands behind the path
RIGHT_TARGET = {
    "a query": b"?a=b&c=%20d%25+e",
    "a query with bytes beyond ASCII": b"?a=%c3%a9",
}
WRONG_TARGET = {
    "an escaped NUL": b"%00",
    "an escaped NUL with more behind it": b"%00x",
    "an escaped NUL in a query": b"?a=%00",
    "an escaped NUL in a query's key": b"?a%00b=c",
    "an escaped line end": b"%0d%0a",
    "an escaped line end in a query": b"?a=%0d%0aX:",
    "an escaped DEL": b"%7f",
    "an escape that is none": b"%zz",
    "an escape that is none in a query": b"?a=%zz",
    "half an escape": b"%4",
    "a percent sign alone": b"?%",
    "bytes beyond ASCII": b"\xc3\xa9",
    "a tab": b"\t",
    "a bare CR in the target": b"\r",
}
# libmicrohttpd 1.0 closes without an answer
UNANSWERED = {
    "a NUL in the target": (b"", b"\0x", b""),
    "a NUL in the method": (b"\0", b"", b""),
    "a NUL in the version": (b"", b"", b"\0"),
}

for listener, connect, method, path, lines, body, status in LISTENERS:
    def request(extra=b"", behind=b"", method_end=b"", version_end=b"", path=path):
        return (method + method_end + b" " + path + behind + b" HTTP/1.1" + version_end +
                b"\r\nHost: x\r\n" + lines + extra + b"\r\n" + body)

    def right(name, octets, first=status):
        got, _, ended = talk(connect, octets + request())
        say(got == [first, status] and not ended, f"{listener}: control: {name} is answered, and what follows it",
            f"{got}, ended: {ended}")

    def wrong(name, octets, silent=False):
        got, text, ended = talk(connect, octets + request())
        # libmicrohttpd 0.9.75 says some of its own refusals twice
        good = (set(got) == {400} or (silent and not got)) and ended and b"application/x-muster" not in text
        say(good, f"{listener}: {name} is refused, and nothing behind it is read", f"{got}, ended: {ended}: {text[:600]!r}")

    right("a request", request())
    if listener == "boot":
        right("an escaped letter", request(path=path[:-1] + b"%%%02x" % path[-1]))
        right("an escaped percent sign is decoded once, which", request(path=b"/boot/%256fne.efi"), 404)
        right("an overlong slash as two letters", request(behind=b"%c0%afx"), 404)
        wrong("an escaped slash", request(path=b"/boot/x%2fone.efi"))
    for name, extra in RIGHT.items():
        right(name, request(extra))
    for name, behind in RIGHT_TARGET.items():
        right(name, request(behind=behind))
    for name, extra in WRONG.items():
        wrong(name, request(extra))
    for name, behind in WRONG_TARGET.items():
        wrong(name, request(behind=behind))
    for name, (method_end, behind, version_end) in UNANSWERED.items():
        wrong(name, request(b"", behind, method_end, version_end), silent=True)
    wrong("a line folded before all others", request().replace(b"\r\nHost", b"\r\n Y: z\r\nHost", 1))
    wrong("a head that ends with LF alone", request().replace(b"\r\n\r\n", b"\r\n\n", 1))
    wrong("a head of lines with LF alone", request().split(b"\r\n\r\n")[0].replace(b"\r\n", b"\n") + b"\n\n" + body)
    wrong("a wrong line to a path that is not there", request(b"X : a\r\n", behind=b"/none"))
    wrong("a blank before the colon of the only host", request().replace(b"Host:", b"Host :", 1))

# what an attest listener answers without a verdict: PROTOCOL.md, section 1
WIRE = b"Host: x\r\nContent-Type: application/x-muster\r\n"
TYPE = b"\r\ncontent-type: application/x-muster\r\n"
for statuses, name, octets in (
        ((404,), "a path of another version", b"POST /v1/attest HTTP/1.1\r\n" + WIRE + b"Content-Length: 0\r\n\r\n"),
        ((405,), "another method", b"GET /v2/attest HTTP/1.1\r\nHost: x\r\n\r\n"),
        ((411,), "no length", b"POST /v2/attest HTTP/1.1\r\n" + WIRE + b"\r\n"),
        ((411,), "a chunked request", b"POST /v2/attest HTTP/1.1\r\n" + WIRE + b"Transfer-Encoding: chunked\r\n\r\n"),
        ((413,), "one byte too many", b"POST /v2/attest HTTP/1.1\r\n" + WIRE + b"Content-Length: 196609\r\n\r\n"),
        ((413,), "one byte too many to activate", b"POST /v2/activate HTTP/1.1\r\n" + WIRE + b"Content-Length: 4097\r\n\r\n"),
        ((415,), "another type", b"POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n"),
        ((415,), "no type", b"POST /v2/attest HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"),
        ((414, 0), "a request line that is too long", b"POST /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        ((431, 0), "a head that is too long", b"POST /v2/attest HTTP/1.1\r\n" + WIRE + b"X: " + b"a" * 5000 + b"\r\n\r\n"),
        ((505,), "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ((400,), "no host", b"POST /v2/attest HTTP/1.1\r\nContent-Type: application/x-muster\r\nContent-Length: 4\r\n\r\n")):
    got, text, ended = talk(tls, octets)
    say((got[0] if got else 0) in statuses and ended and TYPE not in text.lower() and
        (b"\r\nallow: post\r\n" in text.lower()) == (statuses == (405,)),
        f"attest: {name} is answered {' or '.join(str(s) for s in statuses)} without a verdict, and closed",
        f"{got}, ended: {ended}: {text[:600]!r}")
_, connect, _, path, lines, body, status = LISTENERS[1]
head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + lines
got, _, ended = talk(connect, head + b"X: " + b"a" * (2000 - len(head) - 7) + b"\r\n\r\n" + body)
say(got == [status] and not ended, "attest: control: a head of 2,000 bytes is answered", f"{got}, ended: {ended}")
got, _, ended = talk(connect, head + b"Expect: 100-continue\r\n\r\n" + body)
say(got in ([100, status], [status]) and not ended, "attest: control: who expects 100 is answered", f"{got}, ended: {ended}")

sys.exit(failed)
