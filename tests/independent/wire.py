# SPDX-License-Identifier: Apache-2.0
"""wire.py - the byte strings of PROTOCOL.md: bytes in, values out.

Pure: no I/O, no TPM, no TLS. Written from the specification alone and with
nothing of Muster's own code, so that a mistake shared by both is unlikely.
Raises WireError for anything that is not as the specification says.
"""
import base64
import hashlib
import json
import re
import struct

PCRS = tuple(range(10)) + tuple(range(11, 16))
SELECTION = bytes.fromhex("00000001" "000b" "03" "fffb00")
QUOTE_LABEL = b"muster attest v2"
POLICY_LABEL = {"nv": b"muster nv v2", "bundle": b"muster bundle v2"}
CC_POLICY_AUTHORIZE = 0x0000016A
CC_POLICY_PCR = 0x0000017F
CC_POLICY_COUNTER_TIMER = 0x0000016D
COUNTERS_OFFSET = 16
ATTEST_MAGIC = 0xFF544347
ATTEST_QUOTE = 0x8018
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class WireError(Exception):
    """Bytes that are not what PROTOCOL.md says."""


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(data):
    return base64.b64encode(data).decode("ascii")


def no_duplicates(pairs):
    d = dict(pairs)
    if len(d) != len(pairs):
        raise WireError("a member is there twice")
    return d


def parse_json(text):
    try:
        return json.loads(text, object_pairs_hook=no_duplicates)
    except ValueError as e:
        raise WireError(f"JSON: {e}") from None


def members(doc, **types):
    """Exactly these members, of these types; returns doc."""
    if not isinstance(doc, dict) or set(doc) != set(types):
        raise WireError(f"members {sorted(doc) if isinstance(doc, dict) else doc}, wanted {sorted(types)}")
    for name, kind in types.items():
        if not isinstance(doc[name], kind) or isinstance(doc[name], bool):
            raise WireError(f"{name} is a {type(doc[name]).__name__}")
    return doc


class Cursor:
    """A bounded reader of a big-endian byte string."""

    def __init__(self, data):
        self.data = bytes(data)
        self.at = 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise WireError(f"{n} bytes wanted, {len(self.data) - self.at} are left")
        self.at += n
        return self.data[self.at - n:self.at]

    def u(self, n):
        return int.from_bytes(self.take(n), "big")

    def sized(self):
        return self.take(self.u(2))

    def end(self):
        if self.at != len(self.data):
            raise WireError(f"{len(self.data) - self.at} bytes too many")


# ---- section 1: messages ------------------------------------------------------

HEAD_MAX = 16384


def message(head, octets):
    """The bytes of a message: `octets` is a list of (name, bytes)."""
    text = json.dumps(dict(head, octets=[[n, len(d)] for n, d in octets])).encode()
    return struct.pack(">I", len(text)) + text + b"".join(d for _, d in octets)


def take_message(data):
    """(head without octets, list of (name, bytes), what follows them)."""
    c = Cursor(data)
    n = c.u(4)
    if n > HEAD_MAX:
        raise WireError(f"a head of {n} bytes")
    text = c.take(n)
    if text[:1] != b"{" or text[-1:] != b"}":
        raise WireError("white space around the head")
    head = parse_json(text)
    lengths = head.pop("octets", None) if isinstance(head, dict) else None
    if not isinstance(lengths, list):
        raise WireError("a head without octets")
    octets = []
    for pair in lengths:
        if not isinstance(pair, list) or [type(x) for x in pair] != [str, int]:
            raise WireError(f"octets {pair!r}")
        octets.append((pair[0], c.take(pair[1])))
    return head, octets, c.data[c.at:]


# ---- section 3: the request -------------------------------------------------


def request(node, ek_public, certificates, ak_public, values, eventlog, nv, former, policy, facts):
    return message(
        {"version": 2, "node": node.hex(), "nv": nv, "former": former, "policy": policy.hex(), "facts": facts},
        [("ek_public", ek_public), *(("ek_certificate", c) for c in certificates), ("ak_public", ak_public),
         ("pcrs", b"".join(values)), ("eventlog", eventlog)])


def qualifying(exporter, unsigned):
    return H(QUOTE_LABEL, exporter, H(unsigned))


def signed(unsigned, quote, signature):
    return unsigned + b"".join(struct.pack(">H", len(p)) + p for p in (quote, signature))


def activation(secret):
    return message({}, [("secret", secret)])


def parse_quote(attest):
    """(extraData, resetCount ‖ restartCount, selection, pcrDigest) of a TPMS_ATTEST."""
    c = Cursor(attest)
    if c.u(4) != ATTEST_MAGIC or c.u(2) != ATTEST_QUOTE:
        raise WireError("no quote of a TPM")
    c.sized()
    extra = c.sized()
    c.take(8)
    counters = c.take(8)
    c.take(1 + 8)
    start = c.at
    for _ in range(c.u(4)):
        c.take(2)
        c.take(c.u(1))
    selection = c.data[start:c.at]
    digest = c.sized()
    c.end()
    return extra, counters, selection, digest


# ---- section 4: the verdict -------------------------------------------------

REFUSAL = dict(verdict=str, code=str, incident=str, retry_after=int)
VERDICTS = {
    "challenge": (200, dict(verdict=str), ["credential_blob", "secret"]),
    "pending": (200, dict(verdict=str, id=str, retry_after=int), []),
    "refused": (403, REFUSAL, []),
    "malformed": (400, REFUSAL, []),
    "busy": (503, REFUSAL, []),
    "ok": (200, dict(verdict=str, node=str, name=str, boot=str, image_urls=list),
           ["manifest", "image_key", "approval_nv", "certificate_ssh", "certificate_tls", "ca"]),
}
WITH_BUNDLE = ["manifest", "image_key", "approval_nv", "approval_bundle", "certificate_ssh", "certificate_tls", "ca",
               "bundle_public", "bundle_duplicate", "bundle_seed", "bundle_data"]


def parse_verdict(status, body):
    try:
        doc, octets, rest = take_message(body)
    except WireError as e:
        raise WireError(f"HTTP {status}: no verdict: {e}: {body[:200]!r}") from None
    kind = doc.get("verdict")
    if kind not in VERDICTS:
        raise WireError(f"HTTP {status}: no verdict: {body[:200]!r}")
    want, types, names = VERDICTS[kind]
    members(doc, **types)
    if status != want:
        raise WireError(f"{kind} with HTTP {status}")
    if rest:
        raise WireError(f"{len(rest)} bytes follow the octets")
    got = [n for n, _ in octets]
    if got != names and not (kind == "ok" and got == WITH_BUNDLE):
        raise WireError(f"{kind} with octets {got}")
    doc.update(octets)
    if kind == "ok":
        parse_ok(doc)
    return doc


def parse_ok(doc):
    if not NAME.fullmatch(doc["name"]):
        raise WireError(f"name {doc['name']!r}")
    if len(doc["image_key"]) != 32:
        raise WireError("image_key is not 32 bytes")
    for text in ("manifest", "ca"):
        doc[text] = doc[text].decode()
    for group, prefix in (("approvals", "approval_"), ("certificates", "certificate_"), ("bundle", "bundle_")):
        doc[group] = {n[len(prefix):]: doc.pop(n) for n in list(doc) if n.startswith(prefix)}
    doc["bundle"] = doc["bundle"] or None


def parse_manifest(text):
    m = members(parse_json(text), name=str, format=str, size=int, plain_size=int, header=str, list=str)
    m["header"], m["list"] = bytes.fromhex(m["header"]), bytes.fromhex(m["list"])
    if len(m["header"]) != 64 or len(m["list"]) != 32:
        raise WireError("the manifest's header is not 64 bytes, or its list not 32")
    return m


# ---- section 5: approvals ---------------------------------------------------


def policy_digest(*commands):
    digest = bytes(32)
    for cc, arguments in commands:
        digest = H(digest, struct.pack(">I", cc), arguments)
    return digest


def policy_ref(purpose, node):
    """R(purpose, node)."""
    return H(POLICY_LABEL[purpose], node)


def approved_policy(pcr_digest, counters):
    """PolicyPCR, then PolicyCounterTimer(resetCount ‖ restartCount ==)."""
    args = H(counters, struct.pack(">HH", COUNTERS_OFFSET, 0))
    return policy_digest((CC_POLICY_PCR, SELECTION + pcr_digest), (CC_POLICY_COUNTER_TIMER, args))


def auth_policy(purpose, key_name, node):
    """PolicyAuthorize(keySign, R(purpose, node)) on an empty session."""
    return H(policy_digest((CC_POLICY_AUTHORIZE, key_name)), policy_ref(purpose, node))


# ---- section 8: content of an index -----------------------------------------

NV_MAGIC = b"MUSTERNV"
PURPOSE = {"ssh": 1, "tls": 2}


def nv_pack(purpose, key, certificate, size):
    body = NV_MAGIC + struct.pack(">BBHHH", 1, PURPOSE[purpose], len(key), len(certificate), 0) + key + certificate
    body += H(body)
    if len(body) > size:
        raise WireError(f"{len(body)} bytes do not fit the {purpose} index")
    return body + bytes(size - len(body))


def nv_parse(purpose, data):
    """(key, certificate)."""
    c = Cursor(data)
    if c.take(8) != NV_MAGIC or c.u(1) != 1 or c.u(1) != PURPOSE[purpose]:
        raise WireError("not the content of this index")
    key_len, cert_len, zero = c.u(2), c.u(2), c.u(2)
    if key_len != 32 or zero != 0:
        raise WireError("key length or reserved bytes")
    key, certificate = c.take(key_len), c.take(cert_len)
    if c.take(32) != H(data[:16 + key_len + cert_len]):
        raise WireError("digest of the content")
    if any(c.take(len(data) - c.at)):
        raise WireError("padding is not zero")
    return key, certificate
