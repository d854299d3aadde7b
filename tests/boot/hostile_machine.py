#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a hostile hypervisor or BMC gives a node, as files.

hostile_machine.py vars VARS.fd NAME-GUID=TEXT...
    adds UEFI variables (UTF-16 text, non-volatile, seen by the OS) to an OVMF variable store
hostile_machine.py disk OUT TYPE-GUID:FILE...
    a GPT disk with these partitions, in this order
"""
import struct
import sys
import uuid
import zlib

SECTOR = 512
STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le  # authenticated variables


def variable(name, guid, text):
    n = (name + "\0").encode("utf-16-le")
    d = (text + "\0").encode("utf-16-le")
    head = struct.pack("<HBBIQ16sIII", 0x55AA, 0x3F, 0, 7, 0, bytes(16), 0, len(n), len(d))
    return head + uuid.UUID(guid).bytes_le + n + d


def add_variables(path, wanted):
    with open(path, "rb") as f:
        b = bytearray(f.read())
    store = b.index(STORE)
    size = struct.unpack_from("<I", b, store + 16)[0]
    at = store + 28
    while struct.unpack_from("<H", b, at)[0] == 0x55AA:
        names, data = struct.unpack_from("<II", b, at + 36)
        at = (at + 60 + names + data + 3) & ~3
    for w in wanted:
        key, text = w.split("=", 1)
        v = variable(key[:-37], key[-36:], text)
        assert at + len(v) < store + size, "the variable store is full"
        b[at:at + len(v)] = v
        at = (at + len(v) + 3) & ~3
    with open(path, "wb") as f:
        f.write(b)


def gpt_header(mine, other, entries_at, last, table):
    h = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, mine, other, 34, last,
                    uuid.UUID(int=0x6d757374).bytes_le, entries_at, 128, 128, zlib.crc32(table))
    return h[:16] + struct.pack("<I", zlib.crc32(h)) + h[20:]


def make_disk(out, parts):
    at, table, body = 2048, b"", []
    for i, p in enumerate(parts):
        kind, path = p.split(":", 1)
        with open(path, "rb") as f:
            data = f.read()
        n = (len(data) + SECTOR - 1) // SECTOR
        table += struct.pack("<16s16sQQQ72s", uuid.UUID(kind).bytes_le, uuid.UUID(int=i + 1).bytes_le,
                             at, at + n - 1, 0, "root".encode("utf-16-le"))
        body.append((at, data))
        at = (at + n + 2047) // 2048 * 2048
    table = table.ljust(128 * 128, b"\0")
    total = at + 2048
    mbr = bytes(446) + struct.pack("<BBBBBBBBII", 0, 0, 2, 0, 0xEE, 255, 255, 255, 1, total - 1) + bytes(48) + b"\x55\xaa"
    with open(out, "wb") as f:
        f.truncate(total * SECTOR)
        f.write(mbr + gpt_header(1, total - 1, 2, total - 34, table).ljust(SECTOR, b"\0") + table)
        for lba, data in body:
            f.seek(lba * SECTOR)
            f.write(data)
        f.seek((total - 33) * SECTOR)
        f.write(table + gpt_header(total - 1, 1, total - 33, total - 34, table).ljust(SECTOR, b"\0"))


if __name__ == "__main__":
    {"vars": add_variables, "disk": make_disk}[sys.argv[1]](sys.argv[2], sys.argv[3:])
