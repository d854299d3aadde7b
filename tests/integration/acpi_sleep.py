#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""acpi_sleep.py: assembles dracut-module/90muster/muster-s3.asl and writes the table to standard output.

There is no compiler for ASL here, and this is all the AML that the table needs (ACPI specification, "AML grammar").
"""
import struct
import sys

IF, COND_REF_OF, COPY_OBJECT, METHOD = b"\xa0", b"\x5b\x12", b"\x9d", b"\x14"
EMPTY_PACKAGE = b"\x12\x02\x00"
NULL_NAME = b"\x00"


def block(op, body):
    n = len(body)
    # a PkgLength counts itself; one byte holds up to 63, two up to 4095
    length = bytes([n + 1]) if n + 1 < 64 else bytes([0x40 | (n + 2) & 0xF, (n + 2) >> 4])
    return op + length + body


def state(n):
    name = b"\\_S%d_" % n
    return block(IF, COND_REF_OF + name + NULL_NAME + COPY_OBJECT + EMPTY_PACKAGE + name)


body = block(METHOD, b"MSNS\x00" + b"".join(state(n) for n in (1, 2, 3))) + b"MSNS"
table = bytearray(struct.pack("<4sIBB6s8sI4sI", b"SSDT", 36 + len(body), 2, 0, b"MUSTER", b"NOSLEEP", 1, b"MSTR", 1) + body)
table[9] = -sum(table) & 0xFF
sys.stdout.buffer.write(table)
