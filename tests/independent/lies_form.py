# SPDX-License-Identifier: Apache-2.0
"""lies_form.py - requests whose quote is for exactly what they say, but which
are not what PROTOCOL.md section 3 says a request is, by one thing each."""
import json

import wire
from forger import lie


def formed(f, change):
    """The quote is made for the changed text, so that nothing else is wrong."""
    d = json.loads(f.text())
    change(d)
    return f.tell(text=json.dumps(d))


@lie("M-MALFORMED", "more")
def member_unknown(f):
    return formed(f, lambda d: d.update(more=1))


@lie("M-MALFORMED", "eventlog")
def member_missing(f):
    return formed(f, lambda d: d.pop("eventlog"))


@lie("M-MALFORMED", "node")
def member_twice(f):
    text = f.text()
    return f.tell(text=text[:-1] + ', "node": "' + "00" * 32 + '"}')


@lie("M-MALFORMED", "facts")
def member_of_another_type(f):
    return formed(f, lambda d: d.update(facts=[]))


@lie("M-MALFORMED", "")
def bytes_after_the_document(f):
    return f.tell(text=f.text() + "{}")


@lie("M-MALFORMED", "version")
def version_0(f):
    return formed(f, lambda d: d.update(version=0))


@lie("M-MALFORMED", "version")
def version_2(f):
    return formed(f, lambda d: d.update(version=2))


@lie("M-MALFORMED", "node")
def hex_in_capitals(f):
    return formed(f, lambda d: d.update(node=d["node"].upper()))


@lie("M-MALFORMED", "ek_public")
def base64_with_line_breaks(f):
    return formed(f, lambda d: d.update(ek_public=d["ek_public"][:64] + "\n" + d["ek_public"][64:]))


@lie("M-MALFORMED", "pcrs")
def one_value_too_few(f):
    return formed(f, lambda d: d["pcrs"].pop())


@lie("M-MALFORMED", "pcrs")
def one_value_too_many(f):
    """As for a PCR outside the selection: CVE-2022-0317's other half."""
    return formed(f, lambda d: d["pcrs"].append("00" * 32))


@lie("M-MALFORMED", "ek_certificates")
def nine_certificates(f):
    return formed(f, lambda d: d.update(ek_certificates=[wire.b64(b"0")] * 9))


@lie("M-MALFORMED", "eventlog")
def log_too_long(f):
    return formed(f, lambda d: d.update(eventlog=wire.b64(bytes(131073))))


@lie("M-MALFORMED", "macs")
def seventeen_macs(f):
    return formed(f, lambda d: d["facts"].update(macs=["52:54:00:12:34:56"] * 17))


@lie("M-MALFORMED", "serial")
def serial_too_long(f):
    return formed(f, lambda d: d["facts"].update(serial="S" * 129))


@lie("M-MALFORMED", "nv")
def nv_state_unknown(f):
    return formed(f, lambda d: d.update(nv={"ssh": "present", "tls": "perfect"}))
