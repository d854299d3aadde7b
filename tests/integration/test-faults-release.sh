#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# musterd is killed at every fault point it passes while a node is recorded,
# approved, let in, renewed, revoked, and while boots, images and profiles
# change. Each time it starts again by itself, the journal holds, whoever was
# let in is in the journal, no node is lost, and trying again succeeds.
. "$(dirname "$0")/../lib.sh"
requires curl --version
requires openssl version
requires jq --version
requires sqlite3 --version
requires "${CC:-cc}" --version
. "$(dirname "$0")/musterd-lib.sh"
. "$(dirname "$0")/faults-lib.sh"
. "$(dirname "$0")/hostile-lib.sh"
[ -x "$bin/musterd-faults" ] || { echo "# needs: make tools"; exit 77; }

fault_words() { { nm -a "$1"; strings -a "$1"; } | grep -ciE 'fault_hit|MUSTER_FAULTS|store-committed'; }
check "the installed musterd has no fault points" test "$(fault_words "$bin/musterd")" = 0
check "control: the one for tests has" test "$(fault_words "$bin/musterd-faults")" -ge 3
make -n -C "$top" install DESTDIR=/x >"$tmp/install" 2>&1
check_lacks "make install leaves musterd-faults out" musterd-faults "$tmp/install"
check "control: it takes musterd" grep -q '^install .*/musterd .*/x/' "$tmp/install"
"$bin/musterd-faults" --list-fault-points | sort -u >"$tmp/points"
check "the fault points are listed" test "$(wc -l <"$tmp/points")" -ge 20

hostile_build || exit 1
make_parent
"$tmp/hostile" files "$tmp" && mv "$tmp"/r[89].efi "$state/boot/" && mv "$tmp/snponly.efi" "$state/ipxe/"
chmod 644 "$state"/boot/* "$state"/ipxe/*
printf 'sandbox = enforce\n' >>"$conf"
mkdir "$tmp/hooks.d"
faults_file
supervise
up || { cat "$tmp/musterd.log"; exit 1; }
add_boot r9 >/dev/null && add_image i >/dev/null || exit 1
hostile_start
pending_id() { admin GET '/v1/nodes?state=pending' | jq -r '.nodes[0].id'; }

# ---- what is done, and again after the fault ---------------------------------
# Each ends with $said: what who asked was told. `begin` is what it needs first.
n=0
said=
told() { said=$(admin_status "$@"); }
# connect to the musterd that runs now
redial() { up && do_ "dial 0"; }
begin_enrol() { do_ ek; redial; }
# it does not wait for an admin: who waits is not what is tested here
op_enrol() {
        local deaths
        deaths=$(exits)
        do_ "attest 0"
        answer
        said=$got
        [ "$said" = challenge ] || return
        do_ "leave 0"
        until [ "$(exits)" -gt "$deaths" ] || [ "$(pending_id 2>/dev/null)" != null ]; do sleep 0.02; done
        if [ "$(exits)" -gt "$deaths" ]; then said=closed; else said=pending; fi
}
end_enrol() { up && admin DELETE "/v1/nodes/$(pending_id)" >/dev/null; }
begin_approve() { begin_enrol; op_enrol; id=$(pending_id); n=$((n + 1)); }
op_approve() { told POST "/v1/nodes/$id/approve" "{\"name\":\"n$n\",\"learn\":true,\"without_ek_certificate\":true}"; }
# its first release makes its keys
begin_first() { begin_approve; op_approve; redial; }
op_first() { do_ "attest 0"; answer; [ "$got" = challenge ] && { do_ "activate 0"; answer; }; said=$got; }
begin_again() { redial; }
op_again() { do_ "attest 0"; answer; said=$got; }
begin_refuse() { redial; }
op_refuse() { do_ "attest 0 pcrs"; answer; said=$got; }
begin_assign() { up; }
op_assign() { told POST "/v1/nodes/$id/assign" '{"boot":"r9"}'; }
begin_learn() { up; }
op_learn() { told POST /v1/profiles/learn "{\"node\":\"$id\"}"; }
begin_promote() { up; op_learn; profile=$(admin GET /v1/profiles | jq -r '.profiles[0].name | @uri'); }
op_promote() { told POST "/v1/profiles/$profile/promote"; [ "$said" = 409 ] && said=200; }
begin_boot() { up; n=$((n + 1)); }
op_boot() { told POST /v1/boots "{\"name\":\"b$n\",\"file\":\"r8.efi\",\"cmdline\":\"$r9\"}"; [ "$said" = 409 ] && said=200; }
begin_unboot() { begin_boot; op_boot; }
op_unboot() { told DELETE "/v1/boots/b$n"; [ "$said" = 404 ] && said=200; }
begin_image() { up; n=$((n + 1)); cp -p "$state/images/i.img" "$state/images/i$n.img"; }
op_image() {
        told POST /v1/images "{\"name\":\"i$n\",\"file\":\"i$n.img\",$sealed_about,\"key\":\"$(head -c 32 /dev/urandom | base64)\",\"default\":true}"
        [ "$said" = 409 ] && said=200
}
begin_revoke() { up; }
op_revoke() { told POST "/v1/nodes/$id/revoke"; }
begin_remove() { up; n=$((n + 1)); victim=$(head -c 32 /dev/urandom | xxd -p -c 64); admin POST /v1/nodes "{\"name\":\"v$n\",\"id\":\"$victim\",\"without_ek_certificate\":true}" >/dev/null; }
op_remove() { told DELETE "/v1/nodes/$victim"; [ "$said" = 404 ] && said=200; }

good() { # what OP is told when it worked
        case $1 in
        enrol) echo pending ;;
        first | again) echo ok ;;
        refuse) echo M-PCRDIGEST ;;
        *) echo 200 ;;
        esac
}

# killed_at OP POINT NTH: one fault, and all that must hold behind it
killed_at() {
        local op=$1 before_ok deaths lost wrong='' nodes
        "begin_$op"
        nodes=$(node_ids)
        before_ok=$(let_in)
        deaths=$(exits)
        fault "kill $2 $3"
        "op_$op"
        first_said=$said
        # what is done once only, such as learning a model's first profile, may not pass there again
        if [ "$said" = "$(good "$op")" ] && ! died $((deaths + 1)) 0.5; then
                fault
                [ "$op" = enrol ] && end_enrol
                return
        fi
        died $((deaths + 1)) || wrong="it was not killed; "
        echo "$2" >>"$tmp/killed"
        fault
        up || wrong+="it did not start again; "
        [ "$(last_exit)" = 137 ] || wrong+="it exited with $(last_exit); "
        chain_holds || wrong+="the journal does not hold; "
        if [ "$op" = first ] || [ "$op" = again ]; then
                [ "$first_said" = ok ] && [ "$(let_in)" -le "$before_ok" ] && wrong+="it was let in unrecorded; "
        fi
        lost=$(comm -23 <(printf '%s\n' "$nodes") <(node_ids) | grep -v "^${victim:-x}")
        [ -z "$lost" ] || wrong+="lost $lost; "
        case $op in enrol | first | again | refuse) do_ "dial 0" ;; esac
        "op_$op"
        [ "$said" = "$(good "$op")" ] || wrong+="tried again: $said, not $(good "$op"); "
        [ "$op" = enrol ] && end_enrol
        if [ -z "$wrong" ]; then ok "$op, killed at $2 ($3): $first_said, then $said"; else not_ok "$op, killed at $2 ($3)" "$wrong"; fi
}

: >"$tmp/killed"
for op in approve first again revoke enrol refuse assign learn promote boot unboot image remove; do
        "begin_$op"
        fault trace
        fault_trace_reset
        "op_$op"
        is "$op works without a fault" "$(good "$op")" "$said"
        fault
        fault_trace >"$tmp/trace.$op"
        [ "$op" = enrol ] && end_enrol
        # every point that it passed, in the midst of writing too; of what lets nobody in, only those not met before
        while read -r count point; do
                case $op:$point in
                approve:* | first:* | again:* | revoke:* | *:store-commit*) ;;
                *) grep -qx "$point" "$tmp/killed" && continue ;;
                esac
                killed_at "$op" "$point" 1
                [ "$point" = db-write ] && killed_at "$op" "$point" $((count / 2 + 1))
        done < <(sort "$tmp/trace.$op" | uniq -c)
done
missed=$(sort -u "$tmp/killed" | comm -13 - "$tmp/points")
is "musterd was killed at every fault point there is" "" "$missed"
unsupervise
