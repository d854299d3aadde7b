#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-lengths.py DIR: somebody on the TPM's bus who lies about lengths.

The library hashes and decrypts what an answer's lengths name before it knows
whose answer it is. Each answer here has one length that does not fit it. The
client ends with its words, and leaves no key and nothing in the TPM. Beside
them the same rule hands on the answer as it is: then the machine boots.
"""
import sys

from bus_rules import forge, put, resized
from node_machine import Machine, check, finish

m = Machine(sys.argv[1])
m.power()
m.enrolled, _ = m.enroll()
first = m.first_boot("r1n001")
check("the machine boots with nobody on the bus", first.rc == 0, first)
m.power()
steady = m.boot()
check("and again, from NV", steady.rc == 0 and not steady.fact("bundle"), steady)
m.learn(steady)

CODES = "E-TPM", "E-NV", "E-CAP"
# a: the answer; p and e: where its parameters begin and end, before p the size of all of them, behind e the sessions
LENGTHS = {
    "parameters of 2 GiB": lambda a, p, e: put(a, p - 4, ">I", 0x7fffffff),
    "parameters of 4 GiB": lambda a, p, e: put(a, p - 4, ">I", 0xfffffff0),
    "parameters up to the packet's end": lambda a, p, e: put(a, p - 4, ">I", len(a) - p),
    "a byte more of parameters": lambda a, p, e: put(a, p - 4, ">I", e - p + 1),
    "no parameters": lambda a, p, e: put(a, p - 4, ">I", 0),
    "a first parameter of 64 KiB": lambda a, p, e: put(a, p, ">H", 0xffff),
    "a first parameter that ends behind the parameters": lambda a, p, e: put(a, p, ">H", e - p),
    "a nonce of 64 KiB": lambda a, p, e: put(a, e, ">H", 0xffff),
    "a nonce of 65 bytes": lambda a, p, e: put(a, e, ">H", 65),
    "no nonce": lambda a, p, e: put(a, e, ">H", 0),
    "an HMAC of 64 KiB": lambda a, p, e: put(a, len(a) - 34, ">H", 0xffff),
    "a packet that ends in its parameters": lambda a, p, e: resized(a[:e - 1]),
    "a packet that ends before its sessions": lambda a, p, e: resized(a[:e]),
    "a packet that ends in its last session": lambda a, p, e: resized(a[:-1]),
    "a byte behind the last session": lambda a, p, e: resized(a + b"\0"),
    "a session more than were asked for": lambda a, p, e: resized(a + a[e:]),
    "a packet that says less than it is": lambda a, p, e: put(a, 2, ">I", len(a) - 8),
    "a packet larger than any buffer": lambda a, p, e: resized(a + bytes(5000)),
    "a packet of 4 GiB": lambda a, p, e: put(a, 2, ">I", 0xffffffff),
    "a packet of 9 bytes": lambda a, p, e: put(a, 2, ">I", 9),
}
PLAIN = {
    "a public area of 64 KiB": lambda a, p, e: put(a, p, ">H", 0xffff),
    "a public area of no bytes": lambda a, p, e: put(a, p, ">H", 0),
    "a policy of 64 KiB within the public area": lambda a, p, e: put(a, p + 10, ">H", 0xffff),
    "a policy of 65 bytes within the public area": lambda a, p, e: put(a, p + 10, ">H", 65),
    "a packet that ends in its public area": lambda a, p, e: resized(a[:p + 20]),
    "a packet that says that it has sessions": lambda a, p, e: put(a, 0, ">H", 0x8002),
}


def forged(what, name, change, n=1, same=False):
    seen = []
    m.power()
    r = m.boot(forge(name, change, n, seen))
    if same:
        check("%s, answered to %s: the machine boots" % (what, name), m.whole(r) and seen == [False], r)
    elif seen == [False]:
        check("%s, answered to %s: so it is" % (what, name), m.whole(r), r)
    else:
        # the software TPM's own transport does not go on after a packet that fits no buffer
        check("%s, answered to %s: refused, in words" % (what, name), r.refused() and (not r.left or "packet of 4" in what or
              "larger than" in what) and seen == [True] and any(c in r.text for c in CODES), r)
        check("and no memory beyond the answer was read (%s, %s)" % (what, name), "AddressSanitizer" not in r.text and
              "runtime error" not in r.text, r)
    for h in r.left:
        m.tpm.flush(int(h, 16))


for name in "NV_Read", "NV_ReadLock", "PCR_Event":
    forged("the lengths as they are", name, lambda a, p, e: bytes(a), same=True)
    for what, change in LENGTHS.items():
        if name == "NV_Read" or ("first parameter" not in what and (name == "PCR_Event" or "ends in its parameters" not in what)):
            forged(what, name, change)
forged("the lengths as they are", "ReadPublic", lambda a, p, e: bytes(a), same=True)
for what, change in PLAIN.items():
    forged(what, "ReadPublic", change)
forged("handles without number", "GetCapability", lambda a, p, e: put(a, p + 5, ">I", 0xffffffff))
m.stop()
finish()
