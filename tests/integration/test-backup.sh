#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# muster backup and muster restore: of a musterd that runs and of one that
# does not, onto another machine where the same node then boots, of an old
# backup over a newer state, and of backups that are damaged.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
requires sqlite3 --version
node_requires
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
p=$tmp/p
m() { "$bin/muster" "$@"; }
node_files
parent_init "$p"
parent_start "$p"
parent_content "$p" 1
etc=(--etc "$p/etc")

node_facts 1
tpm_on "$tmp/tpm1"
mkdir -p "$tmp/run1"
# unknown at first: approved while it waits
node_boot "$tmp/run1" "$p/node.conf" >"$tmp/boot1.log" 2>&1 &
first=$!
wait_for 20 sh -c "'$bin/muster' node list --state pending -o json | jq -e '.nodes[0].id'"
m node approve "$(m node list --state pending -o json | jq -r '.nodes[0].id')" --name n1 --without-ek-certificate >/dev/null
wait "$first"
is "a node boots" 0 $?
declare -A id
add() { # NAME
        id[$1]=${id[$1]:-$(head -c 32 /dev/urandom | xxd -p -c 64)}
        m node add "$1" --id "${id[$1]}" --without-ek-certificate >/dev/null
}
for n in n2 n4 n5 n6 n7; do add "$n"; done

# ---- root's other commands in a directory that musterd's account owns ----------------
if [ "$(id -u)" = 0 ]; then
        owner=$(stat -c %U "$p/state")
        uki=$(ls "$p"/state/boot/*.efi | head -1)
        cp "$uki" "$tmp/x.efi"
        mkdir "$tmp/away" "$tmp/away/root" && echo x >"$tmp/away/root/x"
        mkdir -m 700 "$tmp/target" "$tmp/fw" && echo 1 >"$tmp/fw/a.efi"
        made() { "$bin/muster" init --etc "$tmp/i/etc" --state "$tmp/i/state" --address 127.0.0.1 --boot-port 1 --attest-port 2 \
                --socket "$tmp/i/s" --user "$owner" --ipxe "$tmp/fw"; }
        # linked NAME STATE/DIR COMMAND…: with a link in its place, then without
        linked() {
                local name=$1 dir=$2
                shift 2
                mv "$dir" "$tmp/aside" && ln -s "$tmp/target" "$dir"
                check_exit 4 "$name: not through a link" "$@"
                is "$name: nothing was written where it leads" "0 root" "$(find "$tmp/target" -mindepth 1 | wc -l) $(stat -c %U "$tmp/target")"
                rm "$dir" && mv "$tmp/aside" "$dir"
                check "$name: into the directory itself" "$@"
                is "$name: what was written is musterd's" "" "$(find "$dir" ! -user "$owner")"
                is "$name: nothing else is left" "" "$(find "$dir" -name '.*' -mindepth 1)"
        }
        linked "boot add" "$p/state/boot" m boot add linked "$tmp/x.efi" --no-default --allow-shell
        linked "image add" "$p/state/images" m image add linked "$tmp/away/root" --no-default --unchecked
        m boot remove linked >/dev/null && m image remove linked >/dev/null
        rm -f "$p"/state/boot/linked-* "$p"/state/images/linked-*
        check "muster init makes a state" made
        echo 2 >"$tmp/fw/a.efi"
        linked "init --ipxe" "$tmp/i/state/ipxe" made
        linked "init" "$tmp/i/state/images" made
        rm "$tmp/i/state/ipxe/a.efi" && ln -s "$tmp/target/new" "$tmp/i/state/ipxe/a.efi"
        check "init over a link that has an iPXE binary's name" made
        is "replaces the link" "regular file 0" "$(stat -c %F "$tmp/i/state/ipxe/a.efi") $(find "$tmp/target" -mindepth 1 | wc -l)"
fi

# ---- taken while it runs ------------------------------------------------------
check "a backup of a musterd that runs" m backup "$tmp/b1" "${etc[@]}" --state "$p/state" --with-images --with-keys
is "nobody else may read it" 700 "$(stat -c %a "$tmp/b1")"
is "a private key in it neither" 600 "$(stat -c %a "$tmp/b1/etc/pki/ca.key")"
check_says 1 'b1: it exists' "a backup is never written over another" m backup "$tmp/b1" "${etc[@]}" --state "$p/state"
check "one without keys" m backup "$tmp/b2" "${etc[@]}" --state "$p/state"
is "has none" 0 "$(find "$tmp/b2" -name '*.key' -o -name ssh_ca | wc -l)"
check "as the one with keys has" [ "$(find "$tmp/b1" -name '*.key' -o -name ssh_ca | wc -l)" -ge 5 ]
holding() { grep -rlF -e "$(sed -n 2p "$p/etc/pki/ca.key")" "$1" | wc -l; }
is "nor their bytes" 0 "$(holding "$tmp/b2")"
is "which are found in the one with keys" 1 "$(holding "$tmp/b1")"
is "nor images" 0 "$(find "$tmp/b2" -path '*images/*' -type f | wc -l)"
is "as the one with images has" 1 "$(find "$tmp/b1" -path '*images/*' -type f | wc -l)"
is "the manifest tells what it holds" "6 0 false" "$(jq -r '"\(.nodes) \(.revoked) \(.with_keys)"' "$tmp/b2/manifest.json")"
is "nothing is left in the state directory" "0 1" "$(find "$p/state" -maxdepth 1 -name '.backup*' | wc -l) $(find "$p/state" -maxdepth 1 -name muster.db | wc -l)"
check "its database is verified without a musterd" m log verify --database "$tmp/b1/muster.db"

# ---- what was done since ------------------------------------------------------
m node revoke n2 --reason stolen >/dev/null
add n3
m node revoke n4 --reason stolen >/dev/null
m node remove n4 >/dev/null
m node remove n5 >/dev/null && add n5
tpm_off
tpm_on "$tmp/tpm1"
check "the node boots again, with a higher resetCount" node_boot "$tmp/run2" "$p/node.conf"
last=$(m status -o json | jq .journal.seq)
check_says 1 'it is in use' "a state in use is not replaced" m restore "$tmp/b1" "${etc[@]}" --state "$p/state" --force
parent_stop
check "a backup without a musterd" m backup "$tmp/b3" "${etc[@]}" --state "$p/state" --socket "$tmp/none.sock"
is "has the last event too" "$last" "$(jq .journal.seq "$tmp/b3/manifest.json")"

# ---- damaged backups change nothing -------------------------------------------
before=$(cd "$p/state" && find . -type f -exec sha256sum {} + | sort)
damaged() { # NAME TEXT COMMAND…: on a copy in $bad; refused in these words
        local name=$1 text=$2 out
        shift 2
        rm -rf "$tmp/bad"
        cp -a "$tmp/b1" "$tmp/bad"
        (cd "$tmp/bad" && eval "$*")
        out=$(m restore "$tmp/bad" "${etc[@]}" --state "$p/state" --force --unauthenticated 2>&1)
        is "$name: refused" 1 $?
        check "$name: said which" grep -qE -e "$text" <<<"$out"
        is "$name: the state is untouched" "$before" "$(cd "$p/state" && find . -type f -exec sha256sum {} + | sort)"
}
damaged "a byte of a boot file" 'state/boot/' 'f=$(ls state/boot/*); printf X | dd of="$f" bs=1 seek=4096 conv=notrunc status=none'
damaged "a byte of the database" 'muster\.db' 'printf X | dd of=muster.db bs=1 seek=5000 conv=notrunc status=none'
damaged "a file is missing" 'etc/pki/ca\.pem' 'rm etc/pki/ca.pem'
damaged "a way out of the directory" 'state/\.\./\.\./x|manifest' 'jq ".files[0].path = \"state/../../x\"" manifest.json >m && mv m manifest.json'
damaged "a journal row changed, digest and all" 'event 2' 'sqlite3 muster.db "DROP TRIGGER journal_no_update; UPDATE journal SET event = '"'approved'"' WHERE seq = 2"
        jq --arg d "$(sha256sum muster.db | cut -c1-64)" --argjson s "$(stat -c %s muster.db)" "(.files[] | select(.path == \"muster.db\")) |= (.sha256 = \$d | .size = \$s)" manifest.json >m && mv m manifest.json'
sqlite3 "$p/state/muster.db" "UPDATE nodes SET state = 3 WHERE name = 'n7'" # refused
check_says 1 'it is not empty. Next: give --force' "a state that is there is not replaced unasked" m restore "$tmp/b1" "${etc[@]}" --state "$p/state"
check_says 4 'manifest\.json: No such file' "what is no backup" m restore "$tmp/root" "${etc[@]}" --state "$p/state" --force

# ---- an old backup over a newer state -----------------------------------------
out=$(m restore "$tmp/b1" "${etc[@]}" --state "$p/state" --force 2>&1)
is "an old backup is restored" 0 $?
check "it says since when things are missing" grep -q 'IS NOT IN IT: revoke again' <<<"$out"
check "it says what was carried over" grep -q 'revoked or quarantined nodes carried over.*: 1' <<<"$out"
check "it names the node that was removed and comes back" grep -qE '^ *n4 \(.*was removed, is quarantined' <<<"$out"
check "and the one that goes back to a laxer state" grep -qE '^ *n7 \(.*was refused, is enrolled' <<<"$out"
check "and no other" grep -q 'come back though they were removed: 2$' <<<"$out"
check "the state that was there is kept" sh -c "ls -d '$p'/state.before-*"
parent_start "$p"
check "the journal's chain goes on" m log verify
is "with the restoration in it" 1 "$(m log -n 100 -o json | jq '[.events[] | select(.event == "restored")] | length')"
is "who was revoked since stays so" revoked "$(m node show n2 -o json | jq -r .state)"
is "who was revoked and then removed since is quarantined" quarantined "$(m node show n4 -o json | jq -r .state)"
is "the journal says so" true "$(m log -n 100 -o json | jq '[.events[] | select(.event == "quarantined")][-1] | .name == "n4" and .detail.removed')"
is "who was removed and added again stays enrolled" enrolled "$(m node show n5 -o json | jq -r .state)"
is "as who was left alone" enrolled "$(m node show n6 -o json | jq -r .state)"
check_says 1 'there is no node n3' "who was enrolled since is gone" m node show n3
tpm_off
tpm_on "$tmp/tpm1"
check "a node whose resetCount went on boots" node_boot "$tmp/run3" "$p/node.conf"
parent_stop

# ---- root makes a backup of a state that musterd left, and musterd goes on -------
rm "$p/state/journal.head" "$p/state/muster.db-lock"
: >"$p/state/.backup-0123456789abcdef" || exit 1
check "a backup without a musterd" m backup "$tmp/b9" "${etc[@]}" --state "$p/state"
for f in journal.head muster.db-lock; do
        is "$f belongs to musterd's account, whoever made it" "$(stat -c %u "$p/state")" "$(stat -c %u "$p/state/$f")"
done
parent_start "$p"
check "what a backup that was cut short left is gone" test ! -e "$p/state/.backup-0123456789abcdef" -a -e "$p/state/muster.db"
parent_stop

# ---- links that musterd's account plants in its directory ------------------------
# Each with what a plain file does in its place; only root can follow them anywhere, so only root is asked.
if [ "$(id -u)" = 0 ]; then
        s=$p/state
        owner=$(stat -c %U "$s")
        mkdir -m 700 "$tmp/roots"
        echo "a secret of root's" >"$tmp/roots/secret.efi"
        : >"$tmp/roots/empty"
        chmod 600 "$tmp"/roots/*
        roots() { stat -c '%n %U %a' "$tmp"/roots/* "$tmp/roots" | sha256sum; }
        before=$(roots)
        mkdir "$tmp/links"
        back() { m backup "$(mktemp -u "$tmp/links/XXXXXX")" "${etc[@]}" --state "$s" --socket "$tmp/none.sock"; }
        leaked() { grep -rlF "a secret of root's" "$tmp/links" | wc -l; }
        # planted NAME PATH COMMAND…: the command puts something in the place of STATE/PATH
        planted() {
                local name=$1 at=$s/$2
                shift 2
                [ ! -e "$at" ] || mv "$at" "$tmp/aside"
                "$@" "$at"
                check_exit 4 "$name: no backup" back
                check_exit 4 "$name: no restore" m restore "$tmp/b2" "${etc[@]}" --state "$s" --force
                is "$name: what it leads to is as it was" "$before" "$(roots)"
                rm "$at"
                [ ! -e "$tmp/aside" ] || mv "$tmp/aside" "$at"
        }
        for f in muster.db muster.db-lock muster.db-wal muster.db-shm journal.head; do
                planted "$f is a link" "$f" ln -s "$tmp/roots/secret.efi"
                planted "$f is a second name of root's file" "$f" ln "$tmp/roots/secret.efi"
        done
        planted "journal.head is a second name of root's empty file" journal.head ln "$tmp/roots/empty"
        check "as they were, there is a backup" back

        refused_backup() { # NAME PATH COMMAND…
                local name=$1 at=$s/$2
                shift 2
                [ ! -e "$at" ] || mv "$at" "$tmp/aside"
                "$@" "$at"
                check_exit 4 "$name: no backup" back
                rm "$at"
                [ ! -e "$tmp/aside" ] || mv "$tmp/aside" "$at"
        }
        refused_backup "boot is a link" boot ln -s "$tmp/roots"
        refused_backup "ipxe is a link" ipxe ln -s "$tmp/roots"
        refused_backup "a boot file is a second name of root's file" boot/x.efi ln "$tmp/roots/secret.efi"
        ln -s "$tmp/roots/secret.efi" "$s/boot/x.efi"
        check "a boot file that is a link is left out" back
        is "of it, too" 0 "$(leaked)"
        rm "$s/boot/x.efi"
        echo "a secret of root's" >"$s/boot/x.efi" && chown "$owner" "$s/boot/x.efi" && chmod 600 "$s/boot/x.efi"
        check "one of musterd's own is backed up" back
        is "with its bytes" 1 "$(leaked)"
        rm "$s/boot/x.efi"

        # an image that the backup lacks comes from the state that was there: through no link, and nothing else becomes musterd's
        image=$(basename "$(ls "$s"/images/*.sealed "$s"/images/*.img 2>/dev/null | head -1)")
        cp "$s/images/$image" "$tmp/roots/$image" && chmod 600 "$tmp/roots/$image"
        before=$(roots)
        mv "$s/images" "$tmp/aside" && ln -s "$tmp/roots" "$s/images"
        out=$(m restore "$tmp/b2" "${etc[@]}" --state "$s" --force 2>&1)
        is "images is a link: the rest is restored" 0 $?
        check "images is a link: the image is missing, it says" grep -q "image base is not in the backup" <<<"$out"
        is "images is a link: root's file stays root's" "$before" "$(roots)"
        is "images is a link: nothing came through it" 0 "$(find "$s/images" -type f | wc -l)"
        rmdir "$s/images" && mv "$tmp/aside" "$s/images"
        ln "$tmp/roots/$image" "$tmp/second" && mv "$s/images/$image" "$tmp/aside" && mv "$tmp/second" "$s/images/$image"
        out=$(m restore "$tmp/b2" "${etc[@]}" --state "$s" --force 2>&1)
        check "an image that is root's file is not taken" grep -q "image base is not in the backup" <<<"$out"
        is "and stays root's" "root 600" "$(stat -c '%U %a' "$tmp/roots/$image")"
        mv "$tmp/aside" "$s/images/$image"
        out=$(m restore "$tmp/b2" "${etc[@]}" --state "$s" --force 2>&1)
        check "musterd's own image is taken" sh -c "[ -f '$s/images/$image' ] && ! grep -q 'is not in the backup'" <<<"$out"
        is "all that was restored is musterd's" "" "$(find "$s" ! -user "$owner")"
fi

# ---- another machine: other paths, another account, keys from the backup -------
q=$tmp/q
user=$(id -un)
[ "$user" != root ] || user=daemon
mkdir "$q"
check "restored elsewhere" m restore "$tmp/b1" --etc "$q/etc" --state "$q/state" --socket "$q/admin.sock" --user "$user" --unauthenticated
check "its configuration names its own places" grep -qx "state-dir = $q/state" "$q/etc/musterd.conf"
sed -i "s/^group = .*/group = $(id -gn "$user")/" "$q/etc/musterd.conf"
[ "$(id -u)" != 0 ] || is "the state is its account's" "$user" "$(stat -c %U "$q/state/muster.db")"
mv "$p" "$tmp/gone"
parent_start "$q"
sed "s|$p/|$q/|g" "$tmp/gone/node.conf" >"$tmp/node2.conf"
tpm_off
tpm_on "$tmp/tpm1"
check "the same node boots there, with its keys" node_boot "$tmp/run4" "$tmp/node2.conf"
is "the same SSH host key" "$(ssh-keygen -lf "$tmp/run1/ssh_host_ed25519_key.pub" 2>/dev/null)" "$(ssh-keygen -lf "$tmp/run4/ssh_host_ed25519_key.pub" 2>/dev/null)"
parent_stop

# ---- without keys --------------------------------------------------------------
out=$(m restore "$tmp/b2" --etc "$tmp/r/etc" --state "$tmp/r/state" --user "$user" --unauthenticated 2>&1)
is "restored without keys" 0 $?
is "each key that is missing is named" 5 "$(grep -c 'cannot start before this private key' <<<"$out")"
check "so is the image" grep -q 'image base is not in the backup' <<<"$out"
check_says 3 'cannot read the key file .*ca\.key: No such file' "musterd names the key" "$bin/musterd" --config "$tmp/r/etc/musterd.conf"
mkdir -p "$tmp/other/pki" && cp "$tmp/b1/etc/pki/server.pem" "$tmp/other/pki/ca.pem"
check_says 1 'is another cluster.s CA' "never into another cluster's keys" m restore "$tmp/b1" --etc "$tmp/other" --state "$tmp/other-state" --user "$user" --unauthenticated
check "nor is its state made" test ! -e "$tmp/other-state"
