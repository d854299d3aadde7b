# SPDX-License-Identifier: Apache-2.0
"""transport.py - PROTOCOL.md section 1: TLS 1.3, HTTP/1.1 and the exporter.

Python 3.11's ssl module has no call for the exporter of RFC 8446 section 7.5.
It does write OpenSSL's key log, whose line EXPORTER_SECRET is the
exporter_master_secret, and from that the exporter is two HKDF-Expand-Labels.
That needs no private structure of the interpreter (as calling
SSL_export_keying_material through ctypes would), and computes the value from
the RFC, not with the library that the parent or the C client calls. The log
goes to a memfd: it never reaches a disk.

The parent's validity is checked at this machine's clock; the max() with
not-before of section 1 is for nodes without a clock, which this is not.
"""
import http.client
import os
import ssl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

LABEL = b"EXPORTER-muster-attest-v2"
PARENT_OID = "2.25.212541937340190927170434927386158209537"
EKU_OID = "2.5.29.37"


def expand_label(algorithm, secret, label, context, length):
    """HKDF-Expand-Label, RFC 8446 section 7.1."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(context)]) + context
    return HKDFExpand(algorithm, length, info).derive(secret)


def digest_of(algorithm, data):
    h = hashes.Hash(algorithm)
    h.update(data)
    return h.finalize()


def exporter(algorithm, master, label=LABEL, context=b"", length=32):
    """TLS-Exporter(label, context, length), RFC 8446 section 7.5."""
    derived = expand_label(algorithm, master, label, digest_of(algorithm, b""), algorithm.digest_size)
    return expand_label(algorithm, derived, b"exporter", digest_of(algorithm, context), length)


# ---- the parent's certificate ----------------------------------------------


def der_oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    body = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        part = bytes([arc & 0x7F])
        while arc := arc >> 7:
            part = bytes([0x80 | arc & 0x7F]) + part
        body += part
    return bytes([6, len(body)]) + body


def der_items(data):
    """(tag, whole, content) of each element of a DER string."""
    at = 0
    while at < len(data):
        tag, n, head = data[at], data[at + 1], 2
        if n & 0x80:
            head = 2 + (n & 0x7F)
            n = int.from_bytes(data[at + 2:at + head], "big")
        if at + head + n > len(data):
            raise ssl.SSLError("the certificate is cut short")
        yield tag, data[at:at + head + n], data[at + head:at + head + n]
        at += head + n


def purposes(certificate):
    """The extendedKeyUsage of a certificate, as encoded OIDs. By hand: OIDs
    with a 128-bit arc are more than the cryptography module reads."""
    ((_, _, cert),) = der_items(certificate)
    tbs = next(der_items(cert))[2]
    explicit = [c for tag, _, c in der_items(tbs) if tag == 0xA3]
    for _, _, extension in der_items(next(der_items(explicit[0]))[2]) if explicit else ():
        parts = list(der_items(extension))
        if parts[0][1] == der_oid(EKU_OID):
            return [oid for _, oid, _ in der_items(next(der_items(parts[-1][2]))[2])]
    return []


class Parent:
    """One connection to a parent, which is one session of the protocol."""

    def __init__(self, host, port, ca, timeout=60, source=None):
        log = os.memfd_create("keylog")
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(cafile=ca)
            context.keylog_filename = f"/proc/self/fd/{log}"
            # http.client sets TCP_NODELAY
            self.http = http.client.HTTPSConnection(host, port, context=context, timeout=timeout,
                                                    source_address=(source, 0) if source else None)
            self.http.connect()
            # a reconnect would be another session: with this, http.client never does it by itself
            self.http.auto_open = 0
            self.exporter = self._exporter(log)
        finally:
            os.ftruncate(log, 0)
            os.close(log)
        if der_oid(PARENT_OID) not in purposes(self.http.sock.getpeercert(binary_form=True)):
            self.http.close()
            raise ssl.SSLCertVerificationError("the certificate is not that of a parent")

    def _exporter(self, log):
        algorithm = hashes.SHA384() if self.http.sock.cipher()[0].endswith("SHA384") else hashes.SHA256()
        lines = os.pread(log, 65536, 0).decode().splitlines()
        (master,) = [line.split()[2] for line in lines if line.startswith("EXPORTER_SECRET ")]
        return exporter(algorithm, bytes.fromhex(master))

    def post(self, path, body):
        """(status, body)."""
        self.http.request("POST", path, body, {"Content-Type": "application/x-muster"})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def close(self):
        self.http.close()
