#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Credentials, bundles, policies and NV Names made by common/ without a TPM,
# judged by a TPM (swtpm) driven by tpm2-tools.
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib.sh"
for t in swtpm swtpm_ioctl tpm2_createek openssl od; do requires command -v "$t"; done
driver=$objs/unit/test_tpmcrypt
python=/usr/bin/python3 # the distribution's, which is the one that has tpm2-pytss
requires test -x "$driver"
requires "$python" -c 'import tpm2_pytss'
here=$(cd "$(dirname "$0")" && pwd)
cd "$tmp" || exit 2

sel=sha256:0,1,2,3,4,5,6,7,8,9,11,12,13,14,15
mkdir state
swtpm socket --tpm2 --tpmstate "dir=$tmp/state" --server "type=unixio,path=$tmp/tpm" \
        --ctrl "type=unixio,path=$tmp/tpm.ctrl" --flags not-need-init,startup-clear >swtpm.log 2>&1 &
cleanup_pid $!
export TPM2TOOLS_TCTI=swtpm:path=$tmp/tpm # its control socket is tpm.ctrl
wait_for 10 tpm2_readclock || { not_ok "swtpm starts" "$(cat swtpm.log)"; exit 1; }

# swtpm has three slots and no resource manager: give them back after each use
room() { tpm2_flushcontext -t; tpm2_flushcontext -l; }
quiet() { "$@" >out.log 2>&1 || { cat out.log; return 1; }; }
# refuses TEXT CMD…: the TPM itself refuses, with this reason. A tool that fails by itself is no refusal
refuses() {
        local text=$1 out
        shift
        if out=$("$@" 2>&1); then
                echo "it was done: $*"
                return 1
        fi
        echo "$out"
        grep -qE "tpm:.*($text)" <<<"$out"
}
hex() { od -An -v -tx1 "$@" | tr -d ' \n'; }
flip() { # FILE OFFSET
        local byte
        byte=$(hex -j "$2" -N 1 "$1")
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $((0x$byte ^ 0xff)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
reset_count() { tpm2_readclock | sed -n 's/^ *reset_count: //p'; }
restart_count() { tpm2_readclock | sed -n 's/^ *restart_count: //p'; }
# of the session in a file: resetCount and restartCount at once
counter_timer() { "$python" "$here/policy_counters.py" "$TPM2TOOLS_TCTI" "$1" "$(printf '%08x%08x' "$(cat count)" "$(cat restarts)")"; }

# ek_session: an EK policy session in ek.ses
ek_session() {
        rm -f ek.ses
        tpm2_startauthsession --policy-session -S ek.ses && tpm2_policysecret -S ek.ses -c e
}

# make_ek ecc|rsa: ek.ctx and ek.pub
make_ek() {
        room
        tpm2_createek -G "$1" -c ek.ctx -u ek.pub && room
}

activate() { # ecc|rsa
        make_ek "$1" || return 1
        tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -n ak.name || return 1
        room
        head -c 32 /dev/urandom >secret
        "$driver" credential ek.pub ak.name secret cred || return 1
        ek_session || return 1
        tpm2_activatecredential -c ak.ctx -C ek.ctx -i cred -o got -P session:ek.ses || return 1
        room
        cmp secret got
}

activate_altered() {
        flip cred 50 && ek_session || return 1
        refuses 'integrity check failed' tpm2_activatecredential -c ak.ctx -C ek.ctx -i cred -o got -P session:ek.ses
}

for kind in ecc rsa; do
        check "a TPM opens our credential ($kind EK)" quiet activate "$kind"
        check "a TPM refuses our credential with one byte changed ($kind EK)" quiet activate_altered
done

# ---- policy digests -----------------------------------------------------------
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out policy.key 2>/dev/null
tpm2_pcrextend "4:sha256=$(printf muster | sha256sum | cut -d' ' -f1)"
node='the node id of integration tests' # 32 bytes, as the driver's
for p in nv bundle; do printf 'muster %s v2%s' "$p" "$node" | openssl dgst -sha256 -binary >"ref.$p"; done

# `check` runs its command in a subshell, so what is claimed to hold is kept in
# files: count and digest (tpm2_policypcr itself reads eight PCRs at most).
claim() { # PCR values
        reset_count >count
        restart_count >restarts
        sha256sum <"$1" | cut -d' ' -f1 >digest
}

# approve: approved, ahash.*, sig.* for the present PCRs and resetCount
approve() {
        quiet tpm2_pcrread "$sel" -o pcrs || return 1
        claim pcrs
        "$driver" approved pcrs "$(cat count)" "$(cat restarts)" approved &&
                "$driver" approve policy.key approved nv ahash.nv sig.nv &&
                "$driver" approve policy.key approved bundle ahash.bundle sig.bundle
}

trial_approved() {
        room
        tpm2_startauthsession -S trial && tpm2_policypcr -S trial -l "$sel" "$(cat digest)" &&
                counter_timer trial && tpm2_getpolicydigest -S trial -o want && tpm2_flushcontext trial && cmp want approved
}

load_policy_key() {
        room
        tpm2_loadexternal -C o -u key.pub -c policy.ctx -n want.name && room
}

trial_authorize() { # nv|bundle
        load_policy_key || return 1
        "$driver" auth key.name "$1" "auth.$1" || return 1
        tpm2_verifysignature -c policy.ctx -d "ahash.$1" -s "sig.$1" -t "ticket.$1" || return 1
        room
        tpm2_startauthsession -S trial &&
                tpm2_policyauthorize -S trial -i approved -n key.name -q "ref.$1" -t "ticket.$1" -L want &&
                tpm2_flushcontext trial && cmp want "auth.$1"
}

check "the policy key becomes a TPM object" "$driver" key policy.key key.pub key.name
check "a TPM loads the policy key" quiet load_policy_key
check "its Name is the one we compute" cmp want.name key.name
check "an approval is made" quiet approve
check "approvedPolicy is a trial session's digest" quiet trial_approved
for p in nv bundle; do
        check "a TPM verifies the approval and authPolicy is a trial session's ($p)" quiet trial_authorize "$p"
done
other_ref() {
        refuses 'signature is not valid' tpm2_verifysignature -c policy.ctx -d ahash.nv -s sig.bundle -t none
}
check "an approval for one purpose is none for the other" quiet other_ref

# ---- NV Names ----------------------------------------------------------------
attrs='policyread|policywrite|read_stclear|write_stclear|no_da'
nv_name() { tpm2_nvreadpublic "$1" | sed -n 's/^ *name: //p'; }

nv_compare() { # index ssh|tls STATE
        "$driver" nv auth.nv "$2" "$3" nv.name || return 1
        echo "TPM: $(nv_name "$1"); ours: $(hex nv.name)"
        [ "$(nv_name "$1")" = "$(hex nv.name)" ]
}

nv_define() { # index size
        tpm2_nvdefine "$1" -C o -s "$2" -L auth.nv -a "$attrs"
}

# policy_session nv|bundle: one that is satisfied, in use.ses. When it is
# not, the file step says where the TPM refused.
policy_session() {
        echo prepare >step
        load_policy_key || return 1
        tpm2_verifysignature -c policy.ctx -d "ahash.$1" -s "sig.$1" -t "ticket.$1" || return 1
        room
        rm -f use.ses
        tpm2_startauthsession --policy-session -S use.ses || return 1
        echo pcr >step
        tpm2_policypcr -S use.ses -l "$sel" "$(cat digest)" || return 1
        echo counter >step
        counter_timer use.ses || return 1
        echo authorize >step
        tpm2_policyauthorize -S use.ses -i approved -n key.name -q "ref.$1" -t "ticket.$1" || return 1
        echo use >step
}

nv_write() { # index
        head -c 700 /dev/urandom >content
        policy_session nv && tpm2_nvwrite "$1" -C "$1" -i content -P session:use.ses
}

# nv_shut INDEX: capped, it is not written, at the step that names the PCRs
nv_shut() {
        refuses 'value is out of range' nv_write "$1" && [ "$(cat step)" = pcr ]
}

nv_read_back() {
        policy_session nv && tpm2_nvread "$1" -C "$1" -s 700 -o content.got -P session:use.ses && cmp content content.got
}

nv_lock() {
        policy_session nv && tpm2_nvwritelock "$1" -C "$1" -P session:use.ses &&
                policy_session nv && tpm2_nvreadlock "$1" -C "$1" -P session:use.ses
}

for i in "0x01804D01 1024 ssh" "0x01804D02 1536 tls"; do
        read -r index size what <<<"$i"
        check "an index is defined ($what)" quiet nv_define "$index" "$size"
        check "its Name is ours ($what, new)" nv_compare "$index" "$what" 0
        check "an approved policy writes it ($what)" quiet nv_write "$index"
        check "its Name is ours ($what, written)" nv_compare "$index" "$what" 20000000
        check "an approved policy reads it ($what)" quiet nv_read_back "$index"
        check "an approved policy locks it ($what)" quiet nv_lock "$index"
        check "its Name is ours ($what, locked)" nv_compare "$index" "$what" 30000800
done

# ---- the bundle --------------------------------------------------------------
import() { # ecc|rsa: imported into use.priv
        make_ek "$1" || return 1
        "$driver" bundle ek.pub policy.key b.pub b.dup b.seed b.data && ek_session &&
                tpm2_import -C ek.ctx -P session:ek.ses -u b.pub -i b.dup -s b.seed -r b.priv
}

load() {
        room
        ek_session && tpm2_load -C ek.ctx -P session:ek.ses -u b.pub -r b.priv -c k.ctx && room
}

unseal() {
        rm -f k
        policy_session bundle && tpm2_unseal -c k.ctx -p session:use.ses -o k && room
}

opens() { unseal && "$driver" open k b.data; }
# stays_shut STEP: the TPM refuses to unseal, at that step
stays_shut() {
        local why='value is out of range'
        [ "$1" != counter ] || why='policy failure'
        refuses "$why" unseal && [ "$(cat step)" = "$1" ] && [ ! -s k ]
}
# The same by one who claims what holds now instead of what was approved.
stays_shut_now() {
        quiet tpm2_pcrread "$sel" -o now || return 1
        cp count count.old && cp restarts restarts.old && cp digest digest.old && claim now || return 1
        stays_shut authorize || return 1
        mv count.old count && mv restarts.old restarts && mv digest.old digest
}
no_policy() {
        rm -f k
        refuses 'authValue or authPolicy is not available' tpm2_unseal -c k.ctx -o k && [ ! -s k ]
}
nv_approval() {
        rm -f k
        policy_session nv || return 1
        refuses 'policy check failed' tpm2_unseal -c k.ctx -p session:use.ses -o k && [ ! -s k ]
}
altered_import() {
        cp b.dup c.dup && flip c.dup 60 && ek_session || return 1
        refuses 'integrity check failed' tpm2_import -C ek.ctx -P session:ek.ses -u b.pub -i c.dup -s b.seed -r c.priv
}
reset_tpm() { room; swtpm_ioctl -i --unix "$tmp/tpm.ctrl" && tpm2_startup -c; }
# TPM Restart: a power cycle after TPM2_Shutdown(STATE), then TPM2_Startup(CLEAR)
restart_tpm() {
        local resets restarts
        room
        resets=$(reset_count) restarts=$(restart_count)
        tpm2_shutdown && swtpm_ioctl -i --unix "$tmp/tpm.ctrl" && tpm2_startup -c || return 1
        echo "resetCount $resets, now $(reset_count); restartCount $restarts, now $(restart_count)"
        [ "$(reset_count)" = "$resets" ] && [ "$(restart_count)" -gt "$restarts" ]
}
extend_4() { tpm2_pcrextend "4:sha256=$(printf muster | sha256sum | cut -d' ' -f1)"; }

for kind in ecc rsa; do
        check "an approval is made ($kind)" quiet approve
        check "a TPM imports the bundle's K ($kind EK)" quiet import "$kind"
        check "a TPM refuses an altered duplicate ($kind EK)" quiet altered_import
        check "a TPM loads K ($kind EK)" quiet load
        check "under the approved PCRs and resetCount K opens the bundle ($kind EK)" quiet opens
        check "without a policy K stays shut ($kind EK)" quiet no_policy
        check "an approval for NV does not open K ($kind EK)" quiet nv_approval
        tpm2_pcrextend "15:sha256=$(printf cap | sha256sum | cut -d' ' -f1)"
        check "after the cap K stays shut ($kind EK)" quiet stays_shut pcr
        check "after the cap K stays shut for its new PCRs ($kind EK)" quiet stays_shut_now
        check "after the cap no index is written ($kind EK)" quiet nv_shut 0x01804D01
        check "a TPM Restart keeps resetCount and counts restartCount" quiet restart_tpm
        check "the same PCRs come back after it" quiet extend_4
        check "the same EK comes back after it ($kind)" quiet make_ek "$kind"
        check "a TPM loads K after it ($kind EK)" quiet load
        check "after a TPM Restart the old approval does not open K ($kind EK)" quiet stays_shut counter
        check "after a TPM Restart it does not for the new counts ($kind EK)" quiet stays_shut_now
        check "an approval for this Restart is made ($kind)" quiet approve
        check "with it K opens the bundle ($kind EK)" quiet opens
        check "the TPM is reset" quiet reset_tpm
        check "the same PCRs come back" quiet extend_4
        check "the same EK comes back ($kind)" quiet make_ek "$kind"
        check "a TPM loads K again ($kind EK)" quiet load
        check "after a reset the old approval does not open K ($kind EK)" quiet stays_shut counter
        check "after a reset it does not for the new count ($kind EK)" quiet stays_shut_now
        check "a new approval is made ($kind)" quiet approve
        check "with a new approval K opens the bundle again ($kind EK)" quiet opens
done

# ---- another node's TPM, with equal PCRs and equal counters -------------------
# The other TPM gets an object of each node: there only the node in the policyRef differs
mkdir state.b
swtpm socket --tpm2 --tpmstate "dir=$tmp/state.b" --server "type=unixio,path=$tmp/b" \
        --ctrl "type=unixio,path=$tmp/b.ctrl" --flags not-need-init,startup-clear >swtpm.b.log 2>&1 &
cleanup_pid $!
other='the node id of another one: tests' # 32 bytes
other=${other:0:32}
on_b() { TPM2TOOLS_TCTI=swtpm:path=$tmp/b "$@"; }
boots_of_b() { # as often as the other
        local want
        want=$(reset_count)
        while [ "$(on_b reset_count)" -lt "$want" ]; do
                on_b tpm2_shutdown -c && swtpm_ioctl -i --unix "$tmp/b.ctrl" && on_b tpm2_startup -c || return 1
        done
        on_b extend_4
}
equal() {
        tpm2_pcrread "$sel" >pcrs.a && on_b tpm2_pcrread "$sel" >pcrs.b && cmp pcrs.a pcrs.b || return 1
        echo "A: $(reset_count) $(restart_count); B: $(on_b reset_count) $(on_b restart_count)"
        [ "$(reset_count) $(restart_count)" = "$(on_b reset_count) $(on_b restart_count)" ]
}
# of_a CMD, of_b CMD: with the node id of A or of B in what is made; each has its files
of_a() { cp ref.nv.a ref.nv && cp ref.bundle.a ref.bundle && "$@"; }
of_b() { cp ref.nv.b ref.nv && cp ref.bundle.b ref.bundle && NODE_ID=$other "$@"; }
approval_kept() { cp ahash.bundle "ahash.$1" && cp sig.bundle "sig.$1" && cp ref.bundle "ref.$1"; }
# with NODE: the approval for NODE is the one that is used, as it is: its signature, its node in the policyRef
with() { cp "ahash.$1" ahash.bundle && cp "sig.$1" sig.bundle && cp "ref.$1" ref.bundle; }
ticket_of() { load_policy_key && tpm2_verifysignature -c policy.ctx -d ahash.bundle -s sig.bundle -t ticket.bundle && room; }
approval_of() { # a|b
        "of_$1" approve && approval_kept "approval.$1"
}
unseals_with() { with "approval.$1" && ticket_of && unseal && [ "$(cat step)" = use ] && [ -s k ]; }
# the TPM accepts the whole policy of the session, and refuses the object under it
shut_with() {
        with "approval.$1" && ticket_of || return 1
        refuses 'policy check failed' unseal && [ "$(cat step)" = use ] && [ ! -s k ]
}
# the other's signature, for the node of the object
forged_with() {
        with "approval.$1" && cp "ahash.approval.$2" ahash.bundle && load_policy_key &&
                refuses 'signature is not valid' tpm2_verifysignature -c policy.ctx -d ahash.bundle -s sig.bundle -t none
}
import_load() { import ecc && load; }

for p in nv bundle; do
        cp "ref.$p" "ref.$p.a"
        printf 'muster %s v2%s' "$p" "$other" | openssl dgst -sha256 -binary >"ref.$p.b"
done
check "another TPM starts" wait_for 10 on_b tpm2_readclock
check "and boots the same as often" quiet boots_of_b
check "PCRs and counters of the two are equal" equal
check "an approval is made for the other node" quiet approval_of b
check "and for the first" quiet approval_of a
check "they differ" test "$(hex sig.approval.a)" != "$(hex sig.approval.b)"
check "the other TPM has the other node's K" quiet of_b on_b import_load
check "the other node's approval opens it" quiet on_b unseals_with b
check "the first node's approval does not, on equal PCRs and counters" quiet on_b shut_with a
check "nor does its signature under the other node's name" quiet on_b forged_with a b
check "the other TPM has a K of the first node" quiet of_a on_b import_load
check "which the first node's approval opens there: PCRs and counters are those of the approval" quiet on_b unseals_with a
check "and the other's does not" quiet on_b shut_with b
check "the first TPM has its K" quiet of_a import_load
check "its approval opens it" quiet unseals_with a
check "the other node's does not" quiet shut_with b
