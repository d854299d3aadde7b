# SPDX-License-Identifier: Apache-2.0
"""lies_key.py - lies about the keys: attestation keys that a real TPM makes
but Muster does not take, keys from elsewhere, other EKs."""
import datetime
import hashlib
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tpm2_pytss import (ESYS_TR, TPM2_ALG, TPM2_ECC, TPM2B_DATA, TPM2B_ECC_PARAMETER, TPM2B_PUBLIC,
                        TPM2B_SENSITIVE, TPMA_OBJECT, TPMS_RSA_PARMS, TPMS_SCHEME_HASH, TPMT_PUBLIC, TPMT_RSA_SCHEME,
                        TPMT_SENSITIVE, TPMT_SYM_DEF_OBJECT, TPMU_ASYM_SCHEME, TPMU_PUBLIC_PARMS, TPMU_SENSITIVE_COMPOSITE)
from tpm2_pytss.utils import wrap

import wire
from forger import lie, tpm_refuses, truth_of_new_key
from tpm import (AK_ATTRIBUTES, EK_ATTRIBUTES, EK_CERTIFICATE, Key, ak_template, ek_template, signing_scheme, spki,
                 split_der)

A = TPMA_OBJECT
FIXED = A.FIXEDTPM | A.FIXEDPARENT

# ---- AKs of this very TPM, but of another kind --------------------------------


def with_key(f, template, scheme=None):
    with f.key(template) as k:
        return f.tell(key=k, scheme=scheme)


def quote_as_of(f, text, public):
    """The TPM's own quote, but as if a primary key of the endorsement hierarchy with this public area had signed it."""
    quote, _ = f.tpm.quote(f.qualifying(text))
    signer = wire.H(bytes.fromhex("4000000b"), bytes(public.get_name()))
    return quote[:8] + b"\x00\x0b" + signer + quote[8 + 34:]


@lie("M-AK", "not restricted: it would sign forged attestations", truth_of_new_key)
def ak_not_restricted(f):
    """And so it signs a quote that no TPM made, here one of its liar's own writing."""
    with f.key(ak_template(AK_ATTRIBUTES & ~A.RESTRICTED)) as k:
        text = f.text(ak_public=k.marshal())
        made = quote_as_of(f, text, k.public)
        digest, ticket = f.tpm.esys.hash(made, TPM2_ALG.SHA256, ESYS_TR.OWNER)
        signature = f.tpm.esys.sign(k.handle, digest, signing_scheme(), ticket)
        return f.send(text, made, signature.marshal(), k)


@lie("M-AK", "not restricted", truth_of_new_key)
def ak_may_decrypt(f):
    """A restricted key that signs and decrypts is more than a TPM will make."""
    with tpm_refuses("ATTRIBUTES"):
        with f.key(ak_template(AK_ATTRIBUTES | A.DECRYPT)):
            pass
    return with_key(f, ak_template(AK_ATTRIBUTES & ~A.RESTRICTED | A.DECRYPT), signing_scheme())


@lie("M-AK", "the key may leave its TPM", truth_of_new_key)
def ak_not_fixed(f):
    return with_key(f, ak_template(AK_ATTRIBUTES & ~FIXED))


@lie("M-AK", "other attributes than Muster's", truth_of_new_key)
def ak_with_admin_policy(f):
    return with_key(f, ak_template(AK_ATTRIBUTES | A.ADMINWITHPOLICY))


@lie("M-AK", "the key has a policy", truth_of_new_key)
def ak_with_policy(f):
    template = ak_template()
    template.publicArea.authPolicy = bytes(32)
    return with_key(f, template)


@lie("M-AK", "the key's scheme is not ECDSA with SHA-256", truth_of_new_key)
def ak_of_sha384_scheme(f):
    return with_key(f, ak_template(hashing="sha384"))


@lie("M-AK", "the key's scheme is not ECDSA with SHA-256", truth_of_new_key)
def ak_of_sha1_scheme(f):
    return with_key(f, ak_template(hashing="sha1"))


@lie("M-AK", "public area does not parse", truth_of_new_key)
def ak_of_sha384_name(f):
    return with_key(f, ak_template(name_alg="sha384"))


@lie("M-AK", "the key is not ECC P-256", truth_of_new_key)
def ak_of_p384(f):
    template = ak_template()
    template.publicArea.parameters.eccDetail.curveID = TPM2_ECC.NIST_P384
    return with_key(f, template)


@lie("M-AK", "the key is not ECC P-256", truth_of_new_key)
def ak_rsa(f):
    return with_key(f, TPM2B_PUBLIC(publicArea=TPMT_PUBLIC(
        type=TPM2_ALG.RSA, nameAlg=TPM2_ALG.SHA256, objectAttributes=A(AK_ATTRIBUTES),
        parameters=TPMU_PUBLIC_PARMS(rsaDetail=TPMS_RSA_PARMS(
            symmetric=TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL), keyBits=2048,
            scheme=TPMT_RSA_SCHEME(scheme=TPM2_ALG.RSASSA,
                                   details=TPMU_ASYM_SCHEME(anySig=TPMS_SCHEME_HASH(hashAlg=TPM2_ALG.SHA256))))))))


# ---- AKs from elsewhere --------------------------------------------------------


def software_key(attributes):
    """(private key, TPM2B_PUBLIC, TPM2B_SENSITIVE) of a key that its owner knows."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.private_numbers()
    public = ak_template(attributes)
    public.publicArea.unique.ecc.x = numbers.public_numbers.x.to_bytes(32, "big")
    public.publicArea.unique.ecc.y = numbers.public_numbers.y.to_bytes(32, "big")
    secret = TPM2B_ECC_PARAMETER(numbers.private_value.to_bytes(32, "big"))
    sensitive = TPM2B_SENSITIVE(sensitiveArea=TPMT_SENSITIVE(
        sensitiveType=TPM2_ALG.ECC, sensitive=TPMU_SENSITIVE_COMPOSITE(ecc=secret)))
    return private, public, sensitive


@lie("M-AK", "the key may leave its TPM", truth_of_new_key)
def ak_imported(f):
    """Made outside and imported under the EK, restricted as an AK should be."""
    esys = f.tpm.esys
    _, public, sensitive = software_key(AK_ATTRIBUTES & ~FIXED & ~A.SENSITIVEDATAORIGIN)
    _, duplicate, seed = wrap(f.tpm.ek.public.publicArea, public, sensitive)
    with f.tpm.ek_session() as s:
        private = esys.import_(f.tpm.ek.handle, TPM2B_DATA(), public, duplicate, seed,
                               TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL), s)
    with f.tpm.ek_session() as s:
        handle = esys.load(f.tpm.ek.handle, private, public, s)
    try:
        return f.tell(key=Key(handle, public))
    finally:
        esys.flush_context(handle)


@contextmanager
def public_only(tpm, public):
    handle = tpm.esys.load_external(public, None, ESYS_TR.NULL)
    try:
        yield handle
    finally:
        tpm.esys.flush_context(handle)


def cannot_activate(f, text, quote, signature, public):
    """The challenge comes; this TPM does not open it with the key's public part alone."""
    verdict = wire.parse_verdict(*f.link.post("/v2/attest", wire.signed(text, quote, signature)))
    if verdict["verdict"] != "challenge":
        return verdict
    blob, secret = verdict["credential_blob"], verdict["secret"]
    with tpm_refuses("INTEGRITY"):
        f.tpm.activate(blob, secret)
    with public_only(f.tpm, public) as handle, tpm_refuses("AUTH_UNAVAILABLE"):
        f.tpm.activate(blob, secret, Key(handle, public))
    return f.answer(bytes(32))


@lie("M-ACTIVATE", "the activation secret was wrong", truth_of_new_key)
def ak_in_software(f):
    """A key that says of itself all that an AK is, and signs whatever its owner likes."""
    private, public, _ = software_key(AK_ATTRIBUTES)
    text = f.text(ak_public=public.marshal())
    quote = quote_as_of(f, text, public)
    r, s = decode_dss_signature(private.sign(quote, ec.ECDSA(hashes.SHA256())))
    signature = bytes.fromhex("0018000b") + b"".join(b"\x00\x20" + n.to_bytes(32, "big") for n in (r, s))
    return cannot_activate(f, text, quote, signature, public)


@lie("M-ACTIVATE", "the activation secret was wrong", truth_of_new_key)
def ak_of_another_tpm(f):
    """A true AK, but of the liar's TPM; the EK is that of the node."""
    text = f.text(ak_public=f.other.ak.marshal())
    quote, signature = f.other.quote(f.qualifying(text))
    return cannot_activate(f, text, quote, signature, f.other.ak.public)


# ---- EKs ------------------------------------------------------------------------


@lie("M-EK", "the node id in the request is not that of this EK")
def ek_of_another_tpm(f):
    """EK and AK of the liar's TPM under the node's id."""
    text = f.text(ek_public=f.other.ek.marshal(), ak_public=f.other.ak.marshal())
    return f.send(text, *f.other.quote(f.qualifying(text)))


def another_ek(f, template):
    with f.key(template) as k:
        node = hashlib.sha256(spki(k.public)).hexdigest()
        return f.tell(text=f.text(node=node, ek_public=k.marshal()))


@lie("M-EK", "the EK's attributes are not those of the TCG template")
def ek_with_password(f):
    """As the high-range templates allow."""
    return another_ek(f, ek_template(attributes=EK_ATTRIBUTES | A.USERWITHAUTH))


@lie("M-EK", "the EK's policy is not the TCG template's")
def ek_with_another_policy(f):
    return another_ek(f, ek_template(policy=bytes(32)))


# ---- EK certificates: told of a node that was enrolled with one ---------------------


def certificates(f, *ders):
    return f.tell(text=f.text(ek_certificate=list(ders)))


@lie("M-EKCERT", "not of this EK or chain to no CA", harmless=False)
def certificate_of_another_ek(f):
    """The maker's own, and of this TPM, but of its RSA EK."""
    return certificates(f, *split_der(f.tpm.nv_bytes(EK_CERTIFICATE["rsa"])))


@lie("M-EKCERT", "not of this EK or chain to no CA", harmless=False)
def certificate_of_own_ca(f):
    """For the right EK, by a CA that has the maker's name and another key."""
    (maker, *_) = [x509.load_der_x509_certificate(c) for c in f.tpm.certificates()]
    ca = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now()
    made = x509.CertificateBuilder(
        maker.issuer, maker.subject, serialization.load_der_public_key(spki(f.tpm.ek.public)), maker.serial_number,
        now - datetime.timedelta(1), now + datetime.timedelta(365), list(maker.extensions)).sign(ca, hashes.SHA256())
    return certificates(f, made.public_bytes(serialization.Encoding.DER))
