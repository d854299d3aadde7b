#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""forge.py - tells musterd lies with a real TPM, each after the truth.

  forge.py … [LIE…]     each lie named, or all that leave the TPM as it was;
                        one line for each:
                        NAME CONTROL WANTED-CODE CODE INCIDENT REASON

CONTROL is the verdict on the truth, told just before on the same connection.
The parent's journal must have REASON under INCIDENT. Exit code 0 when every
control was `ok` and every code the wanted one.
"""
import argparse
import json
import sys

from tpm2_pytss import TSS2_Exception

import lies_boot  # noqa: F401
import lies_form  # noqa: F401
import lies_key  # noqa: F401
import lies_quote  # noqa: F401
import wire
from forger import LIES, Forger, TpmRefuses


def tell(f, name):
    """One line of output; whether it is as it must be."""
    lie = LIES[name]
    f.begin(name)
    control = lie.control(f)["verdict"] if lie.control else "ok"
    verdict = lie.tell(f)
    got = verdict.get("code", verdict["verdict"])
    print("\t".join((name, control, lie.code, got, verdict.get("incident", "-"), lie.reason)), flush=True)
    return control == "ok" and got == lie.code


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--tcti", required=True)
    p.add_argument("--other-tcti", help="a second TPM, the liar's own")
    p.add_argument("--parent", required=True)
    p.add_argument("--ca", required=True)
    p.add_argument("--policy-key", required=True)
    p.add_argument("--eventlog", required=True)
    p.add_argument("--facts", required=True, type=json.loads)
    p.add_argument("lies", nargs="*", metavar="LIE")
    args = p.parse_args()
    f = Forger(args)
    good = True
    try:
        for name in args.lies or [n for n, lie in LIES.items() if lie.harmless]:
            try:
                good &= tell(f, name)
            except (TpmRefuses, TSS2_Exception, wire.WireError) as e:
                print("\t".join((name, "-", LIES[name].code, f"error: {e}", "-", "-")), flush=True)
                good = False
    finally:
        f.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
