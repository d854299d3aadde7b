#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What muster-node refuses, and what a parent refuses it: parents that are
# none, damaged images, altered boots, unusable TPMs, bad configuration.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
node_files
p=$tmp/parent
parent_init "$p"
parent_init "$tmp/other"
parent_start "$p"
parent_content "$p"
node_facts 1
uuid=6d757374-6572-4000-8000-000000000001
echo "$uuid" >"$MUSTER_FACTS/class/dmi/id/product_uuid"
run=$tmp/run
attest=$(cat "$p/attest-port")

# refused STATUS CODE NAME CMD…: that exit status, that code in its line, no key left
refused() {
        local want=$1 code=$2 name=$3 out rc
        shift 3
        rm -f "$run/tls.key" "$run/ssh_host_ed25519_key" # of an earlier boot
        out=$("$@" 2>&1)
        rc=$?
        if [ "$rc" -eq "$want" ] && grep -q "error ${code}[ :].*Next: " <<<"$out" && [ ! -e "$run/tls.key" ] &&
                [ ! -e "$run/ssh_host_ed25519_key" ]; then
                ok "$name"
        else
                not_ok "$name" "exit $rc, wanted $want and $code: $out"
        fi
}

# --- enrol it -------------------------------------------------------------------
tpm_on "$tmp/tpm"
id=$("$bin/muster-node-test" enroll | jq -r .id)
"$bin/muster-node-test" enroll >"$tmp/record.json"
check "enroll prints the record of this machine" test "$(jq -r '.facts.serial + " " + (.ek_public | length > 100 | tostring)' "$tmp/record.json")" = "S1 true"
timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$tmp/image" >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
"$bin/muster" node approve "$id" --name r1n001 --without-ek-certificate >/dev/null
if wait "$pid"; then ok "the approved node boots"; else not_ok "the approved node boots" "$(cat "$tmp/first.log")"; fi
cp "$run/tls.key" "$run/tls.crt" "$tmp/"
tpm_off

# --- parents --------------------------------------------------------------------
tpm_on "$tmp/tpm"
sed "s|^ca = .*|ca = $tmp/other/etc/pki/ca.pem|" "$p/node.conf" >"$tmp/wrong-ca.conf"
script() { curl -sf -o "$tmp/script" "http://127.0.0.1:$(cat "$p/boot-port")/ipxe?mac=52-54-00-12-34-56&uuid=$uuid$1"; }
step() { "$bin/muster" node show r1n001 -o json | jq -r '"\(.step.reached) \(.step.alert)"'; }
second_over
check "iPXE asks for the node's script" script ''
check "it came no further than its script" test "$(step)" = "script null"
check "it fetches its UKI" curl -sf -o /dev/null "http://127.0.0.1:$(cat "$p/boot-port")/boot/$boot_file"
got_uki() { [ "$(step)" = "uki null" ]; }
check "then it has the whole UKI" wait_for 10 got_uki
refused 6 E-PARENT "a parent of another CA is not trusted" node_boot "$run" "$tmp/wrong-ca.conf"
distrusts() { [ "$(step)" = "distrust unknown CA" ]; }
check "the parent knows that the node does not trust it" wait_for 10 distrusts
check "its log says so" grep -q 'from=127.0.0.1 ended the TLS handshake, .*alert unknown CA (48)' "$p.log"
check "log --explain says so, and what to do" grep -q "TLS alert unknown CA (at .*, from 127.0.0.1)" <("$bin/muster" log --explain r1n001)
check "and learns nothing: its journal has no new event" test \
        "$("$bin/muster" log -o json | jq '[.. | .code? // empty] | length')" = 0

check "control: a node with the right CA boots" node_boot "$run" "$p/node.conf"
check "and its boot is under way no more" test "$(step)" = "null null"
tpm_off
tpm_on "$tmp/tpm"

sed "s|^policy-key = .*|policy-key = $tmp/other/etc/pki/policy.pem|" "$p/node.conf" >"$tmp/wrong-policy.conf"
refused 7 M-POLICYKEY "a node whose initramfs has another policy key is refused by its parent" node_boot "$run" "$tmp/wrong-policy.conf"

# poses PORT [option…]: openssl as a server with the node's own certificate
poses() {
        local port=$1
        shift
        openssl s_server -www -accept "127.0.0.1:$port" "$@" >/dev/null 2>&1 </dev/null &
        cleanup_pid $!
        wait_for 10 bash -c ": </dev/tcp/127.0.0.1/$port"
}
port=$(free_port)
poses "$port" -tls1_3 -cert "$tmp/tls.crt" -key "$tmp/tls.key"
sed -e "s|^parents = .*|parents = https://r1n001:$port|" -e "s|^ca = |hosts = r1n001=127.0.0.1\n&|" "$p/node.conf" >"$tmp/pose.conf"
refused 6 E-PARENT "a node's certificate does not make a parent" node_boot "$run" "$tmp/pose.conf"
check "because of the parents' key usage" grep -q "not a parent's" <<<"$(node_boot "$run" "$tmp/pose.conf" 2>&1)"

port=$(free_port)
poses "$port" -tls1_2 -cert "$p/etc/pki/server.pem" -key "$p/etc/pki/server.key"
sed "s|^parents = .*|parents = https://127.0.0.1:$port|" "$p/node.conf" >"$tmp/old-tls.conf"
refused 5 E-NET "TLS 1.2 is not spoken, even with the right parent" node_boot "$run" "$tmp/old-tls.conf"
check "and the handshake is what failed" grep -q "handshake" <<<"$(node_boot "$run" "$tmp/old-tls.conf" 2>&1)"

sed -e "s|^parents = .*|parents = https://parent9:$attest|" -e "s|^ca = |hosts = parent9=127.0.0.1\n&|" "$p/node.conf" >"$tmp/name.conf"
refused 6 E-PARENT "a parent's certificate must name the host of its URL" node_boot "$run" "$tmp/name.conf"

echo "not-before = 99999999999" >"$tmp/nb"
sed '/^not-before/d' "$p/node.conf" | cat - "$tmp/nb" >"$tmp/future.conf"
refused 6 E-PARENT "an expired parent's certificate is refused by not-before" node_boot "$run" "$tmp/future.conf"

dead=$(free_port)
sed "s|^parents = .*|parents = https://127.0.0.1:$dead|" "$p/node.conf" >"$tmp/dead.conf"
refused 5 E-NET "no parent that answers is an error of the network" node_boot "$run" "$tmp/dead.conf"
sed "s|^parents = .*|parents = https://127.0.0.1:$dead https://127.0.0.1:$attest|" "$p/node.conf" >"$tmp/second.conf"
check "the second parent is asked when the first is down" node_boot "$run" "$tmp/second.conf"
# a TLS record of 16 KiB that comes a byte a second: never silent, never done
port=$(free_port)
python3 - "$port" >/dev/null 2>&1 <<'PY' &
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    c, _ = s.accept()
    try:
        c.sendall(b"\x16\x03\x03\x40\x00\x02")
        while True:
            c.sendall(b"\0")
            time.sleep(1)
    except OSError:
        pass
PY
cleanup_pid $!
wait_for 10 bash -c ": </dev/tcp/127.0.0.1/$port"
tpm_off
tpm_on "$tmp/tpm"
sed "s|^parents = .*|parents = https://127.0.0.1:$port https://127.0.0.1:$attest|" "$p/node.conf" >"$tmp/drip.conf"
check "who drips out a handshake does not hold the node for ever" timeout 40 "$bin/muster-node-test" boot \
        --config "$tmp/drip.conf" --run-dir "$run" --image-file "$run/image" --once
tpm_off

# --- image ----------------------------------------------------------------------
# mirror NAME [option…]: restarts musterd with this mirror after its own URL
images=$p/state/images
sealed=$(basename "$(find "$images" -name '*.sealed' | head -n1)")
conf=$p/etc/musterd.conf
cp "$conf" "$tmp/musterd.conf"
mirror() {
        local port=$1
        shift
        python3 "$top/tests/integration/node-mirror.py" "$port" "$tmp/mirror" "$tmp/mirror.log" "$@" 2>/dev/null &
        mirror_pid=$!
        cleanup_pid "$mirror_pid"
        wait_for 10 bash -c ": </dev/tcp/127.0.0.1/$port"
}
use_urls() { # [CACHE…] PUBLIC: as a node tries them
        parent_stop
        sed -e "s|^public-url = .*|public-url = ${*: -1}|" -e "s|^#*image-urls.*|image-urls = ${*:1:$#-1}|" "$tmp/musterd.conf" >"$conf"
        parent_start "$p"
}
# only_verified FILE IMAGE: each chunk of it is the image's, or was never written
only_verified() { python3 - "$@" <<'END'
import sys
got, want = (open(p, "rb").read() for p in sys.argv[1:])
sys.exit(any(got[i:i + 262144] not in (want[i:i + 262144], bytes(len(got[i:i + 262144]))) for i in range(0, len(got), 262144)))
END
}
mkdir -p "$tmp/mirror"
cp "$images/$sealed" "$tmp/mirror/"
own=http://127.0.0.1:$(cat "$p/boot-port")
chunks=$((($(stat -c %s "$images/$sealed") - 64 + 262192 - 1) / 262192))
first=$((64 + 32 * chunks)) # where chunk 0 begins
second=$((first + 262160 + 100)) # a byte of chunk 1

port=$(free_port)
mirror "$port" "flip=$second"
use_urls "http://127.0.0.1:$port"
tpm_on "$tmp/tpm"
refused 9 E-IMAGE "an image with one flipped byte is refused" node_boot "$run" "$p/node.conf"
check "and chunk 1 was not written" test -z "$(tail -c +262145 "$run/image" | head -c 262144 | tr -d '\0')"
cp "$run/image" "$tmp/spoilt"
tpm_off
: >"$tmp/mirror.log"
use_urls "http://127.0.0.1:$port" "$own"
tpm_on "$tmp/tpm"
check "a bad chunk is fetched from the next URL" node_boot "$run" "$p/node.conf"
check "and the image is whole" unsquashfs -d "$tmp/out1" -q -n "$run/image"
check "what was written before was only what verified" only_verified "$tmp/spoilt" "$run/image"
tpm_off

port=$(free_port)
: >"$tmp/mirror.log"
mirror "$port" cut=1500000
use_urls "http://127.0.0.1:$port"
tpm_on "$tmp/tpm"
check "a transfer that breaks again and again goes on with Range" node_boot "$run" "$p/node.conf"
check "from the first chunk that was not verified" grep -qx "bytes=$((first + 5 * 262160))-" "$tmp/mirror.log"
check "and the image is whole" unsquashfs -d "$tmp/out2" -q -n "$run/image"
tpm_off

port=$(free_port)
: >"$tmp/mirror.log"
mirror "$port" "drip=$second"
use_urls "http://127.0.0.1:$port" "$own"
rm -f "$run"/*
tpm_on "$tmp/tpm"
timeout 60 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$run/image" --once >"$tmp/drip.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 test -s "$tmp/mirror.log"
sleep 1
check "while the image is on its way no key file is there" test ! -e "$run/tls.key" -a ! -e "$run/ssh_host_ed25519_key"
if wait "$pid"; then ok "a mirror that drips out an image is left for the next one"; else not_ok "a mirror that drips out an image is left for the next one" "$(cat "$tmp/drip.log")"; fi
check "and the image is whole" unsquashfs -d "$tmp/out3" -q -n "$run/image"
tpm_off

use_urls "http://127.0.0.1:$dead"
tpm_on "$tmp/tpm"
refused 9 E-IMAGE "an image that nobody serves is an error of the image" node_boot "$run" "$p/node.conf"
state_of() { "$bin/muster" node show "$who" -o json | jq -r '"\(.state) \(.reason)"'; }
who=r1n001
check "an attempt that does not say what the one before failed with is a release" test "$(state_of)" = "released null"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$run" --image-file "$run/image" >"$tmp/loop.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
failed_with() { [ "$(state_of)" = "failed $1" ]; }
check "a node that is let in again and again and cannot start is failed, with its client's code" wait_for 60 failed_with E-IMAGE
kill "$pid" && wait "$pid" 2>/dev/null
check "node list shows that" grep -q "$who .*failed .*E-IMAGE" <("$bin/muster" node list)
check "--state finds it" test "$("$bin/muster" node list --state failed -o json | jq '.nodes | length')" = 1
check "and status counts it" test "$("$bin/muster" status -o json | jq -c '[.nodes.failed, .nodes.released]')" = "[1,0]"
check "log --explain says what failed" grep -q 'failed with E-IMAGE: the image could not be fetched' <("$bin/muster" log --explain "$who")
use_urls "$own"
check "a boot that failed on the image passes in the same boot" node_boot "$run" "$p/node.conf"
check "it is released then" test "$(state_of)" = "released null"
check "log --explain says so" grep -q "$who is released: it was let in at " <("$bin/muster" log --explain "$who")
check "and calls the last refusal old" grep -q "$who was once refused at .*; this is over" <("$bin/muster" log --explain "$who")
tpm_off

# --- boots ----------------------------------------------------------------------
tpm_on "$tmp/tpm"
tpm2_pcrextend "4:sha256=$(printf 'evil' | sha256sum | cut -d' ' -f1)"
refused 7 M-EVENTLOG "something booted that is not in the log is refused" node_boot "$run" "$p/node.conf"
tpm_off
tpm_on "$tmp/tpm" unmeasured
"$tmp/evidence" log "$tmp" "$boot_file" "root=muster rd.break"
# shellcheck disable=SC2046
tpm2_pcrextend $(cat "$tmp/extends")
refused 7 M-CMDLINE "another kernel command line is refused" node_boot "$run" "$p/node.conf"
check "control: log --explain calls a refusal that holds the last one" grep -q "$who was last refused at .*: M-CMDLINE" <("$bin/muster" log --explain "$who")
"$tmp/evidence" log "$tmp" "$boot_file" "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no"
tpm_off

# --- TPMs -----------------------------------------------------------------------
tpm_on "$tmp/tpm2"
tpm2_changeauth -c o secret
refused 4 E-AUTH "a TPM with an owner's password is refused" node_boot "$run" "$p/node.conf"
tpm2_changeauth -c o -p secret
MUSTER_EVENTLOG=$tmp/none refused 4 E-EVENTLOG "a machine without an event log is refused" node_boot "$run" "$p/node.conf"
head -c 200000 /dev/zero >"$tmp/large"
MUSTER_EVENTLOG=$tmp/large refused 4 E-EVENTLOG "an event log over 128 KiB is refused" node_boot "$run" "$p/node.conf"
tpm2_pcrallocate sha1:all+sha256:none >/dev/null
tpm_off
tpm_on "$tmp/tpm2" unmeasured
refused 4 E-BANK "a TPM without the SHA-256 bank is refused" node_boot "$run" "$p/node.conf"
tpm_off
refused 4 E-TPM "a TPM that does not answer is an error of the TPM" node_boot "$run" "$p/node.conf"

# --- configuration and usage ------------------------------------------------------
printf '[muster]\nparents = https://parent.example:8443\n' >"$tmp/name-only.conf"
refused 3 E-CONFIG "a parent's name without an address is refused" node_boot "$run" "$tmp/name-only.conf"
printf '[muster]\nparents = http://127.0.0.1\n' >"$tmp/plain.conf"
refused 3 E-CONFIG "a parent without TLS is refused" node_boot "$run" "$tmp/plain.conf"
printf '[muster]\nparents = https://127.0.0.1\nshell = yes\n' >"$tmp/unknown.conf"
refused 3 E-CONFIG "an unknown key is refused" node_boot "$run" "$tmp/unknown.conf"
check_says 2 "option .--shell. is unknown" "an unknown option is a usage error" "$bin/muster-node-test" boot --shell
check_says 2 "no command .shell." "an unknown command is a usage error" "$bin/muster-node-test" shell
check_says 2 "takes no operand .now." "an operand is a usage error" "$bin/muster-node-test" enroll now
check_says 2 "not .shell." "a wrong --onfail is a usage error" "$bin/muster-node-test" boot --onfail shell

# --- the client that gets installed ----------------------------------------------
check "the test client has the words of its test options" test \
        "$(grep -aoE 'MUSTER_(TCTI|FACTS|EVENTLOG)|muster\.test=' "$bin/muster-node-test" | sort -u | wc -l)" -eq 4
check_lacks "the installed client has no test option, by environment or command line" \
        'MUSTER_(TCTI|FACTS|EVENTLOG)|muster\.test=|swtpm' "$bin/muster-node"
