#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""node-tpm-proxy.py PORT TPM_PORT LOG [swap]

Sits on the bus between a client and a software TPM: LOG gets every byte of
the commands and answers. With `swap` the first answer that holds the public
area of Muster's EK (ECC) carries another point of the curve instead.
"""
import socket
import struct
import sys
import threading

port, tpm, log = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], "ab", 0)
swap = "swap" in sys.argv[4:]
READ_PUBLIC, EK = 0x173, 0x8101C000
G = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")


def exactly(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def packet(s):
    head = exactly(s, 6)
    return head + exactly(s, struct.unpack(">I", head[2:6])[0] - 6)


def other_key(answer):
    size = struct.unpack(">H", answer[10:12])[0]
    end = 12 + size
    return answer[:end - 66] + G[:32] + answer[end - 34:end - 32] + G[32:] + answer[end:]


def end(*socks):
    for s in socks:  # close() alone leaves a blocked recv() and the peer waiting
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()


def commands(client, server):
    global swap
    try:
        while True:
            command = packet(client)
            log.write(command)
            server.sendall(command)
            answer = packet(server)
            code, handle = struct.unpack(">II", command[6:14].ljust(8, b"\0"))
            if swap and code == READ_PUBLIC and handle == EK and answer[6:10] == bytes(4):
                answer = other_key(answer)
                swap = False
            log.write(answer)
            client.sendall(answer)
    except (EOFError, OSError):
        end(client, server)


def control(client, server):
    def pump(a, b):
        try:
            while data := a.recv(4096):
                b.sendall(data)
        except OSError:
            pass
        end(a, b)
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    pump(client, server)


def serve(listener, offset, handler):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", tpm + offset))
        for s in client, server:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=handler, args=(client, server), daemon=True).start()


first, second = (socket.create_server(("127.0.0.1", port + i)) for i in (0, 1))
threading.Thread(target=serve, args=(second, 1, control), daemon=True).start()
serve(first, 0, commands)
