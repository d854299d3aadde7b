#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# Advisories about TPM firmware: recorded, told, refused; and a table that is
# not as it has to be.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
. "$(dirname "$0")/independent-lib.sh"
node_requires
independent_requires
node_files
p=$tmp/parent
parent_init "$p"
mkdir "$tmp/share" && chmod 755 "$tmp/share"
table=$tmp/share/tpm-advisories
sed -i '/^tpm-advisories/d' "$p/etc/musterd.conf"
echo "tpm-advisories = $table" >>"$p/etc/musterd.conf"
echo "# none yet" >"$table"
parent_start "$p"
parent_content "$p" 1
node_facts 1
m() { "$bin/muster" "$@"; }
n() { m node show r1n001 -o json | jq -c ".nodes[0] // . | $1"; }
# advise TEXT…: a line each; put in place as a package does it, and read again
advise() {
        local before
        before=$(grep -c reloaded: "$p.log")
        printf '%s\n' "$@" >"$table.new" && mv "$table.new" "$table"
        kill -HUP "$node_parent_pid"
        # shellcheck disable=SC2016
        wait_for 20 sh -c '[ "$(grep -c reloaded: "$1")" -gt "$2" ]' sh "$p.log" "$before"
}
boots() {
        tpm_off
        tpm_on "$tmp/tpm"
        node_boot "$tmp/run.$1" "$p/node.conf" >"$tmp/boot.$1" 2>&1
        rc=$?
}

tpm_on "$tmp/tpm"
timeout 90 "$bin/muster-node-test" boot --config "$p/node.conf" --run-dir "$tmp/run" --image-file "$tmp/image" --cap >"$tmp/first.log" 2>&1 &
pid=$!
cleanup_pid "$pid"
wait_for 20 grep -q "waiting for approval" "$tmp/first.log"
id=$(sed -n 's/.*muster node approve \([0-9a-f]\{64\}\).*/\1/p' "$tmp/first.log" | head -n1)
check "the node is approved" m node approve "$id" --name r1n001 --without-ek-certificate
wait "$pid"
check "and boots" test $? = 0

# ---- what the TPM is ----------------------------------------------------------------
props=$(tpm2_getcap properties-fixed)
raw() { awk -v k="$1:" '$1 == k { on = 1; next } on && $1 == "raw:" { print $2; exit }' <<<"$props"; }
version=$(printf '0x%08x.0x%08x' "$(raw TPM2_PT_FIRMWARE_VERSION_1)" "$(raw TPM2_PT_FIRMWARE_VERSION_2)")
check "the version in the quote is the one that the TPM tells" test "$(n .tpm.firmware)" = "\"$version\""
check "its maker is known" test "$(n .tpm.maker)" = '"IBM"'
check "no advisory names it" test "$(n .tpm.advisories)" = '[]'
check "the journal has both" jq -e --arg v "$version" '[.. | objects | select(.event? == "ok") | .detail.tpm] | .[-1] == {"maker":"IBM","maker_from":"client","firmware":$v,"advisories":[]}' <(m log -o json)

# ---- named ----------------------------------------------------------------------------
next=$(printf '0x%08x.0x%08x' "$(raw TPM2_PT_FIRMWARE_VERSION_1)" "$(($(raw TPM2_PT_FIRMWARE_VERSION_2) + 1))")
advise "IBM any $version EX-1 keys https://x.example/1" "AMD any unknown EX-2 keys https://x.example/2"
check "what is fixed in its version does not name it" test "$(n .tpm.advisories)" = '[]'
check "node list --tpm-advisory shows nobody" test "$(m node list --tpm-advisory | grep -c r1n001)" = 0
advise "IBM any $next EX-3 attest,keys https://x.example/3"
check "what is fixed in the next one does" test "$(n '[.tpm.advisories[] | [.id, .falls, .fixed]]')" = "[[\"EX-3\",\"attest,keys\",\"$next\"]]"
check "node list --tpm-advisory shows it" test "$(m node list --tpm-advisory | grep -c r1n001)" = 1
check "node show tells the advisory" grep -q "EX-3, fixed from $next; what may fall: attest,keys; https://x.example/3" <(m node show r1n001)
check "with warn, the default, node list marks it" grep -q 'TPM: EX-3' <(m node list)
boots warned
check "and it boots" test "$rc" = 0
check "the log warns" grep -q "r1n001 its TPM's firmware is named by EX-3" "$p.log"
check "with record it has no mark" test "$(m policy tpm record >/dev/null; m node list | grep -c 'TPM: EX-3')" = 0

# ---- refused ----------------------------------------------------------------------------
check "such TPMs are to be refused" m policy tpm refuse
boots refused
check "the node is refused" grep -q M-TPMFW "$tmp/boot.refused"
check "it left no key" test ! -e "$tmp/run.refused/tls.key"
check "the journal says which advisory, and of what" grep -q "EX-3 names this TPM: maker IBM, firmware $version" <(m log --explain r1n001)
advise "IBM any $version EX-3 attest,keys https://x.example/3"
boots mended
check "when its version is the mended one it boots" test "$rc" = 0
advise "IBM any unknown EX-4 keys https://x.example/4"
boots unknown
check "an advisory without a mended version names every version" grep -q M-TPMFW "$tmp/boot.unknown"

# ---- a client that says its TPM is another maker's --------------------------------------
cp "$tmp/extends" "$tmp/extends.good"
cp "$tmp/eventlog.bin" "$tmp/eventlog.good"
"$tmp/evidence" log "$tmp" "$boot_file" "root=muster rd.break"
facts=${facts/'"tpm":"IBM"'/'"tpm":"ZZZZ"'}
independent_args "$p"
tpm_off
tpm_on "$tmp/tpm"
independent muster_client --out "$tmp/lie" >"$tmp/lie.log" 2>&1
check "the rogue client is refused for its command line" grep -q M-CMDLINE "$tmp/lie.log"
check "its word about the maker is not kept" test "$(n .tpm.maker)" = '"IBM"'
cp "$tmp/extends.good" "$tmp/extends"
cp "$tmp/eventlog.good" "$tmp/eventlog.bin"
boots lied
check "so that the node's TPM is refused as before" grep -q M-TPMFW "$tmp/boot.lied"

# ---- a table that is not as it has to be ---------------------------------------------------
advise "IBM any unknown EX-5 keys"
check "a bad line is named at SIGHUP" grep -q "$table, line 1: it has fewer than six fields" "$p.log"
boots kept
check "and the table read before stays in force" grep -q M-TPMFW "$tmp/boot.kept"
check_exit 2 "check-config refuses the table" "$bin/musterd" --check-config --config "$p/etc/musterd.conf"
check "and names the line" grep -q "$table, line 1:" <("$bin/musterd" --check-config --config "$p/etc/musterd.conf" 2>&1)
rm "$table"
check_exit 0 "without a table the configuration is in order" "$bin/musterd" --check-config --config "$p/etc/musterd.conf"
parent_stop
parent_start "$p"
boots none
check "but with refuse and no table nobody is let in" grep -q M-TPMFW "$tmp/boot.none"
check "which is said" grep -q 'no table of advisories was read' <(m log --explain r1n001)
check "with warn" m policy tpm warn
boots again
check "it boots" test "$rc" = 0
tpm_off
