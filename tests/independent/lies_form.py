# SPDX-License-Identifier: Apache-2.0
"""lies_form.py - requests whose quote is for exactly what they say, but which
are not what PROTOCOL.md sections 1 and 3 say a request is, by one thing each."""
import struct

import wire
from forger import lie


def formed(f, change):
    """The quote is made for the changed message, so that nothing else is wrong."""
    head, lists = f.parts()
    change(head, lists)
    return f.tell(text=f.whole(head, lists))


def written(f, change):
    """The same for a change to the head's text, which may be no JSON then."""
    text = f.text()
    n = 4 + struct.unpack(">I", text[:4])[0]
    head = change(text[4:n].decode()).encode()
    return f.tell(text=struct.pack(">I", len(head)) + head + text[n:])


# ---- the frame -----------------------------------------------------------------


@lie("M-MALFORMED", "head")
def head_longer_than_the_message(f):
    text = f.text()
    return f.tell(text=b"\0\0\x3f\xff" + text[4:300])


@lie("M-MALFORMED", "head")
def head_too_long(f):
    return written(f, lambda t: "{" + " " * 16384 + t[1:])


@lie("M-MALFORMED", "begin with")
def white_space_before_the_head(f):
    return written(f, lambda t: " " + t)


@lie("M-MALFORMED", "begin with")
def white_space_after_the_head(f):
    return written(f, lambda t: t + "\n")


@lie("M-MALFORMED", "follow")
def bytes_after_the_signature(f):
    text = f.text()
    quote, signature = f.tpm.quote(f.qualifying(text))
    return wire.parse_verdict(*f.link.post("/v2/attest", wire.signed(text, quote, signature) + b"{}"))


@lie("M-MALFORMED", "quote")
def bytes_before_the_quote(f):
    return f.tell(text=f.text() + b"{}")


@lie("M-MALFORMED", "eventlog")
def octets_in_another_order(f):
    head, lists = f.parts()
    return f.tell(text=wire.message(head, [(n, d) for n in ("ek_public", "ak_public", "pcrs", "ek_certificate", "eventlog")
                                           for d in (lists[n] if n in lists else [b"0"])]))


@lie("M-MALFORMED", "")
def octets_that_nobody_knows(f):
    head, lists = f.parts()
    return f.tell(text=wire.message(head, [(n, d) for n in lists for d in lists[n]] + [("more", b"0")]))


@lie("M-MALFORMED", "left out")
def octets_that_are_empty(f):
    return formed(f, lambda head, lists: lists.update(ek_certificate=[b""]))


@lie("M-MALFORMED", "octets")
def octets_named_by_a_string(f):
    return written(f, lambda t: t.replace('["pcrs", 480]', '["pcrs", "480"]'))


@lie("M-MALFORMED", "octets")
def octets_of_negative_length(f):
    return written(f, lambda t: t.replace('["pcrs", 480]', '["pcrs", -480]'))


# ---- the head -------------------------------------------------------------------


@lie("M-MALFORMED", "more")
def member_unknown(f):
    return formed(f, lambda head, lists: head.update(more=1))


@lie("M-MALFORMED", "nv")
def member_missing(f):
    return formed(f, lambda head, lists: head.pop("nv"))


@lie("M-MALFORMED", "twice")
def member_twice(f):
    return written(f, lambda t: t[:-1] + ', "node": "' + "00" * 32 + '"}')


@lie("M-MALFORMED", "facts")
def member_of_another_type(f):
    return formed(f, lambda head, lists: head.update(facts=[]))


@lie("M-MALFORMED", "JSON")
def half_a_surrogate_pair(f):
    return written(f, lambda t: t.replace('"Node 1"', '"Node \\ud83d"'))


@lie("M-MALFORMED", "version")
def version_0(f):
    return formed(f, lambda head, lists: head.update(version=0))


@lie("M-MALFORMED", "version")
def version_1(f):
    return formed(f, lambda head, lists: head.update(version=1))


@lie("M-MALFORMED", "version")
def version_3(f):
    return formed(f, lambda head, lists: head.update(version=3))


@lie("M-MALFORMED", "node")
def hex_in_capitals(f):
    return formed(f, lambda head, lists: head.update(node=head["node"].upper()))


@lie("M-MALFORMED", "pcrs")
def one_value_too_few(f):
    return formed(f, lambda head, lists: lists.update(pcrs=[lists["pcrs"][0][:-32]]))


@lie("M-MALFORMED", "pcrs")
def one_value_too_many(f):
    """As for a PCR outside the selection: CVE-2022-0317's other half."""
    return formed(f, lambda head, lists: lists.update(pcrs=[lists["pcrs"][0] + bytes(32)]))


@lie("M-MALFORMED", "ek_certificate")
def nine_certificates(f):
    return formed(f, lambda head, lists: lists.update(ek_certificate=[b"0"] * 9))


@lie("M-MALFORMED", "eventlog")
def log_too_long(f):
    return formed(f, lambda head, lists: lists.update(eventlog=[bytes(131073)]))


@lie("M-MALFORMED", "macs")
def seventeen_macs(f):
    return formed(f, lambda head, lists: head["facts"].update(macs=["52:54:00:12:34:56"] * 17))


@lie("M-MALFORMED", "serial")
def serial_too_long(f):
    return formed(f, lambda head, lists: head["facts"].update(serial="S" * 129))


@lie("M-MALFORMED", "tpm")
def maker_too_long(f):
    return formed(f, lambda head, lists: head["facts"].update(tpm="123456789"))


@lie("M-MALFORMED", "former")
def former_that_is_no_code(f):
    return formed(f, lambda head, lists: head.update(former="E-tpm"))


@lie("M-MALFORMED", "policy")
def policy_too_short(f):
    return formed(f, lambda head, lists: head.update(policy="00" * 31))


@lie("M-MALFORMED", "nv")
def nv_state_unknown(f):
    return formed(f, lambda head, lists: head.update(nv={"ssh": "present", "tls": "perfect"}))
