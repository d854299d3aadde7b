#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tpm.py TIMES DIR RESULTS: the TPM commands of a first and of a steady boot.

Counts what crosses to a software TPM and multiplies it by TIMES, which says
how long each command takes on a slow real one; prints tables, writes
RESULTS. A command that TIMES does not have is an error. Started by
tests/bench/tpm.
"""
import collections
import json
import os
import re
import struct
import subprocess
import sys

from node_machine import EK, Machine

TARGETS = {"first": {"seconds": 4.0}, "steady": {"seconds": 1.5, "commands": 25, "asymmetric": 3}}
NULL, RSA = 0x40000007, 0x0001
LINE = re.compile(r"([A-Za-z_-]+) +([0-9]+) (plain|asymmetric) ((?:published|derived): .+)\n")


def stop(why):
    sys.exit("bench-tpm: " + why)


def times(path):
    found = {}
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                row = LINE.fullmatch(line)
                if not row or row[1] in found:
                    stop("%s: wrong line: %s" % (path, line.strip()))
                found[row[1]] = (int(row[2]), row[3] == "asymmetric", row[4])
    return found


def name_of(p):
    """Its row: what costs more with one algorithm than with another has two."""
    if p.name == "StartAuthSession":
        return p.name if p.handle() == NULL else p.name + "-salted"
    if p.name == "CreatePrimary":
        at = p.parameters()[0]
        at += 2 + struct.unpack_from(">H", p.command, at)[0] + 2  # after the sensitive part: the template
        return p.name + ("-RSA" if struct.unpack_from(">H", p.command, at)[0] == RSA else "-ECC")
    return p.name


def account(packets, table):
    counts = collections.Counter(name_of(p) for p in packets)
    for name in counts:
        if name not in table:
            stop("%s is sent, and there is no time for it. Next: add it to tests/bench/tpm-times" % name)
    return {"commands": sum(counts.values()), "asymmetric": sum(n for c, n in counts.items() if table[c][1]),
            "seconds": round(sum(n * table[c][0] for c, n in counts.items()) / 1000, 3), "by_name": dict(counts),
            "in_order": [{"command": name_of(p), "bytes": [len(p.command), len(p.answer)], "rc": p.rc} for p in packets]}


def show(result, table):
    print("\nTPM commands of one boot, ECC EK without a certificate (* asymmetric)")
    print("  %-26s %7s %7s %9s  %s" % ("", "first", "steady", "ms each", "that figure"))
    for name in sorted(set(result["first"]["by_name"]) | set(result["steady"]["by_name"])):
        print("  %-26s %7d %7d %9d  %s" % (name + (" *" if table[name][1] else ""), result["first"]["by_name"].get(name, 0),
                                          result["steady"]["by_name"].get(name, 0), table[name][0], table[name][2].split(":")[0]))
    print("\n  %-26s %9s %9s" % ("", "first", "steady"))
    for key, words in ("commands", "commands"), ("asymmetric", "asymmetric ones"), ("seconds", "modelled seconds"):
        cells = []
        for when in "first", "steady":
            got, limit = result[when][key], TARGETS[when].get(key)
            cells.append("%s%s" % (got, "" if limit is None else " (at most %s: %s)" % (limit, "ok" if got <= limit else "over")))
        print("  %-26s %s" % (words, "   ".join("%-26s" % c for c in cells)))
    print("  NV bytes written           %d, %d" % (result["first"]["nv_written"], result["steady"]["nv_written"]))


def rows(result):
    """For tests/bench/run."""
    return [{"name": "%s, %s" % (words, when), "value": result[when][key], "unit": unit,
             "wanted": "<= %s" % TARGETS[when][key] if key in TARGETS[when] else None}
            for key, words, unit in (("commands", "TPM commands", ""), ("asymmetric", "asymmetric ones", ""),
                                     ("seconds", "modelled on a slow TPM", "s"), ("nv_written", "NV written", "bytes"))
            for when in ("first", "steady")]


def boots(m, table):
    m.power()
    m.enrolled, _ = m.enroll()
    m.tpm.run(0x120, struct.pack(">III", 0x40000001, EK, EK), auth=2)  # a first boot makes the EK too
    result = {"targets": TARGETS, "times_ms": {name: t[0] for name, t in table.items()}}
    for when in "first", "steady":
        r = m.first_boot("r1n001") if when == "first" else m.boot()
        if r.rc or r.left:
            stop("the %s boot failed: %s" % (when, r))
        result[when] = account(r.packets, table)
        result[when]["nv_written"] = r.fact("nv", "bytes_written")
        m.power()
    if result["steady"]["nv_written"] or "CreatePrimary-RSA" in result["first"]["by_name"]:
        stop("no boot of a node with an ECC EK makes an RSA key, and a steady one writes no NV: this one did")
    return result


figures = times(sys.argv[1])
machine = Machine(sys.argv[2])
try:
    measured = boots(machine, figures)
finally:
    machine.stop()
measured.update(title="TPM commands of one boot, and a slow TPM's time for them", runs=1, rows=rows(measured))
measured["commit"] = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
with open(sys.argv[3], "w") as out:
    json.dump(measured, out, indent=1)
show(measured, figures)
print("\n  all of it, in order: %s" % os.path.relpath(sys.argv[3]))
