#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""forge_image.py META SEALED OUT HOW: what whoever has an image's key can make of its sealed file.

HOW: chunk: chunk 1 sealed anew over other bytes, the list as it was; listed: the same with the list brought up to date;
whole: every chunk and the list; list: other digests, true chunks; short, long: a digest less or more, the rest moved;
true: nothing is changed. The header stays what it was.
"""
import base64
import hashlib
import json
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 1 << 18
meta_path, sealed_path, out, how = sys.argv[1:]
meta = json.load(open(meta_path))
cipher = AESGCM(base64.b64decode(meta["key"]))
data = open(sealed_path, "rb").read()
header, n = data[:64], -(-meta["plain_size"] // CHUNK)
assert header.hex() == meta["header"] and n > 2
digests = [data[64 + 32 * i:96 + 32 * i] for i in range(n)]
body = data[64 + 32 * n:]
chunks = [body[i * (CHUNK + 16):(i + 1) * (CHUNK + 16)] for i in range(n)]
assert hashlib.sha256(b"".join(digests)).hexdigest() == meta["list"]


def reseal(i):
    nonce = header[40:47] + struct.pack(">IB", i, i == n - 1)
    plain = cipher.decrypt(nonce, chunks[i], header)  # it has the key
    chunks[i] = cipher.encrypt(nonce, plain[:100] + b"forged" + plain[106:], header)


if how in ("chunk", "listed"):
    reseal(1)
if how == "whole":
    for k in range(n):
        reseal(k)
if how in ("listed", "whole"):
    digests = [hashlib.sha256(c).digest() for c in chunks]
if how == "list":
    digests[2] = bytes(32)
if how == "short":
    digests = digests[:-1]
if how == "long":
    digests.append(bytes(32))
open(out, "wb").write(header + b"".join(digests) + b"".join(chunks))
