#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policy_counters.py TCTI SESSION OPERAND: TPM2_PolicyCounterTimer over 8 bytes.

tpm2_policycountertimer compares one counter at a time, Muster both at once:
OPERAND is resetCount and restartCount in hex, at offset 16, operation EQ.
SESSION is a session file of tpm2-tools, which is used and written back:
a header, then hierarchy (4), savedHandle (4), sequence (8) and contextBlob.
Exit code 1: the TPM refuses."""
import struct
import sys

from tpm2_pytss import ESAPI, TPM2_EO, TPM2B_OPERAND, TPMS_CONTEXT, TSS2_Exception

MAGIC = bytes.fromhex("badcc0de")


def split(data):
    """(what precedes the context, its bytes): the last header in the file is the context's."""
    at = data.rindex(MAGIC) + 8
    return data[:at], data[at:]


def main():
    tcti, path, operand = sys.argv[1:]
    with open(path, "rb") as f:
        head, body = split(f.read())
    hierarchy, handle, sequence = struct.unpack_from(">IIQ", body)
    context, _ = TPMS_CONTEXT.unmarshal(struct.pack(">QII", sequence, handle, hierarchy) + body[16:])
    esys = ESAPI(tcti)
    session = esys.context_load(context)
    try:
        esys.policy_counter_timer(session, TPM2B_OPERAND(bytes.fromhex(operand)), TPM2_EO.EQ, 16)
    except TSS2_Exception as e:
        print(e)
        esys.flush_context(session)
        return 1
    context = esys.context_save(session)
    with open(path, "wb") as f:
        f.write(head + struct.pack(">IIQ", int(context.hierarchy), int(context.savedHandle), int(context.sequence)))
        f.write(context.contextBlob.marshal())
    esys.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
