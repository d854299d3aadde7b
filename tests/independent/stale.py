#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""stale.py - what approvals of the policy key open, and what they do not.

  stale.py … keep FILE        attests, and keeps the verdict and the quote
  stale.py … WHEN FILE        tries FILE's approvals: now (in the boot that got
                              them), locked (locks first), capped, later (after
                              a reset), or elsewhere (in another TPM)

Here it is the TPM that refuses. One line per trial, `ok NAME` or
`not ok NAME: what the TPM did`; exit code 0 when all are ok.
"""
import argparse
import json
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tpm2_pytss import ESYS_TR, TSS2_Exception

import release
import seal
import wire
from forger import TpmRefuses, tpm_refuses
from muster_client import Node, Refused, ask, connect

ABSENT = {"ssh": "absent", "tls": "absent"}


def keep(args, node):
    verdict, quote, _ = ask(connect(args.parent, args.ca), node, ABSENT)
    if verdict["verdict"] != "ok":
        raise Refused(verdict)
    with open(args.file, "w") as f:
        json.dump({"quote": quote.hex(), "approvals": {p: s.hex() for p, s in verdict["approvals"].items()},
                   "bundle": {n: v.hex() for n, v in verdict["bundle"].items()}, "node": verdict["node"]}, f)


class Kept:
    def __init__(self, args, tpm):
        with open(args.file) as f:
            d = json.load(f)
        self.tpm, self.node = tpm, bytes.fromhex(d["node"])
        self.quote = bytes.fromhex(d["quote"])
        self.signatures = {p: bytes.fromhex(s) for p, s in d["approvals"].items()}
        self.bundle = {n: bytes.fromhex(v) for n, v in d["bundle"].items()}
        self.key = release.policy_key(args.policy_key)

    def approvals(self):
        return release.Approvals(self.tpm, self.key, self.quote, self.signatures, self.node)

    def read(self, approvals):
        with release.Index(self.tpm, "ssh", approvals) as index:
            return wire.nv_parse("ssh", index.read())

    def unseal(self, approvals):
        key = release.unseal_bundle(self.tpm, approvals, self.bundle)
        return seal.open_bundle(key, self.node, self.bundle["data"])


# ---- in the boot that got them --------------------------------------------------


def read_and_unseal(k):
    a = k.approvals()
    k.read(a)
    k.unseal(a)


def for_another_purpose(k):
    a = k.approvals()
    a.tickets["nv"] = a.tickets["bundle"]
    with tpm_refuses("TICKET", "VALUE"):
        k.read(a)


def signed_by_another_key(k):
    """A policy key of the liar's own: all goes well but the index's own policy."""
    own = ec.generate_private_key(ec.SECP256R1())
    _, counters, _, digest = wire.parse_quote(k.quote)
    ahash = wire.H(wire.approved_policy(digest, counters), wire.policy_ref("nv", k.node))
    r, s = decode_dss_signature(own.sign(ahash, ec.ECDSA(Prehashed(hashes.SHA256()))))
    signature = bytes.fromhex("0018000b") + b"".join(b"\x00\x20" + n.to_bytes(32, "big") for n in (r, s))
    key = release.policy_key_of(own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with tpm_refuses("POLICY_FAIL"):
        k.read(release.Approvals(k.tpm, key, k.quote, {"nv": signature}))


def signature_over_another_policy(k):
    """The policy key's signature does not fit an approval for the next boot."""
    a = bytearray(k.quote)
    at = 6 + 2 + 34 + 2 + 32 + 8
    a[at:at + 4] = (int.from_bytes(a[at:at + 4], "big") + 1).to_bytes(4, "big")
    with tpm_refuses("SIGNATURE"):
        release.Approvals(k.tpm, k.key, bytes(a), k.signatures)


def without_an_approval(k):
    index = k.tpm.esys.tr_from_tpmpublic(release.INDEX["ssh"][0])
    with tpm_refuses("NV_AUTHORIZATION", "AUTH_UNAVAILABLE", "AUTH_TYPE"):
        k.tpm.esys.nv_read(index, 16, auth_handle=ESYS_TR.OWNER)
    with tpm_refuses("NV_AUTHORIZATION", "AUTH_UNAVAILABLE", "AUTH_TYPE"):
        k.tpm.esys.nv_read(index, 16)
    with tpm_refuses("POLICY_FAIL"), k.tpm.session() as s:
        k.tpm.esys.nv_read(index, 16, session1=s)
    k.tpm.esys.tr_close(index)


# ---- locked, capped, later, elsewhere -------------------------------------------


def locked_indices(k):
    """Not even with an approval that holds, before the cap."""
    a = k.approvals()
    with release.Index(k.tpm, "ssh", a) as index:
        index.lock()
    with tpm_refuses("NV_LOCKED"):
        k.read(a)
    with tpm_refuses("NV_LOCKED"), release.Index(k.tpm, "ssh", a) as index:
        index.write(bytes(index.size))


def capped(k):
    a = k.approvals()
    for use in (k.read, k.unseal):
        with tpm_refuses("VALUE"):
            use(a)


def of_an_earlier_boot(k):
    a = k.approvals()
    for use in (k.read, k.unseal):
        with tpm_refuses("POLICY"):
            use(a)


def with_this_boots_counter(k):
    """PolicyCounterTimer holds then, but what the key approved was another policy."""
    a = k.approvals()
    _, a.counters, _, _ = wire.parse_quote(k.tpm.quote(bytes(32))[0])
    for use in (k.read, k.unseal):
        with tpm_refuses("VALUE"):
            use(a)


def bundle_of_another_node(k):
    with tpm_refuses("INTEGRITY"):
        k.unseal(k.approvals())


TRIALS = {
    "now": (read_and_unseal, for_another_purpose, signed_by_another_key, signature_over_another_policy, without_an_approval),
    "locked": (locked_indices,),
    "capped": (capped,),
    "later": (of_an_earlier_boot, with_this_boots_counter, without_an_approval),
    "elsewhere": (bundle_of_another_node,),
}


def trial(k, when, function):
    name = f"approval {when}: {function.__name__.replace('_', ' ')}"
    try:
        function(k)
    except (TpmRefuses, TSS2_Exception, wire.WireError) as e:
        print(f"not ok {name}: {e}")
        return False
    print(f"ok {name}")
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tcti", required=True)
    p.add_argument("--parent", required=True)
    p.add_argument("--ca", required=True)
    p.add_argument("--policy-key", required=True)
    p.add_argument("--eventlog", required=True)
    p.add_argument("--facts", required=True, type=json.loads)
    p.add_argument("when", choices=["keep", *TRIALS])
    p.add_argument("file")
    args = p.parse_args()
    node = Node(args.tcti, args.eventlog, args.facts)
    try:
        if args.when == "keep":
            keep(args, node)
            return 0
        k = Kept(args, node.tpm)
        return 0 if all([trial(k, args.when, t) for t in TRIALS[args.when]]) else 1
    finally:
        node.tpm.close()


if __name__ == "__main__":
    sys.exit(main())
