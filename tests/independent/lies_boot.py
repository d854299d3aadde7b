# SPDX-License-Identifier: Apache-2.0
"""lies_boot.py - lies about the boot: the TPM's own state is the lie, and
what is quoted of it is true. They cannot be undone before the next reset."""
from tpm2_pytss import ESYS_TR, TPM2_ALG, TPML_DIGEST_VALUES, TPMT_HA, TPMU_HA

import release
from forger import lie, tpm_refuses

CAPPED = "this comes from a running system"


def extend(f, pcr, digest):
    value = TPMT_HA(hashAlg=TPM2_ALG.SHA256, digest=TPMU_HA(sha256=digest))
    f.tpm.esys.pcr_extend(ESYS_TR(pcr), TPML_DIGEST_VALUES([value]))


@lie("M-EVENTLOG", "PCR 8", harmless=False)
def measured_but_not_logged(f):
    extend(f, 8, bytes(32))
    return f.tell()


@lie("M-CAPPED", CAPPED, harmless=False)
def running_system(f):
    """Capped as section 9 says; and the cap does not come off."""
    release.cap(f.tpm, "a manifest")
    with tpm_refuses("LOCALITY"):
        f.tpm.esys.pcr_reset(ESYS_TR(15))
    return f.tell()


@lie("M-CAPPED", CAPPED, control=None, harmless=False)
def capped_before(f):
    """A client that asks again after its own end of the exchange."""
    return f.tell()


@lie("M-RESETCOUNT", "reset counter went back", control=None, harmless=False)
def tpm_rolled_back(f):
    """The TPM's whole state is of an earlier day; it says nothing untrue of itself."""
    return f.tell()
