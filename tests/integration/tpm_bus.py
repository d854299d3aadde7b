# SPDX-License-Identifier: Apache-2.0
"""tpm_bus.py - the bus between a client and a software TPM, and who sits on it.

Tpm switches a swtpm off and on and talks to it directly; Bus listens where
the client looks for its TPM, records every packet as it crossed and lets
rules act on it. A rule is a function of a Packet, called twice: with
`answer` None before the TPM sees the command (it may change `command`, or
set `answer` so that the TPM never sees it), and with the TPM's answer (which
it may change). Used by the tests, never installed.
"""
import socket
import struct
import threading

CODES = {
    0x120: ("EvictControl", 2, 0), 0x12a: ("NV_DefineSpace", 1, 0), 0x122: ("NV_UndefineSpace", 2, 0),
    0x131: ("CreatePrimary", 1, 1), 0x137: ("NV_Write", 2, 0), 0x138: ("NV_WriteLock", 2, 0),
    0x14e: ("NV_Read", 2, 0), 0x14f: ("NV_ReadLock", 2, 0), 0x169: ("NV_ReadPublic", 1, 0),
    0x147: ("ActivateCredential", 2, 0), 0x151: ("PolicySecret", 2, 0), 0x156: ("Import", 1, 0),
    0x157: ("Load", 1, 1), 0x158: ("Quote", 1, 0), 0x15e: ("Unseal", 1, 0), 0x165: ("FlushContext", 0, 0),
    0x167: ("LoadExternal", 0, 1), 0x16a: ("PolicyAuthorize", 1, 0), 0x16d: ("PolicyCounterTimer", 1, 0),
    0x173: ("ReadPublic", 1, 0), 0x176: ("StartAuthSession", 2, 1), 0x177: ("VerifySignature", 1, 0),
    0x17a: ("GetCapability", 0, 0), 0x17e: ("PCR_Read", 0, 0), 0x17f: ("PolicyPCR", 1, 0),
    0x181: ("ReadClock", 0, 0), 0x182: ("PCR_Extend", 1, 0), 0x13c: ("PCR_Event", 1, 0), 0x126: ("Clear", 1, 0), 0x144: ("Startup", 0, 0),
    0x145: ("Shutdown", 0, 0), 0x180: ("PolicyRestart", 1, 0), 0x139: ("DictionaryAttackLockReset", 1, 0),
    0x13a: ("DictionaryAttackParameters", 1, 0),
}
SESSIONS = 0x8002


def u32(data, at=0):
    return struct.unpack_from(">I", data, at)[0]


def error(rc):
    """An answer that is nothing but a response code."""
    return struct.pack(">HII", 0x8001, 10, rc)


class Packet:
    """A command and, once the TPM spoke, its answer; `n` counts this kind from 1."""

    def __init__(self, command, n_of):
        self.command, self.answer = command, None
        self.code = u32(command, 6)
        self.name, self._in, self._out = CODES.get(self.code, (hex(self.code), 0, 0))
        n_of[self.name] = self.n = n_of.get(self.name, 0) + 1

    @property
    def rc(self):
        return u32(self.answer, 6)

    def handle(self, i=0):
        return u32(self.command, 10 + 4 * i)

    def parameters(self):
        """Where the command's parameters are: offset, end."""
        at = 10 + 4 * self._in
        if struct.unpack_from(">H", self.command)[0] == SESSIONS:
            at += 4 + u32(self.command, at)
        return at, len(self.command)

    def results(self):
        """Where the answer's parameters are: offset, end."""
        at = 10 + 4 * self._out
        if self.rc or struct.unpack_from(">H", self.answer)[0] != SESSIONS:
            return at, len(self.answer)
        return at + 4, at + 4 + u32(self.answer, at)

    def __str__(self):
        return "%s#%d" % (self.name, self.n)


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
    return head + exactly(s, u32(head, 2) - 6)


def end(*socks):
    for s in socks:  # close() alone leaves a blocked recv() and the peer waiting
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()


def connect(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Tpm:
    """A running swtpm: commands on `port`, control on `port` + 1."""

    def __init__(self, port):
        self.port = port

    def power(self):
        """Off and on again, as a power button does, then TPM2_Startup(CLEAR)."""
        s = connect(self.port + 1)
        s.sendall(struct.pack(">II", 2, 0))
        result = u32(exactly(s, 4))
        end(s)
        if result or self.run(0x144, b"\0\0")[1]:
            raise RuntimeError("swtpm does not start again")

    def run(self, code, body, auth=None):
        """One command without sessions, or with the empty password; handles go first in body."""
        if auth is None:
            command = struct.pack(">HII", 0x8001, 10 + len(body), code) + body
        else:
            password = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
            at = 4 * auth
            body = body[:at] + struct.pack(">I", len(password)) + password + body[at:]
            command = struct.pack(">HII", SESSIONS, 10 + len(body), code) + body
        s = connect(self.port)
        s.sendall(command)
        answer = packet(s)
        end(s)
        return answer, u32(answer, 6)

    def extend(self, pcr, digest):
        body = struct.pack(">IIH", pcr, 1, 0xb) + digest
        if self.run(0x182, body, auth=1)[1]:
            raise RuntimeError("PCR_Extend")

    def pcr(self, n):
        select = bytearray(3)
        select[n // 8] |= 1 << n % 8
        answer, rc = self.run(0x17e, struct.pack(">IHB", 1, 0xb, 3) + bytes(select))
        return answer[-32:] if rc == 0 else None

    def handles(self, first):
        answer, rc = self.run(0x17a, struct.pack(">III", 1, first, 64))
        n = u32(answer, 15) if rc == 0 else 0
        return [u32(answer, 19 + 4 * i) for i in range(n)]

    def left(self):
        """Transient objects, loaded and saved sessions: what a client must not leave."""
        return [hex(h) for first in (0x80000000, 0x02000000, 0x03000000) for h in self.handles(first)]

    def flush(self, handle):
        self.run(0x165, struct.pack(">I", handle))


class Bus:
    """The proxy; `packets` holds what crossed, (raw command, raw answer) as the client had them
    and as the TPM had them."""

    def __init__(self, port, tpm_port, log=None):
        self.tpm_port, self.log, self.rules = tpm_port, log, []
        self.lock = threading.Lock()
        self.fresh()
        listeners = [socket.create_server(("127.0.0.1", port + i)) for i in (0, 1)]
        for i, handler in enumerate((self._commands, self._control)):
            threading.Thread(target=self._serve, args=(listeners[i], i, handler), daemon=True).start()

    def fresh(self, *rules):
        """A new recording, under new rules."""
        with self.lock:
            self.rules, self.packets, self.n_of, self.recorded = list(rules), [], {}, bytearray()

    def _record(self, data):
        self.recorded += data
        if self.log:
            self.log.write(data)

    def _one(self, command, server):
        with self.lock:
            p = Packet(command, self.n_of)
            self._record(command)
            for rule in self.rules:
                rule(p)
            if p.answer is None:
                if p.command != command:
                    self._record(p.command)
                server.sendall(p.command)
                p.answer = packet(server)
                self._record(p.answer)
                true = p.answer
                for rule in self.rules:
                    rule(p)
                if p.answer != true:
                    self._record(p.answer)
            self.packets.append(p)
            return p.answer

    def _commands(self, client, server):
        try:
            while True:
                client.sendall(self._one(packet(client), server))
        except (EOFError, OSError):
            end(client, server)

    @staticmethod
    def _control(client, server):
        def pump(a, b):
            try:
                while data := a.recv(4096):
                    b.sendall(data)
            except OSError:
                pass
            end(a, b)
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)

    def _serve(self, listener, offset, handler):
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=handler, args=(client, connect(self.tpm_port + offset)), daemon=True).start()
