#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lossy_link.py NEAR FAR LOSS DELAY_MS RATE CUT_BYTES CUTS LOG

A bad link between two network namespaces, in user space, since not every
kernel has netem: makes the devices NEAR and FAR (TUN) and carries packets
between them. LOSS of them (0.05) is lost, each takes DELAY_MS and its turn
at RATE bytes per second; beyond 100 waiting the next are lost too. When
CUT_BYTES of payload came to FAR on one connection it is cut, CUTS times in
all: an ACK of the one that receives becomes a RST. LOG gets a line for each
cut, and at SIGTERM the number of packets lost. Repeatable but for the
order in which packets come.
"""
import fcntl
import os
import random
import select
import signal
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
QUEUE = 100
near, far = sys.argv[1:3]
loss, delay, rate = float(sys.argv[3]), float(sys.argv[4]) / 1000, float(sys.argv[5])
cut_bytes, cuts = int(sys.argv[6]), int(sys.argv[7])
log = open(sys.argv[8], "a", buffering=1)
chance = random.Random(4)
lost = 0
came = {}  # payload bytes of a connection, by the receiver's port
done = set()


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reset(packet, head):
    """The same segment, as a RST."""
    p = bytearray(packet[:head + 20])
    p[head + 12] = 5 << 4
    p[head + 13] = 4
    p[head + 16:head + 18] = b"\0\0"
    pseudo = bytes(p[12:20]) + struct.pack("!BBH", 0, 6, 20)
    p[head + 16:head + 18] = struct.pack("!H", checksum(pseudo + bytes(p[head:])))
    p[2:4] = struct.pack("!H", len(p))
    p[10:12] = b"\0\0"
    p[10:12] = struct.pack("!H", checksum(bytes(p[:head])))
    return bytes(p)


def passes(packet, to_far):
    """What goes on of it: itself, or a RST."""
    global cuts
    if packet[0] >> 4 != 4 or packet[9] != 6:
        return packet
    head = (packet[0] & 15) * 4
    source, target = struct.unpack_from("!HH", packet, head)
    if to_far:
        came[target] = came.get(target, 0) + len(packet) - head - (packet[head + 12] >> 4) * 4
    elif cuts > 0 and source not in done and came.get(source, 0) >= cut_bytes:
        done.add(source)
        cuts -= 1
        print(f"cut after {came[source]} bytes", file=log)
        return reset(packet, head)
    return packet


def stop(*_):
    print(f"lost {lost} packets", file=log)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
ends = [tun(near), tun(far)]
queue = [[], []]  # to that end: (when, packet), in order
free = [0.0, 0.0]
print("ready", file=log)
while True:
    now = time.monotonic()
    due = [q[0][0] for q in queue if q]
    ready = select.select(ends, [], [], max(0, min(due) - now) if due else None)[0]
    now = time.monotonic()
    for fd in ready:
        to = 1 if fd == ends[0] else 0
        packet = os.read(fd, 65536)
        if chance.random() < loss or len(queue[to]) >= QUEUE:
            lost += 1
            continue
        free[to] = max(free[to], now) + len(packet) / rate
        queue[to].append((free[to] + delay, packet))
    for to in (0, 1):
        while queue[to] and queue[to][0][0] <= now:
            try:
                os.write(ends[to], passes(queue[to].pop(0)[1], to == 1))
            except OSError:
                pass  # not up yet
