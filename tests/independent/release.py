# SPDX-License-Identifier: Apache-2.0
"""release.py - what the TPM does with a verdict (PROTOCOL.md sections 5, 6, 8
and 9): approvals, the bundle's import, the two NV indices, locks and cap.
"""
import struct
from contextlib import contextmanager

from cryptography.hazmat.primitives import serialization
from tpm2_pytss import (ESYS_TR, TPM2_ALG, TPM2_ECC, TPM2_EO, TPM2_HANDLE, TPM2_SE, TPM2B_DATA, TPM2B_DIGEST,
                        TPM2B_ENCRYPTED_SECRET, TPM2B_EVENT, TPM2B_MAX_NV_BUFFER, TPM2B_NAME, TPM2B_NONCE, TPM2B_NV_PUBLIC, TPM2B_OPERAND, TPM2B_PRIVATE,
                        TPM2B_PUBLIC, TPMA_NV, TPMA_OBJECT, TPML_PCR_SELECTION, TPMS_ECC_PARMS,
                        TPMS_ECC_POINT, TPMS_NV_PUBLIC, TPMT_ECC_SCHEME, TPMT_KDF_SCHEME, TPMT_PUBLIC,
                        TPMT_SIGNATURE, TPMT_SYM_DEF_OBJECT, TPMU_PUBLIC_ID, TPMU_PUBLIC_PARMS)

import wire
from tpm import DECRYPT, ENCRYPT, SELECT

INDEX = {"ssh": (0x01804D01, 1024), "tls": (0x01804D02, 1536)}
NV_ATTRIBUTES = (TPMA_NV.POLICYREAD | TPMA_NV.POLICYWRITE | TPMA_NV.READ_STCLEAR | TPMA_NV.WRITE_STCLEAR | TPMA_NV.NO_DA)
W, WL, RL = TPMA_NV.WRITTEN, TPMA_NV.WRITELOCKED, TPMA_NV.READLOCKED
STATES = ((W, "present"), (W | WL, "present"), (W | RL, "none"), (W | WL | RL, "none"), (0, "absent"))
CAP = 15


def policy_key(path):
    with open(path, "rb") as f:
        return policy_key_of(f.read())


def policy_key_of(pem):
    """(TPM2B_PUBLIC, Name) of the policy key's PEM."""
    numbers = serialization.load_pem_public_key(pem).public_numbers()
    public = TPM2B_PUBLIC(publicArea=TPMT_PUBLIC(
        type=TPM2_ALG.ECC, nameAlg=TPM2_ALG.SHA256, objectAttributes=TPMA_OBJECT(0x00040040),
        parameters=TPMU_PUBLIC_PARMS(eccDetail=TPMS_ECC_PARMS(
            symmetric=TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL), scheme=TPMT_ECC_SCHEME(scheme=TPM2_ALG.NULL),
            curveID=TPM2_ECC.NIST_P256, kdf=TPMT_KDF_SCHEME(scheme=TPM2_ALG.NULL))),
        unique=TPMU_PUBLIC_ID(ecc=TPMS_ECC_POINT(x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big")))))
    return public, b"\x00\x0b" + wire.H(public.publicArea.marshal())


class Approvals:
    """The approvals of one verdict, which hold for the quote it answered."""

    def __init__(self, tpm, key, attest, signatures, node=None):
        public, self.name = key
        _, self.counters, _, self.digest = wire.parse_quote(attest)
        self.node = node or tpm.node_id()
        self.tpm = tpm
        self.approved = wire.approved_policy(self.digest, self.counters)
        self.tickets = {}
        handle = tpm.esys.load_external(public, None, ESYS_TR.OWNER)
        try:
            for purpose, blob in signatures.items():
                signature, _ = TPMT_SIGNATURE.unmarshal(blob)
                ahash = wire.H(self.approved, wire.policy_ref(purpose, self.node))
                self.tickets[purpose] = tpm.esys.verify_signature(handle, TPM2B_DIGEST(ahash), signature)
        finally:
            tpm.esys.flush_context(handle)

    @contextmanager
    def session(self, purpose, attributes=0):
        """A policy session that authPolicy(purpose) is satisfied by, for one use."""
        esys = self.tpm.esys
        with self.tpm.session(attributes=attributes) as s:
            esys.policy_pcr(s, TPM2B_DIGEST(self.digest), TPML_PCR_SELECTION.parse(SELECT))
            esys.policy_counter_timer(s, TPM2B_OPERAND(self.counters), TPM2_EO.EQ, wire.COUNTERS_OFFSET)
            # by name: their order is another in later versions of tpm2-pytss
            esys.policy_authorize(s, approved_policy=TPM2B_DIGEST(self.approved), key_sign=TPM2B_NAME(self.name),
                                  policy_ref=TPM2B_NONCE(wire.policy_ref(purpose, self.node)), check_ticket=self.tickets[purpose])
            yield s


def unseal_bundle(tpm, approvals, bundle):
    """K: imports, loads and unseals the object of a bundle."""
    public, _ = TPM2B_PUBLIC.unmarshal(bundle["public"])
    duplicate, _ = TPM2B_PRIVATE.unmarshal(bundle["duplicate"])
    seed, _ = TPM2B_ENCRYPTED_SECRET.unmarshal(bundle["seed"])
    if bytes(public.publicArea.authPolicy) != wire.auth_policy("bundle", approvals.name, approvals.node):
        raise wire.WireError("the bundle's authPolicy is not that of the policy key")
    with tpm.ek_session() as s:
        private = tpm.esys.import_(tpm.ek.handle, TPM2B_DATA(), public, duplicate, seed,
                                   TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL), s)
    with tpm.ek_session() as s:
        item = tpm.esys.load(tpm.ek.handle, private, public, s)
    try:
        with approvals.session("bundle", ENCRYPT) as s:
            return bytes(tpm.esys.unseal(item, s))
    finally:
        tpm.esys.flush_context(item)


# ---- NV indices -------------------------------------------------------------


def nv_public(purpose, key_name, node, attributes=NV_ATTRIBUTES):
    index, size = INDEX[purpose]
    return TPM2B_NV_PUBLIC(nvPublic=TPMS_NV_PUBLIC(
        nvIndex=TPM2_HANDLE(index), nameAlg=TPM2_ALG.SHA256, attributes=TPMA_NV(attributes),
        authPolicy=wire.auth_policy("nv", key_name, node), dataSize=size))


def nv_name(purpose, key_name, node, attributes=NV_ATTRIBUTES | TPMA_NV.WRITTEN):
    """The Name that section 8's constants give, by struct alone."""
    index, size = INDEX[purpose]
    policy = wire.auth_policy("nv", key_name, node)
    return b"\x00\x0b" + wire.H(struct.pack(">IHIH", index, TPM2_ALG.SHA256, attributes, len(policy)) + policy +
                                struct.pack(">H", size))


def nv_state(tpm, purpose, key_name):
    index, _ = INDEX[purpose]
    if index not in tpm.handles(index):
        return "absent"
    handle = tpm.esys.tr_from_tpmpublic(index)
    name = bytes(tpm.esys.tr_get_name(handle))
    tpm.esys.tr_close(handle)
    for more, state in STATES:
        if name == nv_name(purpose, key_name, tpm.node_id(), NV_ATTRIBUTES | more):
            return state
    return "altered"


class Index:
    """One of the two indices, used with the approvals of this boot."""

    def __init__(self, tpm, purpose, approvals):
        self.tpm, self.purpose, self.approvals = tpm, purpose, approvals
        self.number, self.size = INDEX[purpose]

    def __enter__(self):
        self.handle = self.tpm.esys.tr_from_tpmpublic(self.number)
        return self

    def __exit__(self, *_):
        self.tpm.esys.tr_close(self.handle)

    def chunks(self):
        step = self.tpm.nv_buffer_max()
        return [(at, min(step, self.size - at)) for at in range(0, self.size, step)]

    def read(self):
        out = b""
        for at, n in self.chunks():
            with self.approvals.session("nv", ENCRYPT) as s:
                out += bytes(self.tpm.esys.nv_read(self.handle, n, at, session1=s))
        return out

    def write(self, data):
        for at, n in self.chunks():
            with self.approvals.session("nv", DECRYPT) as s:
                self.tpm.esys.nv_write(self.handle, TPM2B_MAX_NV_BUFFER(data[at:at + n]), at, session1=s)

    def lock(self):
        with self.approvals.session("nv") as s:
            self.tpm.esys.nv_write_lock(self.handle, session1=s)
        with self.approvals.session("nv") as s:
            self.tpm.esys.nv_read_lock(self.handle, session1=s)


def define(tpm, purpose, key_name, state):
    """The index anew, in place of one that is absent or altered; one defined and never written will do."""
    index, _ = INDEX[purpose]
    if state == "absent" and index in tpm.handles(index):
        return
    if state == "altered":
        tpm.esys.nv_undefine_space(tpm.esys.tr_from_tpmpublic(index), ESYS_TR.OWNER)
    tpm.esys.tr_close(tpm.esys.nv_define_space(None, nv_public(purpose, key_name, tpm.node_id())))


def cap(tpm, manifest):
    """PCR 15 takes the manifest's digest; the session's HMAC shows that the TPM did it."""
    with tpm.session(TPM2_SE.HMAC, DECRYPT) as s:
        tpm.esys.pcr_event(ESYS_TR(CAP), TPM2B_EVENT(manifest.encode()), ESYS_TR.PASSWORD, s)
