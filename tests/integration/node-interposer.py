#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-interposer.py DIR: somebody on the TPM's bus who alters what crosses.

A boot under attack must be refused with its words and leave no key, or must
have ended as one without the attacker: same keys, PCR 15 capped and the
indices locked in the TPM itself. Which of the two is stated for each attack.
"""
import struct
import sys

from bus_rules import (drop, flip_answer, flip_at, flip_command, one_handle_at_a_time, property_is, refuse, replay,
                       reverse_handles, swap_ek)
from node_machine import Machine, check, finish
from tpm_bus import Tpm

m = Machine(sys.argv[1])
m.power()
m.enrolled, _ = m.enroll()
first = m.first_boot("r1n001")
check("the machine boots with nobody on the bus", first.rc == 0, first)
m.power()
steady = m.boot()
check("and again, from NV", steady.rc == 0 and not steady.fact("bundle"), steady)
m.learn(steady)


def attack(name, *rules, want="refused", new=False, codes=(), extend=None):
    """want: refused, whole, or either. extend: this PCR first, so that the log does not say what the PCRs are."""
    m.power()
    if extend is not None:
        m.tpm.extend(extend, bytes(32))
    if new:
        m.virgin()
    r = m.boot(*rules)
    good = {"refused": r.refused() and not r.left, "whole": m.whole(r), "either": (r.refused() and not r.left) or m.whole(r)}[want]
    good = good and (not codes or any(c in r.text for c in codes))
    check(name, good, "PCR 15 %s: %s" % (m.tpm.pcr(15), r))
    for h in r.left:
        m.tpm.flush(int(h, 16))
    return r


# --- who answers as the TPM ---------------------------------------------------------------
r = attack("another EK in the TPM's answer makes another node, which waits", swap_ek(True), want="either")
check("and is never taken for the enrolled one", r.rc == 8 or (r.rc != 0 and m.enrolled[:16] not in r.text), r)
attack("another EK under the old Name is refused", swap_ek(False), codes=["E-TPM"])
attack("another Name for the EK is refused", flip_at("ReadPublic", -40), codes=["E-TPM"])
attack("another hierarchy for the EK: it is made anew", flip_at("ReadPublic", -1), want="either")

# --- dropped extends -----------------------------------------------------------------------
m.power(measured=False)
m.bus.fresh(drop("PCR_Extend", "empty", n=len(m.extends) - 1))
firmware = Tpm(m.front)
for pcr, digest in m.extends:
    firmware.extend(pcr, digest)
r = m.boot()
check("a measurement that is dropped before the boot is refused by the parent", r.rc == 7 and r.refused() and
      "M-EVENTLOG" in r.text, r)

digests = struct.pack(">IH", 1, 0xb) + bytes(32)
older = next(p.answer for p in steady.packets if p.name == "PCR_Event")
for how in "bare", "empty", "random", "older":
    r = attack("a dropped cap is noticed (%s answer)" % how, drop("PCR_Event", how, results=digests, older=older),
               codes=["E-CAP"])
    check("with status 11, and the TPM was not capped (%s)" % how, r.rc == 11 and m.tpm.pcr(15) == bytes(32), r)
    r = m.boot()
    check("and without the attacker the same boot goes on (%s)" % how, r.rc == 0 and m.tpm.pcr(15) == m.capped, r)
    attack("an NV_ReadLock that was not done is noticed (%s answer)" % how,
           drop("NV_ReadLock", how, older=next(p.answer for p in steady.packets if p.name == "NV_ReadLock")), codes=["E-CAP"])
attack("a second ReadLock answered with the first one's answer is noticed", drop(
    "NV_ReadLock", "older", n=2, older=next(p.answer for p in steady.packets if p.name == "NV_ReadLock")), codes=["E-CAP"])

# --- one bit, anywhere -----------------------------------------------------------------------
# what is asked again, found missing and made anew from the same seed, or leads to the bundle in place of NV; what
# changes nothing that matters. All others must be refused.
EITHER = {"GetCapability", "FlushContext", "PCR_Read", "ReadPublic", "NV_ReadPublic", "EvictControl", "CreatePrimary", "NV_Read",
          "PolicyPCR", "PolicyCounterTimer", "PolicyAuthorize", "PolicySecret", "StartAuthSession", "VerifySignature"}


def kinds(r):
    seen = {}
    for p in r.packets:
        if p.rc == 0:
            seen.setdefault(p.name, []).append(p.n)
    return {name: sorted({n[0], n[-1]}) for name, n in seen.items()}


for when, base, new in ("steady", steady, False), ("first", first, True):
    for name, nth in sorted(kinds(base).items()):
        if new and name in kinds(steady):
            continue
        want = "either" if name in EITHER else "refused"
        for n in nth:
            for where in (0.1, 0.9) if n == 1 else (0.5,):
                attack("%s boot: a bit of %s#%d at %.1f" % (when, name, n, where), flip_command(name, n, where),
                       want=want, new=new)
                attack("%s boot: a bit of the answer to %s#%d at %.1f" % (when, name, n, where),
                       flip_answer(name, n, where), want=want, new=new)
        old = next(p.answer for p in base.packets if p.name == name and p.rc == 0)
        attack("%s boot: an older answer to %s" % (when, name), replay(name, 1, old), want="either", new=new)

# --- what is read off the answers -------------------------------------------------------------
attack("the machine boots again with nobody on the bus", want="whole")
attack("every session's nonce is altered", flip_answer("StartAuthSession", None))
attack("every session's salt is altered", flip_command("StartAuthSession", None))
attack("every PCR_Read is altered", flip_answer("PCR_Read", None), extend=4)
attack("and would be if nobody altered it: the log does not say so", extend=4, codes=["M-EVENTLOG"])
attack("every approval's ticket is altered", flip_answer("VerifySignature", None))
attack("the quote's attest is altered", flip_at("Quote", 60), codes=["M-", "E-TPM"])
attack("the quote's signature is altered", flip_at("Quote", -30), codes=["M-"])
r = attack("an NV_Read is altered in its ciphertext", flip_at("NV_Read", 40), want="either")
check("and what was read is not used", r.rc != 0 or r.fact("bundle"), r)
attack("a smaller NV_INDEX_MAX does not leave the keys readable", property_is(0x117, 100), want="whole")
attack("a smaller NV_BUFFER_MAX costs only time", property_is(0x12c, 64), want="whole", new=True)
attack("an owner password that is not there is refused", property_is(0x200, 1), codes=["E-AUTH"], new=True)
attack("the machine boots again with nobody on the bus", want="whole")
attack("an index that is said to be missing once is found again", refuse("NV_ReadPublic", 0x18b, n=1), want="whole")
attack("indices that are said to be missing are refused", refuse("NV_Read", 0x18b, times=99), refuse("NV_ReadPublic", 0x18b, times=99),
       codes=["E-NV"])
attack("handles that are not in order are refused", reverse_handles(), codes=["E-TPM"])
r = attack("a TPM that lists one handle at a time costs only time", one_handle_at_a_time(), want="whole")
check("and both indices are found", not r.fact("bundle") and sum(p.name == "GetCapability" for p in r.packets) >= 2, r)
attack("a TPM that is said to have no AK is refused, or has one again", refuse("ReadPublic", 0x18b, n=2), want="either")
m.stop()
finish()
