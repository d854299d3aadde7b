# SPDX-License-Identifier: Apache-2.0
"""lies_quote.py - lies about the quote: whose, for what, over what."""
import os

from tpm2_pytss import (ESYS_TR, TPM2_ALG, TPM2_RH, TPM2B_DATA, TPM2B_MAX_BUFFER, TPM2B_PUBLIC, TPM2B_SENSITIVE_CREATE,
                        TPMT_SIG_SCHEME, TPM2_SE, TPM2_ST, TPMT_TK_HASHCHECK, TPMA_SESSION)

import wire
from forger import lie, tpm_refuses
from tpm import SELECT

NULL_SCHEME = TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL)
BOUND = "recorded or relayed"
SELECTED = "not over exactly PCRs"
VALUES = "the PCR values sent are not the ones quoted"
NO_QUOTE = "the attestation is not a quote"

# ---- whose quote -------------------------------------------------------------


@lie("M-SIGNATURE", "the signature is not by this key")
def quote_of_another_tpm(f):
    text = f.text()
    return f.send(text, *f.other.quote(f.qualifying(text)))


@lie("M-SIGNATURE", "the signature is not by this key")
def quote_changed_after_signing(f):
    """The resetCount raised by one, to hide a rollback."""
    text = f.text()
    quote, signature = f.tpm.quote(f.qualifying(text))
    at = 6 + 2 + 34 + 2 + 32 + 8
    count = int.from_bytes(quote[at:at + 4], "big")
    assert wire.parse_quote(quote)[1] == quote[at:at + 8]
    return f.send(text, quote[:at] + (count + 1).to_bytes(4, "big") + quote[at + 4:], signature)


@lie("M-SIGNATURE", "not of the scheme and hash accepted")
def signature_said_to_be_sha384(f):
    text = f.text()
    quote, signature = f.tpm.quote(f.qualifying(text))
    return f.send(text, quote, signature[:2] + b"\x00\x0c" + signature[4:])


# ---- for what ---------------------------------------------------------------


@lie("M-BINDING", BOUND)
def binding_constant(f):
    return f.tell(binding=bytes(32))


@lie("M-BINDING", BOUND)
def binding_empty(f):
    return f.tell(binding=b"")


@lie("M-BINDING", BOUND)
def binding_own_nonce(f):
    return f.tell(binding=os.urandom(32))


@lie("M-BINDING", BOUND)
def binding_of_another_connection(f):
    """A relay: the quote was made for a connection that is open at the same time."""
    link = f.new_link()
    text = f.text()
    verdict = f.send(text, *f.tpm.quote(f.qualifying(text, link)))
    link.close()
    return verdict


@lie("M-BINDING", BOUND)
def binding_without_channel(f):
    text = f.text()
    return f.tell(text=text, binding=wire.H(wire.QUOTE_LABEL, wire.H(text)))


@lie("M-BINDING", BOUND)
def binding_without_request(f):
    return f.tell(binding=wire.H(wire.QUOTE_LABEL, f.link.exporter))


@lie("M-BINDING", BOUND)
def binding_of_another_purpose(f):
    text = f.text()
    return f.tell(text=text, binding=wire.H(b"muster attest v3", f.link.exporter, wire.H(text)))


@lie("M-BINDING", BOUND)
def facts_changed_after_quote(f):
    text = f.text()
    return f.tell(text=text, said=text.replace(b"Node 1", b"Node 2"))


@lie("M-BINDING", BOUND)
def nv_state_changed_after_quote(f):
    """Someone who would like the bundle as well."""
    text = f.text()
    return f.tell(text=text, said=f.text(nv={"ssh": "absent", "tls": "absent"}))


@lie("M-BINDING", BOUND)
def recorded_request_sent_again(f):
    """All bytes of an accepted request, on a new connection."""
    text = f.text()
    recorded = text, *f.tpm.quote(f.qualifying(text))
    assert f.send(*recorded)["verdict"] == "ok"
    link = f.new_link()
    verdict = f.send(*recorded, link=link)
    link.close()
    return verdict


# ---- over what --------------------------------------------------------------


@lie("M-SELECTION", SELECTED)
def selection_empty(f):
    return f.tell(select="")


@lie("M-SELECTION", SELECTED)
def selection_of_one(f):
    return f.tell(select="sha256:0")


@lie("M-SELECTION", SELECTED)
def selection_without_command_line(f):
    return f.tell(select=SELECT.replace(",12", ""))


@lie("M-SELECTION", SELECTED)
def selection_with_one_more(f):
    return f.tell(select=SELECT.replace(",11", ",10,11"))


@lie("M-SELECTION", SELECTED)
def selection_of_two_banks(f):
    return f.tell(select=SELECT + "+sha1:0")


@lie("M-SELECTION", SELECTED)
def selection_of_sha1_bank(f):
    return f.tell(select=SELECT.replace("sha256", "sha1"))


@lie("M-SELECTION", SELECTED)
def selection_of_sha384_bank(f):
    return f.tell(select=SELECT.replace("sha256", "sha384"))


@lie("M-SELECTION", SELECTED)
def selection_of_a_resettable_pcr(f):
    """PCR 16 in the place of 15: the same values, so that only the selection gives it away."""
    select = SELECT.replace(",15", ",16")
    assert f.tpm.pcrs(select) == f.tpm.pcrs()
    return f.tell(select=select)


@lie("M-PCRDIGEST", VALUES)
def values_not_quoted(f):
    values = list(f.tpm.pcrs())
    values[11] = bytes(32)
    return f.tell(text=f.text(pcrs=b"".join(values)))


@lie("M-PCRDIGEST", VALUES)
def values_in_another_order(f):
    return f.tell(text=f.text(pcrs=b"".join(f.tpm.pcrs()[::-1])))


# ---- signed by the AK, but no quote -----------------------------------------


def other_attestation(f, make):
    text = f.text()
    attest, signature = make(f.tpm.esys, f.tpm.ak.handle, TPM2B_DATA(f.qualifying(text)))
    return f.send(text, bytes(attest), signature.marshal())


@lie("M-QUOTE", NO_QUOTE)
def certify_for_a_quote(f):
    return other_attestation(f, lambda e, ak, q: e.certify(ak, ak, q, NULL_SCHEME))


@lie("M-QUOTE", NO_QUOTE)
def time_for_a_quote(f):
    return other_attestation(f, lambda e, ak, q: e.get_time(ak, q, NULL_SCHEME))


@lie("M-QUOTE", NO_QUOTE)
def nv_certify_for_a_quote(f):
    """An index of the liar's, whose content is what a quote would have in its place."""
    from tpm2_pytss import TPM2_HANDLE, TPM2B_MAX_NV_BUFFER, TPM2B_NV_PUBLIC, TPMA_NV, TPMS_NV_PUBLIC
    e = f.tpm.esys
    content = wire.SELECTION + b"\x00\x20" + wire.H(*f.tpm.pcrs())
    index = e.nv_define_space(None, TPM2B_NV_PUBLIC(nvPublic=TPMS_NV_PUBLIC(
        nvIndex=TPM2_HANDLE(0x01800999), nameAlg=TPM2_ALG.SHA256, dataSize=len(content),
        attributes=TPMA_NV.OWNERREAD | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHREAD | TPMA_NV.AUTHWRITE)))
    try:
        e.nv_write(index, TPM2B_MAX_NV_BUFFER(content))
        return other_attestation(f, lambda e, ak, q: e.nv_certify(ak, index, q, NULL_SCHEME, len(content)))
    finally:
        e.nv_undefine_space(index, ESYS_TR.OWNER)


@lie("M-QUOTE", NO_QUOTE)
def creation_for_a_quote(f):
    e = f.tpm.esys
    handle, _, _, digest, ticket = e.create_primary(TPM2B_SENSITIVE_CREATE(), TPM2B_PUBLIC.parse("ecc"), ESYS_TR.OWNER)
    try:
        return other_attestation(f, lambda e, ak, q: e.certify_creation(ak, handle, q, digest, NULL_SCHEME, ticket))
    finally:
        e.flush_context(handle)


@lie("M-QUOTE", NO_QUOTE)
def audit_for_a_quote(f):
    e = f.tpm.esys
    with f.tpm.session(TPM2_SE.HMAC, TPMA_SESSION.AUDIT) as s:
        e.pcr_read("sha256:0", session1=s)
        return other_attestation(f, lambda e, ak, q: e.get_session_audit_digest(ak, s, q, NULL_SCHEME))


@lie("M-QUOTE", "bad magic")
def signed_text_for_a_quote(f):
    """The AK signs what its TPM hashed, unless that begins like an attestation."""
    e = f.tpm.esys
    text = f.text()
    quote, _ = f.tpm.quote(f.qualifying(text))
    made = b"\xff" + quote
    digest, ticket = e.hash(TPM2B_MAX_BUFFER(quote), TPM2_ALG.SHA256, ESYS_TR.OWNER)
    with tpm_refuses("TICKET"):
        e.sign(f.tpm.ak.handle, digest, NULL_SCHEME, ticket)
    none = TPMT_TK_HASHCHECK(tag=TPM2_ST.HASHCHECK, hierarchy=TPM2_RH.NULL)
    with tpm_refuses("TICKET"):
        e.sign(f.tpm.ak.handle, digest, NULL_SCHEME, none)
    digest, ticket = e.hash(TPM2B_MAX_BUFFER(made), TPM2_ALG.SHA256, ESYS_TR.OWNER)
    signature = e.sign(f.tpm.ak.handle, digest, NULL_SCHEME, ticket)
    return f.send(text, made, signature.marshal())
