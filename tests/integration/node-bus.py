#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-bus.py first|later DIR: what a recorder on the TPM's bus gets.

Boots the same machine in each way a node can boot and searches every byte
that crossed for what must not. `first` ends before the parent's clock goes
on, `later` begins after it.
"""
import base64
import os
import re
import signal
import struct
import subprocess
import sys

from bus_rules import refuse
from node_machine import EK, SSH, TLS, Machine, check, finish, tool
from tpm_bus import CODES

WINDOW = 16
ASYMMETRIC = {"ActivateCredential", "CreatePrimary", "Import", "Quote", "StartAuthSession", "VerifySignature"}  # all salted
NV_WRITING = {"EvictControl", "NV_DefineSpace", "NV_UndefineSpace", "NV_Write"}


def windows(data):
    """Every 16 bytes of it, as they are and reversed; not the padding."""
    for i in range(len(data) - WINDOW + 1):
        w = data[i:i + WINDOW]
        if len(set(w)) > 5:
            yield w
            yield w[::-1]


def crossed(recording, data):
    seen = {recording[i:i + WINDOW] for i in range(len(recording) - WINDOW + 1)}
    return any(w in seen for w in windows(data))


def key_files(run):
    """The private parts, taken from the files as OpenSSH and OpenSSL read them."""
    with open(os.path.join(run, "ssh_host_ed25519_key")) as f:
        blob = base64.b64decode("".join(x for x in f.read().split("\n") if not x.startswith("-")))
    text = subprocess.run(["openssl", "pkey", "-in", os.path.join(run, "tls.key"), "-text", "-noout"],
                          capture_output=True, text=True, check=True).stdout
    scalar = re.search(r"priv:\n((?:\s+[0-9a-f:]+\n)+)", text).group(1)
    at = blob.rindex(b"\0\0\0\x40") + 4
    return {"the SSH seed": blob[at:at + 32], "the TLS scalar": bytes.fromhex(re.sub(r"[\s:]", "", scalar))[-32:]}


def secrets(path):
    """What the test build of the client wrote down: one NAME:HEX a line."""
    found = {}
    with open(path) as f:
        for line in f.read().split("\n"):
            if line:
                name, value = line.rsplit(":", 1)
                found.setdefault(name, []).append(bytes.fromhex(value))
    return found


def search(when, r, noted, want):
    """`want`: which secrets this boot must have had, so that the search is one."""
    if not check("%s passes with a recorder on the bus" % when, r.rc == 0 and not r.left, r):
        return
    known = secrets(noted)
    os.unlink(noted)
    check("%s: the secrets to search for are known" % when, sorted(known) == sorted(want), sorted(known))
    for name, value in key_files(r.run).items():
        check("%s: %s does not cross the bus" % (when, name), len(value) == 32 and not crossed(r.recorded, value))
        check("%s: %s is what NV gets" % (when, name), any(value in v for v in known["NV content"]) or "K" in known)
    for name, values in sorted(known.items()):
        check("%s: %s does not cross the bus" % (when, name), not any(crossed(r.recorded, v) for v in values))
    check("%s: no marker of NV content does" % when, b"MUSTERNV" not in r.recorded and b"MUSTERBK" not in r.recorded)
    ek = next(p for p in r.packets if p.name == "ReadPublic" and p.handle() == EK and p.rc == 0)
    public = ek.answer[60:110]
    check("%s: the same search finds the EK, raw and reversed" % when,
          crossed(r.recorded, public) and crossed(r.recorded[::-1], public) and public[:8] in r.recorded)
    salts = [(p.handle(), struct.unpack_from(">H", p.command, p.parameters()[0] + 2 + 32)[0])
             for p in r.packets if p.name == "StartAuthSession"]
    check("%s: each session is salted to the EK" % when, salts and all(h == EK and size > 64 for h, size in salts), salts)
    check("%s: no command of an unknown kind crossed" % when, all(p.code in CODES for p in r.packets),
          [p.name for p in r.packets if p.code not in CODES])


def memory(pid):
    """All that this process has, a mapping at a time."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            first, last = (int(x, 16) for x in span.split("-"))
            if "w" in mode:
                try:
                    mem.seek(first)
                    yield line.split()[-1], mem.read(last - first)
                except OSError:
                    pass


def remains(when, place, **how):
    """Stops the client at that place and counts what is in its memory."""
    child = m.start(env=dict(note, MUSTER_TEST_STOP=place), direct=True, **how)
    os.waitpid(child.pid, os.WUNTRACED)
    data = b"".join(data for _, data in memory(child.pid))
    os.kill(child.pid, signal.SIGCONT)
    r = m.finish(child)
    known = secrets(noted)
    os.unlink(noted)
    if not check("%s: stopped at '%s'" % (when, place), r.rc == 0 and b"MUSTER_TEST_STOP=" in data and "NV content" in known, r):
        return
    content = {v[9]: v[16:48] for v in known.pop("NV content")}  # the rest is a certificate
    for purpose, name in (1, "the SSH seed"), (2, "the TLS scalar"):
        halves = [data.count(content[purpose][i:i + WINDOW]) for i in (0, WINDOW)]
        want = [1, 1] if place == "keys" else [0, 0]
        check("%s: %s is in memory %s" % (when, name, "once, in struct node" if place == "keys" else "no more"), halves == want,
              halves)
    if place == "keys":
        known.pop("image key")
    for name, values in sorted(known.items()):
        check("%s: %s is in memory no more at '%s'" % (when, name, place),
              not any(v[i:i + WINDOW] in data for v in values for i in range(0, len(v), WINDOW)))


m = Machine(sys.argv[2])
noted = os.path.join(sys.argv[2], "secrets")
note = {"MUSTER_TEST_SECRETS": noted}
m.power()
if sys.argv[1] == "first":
    m.enrolled, _ = m.enroll()
    r = m.first_boot("r1n001", env=note)
    search("a first boot", r, noted, ["K", "NV content", "activation secret", "image key"])
    m.power()
    r = m.boot(env=note)
    search("a steady boot", r, noted, ["NV content", "image key"])
    check("a steady boot: and it is one", r.fact("nv", "bytes_written") == 0 and not r.fact("bundle"))
    sent = [p.name for p in r.packets]
    check("a steady boot: at most 25 commands", 0 < len(sent) <= 25, sent)
    check("a steady boot: at most 3 asymmetric ones", 0 < sum(name in ASYMMETRIC for name in sent) <= 3, sent)
    check("a steady boot: none that writes NV", not NV_WRITING.intersection(sent), sent)
    check("a steady boot: the client counts the same", r.fact("tpm", "commands_total") == len(sent), sent)
    if os.geteuid() == 0:  # others may not look into a process that is not dumpable
        for place in "keys", "cap":
            m.power()
            remains("a steady boot", place)
            m.power()
            m.virgin()
            remains("a first boot", place)
else:
    r = m.boot(env=note)
    search("a renewal", r, noted, ["NV content", "image key"])
    check("a renewal: and it is one", r.fact("nv", "bytes_written") == 2560 and not r.fact("bundle"))
    m.power()
    tool(m, "tpm2_nvundefine", hex(SSH), "-C", "o")
    tool(m, "tpm2_nvdefine", hex(SSH), "-C", "o", "-s", "1024", "-a", "ownerread|ownerwrite|authread|authwrite")
    r = m.boot(env=note)
    search("a repair of NV", r, noted, ["K", "NV content", "image key"])
    check("a repair of NV: and it is one", "altered" in r.text and r.fact("nv", "bytes_written") == 1024)
    m.power()
    for index in (SSH, TLS):
        tool(m, "tpm2_nvundefine", hex(index), "-C", "o")
    for when in "a boot without room in NV", "the next one":
        r = m.boot(refuse("NV_DefineSpace", 0x14b, times=9), env=note)
        search(when, r, noted, ["K", "NV content", "image key"])
        m.power()
m.stop()
finish()
