# SPDX-License-Identifier: Apache-2.0
"""seal.py - PROTOCOL.md sections 6 and 7: the bundle's data and sealed images."""
import hashlib
import struct
import urllib.request

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wire import Cursor, WireError

CHUNK = 1 << 18
TAG = 16


def open_bundle(key, node, data):
    """(Ed25519 seed, P-256 scalar) of a bundle's data."""
    try:
        plain = AESGCM(key).decrypt(data[:12], data[12:], b"muster bundle v1" + node)
    except InvalidTag:
        raise WireError("the bundle does not open with this key for this node") from None
    c = Cursor(plain)
    if c.take(8) != b"MUSTERBK" or c.u(4) != 1 or c.u(4) != 0:
        raise WireError("the bundle's header")
    keys = c.take(32), c.take(32)
    c.end()
    return keys


def parse_header(header):
    """(plain size, nonce prefix)."""
    c = Cursor(header)
    if c.take(8) != b"MUSTERIM" or c.u(4) != 2 or c.u(4) != 18:
        raise WireError("the image's magic, version or chunk size")
    plain, _, prefix, kind, zero = c.u(8), c.take(16), c.take(7), c.u(1), c.take(16)
    c.end()
    if plain == 0 or kind != 1 or any(zero):
        raise WireError("the image's size, format or reserved bytes")
    return plain, prefix


def open_image(manifest, key, read, write):
    """Decrypts what read(n) gives and hands each verified chunk to write."""
    header = read(64)
    if header != manifest["header"]:
        raise WireError("the header is not the manifest's")
    plain, prefix = parse_header(header)
    chunks = -(-plain // CHUNK)
    if (plain, "squashfs", 64 + 32 * chunks + plain + chunks * TAG) != (manifest["plain_size"], manifest["format"], manifest["size"]):
        raise WireError("the header and the manifest differ")
    digests = read(32 * chunks)
    if len(digests) != 32 * chunks or hashlib.sha256(digests).digest() != manifest["list"]:
        raise WireError("the list is not the manifest's")
    for i in range(chunks):
        size = min(CHUNK, plain - i * CHUNK) + TAG
        sealed = read(size)
        if hashlib.sha256(sealed).digest() != digests[32 * i:32 * i + 32]:
            raise WireError(f"chunk {i} is not the one in the list")
        nonce = prefix + struct.pack(">IB", i, i == chunks - 1)
        try:
            write(AESGCM(key).decrypt(nonce, sealed, header))
        except InvalidTag:
            raise WireError(f"chunk {i} does not verify") from None
    if read(1):
        raise WireError("bytes after the last chunk")


def fetch_image(manifest, key, urls, path):
    with urllib.request.urlopen(urls[0], timeout=60) as answer, open(path, "wb") as out:
        open_image(manifest, key, answer.read, out.write)
