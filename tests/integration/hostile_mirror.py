#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_mirror.py PORT LOG: an image server in bad hands.

The first part of a path says how it lies: /redirect/image/NAME. LOG gets the
path of each request. Every answer ends within seconds.
"""
import os
import socketserver
import sys

port, log = int(sys.argv[1]), sys.argv[2]
OK = b"HTTP/1.1 200 OK\r\n"


def answers(path):
    here = f"http://127.0.0.1:{port}/followed".encode()
    return {
        "redirect": b"HTTP/1.1 302 Found\r\nLocation: " + here + b"\r\nContent-Length: 0\r\n\r\n",
        "refresh": OK + b"Location: " + here + b"\r\nRefresh: 0; url=" + here + b"\r\nContent-Length: 9\r\n\r\nfollow me",
        "giant": OK + b"X: " + b"A" * (8 << 20) + b"\r\n\r\n",
        "many": OK + b"A: b\r\n" * 1000000 + b"\r\n",
        "negative": OK + b"Content-Length: -1\r\n\r\n" + b"A" * 65536,
        "overflow": OK + b"Content-Length: 18446744073709551680\r\n\r\n" + b"A" * 65536,
        "twice": OK + b"Content-Length: 5\r\nContent-Length: 9999999\r\n\r\nhello",
        "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + b"A" * 65536,
        "gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + b"\x1f\x8b\x08" + bytes(17),
        "range": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\nabcdef",
        "interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 100000,
        "nul": OK + b"Content-Length: 5\0\r\n\r\nhello",
        "raw": b"\x00\xff" * 65536,
        "noise": OK + b"Content-Length: 3145728\r\n\r\n" + os.urandom(3145728),
    }[path.split("/")[1]]


class Liar(socketserver.StreamRequestHandler):
    timeout = 20

    def handle(self):
        line = self.rfile.readline(8192).decode(errors="replace").split(" ")
        while self.rfile.readline(8192).strip():
            pass
        with open(log, "a") as f:
            f.write(line[1] + "\n")
        try:
            self.wfile.write(answers(line[1]))
        except (KeyError, OSError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", port), Liar).serve_forever()
