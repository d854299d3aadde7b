#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-ek-made.py DIR: which EK a node takes when its TPM lacks an algorithm or cannot show its certificate.

A TPM without ECC gives an RSA EK; one that merely fails gives none, because
another EK would be another node. A certificate that this index does not let
us read is no reason to fail, one that the TPM fails to read is.
"""
import base64
import json
import os
import struct
import subprocess
import sys

from bus_rules import refuse
from node_machine import CLIENT, EK, Machine, check, finish, tool

ECC, RSA = 0x0023, 0x0001
CURVE, ASYMMETRIC, FAILURE, LOCKED, RANGE = 0x2e6, 0x281, 0x101, 0x148, 0x146
CERT_ECC, CERT_RSA, CHAIN = 0x01c0000a, 0x01c00002, 0x01c00100

m = Machine(sys.argv[1])
m.power()


def enroll(*rules, fresh=True):
    """The record and what was said of a node whose TPM behaves like this."""
    if fresh:
        m.tpm.run(0x120, struct.pack(">III", 0x40000001, EK, EK), auth=2)
    m.bus.fresh(*rules)
    r = subprocess.run([CLIENT, "enroll"], env=m.env, capture_output=True, text=True)
    return r.returncode, json.loads(r.stdout) if r.returncode == 0 else None, r.stderr


def kind(record):
    return struct.unpack_from(">H", base64.b64decode(record["ek_public"]), 2)[0]


def define(index, data):
    tool(m, "tpm2_nvundefine", hex(index), "-C", "o")
    tool(m, "tpm2_nvdefine", hex(index), "-C", "o", "-s", str(len(data)), "-a", "ownerwrite|authread|ownerread|no_da", check=True)
    if any(data):
        with open(os.path.join(m.where, "data"), "wb") as f:
            f.write(data)
        tool(m, "tpm2_nvwrite", hex(index), "-C", "o", "-i", f.name, check=True)


rc, usual, said = enroll()
check("a TPM without certificates gives an ECC EK", rc == 0 and kind(usual) == ECC and usual["ek_certificate"] is None, said)
for name, code in ("the curve", CURVE), ("ECC", ASYMMETRIC):
    rc, record, said = enroll(refuse("CreatePrimary", code, n=1))
    check("a TPM that has not %s gives an RSA EK" % name, rc == 0 and kind(record) == RSA and record["id"] != usual["id"], said)
    rc, again, said = enroll(refuse("CreatePrimary", code, n=1), fresh=False)
    check("and the same at the next look", rc == 0 and again["id"] == record["id"], said)
rc, _, said = enroll(refuse("CreatePrimary", FAILURE, n=1))
check("a TPM that fails to make it is another node for no reason: refused", rc == 4 and "make the ECC P-256 EK" in said and
      "Next: " in said and "CreatePrimary#2" not in [str(p) for p in m.bus.packets], said)
rc, _, said = enroll(refuse("CreatePrimary", CURVE, times=2))
check("a TPM with neither kind is refused with words", rc == 4 and "make the RSA-2048 EK" in said and "Next: " in said, said)
rc, _, said = enroll(refuse("EvictControl", RANGE))
check("an EK that cannot be kept is refused with words", rc == 4 and "keep the EK at 0x8101C000" in said and "Next: " in said, said)
rc, record, said = enroll()
check("and once all is well it is the usual one", rc == 0 and record["id"] == usual["id"] and not m.tpm.left(), said)

# --- certificates -------------------------------------------------------------------------------
define(CERT_ECC, bytes(600))
rc, record, said = enroll()
check("an index for a certificate that was never written counts as none", rc == 0 and record["ek_certificate"] is None and
      record["id"] == usual["id"], said)
der = b"\x30\x82\x01\x00" + b"c" * 256
define(CERT_ECC, der)
rc, record, said = enroll()
check("one that was is sent as it is", rc == 0 and base64.b64decode(record["ek_certificate"]) == der, said)
rc, record, said = enroll(refuse("NV_Read", LOCKED, n=1))
check("one that is locked counts as none", rc == 0 and record["ek_certificate"] is None, said)
rc, _, said = enroll(refuse("NV_Read", FAILURE, n=1))
check("one that the TPM fails to read is refused: without it this were another kind of node", rc == 4 and
      "read the EK certificate in NV" in said and "Next: " in said, said)
define(CERT_ECC, b"\x30\x82\xff\x00" + b"c" * 256)
rc, record, said = enroll()
check("one that runs past its index counts as none", rc == 0 and record["ek_certificate"] is None, said)
define(CERT_ECC, b"no certificate" * 20)
define(CERT_RSA, der)
rc, record, said = enroll()
check("with a certificate for RSA only the EK is RSA", rc == 0 and kind(record) == RSA and
      base64.b64decode(record["ek_certificate"]) == der, said)
define(CHAIN, der)
rc, record, said = enroll(fresh=False)
check("a chain beside it changes nothing of that", rc == 0 and kind(record) == RSA, said)
m.stop()
finish()
