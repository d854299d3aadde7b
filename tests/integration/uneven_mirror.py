#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""uneven_mirror.py PORT LOG FILE: serves FILE, well or badly.

The first part of a path says how; LOG gets it for each request:
  true      all of it
  spoilt…   one bit of the third chunk is wrong
  busyN     503 with Retry-After N times, then as true
  paceN     N KiB a second, in small pieces
"""
import re
import socketserver
import sys
import time

port, log, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(name, "rb") as f:
    sealed = f.read()
bad = bytearray(sealed)
plain = int.from_bytes(sealed[16:24], "big")
bad[64 + 32 * -(-plain // 262144) + 2 * 262160 + 1000] ^= 1
refused = {}


class Mirror(socketserver.StreamRequestHandler):
    timeout = 20

    def handle(self):
        line = self.rfile.readline(8192).decode()
        if not line:
            return
        how = line.split(" ")[1].split("/")[1]
        first = 0
        while line := self.rfile.readline(8192).strip():
            if m := re.match(rb"(?i)range: *bytes=(\d+)-$", line):
                first = int(m[1])
        with open(log, "a", encoding="ascii") as f:
            f.write(how + "\n")
        try:
            self.answer(how, first)
        except OSError:
            pass

    def answer(self, how, first):
        if how.startswith("busy") and refused.setdefault(how, 0) < int(how[4:]):
            refused[how] += 1
            self.wfile.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
            return
        data = bad if how.startswith("spoilt") else sealed
        head = b"HTTP/1.1 200 OK"
        if first:
            head = b"HTTP/1.1 206 Part\r\nContent-Range: bytes %d-%d/%d" % (first, len(data) - 1, len(data))
        self.wfile.write(head + b"\r\nContent-Length: %d\r\n\r\n" % (len(data) - first))
        if not how.startswith("pace"):
            self.wfile.write(data[first:])
            return
        size = int(how[4:]) * 1024 // 4
        for i in range(first, len(data), size):
            self.wfile.write(data[i:i + size])
            time.sleep(0.25)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", port), Mirror).serve_forever()
