# SPDX-License-Identifier: Apache-2.0
"""node_machine.py - a node of the tests with somebody on its TPM's bus.

Machine is a software TPM that is switched off and on, the bus before it and
muster-node-test in front; Result is one boot of it. ok() and not_ok() print
what tests/run counts. The shell script that starts this gives everything in
the environment: MUSTER_BIN, MUSTER_SOCKET, EXTENDS, CONF.
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from tpm_bus import Bus, Tpm, connect, end

CLIENT = os.path.join(os.environ["MUSTER_BIN"], "muster-node-test")
CLI = os.path.join(os.environ["MUSTER_BIN"], "muster")
KEYS = ("tls.key", "ssh_host_ed25519_key")
LASTING = ("tls.key", "ssh_host_ed25519_key.pub")  # the other file has random padding
SSH, TLS = 0x01804D01, 0x01804D02
EK, AK = 0x8101C000, 0x8101C001
READLOCKED = 1 << 28
failed = 0


def check(name, good, detail=""):
    global failed
    print(("ok - " if good else "not ok - ") + name, flush=True)
    if not good:
        failed += 1
        print("#   " + str(detail).replace("\n", "\n#   "), flush=True)
    return good


def finish():
    sys.exit(failed > 0)


def pairs(n):
    """A port whose next one is free too, n times."""
    found = []
    while len(found) < n:
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            found.append(port)
    return found


class Result:
    def __init__(self, rc, text, run, machine):
        self.rc, self.text, self.run = rc, text, run
        self.packets, self.recorded = machine.bus.packets, bytes(machine.bus.recorded)
        self.keys = [k for k in KEYS if os.path.exists(os.path.join(run, k))]
        self.left = machine.tpm.left()

    def fact(self, *path):
        with open(os.path.join(self.run, "boot.json")) as f:
            v = json.load(f)
        for p in path:
            v = v.get(p)
        return v

    def key(self, name):
        with open(os.path.join(self.run, name)) as f:
            return f.read()

    def refused(self, statuses=range(3, 12)):
        """Ends with a documented status, says what and what next, leaves no key."""
        return self.rc in statuses and " Next: " in self.text and "error " in self.text and not self.keys

    def __str__(self):
        return "exit %d, keys %s, left %s: %s" % (self.rc, self.keys, self.left, self.text[-700:])


class Machine:
    def __init__(self, where, state=None):
        self.where = where
        self.state = os.path.join(where, "tpm")
        if state:
            shutil.copytree(state, self.state)
        else:
            os.makedirs(self.state, exist_ok=True)
        self.port, self.front = pairs(2)
        self.swtpm = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.state, "--server",
             "type=tcp,port=%d,bindaddr=127.0.0.1" % self.port, "--ctrl",
             "type=tcp,port=%d,bindaddr=127.0.0.1" % (self.port + 1), "--flags", "startup-clear,not-need-init"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                end(connect(self.port + 1))
                break
            except OSError:
                time.sleep(0.05)
        self.tpm, self.bus = Tpm(self.port), Bus(self.front, self.port)
        self.env = dict(os.environ, MUSTER_TCTI="swtpm:host=127.0.0.1,port=%d" % self.front,
                        TPM2TOOLS_TCTI="swtpm:host=127.0.0.1,port=%d" % self.port)
        with open(os.environ["EXTENDS"]) as f:
            self.extends = [(int(x.split(":")[0]), bytes.fromhex(x.split("=")[1])) for x in f.read().split()]

    def learn(self, r):
        """The truth that whole() compares with: a boot that nobody meddled with."""
        self.keys, self.capped = [r.key(k) for k in LASTING], self.tpm.pcr(15)

    def locked(self, index):
        answer, rc = self.tpm.run(0x169, struct.pack(">I", index))
        return rc == 0 and struct.unpack_from(">I", answer, 18)[0] & READLOCKED

    def whole(self, r, indices=(SSH, TLS)):
        """Ended with the same keys, the cap and the locks, which the TPM itself says; nothing left."""
        return (r.rc == 0 and [r.key(k) for k in LASTING] == self.keys and self.tpm.pcr(15) == self.capped and
                all(map(self.locked, indices)) and not r.left)

    def virgin(self):
        """No AK and no indices: all that a first boot does is done again."""
        self.tpm.run(0x120, struct.pack(">III", 0x40000001, AK, AK), auth=2)
        for index in (SSH, TLS):
            self.tpm.run(0x122, struct.pack(">II", 0x40000001, index), auth=2)

    def stop(self):
        self.swtpm.terminate()
        self.swtpm.wait()

    def power(self, measured=True):
        """A reset, and what the firmware measures."""
        self.tpm.power()
        for pcr, digest in self.extends if measured else []:
            self.tpm.extend(pcr, digest)

    def start(self, *rules, run=None, seconds=60, env=None, once=True, direct=False):
        """Starts one attempt; its recording begins here. direct: what is returned is the client itself."""
        self.bus.fresh(*rules)
        self.run = run or tempfile.mkdtemp(dir=self.where)
        return subprocess.Popen(
            ([] if direct else ["timeout", str(seconds)]) + [CLIENT, "boot", "--config", os.environ["CONF"], "--run-dir", self.run,
             "--image-file", os.path.join(self.where, "image"), "--cap"] + (["--once"] if once else []),
            env=dict(self.env, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, child):
        text = child.communicate()[0]
        return Result(child.returncode, text, self.run, self)

    def boot(self, *rules, **more):
        return self.finish(self.start(*rules, **more))

    def enroll(self):
        """Approves it as r1n001 before its first boot."""
        out = subprocess.run([CLIENT, "enroll"], env=self.env, capture_output=True, text=True, check=True).stdout
        record = os.path.join(self.where, "record.json")
        with open(record, "w") as f:
            f.write(out)
        return json.loads(out)["id"], record

    def first_boot(self, name, *rules, **more):
        """Boots it and approves it when it waits."""
        child = self.start(*rules, once=False, **more)
        node = self.enrolled
        for _ in range(200):
            r = subprocess.run([CLI, "node", "approve", node, "--name", name, "--without-ek-certificate"],
                               capture_output=True, text=True)
            if r.returncode == 0 or child.poll() is not None:
                break
            time.sleep(0.05)
        return self.finish(child)


def tool(machine, *command, **more):
    """tpm2-tools past the bus."""
    return subprocess.run(command, env=machine.env, capture_output=True, text=True, **more)
