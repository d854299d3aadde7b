# SPDX-License-Identifier: Apache-2.0
"""forger.py - what lies are told with: a node that holds its own TPM, perhaps
a second one, and everything that PROTOCOL.md says, and tells musterd one
thing that is not so. Whatever can be signed is signed by a real TPM.

A lie is a function of a Forger that returns the verdict it got. @lie names
the code that must refuse it, words of the reason in the parent's journal, the
truth to tell before (None where the TPM's state is the lie) and whether it
leaves the TPM as it was: one that does not is told only by name.
"""
import collections
from contextlib import contextmanager

from tpm2_pytss import TPM2_RC, TSS2_Exception

import wire
from muster_client import Node, connect
from tpm import SELECT, Tpm, ak_template

LIES = {}
OCTETS = ("ek_public", "ek_certificate", "ak_public", "pcrs", "eventlog")
Lie = collections.namedtuple("Lie", "code reason control harmless tell")


def truth(f):
    return f.tell()


def truth_of_new_key(f):
    """With an AK made for the occasion, as lies about AKs are told."""
    with f.key(ak_template()) as k:
        return f.tell(key=k)


def lie(code, reason, control=truth, harmless=True):
    def register(function):
        LIES[function.__name__.replace("_", "-")] = Lie(code, reason, control, harmless, function)
        return function
    return register


class TpmRefuses(Exception):
    """The TPM did what should not be possible, or refused otherwise than it should."""


@contextmanager
def tpm_refuses(*names):
    """The TPM must refuse what is inside, with one of these errors (TPM_RC_…)."""
    try:
        yield
    except TSS2_Exception as e:
        if e.error not in [int(getattr(TPM2_RC, n)) for n in names]:
            raise TpmRefuses(f"the TPM says {e}, wanted {names}") from None
        return
    raise TpmRefuses(f"the TPM did it, wanted {names}")


class Forger:
    def __init__(self, args):
        self.args = args
        self.node = Node(args.tcti, args.eventlog, args.facts)
        self.tpm = self.node.tpm
        self.other = Tpm(args.other_tcti) if args.other_tcti else None
        self.source = None
        self.link = None
        self.nv = {"ssh": "present", "tls": "present"}

    def new_link(self):
        return connect(self.args.parent, self.args.ca, self.source)

    def begin(self, name):
        """A connection for one lie, from an address of its own: of one address, a parent does not write down each refusal."""
        if self.link:
            self.link.close()
        self.source = f"127.1.0.{1 + list(LIES).index(name)}"
        self.link = self.new_link()

    def close(self):
        for t in filter(None, (self.link, self.tpm, self.other)):
            t.close()

    # ---- what is true -------------------------------------------------------

    def parts(self):
        """The truthful request: its head, and its octets by name in lists."""
        head, octets, _ = wire.take_message(self.node.request(self.nv))
        lists = {}
        for name, data in octets:
            lists.setdefault(name, []).append(data)
        return head, lists

    @staticmethod
    def whole(head, lists):
        return wire.message(head, [(name, data) for name in OCTETS for data in lists.get(name, [])])

    def text(self, **changed):
        """The truthful request, with other members or octets in the place of its own."""
        head, lists = self.parts()
        for name, value in changed.items():
            if name in OCTETS:
                lists[name] = value if isinstance(value, list) else [value]
            else:
                head[name] = value
        return self.whole(head, lists)

    def qualifying(self, text, link=None):
        return wire.qualifying((link or self.link).exporter, text)

    @contextmanager
    def key(self, template, tpm=None):
        """A primary of the endorsement hierarchy that goes again."""
        tpm = tpm or self.tpm
        k = tpm.primary(template)
        try:
            yield k
        finally:
            tpm.esys.flush_context(k.handle)

    # ---- telling it ---------------------------------------------------------

    def send(self, text, quote, signature, key=None, link=None):
        """The verdict; a challenge is answered with the key's TPM."""
        link = link or self.link
        verdict = wire.parse_verdict(*link.post("/v2/attest", wire.signed(text, quote, signature)))
        if verdict["verdict"] != "challenge":
            return verdict
        secret = self.tpm.activate(verdict["credential_blob"], verdict["secret"], key)
        return self.answer(secret, link)

    def answer(self, secret, link=None):
        return wire.parse_verdict(*(link or self.link).post("/v2/activate", wire.activation(secret)))

    def tell(self, text=None, binding=None, select=SELECT, key=None, scheme=None, said=None, link=None):
        """Quotes for `text` and sends `said`, which is `text` unless it lies."""
        if text is None:
            text = self.text(ak_public=key.marshal()) if key else self.text()
        q = self.qualifying(text, link) if binding is None else binding
        quote, signature = self.tpm.quote(q, select, key, scheme)
        return self.send(said or text, quote, signature, key, link)
