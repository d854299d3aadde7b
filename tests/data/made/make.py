#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py WORK OUT NONCE: what tests/data/made/make wants beside the tools' own files: the JSON that says what each
quote holds, derived quotes that must be refused, EK certificates in other forms, and event logs with the PCR values
that a replay written here gives. It shares no code with the programs that are tested."""
import hashlib
import json
import re
import shutil
import struct
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

work, out, nonce = sys.argv[1:]


def read(path):
    return open(path, "rb").read()


def write(path, data):
    open(f"{out}/{path}", "wb").write(data)


# ---- quotes: NAME.attest (TPMS_ATTEST), NAME.sig (TPMT_SIGNATURE), NAME.ak.pem, NAME.json ---------------------------
def pcr_values(text):
    banks, bank = {}, None
    for line in text.splitlines():
        m = re.match(r"\s+(sha\d+):\s*$", line)
        if m:
            bank = banks.setdefault(m[1], {})
        m = re.match(r"\s+(\d+)\s*:\s*0x([0-9A-Fa-f]+)", line)
        if m:
            bank[m[1]] = m[2].lower()
    return banks


def describe(name, verdict, of=None, **more):
    a = read(f"{out}/quotes/{name}.attest")
    d = {"expected": verdict, "ak_pem": f"{name}.ak.pem", "nonce_hex": nonce}
    if of:
        signer = struct.unpack(">H", a[6:8])[0]
        extra = struct.unpack(">H", a[8 + signer:10 + signer])[0]
        at = 10 + signer + extra
        clock, resets, restarts = struct.unpack(">QII", a[at:at + 16])
        d |= {"clock": clock, "reset_count": resets, "restart_count": restarts,
              "pcrs": pcr_values(open(f"{work}/{of}.text").read()), "pcr_digest": a[-32:].hex(),
              "tpm2tools_pcr_blob_hex": read(f"{work}/{of}.pcrs").hex()}
    json.dump(d | more, open(f"{out}/quotes/{name}.json", "w"), indent=1, sort_keys=True)


for good in ("rsa", "ecc", "one", "banks"):
    describe(good, "accepted", of=good)
describe("neg_certify", "must be rejected: a TPM2_Certify, no quote")
attest, sig = read(f"{out}/quotes/rsa.attest"), read(f"{out}/quotes/rsa.sig")
flip = lambda data, at: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
for name, a, s in (
        ("pcrdigest_bitflip", flip(attest, len(attest) - 1), sig),
        ("sig_bitflip", attest, flip(sig, 100)),
        ("trailing_attest", attest + b"\0", sig),
        ("trailing_sig", attest, sig + b"\0"),
        ("truncated_attest", attest[:-1], sig),
        ("bad_magic", flip(attest, 0), sig),
        ("qsigner_size", attest[:6] + b"\xff\xff" + attest[8:], sig),
        ("sig_alg_null", attest, b"\0\x10" + sig[2:]),
        ("sig_hash_sha1", attest, sig[:2] + b"\0\x04" + sig[4:]),
        ("sig_size_ffff", attest, sig[:4] + b"\xff\xff" + sig[6:]),
        ("empty_sig", attest, b""),
        ("wrong_nonce", attest, sig)):
    write(f"quotes/neg_{name}.attest", a)
    write(f"quotes/neg_{name}.sig", s)
    shutil.copy(f"{out}/quotes/rsa.ak.pem", f"{out}/quotes/neg_{name}.ak.pem")
    describe(f"neg_{name}", "must be rejected: " + name.replace("_", " "), **({"nonce_hex": "00" * 32} if name == "wrong_nonce" else {}))

# ---- EK certificates -------------------------------------------------------------------------------------------------
der = read(f"{out}/ek-certs/swtpm_rsa.der")
# as an NV index of older TPMs holds it: TCG header (tag 0x1001, kind 0, length), then the rest of the index
write("ek-certs/raw_nv_header.bin", struct.pack(">HBH", 0x1001, 0, len(der) + 2) + b"\x10\x02" + der)
write("ek-certs/raw_nv_padded.bin", der + b"\xff" * 512)
# its public key named RSAES-OAEP, as STMicroelectronics and Infineon do; signed anew by the CA
assert der[:2] == b"\x30\x82" and der[4:6] == b"\x30\x82"
tbs = der[4:8 + struct.unpack(">H", der[6:8])[0]]
rsa, oaep = (bytes.fromhex(x) for x in ("300d06092a864886f70d0101010500", "300d06092a864886f70d0101073000"))
assert tbs.count(rsa) == 1
ca = serialization.load_pem_private_key(read(f"{work}/ca/signkey.pem"), None)
assert der[4 + len(tbs):][:15] == bytes.fromhex("300d06092a864886f70d01010b0500")  # sha256WithRSAEncryption
made = ca.sign(tbs.replace(rsa, oaep), padding.PKCS1v15(), hashes.SHA256())
whole = der[:4] + tbs.replace(rsa, oaep) + der[4 + len(tbs):-len(made)] + made
assert len(whole) == len(der)
write("ek-certs/oaep.der", whole)

# ---- event logs ------------------------------------------------------------------------------------------------------
ALGS = {4: ("sha1", 20), 11: ("sha256", 32), 12: ("sha384", 48), 13: ("sha512", 64)}
SEPARATOR, NO_ACTION, ACTION, POST_CODE, IPL, CRTM = 4, 3, 5, 1, 0xD, 8


def specid(algs=((4, 20), (11, 32)), vendor=b""):
    body = b"Spec ID Event03\0" + struct.pack("<IBBBB", 0, 0, 2, 0, 2) + struct.pack("<I", len(algs))
    body += b"".join(struct.pack("<HH", a, n) for a, n in algs) + bytes([len(vendor)]) + vendor
    return struct.pack("<II", 0, NO_ACTION) + bytes(20) + struct.pack("<I", len(body)) + body


def event(pcr, kind, data, algs=(4, 11), digest_of=None, digests=None):
    if digests is None:
        zero = kind == NO_ACTION
        of = data if digest_of is None else digest_of
        digests = [(a, bytes(ALGS[a][1]) if zero else hashlib.new(ALGS[a][0], of).digest()) for a in algs]
    head = struct.pack("<III", pcr, kind, len(digests)) + b"".join(struct.pack("<H", a) + d for a, d in digests)
    return head + struct.pack("<I", len(data)) + data, (pcr, kind, dict(digests))


def locality(n):
    return event(0, NO_ACTION, b"StartupLocality\0" + bytes([n]))


def replay(events, algs, start=0):
    pcrs = {ALGS[a][0]: {} for a in algs}
    for pcr, kind, digests in events:
        for a in algs:
            name, size = ALGS[a]
            if kind == NO_ACTION or a not in digests:
                continue
            old = pcrs[name].get(pcr, bytes(size - 1) + bytes([start if pcr == 0 else 0]))
            pcrs[name][pcr] = hashlib.new(name, old + digests[a]).digest()
    return {b: {str(p): v.hex() for p, v in sorted(of.items())} for b, of in pcrs.items()}


boot = [event(0, CRTM, b"1\0.\0000\0\0\0"), event(0, POST_CODE, b"ACPI DATA"), event(7, 0x80000001, bytes(32)),
        *(event(p, SEPARATOR, bytes(4)) for p in range(8)),
        event(4, 0x80000007, b"Calling EFI Application from Boot Option"), event(4, 0x80000003, bytes(32), digest_of=b"an image")]
body = b"".join(raw for raw, _ in boot)
expected = {}


def good(name, items, algs=((4, 20), (11, 32)), start=None, tail=b"", first=None):
    write(f"eventlogs/{name}", (first or specid(algs)) + b"".join(raw for raw, _ in items) + tail)
    expected[name] = {"format": "agile", "algorithms": algs, "events": len(items) + 1, "startup_locality": start,
                      "pcrs": replay([e for _, e in items], [a for a, _ in algs if a in ALGS], start or 0)}


def bad(name, data, why):
    write(f"eventlogs/{name}", data)
    expected[name] = {"reject": True, "why": why}


good("boot.bin", boot)
good("locality3.bin", [locality(3), *boot], start=3)
good("locality0.bin", [locality(0), *boot], start=0)
good("no_action_kinds.bin", [event(0xFFFFFFFF, NO_ACTION, b"SP800-155 Event\0" + bytes(20)), event(6, NO_ACTION, b"x"), *boot])
good("four_banks.bin", [event(4, ACTION, b"x", algs=tuple(ALGS)), event(7, SEPARATOR, bytes(4), algs=tuple(ALGS))],
     algs=tuple((a, n) for a, (_, n) in ALGS.items()))
good("fewer_digests.bin", [event(4, ACTION, b"x", algs=(4,)), event(4, ACTION, b"y")])
good("vendor_info.bin", boot, first=specid(vendor=b"vendor"))
good("separator_wbcl.bin", [*boot, event(7, SEPARATOR, b"WBCL")])
good("padded_ff.bin", boot, tail=b"\xff" * 64)
good("padded_00.bin", boot, tail=bytes(64))
good("big_event.bin", [*boot, event(6, IPL, bytes(36000))])
legacy = [(p, k, hashlib.sha1(d).digest(), d) for p, k, d in ((0, POST_CODE, b"BIOS"), (4, SEPARATOR, bytes(4)), (7, ACTION, b"z"))]
old = b"".join(struct.pack("<II", p, k) + h + struct.pack("<I", len(d)) + d for p, k, h, d in legacy)
write("eventlogs/legacy_sha1.bin", old)
expected["legacy_sha1.bin"] = {"format": "sha1", "events": 3, "startup_locality": None, "algorithms": [[4, 20]],
                               "pcrs": replay([(p, k, {4: h}) for p, k, h, _ in legacy], [4])}
bad("cut_in_header.bin", specid()[:31], "31 of 32 header bytes")
bad("cut_in_digest.bin", specid() + body[:30], "it ends inside a digest")
bad("cut_by_one.bin", (specid() + body)[:-1], "the last event is a byte short")
bad("legacy_cut.bin", old[:-2], "a legacy log that is cut short")
bad("legacy_huge_event.bin", old[:28] + struct.pack("<I", 0x7FFFFFFF) + old[32:], "a legacy event of 2 GiB")
bad("specid_huge.bin", specid()[:28] + b"\xff\xff\xff\xff" + specid()[32:], "a Spec ID event of 4 GiB")
bad("no_digest.bin", specid() + event(0, ACTION, b"x", digests=[])[0], "an event without a digest")
bad("unknown_algorithm.bin", specid() + event(0, ACTION, b"x", digests=[(0xBEEF, bytes(32))])[0], "an algorithm that is not declared")
bad("undeclared_sha384.bin", specid() + event(0, ACTION, b"x", digests=[(12, bytes(48))])[0], "a bank that is not declared")
bad("algorithm_twice.bin", specid(((11, 32), (11, 32))) + body, "an algorithm declared twice")
bad("algorithms_huge.bin", specid()[:56] + b"\xff\xff\xff\xff" + specid()[60:], "4 G algorithms")
bad("sha256_of_20.bin", specid(((11, 20),)), "SHA-256 of 20 octets")
bad("unknown_size_ffff.bin", specid(((0x99, 0xFFFF),)) + body, "a digest that runs past the end")
bad("locality_twice.bin", specid() + locality(3)[0] + locality(3)[0] + body, "two StartupLocality events")
bad("pcr24.bin", specid() + event(24, ACTION, b"x")[0], "no TPM has PCR 24")
bad("pcr_ffffffff.bin", specid() + event(0xFFFFFFFF, ACTION, b"x")[0], "an extended PCR 0xffffffff")
bad("zeros.bin", bytes(64), "64 zero octets")
json.dump(expected, open(f"{out}/eventlogs/EXPECTED.json", "w"), indent=1)
