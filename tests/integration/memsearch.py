#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memsearch.py PID FILE: searches the memory of a process for the secrets in
FILE, lines of NAME:HEX, and prints `found NAME as ENCODING in MAPPING` for
each way it is there: halves of it count, and hex and base64 of it, at any
offset in a longer text (PEM, JSON). Ends with `searched N bytes`. Exit 1
when something was found."""
import base64
import re
import sys

WINDOW = 16


def patterns(secret):
    head, tail = secret[:WINDOW], secret[-WINDOW:]
    for part in {head, tail}:
        yield "bytes", part
        yield "hex", part.hex().encode()
        yield "HEX", part.hex().upper().encode()
        yield "reversed bytes", part[::-1]  # OpenSSL's numbers
        for shift in range(3):
            # without the characters that neighbouring bytes share
            text = base64.b64encode(b"\0" * shift + part)
            first = (shift * 8 + 5) // 6
            last = (shift + len(part)) * 8 // 6
            yield "base64", text[first:last]


def main():
    pid = sys.argv[1]
    with open(sys.argv[2]) as f:
        secrets = [line.strip().split(":") for line in f if ":" in line]
    wanted = {}
    for name, text in secrets:
        raw = bytes.fromhex(text)
        if len(raw) < WINDOW:
            sys.exit(f"{name} is too short to search for")
        for encoding, p in patterns(raw):
            if len(set(p)) > 4:  # not zeros
                wanted[p] = (name, encoding)
    found, size = set(), 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            # not what is of a file and cannot be written
            if not m or "r" not in m[3] or m[4] in ("[vvar]", "[vsyscall]", "[vdso]") or ("w" not in m[3] and m[4]):
                continue
            start, end = int(m[1], 16), int(m[2], 16)
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            size += len(data)
            for pattern, (name, encoding) in wanted.items():
                at = data.find(pattern)
                if at >= 0:
                    found.add((name, encoding, m[4] or "anonymous"))
                if at >= 0 and len(sys.argv) > 3:
                    print(f"# {name} {encoding} at {start + at:x} in {m[4]}: {data[max(0, at - 48):at + 64]!r}")
    for name, encoding, where in sorted(found):
        print(f"found {name} as {encoding} in {where}")
    print(f"searched {size} bytes")
    sys.exit(1 if found else 0)


main()
