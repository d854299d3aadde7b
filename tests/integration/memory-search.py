#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""memory-search.py PID NAME=HEX...: where a process holds these bytes.

One line `NAME copies=N unlocked=N` for each, in the order given: how often its
memory holds them, and how many of the copies are in pages that may be swapped
or dumped (smaps has no `lo`, or no `dd`). Needs the right to trace PID."""
import re
import sys


def regions(pid):
    """(first, end, flags) of every mapping that can be read"""
    now = None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) .*?(\[v\S+\])?$", line)
            if m:
                now = (int(m[1], 16), int(m[2], 16)) if m[3][0] == "r" and not m[4] else None
            elif line.startswith("VmFlags:") and now:
                yield now[0], now[1], line.split()[1:]


def main():
    pid = int(sys.argv[1])
    needles = [(n, bytes.fromhex(h)) for n, h in (a.split("=") for a in sys.argv[2:])]
    if any(len(b) < 16 for _, b in needles):
        sys.exit("too little to look for")
    copies = {n: 0 for n, _ in needles}
    unlocked = dict(copies)
    searched = 0
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for first, end, flags in regions(pid):
            try:
                mem.seek(first)
                data = mem.read(end - first)
            except OSError:
                continue  # a guard page
            searched += len(data)
            for name, needle in needles:
                n = data.count(needle)
                copies[name] += n
                if "lo" not in flags or "dd" not in flags:
                    unlocked[name] += n
    if searched < 1 << 20:
        sys.exit(f"only {searched} bytes of process {pid} could be read")
    for name, _ in needles:
        print(f"{name} copies={copies[name]} unlocked={unlocked[name]}")


main()
