# SPDX-License-Identifier: Apache-2.0
"""tpm.py - the node's TPM: EK, AK, PCRs, quote and credential (PROTOCOL.md
sections 2, 3, 4 and 10), over the ESAPI of tpm2-pytss.

A TPM without a resource manager has three places for objects, so whatever is
loaded here is flushed by who loaded it; the EK and the AK are persistent.
"""
import hashlib
import os
import struct
from contextlib import contextmanager

from cryptography.hazmat.primitives import serialization
from tpm2_pytss import (ESAPI, ESYS_TR, TPM2_ALG, TPM2_CAP, TPM2_ECC, TPM2_PT_NV, TPM2_SE, TPM2B_DATA,
                        TPM2B_ENCRYPTED_SECRET, TPM2B_ID_OBJECT, TPM2B_NONCE, TPM2B_PUBLIC, TPM2B_SENSITIVE_CREATE,
                        TPMA_OBJECT, TPMA_SESSION, TPML_PCR_SELECTION, TPMS_ECC_PARMS, TPMS_ECC_POINT, TPMS_SCHEME_HASH,
                        TPMT_ECC_SCHEME, TPMT_KDF_SCHEME, TPMT_PUBLIC, TPMT_SIG_SCHEME, TPMT_SYM_DEF, TPMT_SYM_DEF_OBJECT,
                        TPMU_ASYM_SCHEME, TPMU_PUBLIC_ID, TPMU_PUBLIC_PARMS, TPMU_SIG_SCHEME, TPMU_SYM_KEY_BITS,
                        TPMU_SYM_MODE)

import wire

EK_HANDLE = 0x8101C000
AK_HANDLE = 0x8101C001
AK_ATTRIBUTES = 0x00050472
EK_CERTIFICATE = {"ecc": 0x01C0000A, "rsa": 0x01C00002}
EK_CHAIN = range(0x01C00100, 0x01C00200)
EK_ATTRIBUTES = 0x000300B2
EK_POLICY = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
EK_PARAMETERS = {"ecc": "0006 0080 0043 0010 0003 0010" + "0020" + "00" * 32 + "0020" + "00" * 32,
                 "rsa": "0006 0080 0043 0010 0800 00000000" + "0100" + "00" * 256}
EK_TYPE = {"ecc": 0x0023, "rsa": 0x0001}
SELECT = "sha256:" + ",".join(str(p) for p in wire.PCRS)
HASHES = {"sha1": TPM2_ALG.SHA1, "sha256": TPM2_ALG.SHA256, "sha384": TPM2_ALG.SHA384}
ENCRYPT, DECRYPT = TPMA_SESSION.ENCRYPT, TPMA_SESSION.DECRYPT


def spki(public):
    """DER SubjectPublicKeyInfo of a TPM2B_PUBLIC."""
    key = serialization.load_pem_public_key(public.to_pem())
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def signing_scheme(algorithm=TPM2_ALG.ECDSA, hashing="sha256"):
    return TPMT_SIG_SCHEME(scheme=algorithm, details=TPMU_SIG_SCHEME(any=TPMS_SCHEME_HASH(hashAlg=HASHES[hashing])))


def ek_template(kind="ecc", attributes=EK_ATTRIBUTES, policy=EK_POLICY):
    """L-2 or L-1 of the TCG EK Credential Profile, byte for byte."""
    body = struct.pack(">HHIH", EK_TYPE[kind], 0x000B, attributes, len(policy)) + policy + bytes.fromhex(EK_PARAMETERS[kind])
    return TPM2B_PUBLIC.unmarshal(struct.pack(">H", len(body)) + body)[0]


def ak_template(attributes=AK_ATTRIBUTES, hashing="sha256", name_alg="sha256"):
    restricted_decrypt = attributes & TPMA_OBJECT.DECRYPT and attributes & TPMA_OBJECT.RESTRICTED
    symmetric = TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL)
    scheme = TPMT_ECC_SCHEME(scheme=TPM2_ALG.ECDSA, details=TPMU_ASYM_SCHEME(anySig=TPMS_SCHEME_HASH(hashAlg=HASHES[hashing])))
    if restricted_decrypt:
        symmetric = TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(aes=128),
                                        mode=TPMU_SYM_MODE(aes=TPM2_ALG.CFB))
    if attributes & TPMA_OBJECT.DECRYPT:
        scheme = TPMT_ECC_SCHEME(scheme=TPM2_ALG.NULL)
    return TPM2B_PUBLIC(publicArea=TPMT_PUBLIC(
        type=TPM2_ALG.ECC, nameAlg=HASHES[name_alg], objectAttributes=TPMA_OBJECT(attributes),
        parameters=TPMU_PUBLIC_PARMS(eccDetail=TPMS_ECC_PARMS(
            symmetric=symmetric, scheme=scheme, curveID=TPM2_ECC.NIST_P256, kdf=TPMT_KDF_SCHEME(scheme=TPM2_ALG.NULL))),
        unique=TPMU_PUBLIC_ID(ecc=TPMS_ECC_POINT(x=os.urandom(32), y=os.urandom(32)))))


class Key:
    """A key in the TPM: its ESAPI handle and its public area."""

    def __init__(self, handle, public):
        self.handle = handle
        self.public = public

    def marshal(self):
        return self.public.marshal()


class Tpm:
    def __init__(self, tcti):
        self.esys = ESAPI(tcti)
        self._ek = None
        self._ak = None

    def close(self):
        self.esys.close()

    # ---- handles ------------------------------------------------------------

    def handles(self, first):
        """The handles of first's type that exist, from first on."""
        more, data = self.esys.get_capability(TPM2_CAP.HANDLES, first, 64)
        assert not more
        return [int(h) for h in data.data.handles if int(h) >> 24 == first >> 24]

    def persistent(self, handle):
        """The Key at a persistent handle, or None."""
        if handle not in self.handles(handle):
            return None
        tr = self.esys.tr_from_tpmpublic(handle)
        return Key(tr, self.esys.read_public(tr)[0])

    def persist(self, key, handle):
        """key, in place of what is at handle."""
        old = self.persistent(handle)
        if old:
            self.esys.evict_control(ESYS_TR.OWNER, old.handle, handle)
        kept = self.esys.evict_control(ESYS_TR.OWNER, key.handle, handle)
        self.esys.flush_context(key.handle)
        return Key(kept, key.public)

    def primary(self, template):
        handle, public, *_ = self.esys.create_primary(TPM2B_SENSITIVE_CREATE(), template, ESYS_TR.ENDORSEMENT)
        return Key(handle, public)

    # ---- identity -----------------------------------------------------------

    def ek_kind(self):
        """The kind whose certificate is in NV, ECC first; without any, ECC."""
        there = self.handles(EK_CERTIFICATE["rsa"])
        return next((kind for kind, index in EK_CERTIFICATE.items() if index in there), "ecc")

    @property
    def ek(self):
        """The EK; where it is not at Muster's handle already, it is made so."""
        if self._ek is None:
            template = ek_template(self.ek_kind())
            self._ek = self.persistent(EK_HANDLE)
            if self._ek is None or self._ek.public.publicArea.type != template.publicArea.type:
                self._ek = self.persist(self.primary(template), EK_HANDLE)
        return self._ek

    @property
    def ak(self):
        if self._ak is None:
            self._ak = self.persistent(AK_HANDLE) or self.new_ak()
        return self._ak

    def new_ak(self, **template):
        self._ak = self.persist(self.primary(ak_template(**template)), AK_HANDLE)
        return self._ak

    def node_id(self):
        return hashlib.sha256(spki(self.ek.public)).digest()

    def certificates(self):
        """EK certificate and intermediates, as the TPM's maker left them in NV."""
        leaf = EK_CERTIFICATE[self.ek_kind()]
        there = self.handles(EK_CERTIFICATE["rsa"])
        if leaf not in there:
            return []
        return [c for i in (leaf, *EK_CHAIN) if i in there for c in split_der(self.nv_bytes(i))]

    def nv_bytes(self, index):
        tr = self.esys.tr_from_tpmpublic(index)
        size = self.esys.nv_read_public(tr)[0].nvPublic.dataSize
        chunk = self.nv_buffer_max()
        parts = [bytes(self.esys.nv_read(tr, min(chunk, size - at), at)) for at in range(0, size, chunk)]
        self.esys.tr_close(tr)
        return b"".join(parts)

    def nv_buffer_max(self):
        _, data = self.esys.get_capability(TPM2_CAP.TPM_PROPERTIES, TPM2_PT_NV.BUFFER_MAX, 1)
        return data.data.tpmProperties[0].value

    # ---- PCRs and the quote -------------------------------------------------

    def pcrs(self, select=SELECT):
        """The values of a selection: the TPM gives at most eight a time."""
        bank, _, numbers = select.partition(":")
        numbers = [n for n in numbers.split(",") if n]
        values = []
        for at in range(0, len(numbers), 8):
            _, _, digests = self.esys.pcr_read(f"{bank}:{','.join(numbers[at:at + 8])}")
            values += [bytes(d) for d in digests]
        return values

    def quote(self, qualifying, select=SELECT, key=None, scheme=None):
        """(TPMS_ATTEST, TPMT_SIGNATURE), as bytes."""
        selection = TPML_PCR_SELECTION.parse(select)
        attest, signature = self.esys.quote((key or self.ak).handle, selection, TPM2B_DATA(qualifying),
                                            scheme or TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL))
        return bytes(attest), signature.marshal()

    # ---- sessions -----------------------------------------------------------

    @contextmanager
    def session(self, kind=TPM2_SE.POLICY, attributes=0):
        """A session salted to the EK; the attributes say which parameter it hides."""
        aes = TPMT_SYM_DEF(algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(aes=128), mode=TPMU_SYM_MODE(aes=TPM2_ALG.CFB))
        s = self.esys.start_auth_session(self.ek.handle, ESYS_TR.NONE, kind, aes, TPM2_ALG.SHA256)
        try:
            self.esys.trsess_set_attributes(s, TPMA_SESSION.CONTINUESESSION | attributes)
            yield s
        finally:
            self.esys.flush_context(s)

    @contextmanager
    def ek_session(self, attributes=0):
        """A session that satisfies the EK's policy, PolicySecret(endorsement)."""
        with self.session(attributes=attributes) as s:
            self.esys.policy_secret(ESYS_TR.ENDORSEMENT, s, nonce_tpm=TPM2B_NONCE(), cp_hash_a=b"", policy_ref=TPM2B_NONCE(),
                                    expiration=0)
            yield s

    def activate(self, blob, secret, ak=None):
        """TPM2_ActivateCredential of the two byte strings of a challenge."""
        id_object, _ = TPM2B_ID_OBJECT.unmarshal(blob)
        encrypted, _ = TPM2B_ENCRYPTED_SECRET.unmarshal(secret)
        with self.ek_session(ENCRYPT) as s:
            return bytes(self.esys.activate_credential((ak or self.ak).handle, self.ek.handle, id_object, encrypted,
                                                       ESYS_TR.PASSWORD, s))


def split_der(blob):
    """The DER elements at the start of an index, without its padding."""
    out = []
    while len(blob) > 4 and blob[0] == 0x30 and blob[1] == 0x82:
        n = 4 + int.from_bytes(blob[2:4], "big")
        out.append(blob[:n])
        blob = blob[n:]
    return out
