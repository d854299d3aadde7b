#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""muster_client.py - a Muster client written from PROTOCOL.md alone.

One boot of a node: attests, answers the challenge, waits while it is pending,
opens the bundle if the verdict has one, keeps the keys in NV or takes them
from there, decrypts the image, locks and caps. Writes what it got to --out
and prints a line of JSON about it. Exit code 0, or 1 with the verdict's code
or the error on standard error.
"""
import argparse
import json
import os
import sys
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import release
import seal
import wire
from tpm import Tpm
from transport import Parent

DEFAULT_PORT = 8443


class Refused(Exception):
    """A verdict that is not ok, pending or challenge."""

    def __init__(self, verdict):
        super().__init__(f"{verdict['code']} incident={verdict['incident']}")
        self.code, self.incident = verdict["code"], verdict["incident"]


class Node:
    """What one node says about itself."""

    def __init__(self, tcti, eventlog, facts):
        self.tpm = Tpm(tcti)
        with open(eventlog, "rb") as f:
            self.eventlog = f.read()
        self.facts = facts
        self.former = ""
        self.policy = bytes(32)

    def request(self, nv):
        t = self.tpm
        return wire.request(t.node_id(), t.ek.marshal(), t.certificates(), t.ak.marshal(), t.pcrs(), self.eventlog, nv,
                            self.former, self.policy, self.facts)


def connect(url, ca, source=None):
    parts = urlsplit(url)
    return Parent(parts.hostname, parts.port or DEFAULT_PORT, ca, source=source)


def ask(parent, node, nv):
    """One attest with its challenge; (verdict, quote, was challenged)."""
    request = node.request(nv)
    quote, signature = node.tpm.quote(wire.qualifying(parent.exporter, request))
    verdict = wire.parse_verdict(*parent.post("/v2/attest", wire.signed(request, quote, signature)))
    if verdict["verdict"] != "challenge":
        return verdict, quote, False
    secret = node.tpm.activate(verdict["credential_blob"], verdict["secret"])
    return wire.parse_verdict(*parent.post("/v2/activate", wire.activation(secret))), quote, True


def attest(parent, node, nv, report):
    """(verdict, quote) once the answer is ok."""
    while True:
        verdict, quote, challenged = ask(parent, node, nv)
        report["attests"] += 1
        report["challenges"] += challenged
        if verdict["verdict"] == "ok":
            if verdict["node"] != node.tpm.node_id().hex():
                raise wire.WireError("the verdict is for another node")
            return verdict, quote
        if verdict["verdict"] != "pending":
            raise Refused(verdict)
        report["pending"] += 1


# ---- keys -------------------------------------------------------------------


def public_of(purpose, key):
    if purpose == "ssh":
        return ed25519.Ed25519PrivateKey.from_private_bytes(key).public_key()
    return ec.derive_private_key(int.from_bytes(key, "big"), ec.SECP256R1()).public_key()


def certified(purpose, certificate):
    """The public key that a certificate of the verdict is for, as a comparable value."""
    if purpose == "tls":
        from cryptography import x509
        return x509.load_der_x509_certificate(certificate).public_key().public_numbers()
    c = wire.Cursor(certificate)
    if c.take(c.u(4)) != b"ssh-ed25519-cert-v01@openssh.com":
        raise wire.WireError("the type of the SSH certificate")
    c.take(c.u(4))
    return c.take(c.u(4))


def matches(purpose, key, certificate):
    public = public_of(purpose, key)
    if purpose == "tls":
        return public.public_numbers() == certified(purpose, certificate)
    return public.public_bytes(Encoding.Raw, serialization.PublicFormat.Raw) == certified(purpose, certificate)


def from_nv(tpm, approvals, verdict, states):
    """{purpose: (key, certificate)} of the readable indices; marks the others."""
    kept = {}
    for purpose in release.INDEX:
        if states[purpose] != "present":
            continue
        try:
            with release.Index(tpm, purpose, approvals) as index:
                kept[purpose] = wire.nv_parse(purpose, index.read())
            if not matches(purpose, kept[purpose][0], verdict["certificates"][purpose]):
                raise wire.WireError("not the key of the certificate")
        except wire.WireError:
            kept.pop(purpose, None)
            states[purpose] = "unreadable"
    return kept


def keep(tpm, approvals, verdict, keys, kept, states):
    """Writes the indices whose content is not key and certificate already; bytes written."""
    written = 0
    for purpose in release.INDEX:
        certificate = verdict["certificates"][purpose]
        if kept.get(purpose) == (keys[purpose], certificate):
            continue
        if states[purpose] in ("absent", "altered"):
            release.define(tpm, purpose, approvals.name, states[purpose])
        with release.Index(tpm, purpose, approvals) as index:
            index.write(wire.nv_pack(purpose, keys[purpose], certificate, index.size))
            written += index.size
    return written


def save(out, name, data, mode=0o600):
    fd = os.open(os.path.join(out, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as f:
        f.write(data)


def save_keys(out, verdict, keys):
    ssh = ed25519.Ed25519PrivateKey.from_private_bytes(keys["ssh"])
    tls = ec.derive_private_key(int.from_bytes(keys["tls"], "big"), ec.SECP256R1())
    save(out, "ssh.key", ssh.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    save(out, "tls.key", tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    save(out, "ssh-cert.pub", b"ssh-ed25519-cert-v01@openssh.com " + wire.b64(verdict["certificates"]["ssh"]).encode() + b"\n", 0o644)
    save(out, "tls.der", verdict["certificates"]["tls"], 0o644)
    save(out, "ca.crt", verdict["ca"].encode(), 0o644)


# ---- a boot -----------------------------------------------------------------


def boot(args, node, report):
    key = release.policy_key(args.policy_key)
    tpm = node.tpm
    node.policy = key[1][2:]
    states = {p: release.nv_state(tpm, p, key[1]) for p in release.INDEX}
    report["nv"] = dict(states)
    parent = connect(args.parent, args.ca)
    verdict, quote = attest(parent, node, states, report)
    approvals = release.Approvals(tpm, key, quote, verdict["approvals"])
    kept = from_nv(tpm, approvals, verdict, states)
    if "unreadable" in states.values() and verdict["bundle"] is None:
        verdict, quote = attest(parent, node, states, report)
        approvals = release.Approvals(tpm, key, quote, verdict["approvals"])
    parent.close()
    report["bundle"] = verdict["bundle"] is not None
    keys = {p: k for p, (k, _) in kept.items()}
    if verdict["bundle"]:
        secret = release.unseal_bundle(tpm, approvals, verdict["bundle"])
        keys = dict(zip(("ssh", "tls"), seal.open_bundle(secret, tpm.node_id(), verdict["bundle"]["data"])))
    for purpose in release.INDEX:
        if not matches(purpose, keys[purpose], verdict["certificates"][purpose]):
            raise wire.WireError(f"the {purpose} key is not that of its certificate")
    report["nv_bytes_written"] = keep(tpm, approvals, verdict, keys, kept, states)
    manifest = wire.parse_manifest(verdict["manifest"])
    seal.fetch_image(manifest, verdict["image_key"], verdict["image_urls"], os.path.join(args.out, "image"))
    save_keys(args.out, verdict, keys)
    report.update(node=verdict["node"], name=verdict["name"], boot=verdict["boot"], image=manifest["name"],
                  manifest_digest=wire.H(verdict["manifest"].encode()).hex())
    if args.cap:
        for purpose in release.INDEX:
            with release.Index(tpm, purpose, approvals) as index:
                index.lock()
        release.cap(tpm, verdict["manifest"])


def options():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tcti", required=True)
    p.add_argument("--parent", required=True, help="https://HOST:PORT")
    p.add_argument("--ca", required=True)
    p.add_argument("--policy-key", required=True)
    p.add_argument("--eventlog", required=True)
    p.add_argument("--facts", required=True, type=json.loads, help="the request's facts, JSON")
    p.add_argument("--out", required=True)
    p.add_argument("--cap", action="store_true", help="lock the indices and extend PCR 15 at the end")
    return p


def main():
    args = options().parse_args()
    report = {"attests": 0, "challenges": 0, "pending": 0}
    node = Node(args.tcti, args.eventlog, args.facts)
    os.makedirs(args.out, exist_ok=True)
    try:
        # before the first answer: a pending one is held for long
        print(f"node {node.tpm.node_id().hex()}", file=sys.stderr, flush=True)
        boot(args, node, report)
    except Refused as e:
        print(f"refused {e}", file=sys.stderr)
        return 1
    finally:
        node.tpm.close()
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
