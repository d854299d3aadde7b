#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-mirror.py PORT DIR LOG [cut=BYTES] [flip=OFFSET] [drip=OFFSET]

Serves DIR's files under /image/ with Range, and may cut each answer after
so many bytes, or flip a byte at an offset of each file,
or from an offset on send a byte a second. LOG gets one line per request: the Range header, or "whole".
"""
import http.server
import os
import sys
import time

port, folder, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
opts = dict(a.split("=") for a in sys.argv[4:])
cut = int(opts.get("cut", 0))
flip = int(opts.get("flip", -1))
drip = int(opts.get("drip", -1))


class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        path = os.path.join(folder, os.path.basename(self.path))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        with open(path, "rb") as f:
            data = bytearray(f.read())
        if 0 <= flip < len(data):
            data[flip] ^= 1
        want = self.headers.get("Range")
        with open(log, "a") as f:
            f.write((want or "whole") + "\n")
        first = int(want.split("=")[1].rstrip("-")) if want else 0
        self.send_response(206 if want else 200)
        if want:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        body = data[first:]
        if drip >= first:
            self.wfile.write(body[:drip - first])
            body = body[drip - first:]
        while drip >= 0 and body:
            self.wfile.write(body[:1])
            self.wfile.flush()
            body = body[1:]
            time.sleep(1)
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


http.server.ThreadingHTTPServer(("127.0.0.1", port), Mirror).serve_forever()
