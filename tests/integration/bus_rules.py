# SPDX-License-Identifier: Apache-2.0
"""bus_rules.py - what somebody on the TPM's bus may do: rules for tpm_bus.Bus.

Each maker returns a rule; `n` picks the nth command of that kind, None all.
"""
import hashlib
import os
import struct
import time

from tpm_bus import CODES, SESSIONS, error, u32

G = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def _ours(p, name, n):
    return (name is None or p.name == name) and (n is None or p.n == n)


def _flip(data, at, bit=0x01):
    data = bytearray(data)
    data[at] ^= bit
    return bytes(data)


def flip_command(name, n=1, where=0.5):
    """One bit of its parameters (of its handle, when it has none)."""
    def rule(p):
        if p.answer is None and _ours(p, name, n):
            first, last = p.parameters()
            if first >= last:
                first, last = 10, 14
            p.command = _flip(p.command, first + int((last - first - 1) * where))
    return rule


def flip_answer(name, n=1, where=0.5):
    """One bit of its results (of its response code, when it has none)."""
    def rule(p):
        if p.answer is not None and _ours(p, name, n) and p.rc == 0:
            first, last = p.results()
            if first >= last:
                first, last = 6, 10
            p.answer = _flip(p.answer, first + int((last - first - 1) * where))
    return rule


def flip_at(name, at, n=1):
    """One bit of the answer at this offset, which may count from the end."""
    def rule(p):
        if p.answer is not None and _ours(p, name, n) and p.rc == 0:
            p.answer = _flip(p.answer, at)
    return rule


def forge(name, change, n=1, seen=None):
    """The answer as change(answer, begin, end) makes it: where its parameters are. `seen` gets whether it is another."""
    def rule(p):
        if p.answer is not None and _ours(p, name, n) and p.rc == 0:
            true = p.answer
            p.answer = change(bytearray(true), *p.results())
            if seen is not None:
                seen.append(p.answer != true)
    return rule


def put(data, at, fmt, value):
    """A number in its place."""
    struct.pack_into(fmt, data, at, value)
    return bytes(data)


def resized(data):
    """Its header says how long it is."""
    return put(bytearray(data), 2, ">I", len(data))


def refuse(name, rc, times=1, n=None, seen=None):
    """The TPM never sees it; this code is the answer, `times` times."""
    left = [times]

    def rule(p):
        if p.answer is None and _ours(p, name, n) and left[0]:
            left[0] -= 1
            p.answer = error(rc)
            if seen is not None:
                seen.append(time.monotonic())
    return rule


def slow(seconds):
    def rule(p):
        if p.answer is None:
            time.sleep(seconds)
    return rule


def _sessions(p):
    """(handle, attributes) of each session of a command."""
    if struct.unpack_from(">H", p.command)[0] != SESSIONS:
        return []
    at = 10 + 4 * CODES[p.code][1]
    last = at + 4 + u32(p.command, at)
    at += 4
    found = []
    while at < last:
        handle = u32(p.command, at)
        at += 6 + struct.unpack_from(">H", p.command, at + 4)[0]
        found.append((handle, p.command[at]))
        at += 3 + struct.unpack_from(">H", p.command, at + 1)[0]
    return found


def success(p, results, how):
    """A made up answer: without sessions (bare), with HMACs that are empty or random."""
    if how == "bare":
        return struct.pack(">HII", 0x8001, 10 + len(results), 0) + results
    body = struct.pack(">I", len(results)) + results
    for handle, attributes in _sessions(p):
        if handle == 0x40000009:
            body += b"\0\0" + bytes([attributes]) + b"\0\0"
        else:
            mac = os.urandom(32) if how == "random" else b""
            body += b"\0\x20" + os.urandom(32) + bytes([attributes]) + struct.pack(">H", len(mac)) + mac
    return struct.pack(">HII", SESSIONS, 10 + len(body), 0) + body


def drop(name, how, n=1, results=b"", older=None):
    """The TPM never sees it; the answer says that all went well."""
    def rule(p):
        if p.answer is None and _ours(p, name, n):
            p.answer = older if how == "older" else success(p, results, how)
    return rule


def replay(name, n, older):
    """The TPM does it, but the client gets an answer of an earlier boot."""
    def rule(p):
        if p.answer is not None and _ours(p, name, n):
            p.answer = older
    return rule


def swap_ek(name_too):
    """Another point of the curve in the EK's public area, and its Name to match."""
    def rule(p):
        if p.answer is None or p.name != "ReadPublic" or p.handle() != 0x8101C000 or p.rc:
            return
        size = struct.unpack_from(">H", p.answer, 10)[0]
        end = 12 + size
        public = p.answer[12:end - 68] + b"\0\x20" + G[:32] + b"\0\x20" + G[32:]
        rest = p.answer[end:]
        if name_too:
            name = b"\0\x0b" + hashlib.sha256(public).digest()
            qualified = b"\0\x0b" + hashlib.sha256(b"\x40\0\0\x0b" + name).digest()
            rest = b"\0\x22" + name + b"\0\x22" + qualified
        p.answer = p.answer[:12] + public + rest
    return rule


def _handles(p):
    return p.name == "GetCapability" and u32(p.command, 10) == 1


def reverse_handles():
    """The handles that GetCapability lists, the last one first."""
    def rule(p):
        if p.answer is not None and _handles(p) and not p.rc:
            n = u32(p.answer, 15)
            p.answer = p.answer[:19] + b"".join(p.answer[19 + 4 * i:23 + 4 * i] for i in reversed(range(n)))
    return rule


def one_handle_at_a_time():
    """A TPM that lists less than it was asked for, and says that there are more."""
    def rule(p):
        if p.answer is None and _handles(p):
            p.command = p.command[:18] + struct.pack(">I", 1)
    return rule


def property_is(number, value):
    """What GetCapability says of one TPM property."""
    def rule(p):
        if p.answer is None or p.name != "GetCapability" or p.rc or u32(p.command, 10) != 6:
            return
        for i in range(u32(p.answer, 15)):
            at = 19 + 8 * i
            if u32(p.answer, at) == number:
                p.answer = p.answer[:at + 4] + struct.pack(">I", value) + p.answer[at + 8:]
    return rule
