#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-limits.py DIR: TPMs that are small, full, busy, slow, locked, failing, cleared or used by others.

The node boots with the keys it has, or is refused with words that say what
to do; no part of a key is left that a later boot trusts, and never an
object or a session in the TPM.
"""
import struct
import sys
import time

from bus_rules import property_is, refuse, slow
from node_machine import AK, EK, SSH, TLS, Machine, check, finish, tool
from tpm_bus import SESSIONS, error, u32

RETRY, YIELDED, TESTING, NV_RATE, NV_UNAVAILABLE, LOCKOUT = 0x922, 0x908, 0x90a, 0x920, 0x923, 0x921
NV_SPACE, FAILURE, INITIALIZE, VALUE = 0x14b, 0x101, 0x100, 0x1c4
INDEX_MAX, BUFFER_MAX = 0x117, 0x12c

m = Machine(sys.argv[1])
m.power()
m.enrolled, _ = m.enroll()
first = m.first_boot("r1n001")
m.power()
steady = m.boot()
check("a machine without troubles boots", first.rc == 0 and steady.rc == 0 and not steady.fact("bundle"), steady)
m.learn(steady)


def boots(name, *rules, indices=(SSH, TLS), new=False, **more):
    m.power()
    if new:
        m.virgin()
    r = m.boot(*rules, **more)
    check(name, m.whole(r, indices), r)
    return r


def refused(name, words, *rules, status=4, new=False):
    m.power()
    if new:
        m.virgin()
    r = m.boot(*rules)
    check(name, r.refused() and r.rc == status and words in r.text and not r.left, r)
    return r


# --- sizes ------------------------------------------------------------------------------------
def sizes(index_max, buffer_max):
    """A TPM that has these limits, whatever it reports."""
    def rule(p):
        if p.answer is not None:
            return
        at = p.parameters()[0]
        if p.name == "NV_DefineSpace" and struct.unpack_from(">H", p.command, len(p.command) - 2)[0] > index_max:
            p.answer = error(0x2d5)  # SIZE, parameter 2
        if p.name == "NV_Read" and struct.unpack_from(">H", p.command, at)[0] > buffer_max:
            p.answer = error(0x1c4)  # VALUE, parameter 1
        if p.name == "NV_Write" and struct.unpack_from(">H", p.command, at)[0] > buffer_max:
            p.answer = error(0x1d5)  # SIZE, parameter 1
    return rule


small = (sizes(1664, 512), property_is(INDEX_MAX, 1664), property_is(BUFFER_MAX, 512))
r = boots("1664 bytes an index, 512 a command: a first boot", *small, new=True)
check("both indices hold the keys", r.fact("nv", "bytes_written") == 2560)
r = boots("and a steady one", *small)
check("without a byte written", r.fact("nv", "bytes_written") == 0 and not r.fact("bundle"))
silent = (sizes(1664, 512), property_is(BUFFER_MAX, 0))
boots("a TPM that reports no buffer size at all: a first boot", *silent, new=True)
r = boots("and a steady one", *silent)
check("without the bundle", not r.fact("bundle"))
tiny = (sizes(1024, 512), property_is(INDEX_MAX, 1024), property_is(BUFFER_MAX, 512))
for when in "first", "second":
    r = boots("1024 bytes an index: the %s boot has the TLS key from the bundle" % when, *tiny, indices=(SSH,), new=when == "first")
    check("and says so", r.fact("bundle") and r.fact("nv", "tls") == "none" and r.fact("nv", "ssh") == "present", r)
liar = (sizes(1024, 1024),)
r = boots("1024 bytes an index, unannounced: from the bundle", *liar, indices=(SSH,), new=True)
for when in "first", "second":
    r = boots("NV is full: the %s boot goes from the bundle" % when, refuse("NV_DefineSpace", NV_SPACE, times=9), indices=(),
              new=when == "first")
    check("and says so", "Using the bundle at each boot" in r.text and r.fact("nv", "ssh") == "none", r)
boots("when there is room again, NV is used", new=True)

# --- writes that stop half way ------------------------------------------------------------------
for n in 1, 2, 3:
    refused("NV_Write %d fails: refused" % n, "E-NV", refuse("NV_Write", VALUE, n=n), *small, status=10, new=True)
    boots("and the next boot has the right keys in NV (%d)" % n, *small)
m.power()
m.virgin()
child = None


def kill(p):
    if p.name == "NV_Write" and p.n == 2 and p.answer is None:
        child.kill()


child = m.start(kill, *small, direct=True)
m.finish(child)
boots("a client killed between two NV_Writes leaves nothing that is trusted")
start = time.monotonic()
unwritable = refuse("NV_Write", NV_UNAVAILABLE, times=999)
r = boots("NV cannot be written any more from the second write on: the bundle serves",
          lambda p: unwritable(p) if p.n >= 2 else None, *small, indices=(), new=True)
check("and says so, without waiting 10 s for each index", "Using the bundle at each boot" in r.text and
      time.monotonic() - start < 18, r)
boots("and once NV can be written it is used again")

# --- a busy TPM ---------------------------------------------------------------------------------
for new in True, False:
    for name, rc in ("RETRY", RETRY), ("YIELDED", YIELDED), ("TESTING", TESTING), ("NV_RATE", NV_RATE):
        def busy(p, seen={}, rc=rc):
            seen = busy.seen
            if p.answer is None and seen.setdefault(p.name, 0) < 3:
                seen[p.name] += 1
                p.answer = error(rc)
        busy.seen = {}
        r = boots("%s boot: %s three times for each kind of command" % ("a first" if new else "a steady", name), busy, new=new)
        check("and each was asked again", min(busy.seen.values()) == 3 and "NV_Read" in busy.seen or new, busy.seen)
seen = []
start = time.monotonic()
r = refused("a TPM that is busy for ever is given up", "stayed busy", refuse("Quote", RETRY, times=9999, seen=seen))
took = time.monotonic() - start
gaps = [b - a for a, b in zip(seen, seen[1:])]
check("after some 10 s and a few dozen tries, with growing pauses", 9 < took < 20 and len(seen) < 60 and gaps[0] < 0.1 and
      max(gaps) < 1.5 and gaps[4] > gaps[0] * 4, "%.1f s, %d tries: %s" % (took, len(seen), gaps))

# --- a slow TPM -----------------------------------------------------------------------------------
start = time.monotonic()
r = boots("one second for each command of a steady boot", slow(1), seconds=110)
print("# %d commands, %.0f s" % (len(r.packets), time.monotonic() - start))

# --- a TPM that fails -------------------------------------------------------------------------------
refused("a failed self-test is refused, with what to do", "replace the TPM",
        lambda p: setattr(p, "answer", p.answer or error(FAILURE)))
refused("a TPM that the firmware did not start is refused", "update the firmware",
        lambda p: setattr(p, "answer", p.answer or error(INITIALIZE)))
for new, base in (True, first), (False, steady):
    kinds = {}
    for p in base.packets:
        if new or p.name in ("NV_Read", "NV_ReadLock", "NV_WriteLock", "PCR_Event", "Quote", "FlushContext"):
            kinds.setdefault(p.name, set()).add(p.n)
    for name, ns in sorted(kinds.items()):
        for n in sorted({min(ns), max(ns)}):
            m.power()
            if new:
                m.virgin()
            r = m.boot(refuse(name, FAILURE, n=n))
            good = (r.refused() or m.whole(r)) and not r.left
            again = m.boot() if r.rc and r.rc != 11 else None
            check("%s boot: %s#%d fails, and nothing is left" % ("a first" if new else "a steady", name, n), good, r)
            check("and the next attempt boots (%s#%d)" % (name, n), again is None or m.whole(again) and
                  "altered" not in again.text, "%s after %s" % (again, r))

for n, what in (1, "EK"), (2, "AK"):
    r = refused("a fault on reading the %s is no reason to make another" % what, "0x8101C00", refuse("ReadPublic", FAILURE, n=n))
    check("and no command was sent for one", not any(p.name in ("CreatePrimary", "EvictControl") for p in r.packets), r)

# --- lockout ----------------------------------------------------------------------------------------
m.power()
tool(m, "tpm2_dictionarylockout", "--setup-parameters", "--max-tries=1", "--recovery-time=1000", "--lockout-recovery-time=1000")
tool(m, "tpm2_nvdefine", "0x01500000", "-C", "o", "-s", "8", "-a", "authread|authwrite|ownerwrite", "-p", "right")
for _ in range(3):
    r = tool(m, "tpm2_nvread", "0x01500000", "-P", "wrong")
check("the TPM is in lockout", "0x921" in tool(m, "tpm2_nvread", "0x01500000", "-P", "right").stderr, r.stderr)
r = m.boot()
check("a node whose TPM is in lockout boots: nothing of ours is subject to it", m.whole(r), r)
r = boots("nor is anything of a first boot", new=True)
tool(m, "tpm2_dictionarylockout", "--clear-lockout")
tool(m, "tpm2_nvundefine", "0x01500000", "-C", "o")


def locked_out(p):
    if p.answer is None and struct.unpack_from(">H", p.command)[0] == SESSIONS:
        p.answer = error(LOCKOUT)


refused("a TPM that does it all the same is refused, with what to do", "--clear-lockout", locked_out)

# --- used by others -----------------------------------------------------------------------------------
def session():
    body = struct.pack(">IIH", 0x40000007, 0x40000007, 16) + bytes(16) + struct.pack(">HBHH", 0, 0, 0x10, 0xb)
    answer, rc = m.tpm.run(0x176, body)
    return u32(answer, 10) if rc == 0 else None


def others(name, make):
    m.power()
    taken = []
    while (h := make()) is not None:
        taken.append(h)
    r = m.boot()
    check("%s: refused, with what to do" % name, r.refused() and r.rc == 4 and "something else holds the TPM" in r.text, r)
    check("and only theirs are left", sorted(r.left) == sorted(map(hex, taken)), r)
    for h in taken:
        m.tpm.flush(h)
    r = m.boot()
    check("once they are gone the node boots", m.whole(r), r)


def public_key():
    area = struct.pack(">HHIHHHHH", 0x23, 0xb, 0x40040, 0, 0x10, 0x10, 3, 0x10)
    x = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
    y = bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    area += struct.pack(">H", 32) + x + struct.pack(">H", 32) + y
    answer, rc = m.tpm.run(0x167, struct.pack(">HH", 0, len(area)) + area + struct.pack(">I", 0x40000001))
    return u32(answer, 10) if rc == 0 else None


others("every session slot is taken", session)
others("every object slot is taken", public_key)
refused("no session handle is left", "something else holds the TPM", refuse("StartAuthSession", 0x905, times=9))

# --- cleared between boots ----------------------------------------------------------------------------
for hierarchy in "l", "p":
    m.power()
    c = tool(m, "tpm2_clear", "-c", hierarchy)
    check("the TPM is cleared (%s)" % hierarchy, c.returncode == 0, c.stderr)
    r = boots("after TPM2_Clear (%s) the node proves itself again and has its keys" % hierarchy)
    check("from the bundle, into NV again (%s)" % hierarchy, r.fact("bundle") and r.fact("nv", "bytes_written") == 2560, r)

# --- left there by one who was root before ---------------------------------------------------------------
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"


def plant(name, handle, said, *create):
    m.power()
    tool(m, "tpm2_evictcontrol", "-C", "o", "-c", hex(handle))
    out = [tool(m, *create, "-c", sys.argv[1] + "/planted.ctx"),
           tool(m, "tpm2_evictcontrol", "-C", "o", "-c", sys.argv[1] + "/planted.ctx", hex(handle))]
    check("%s is put in place" % name, all(o.returncode == 0 for o in out), [o.stderr for o in out])
    r = boots("%s is replaced and the node boots" % name)
    check("%s is gone" % name, said in r.text and any(p.name == "CreatePrimary" for p in r.packets), r)
    boots("and stays so")


signer = ("tpm2_createprimary", "-g", "sha256", "-G", "ecc256:ecdsa-sha256:null", "-a", ATTRIBUTES)
plant("an AK with a password", AK, "has a password", *signer, "-C", "e", "-p", "secret")
plant("an AK of the owner hierarchy", AK, "", *signer, "-C", "o")
plant("a key that is no AK", AK, "", "tpm2_createprimary", "-g", "sha256", "-G", "ecc256", "-C", "e")
plant("an EK of the owner hierarchy", EK, "", "tpm2_createprimary", "-g", "sha256", "-G", "ecc256:null:aes128cfb", "-C", "o", "-a",
      "fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt", "-L", sys.argv[1] + "/ek.policy")
# an index with our very policy that its owner can read: the TPM itself has to find that its Name is another
m.power()
policy = m.tpm.run(0x169, struct.pack(">I", SSH))[0][24:56]
with open(sys.argv[1] + "/nv.policy", "wb") as f:
    f.write(policy)
out = [tool(m, "tpm2_nvundefine", hex(SSH), "-C", "o"),
       tool(m, "tpm2_nvdefine", hex(SSH), "-C", "o", "-s", "1024", "-L", f.name, "-a",
            "policyread|policywrite|ownerread|ownerwrite|read_stclear|write_stclear|no_da")]
check("a weaker index under our policy is put in place", not out[0].returncode and not out[1].returncode, [o.stderr for o in out])
tool(m, "tpm2_nvwrite", hex(SSH), "-C", "o", "-i", f.name, check=True)
check("control: its owner can read it", tool(m, "tpm2_nvread", hex(SSH), "-C", "o", "-s", "8", "-o", "/dev/null").returncode == 0)
r = boots("a weaker index under our policy is replaced and the node boots")
reads = [p.rc for p in r.packets if p.name == "NV_Read"]
check("since no command was for it, though its policy was met", "altered" in r.text and reads and reads[0] & 0xbf in (0x8e, 0xa2),
      list(map(hex, reads)))
m.power()
said = tool(m, "tpm2_nvread", hex(SSH), "-C", "o", "-s", "8", "-o", "/dev/null").stderr
check("and its owner can read it no more, though no lock is on it yet", "0x149" in said.lower(), said)
m.stop()
finish()
