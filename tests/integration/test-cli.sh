#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The admin's command against the real musterd: init, boot entries, images,
# nodes and ranges, errors, exit codes.
. "$(dirname "$0")/../lib.sh"
requires jq --version
requires mksquashfs -version
requires objcopy --version
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
requires test -f "$stub"

m() { "$bin/muster" "$@"; }
# is NAME WANTED GOT
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "wanted '$2', got '$3'"; fi; }
etc=$tmp/etc
state=$tmp/state
user=$(id -un)
[ "$(id -u)" -eq 0 ] && user=nobody # musterd does not stay root
chmod 755 "$tmp"
init() {
        m init --etc "$etc" --state "$state" --address 127.0.0.1 --address 'fd00::1' --address parent1 \
                --boot-port "$boot_port" --attest-port "$attest_port" --socket "$tmp/run/admin.sock" --user "$user" "$@"
}
boot_port=$(free_port)
attest_port=$(free_port)
mkdir -p "$tmp/run" "$tmp/ipxe"
cp "$stub" "$tmp/ipxe/snponly.efi"
unset MUSTER_SOCKET MUSTER_CONFIG

# ---- init -------------------------------------------------------------------
check_says 2 'no address to put in it.*--address' "init without an address is a usage error" \
        m init --etc "$tmp/none/etc" --state "$tmp/none/state" --user "$user" --socket "$tmp/run/none.sock"
check_says 2 "'10\\.1\\.2' is no address" "init refuses an address that is none" m init --address 10.1.2 --etc "$tmp/none/etc"
check_says 2 'one --address must be an IP address' "init refuses names alone, which no node could look up" m init --address parent1 --etc "$tmp/none/etc"
check_says 2 "'70000' is no port number" "init refuses a port that is none" m init --address 10.1.2.3 --boot-port 70000
check_says 2 'there is no \.efi file in it' "init refuses an iPXE folder without iPXE" init --etc "$tmp/none2/etc" --state "$tmp/none2/state" --ipxe "$tmp/run"
check "init makes a cluster" init --ipxe "$tmp/ipxe"
modes=$(cd "$etc/pki" && stat -c '%a %n' ca.key server.key policy.key ssh_ca store.key | cut -d' ' -f1 | sort -u)
check "all private keys have mode 0600" test "$modes" = 600
check "the state is for its owner only" test "$(stat -c %a "$state")" = 700
check "the store key has 32 bytes" test "$(stat -c %s "$etc/pki/store.key")" -eq 32
check "the parent's certificate chains to the CA and names all addresses" bash -c \
        "openssl verify -CAfile '$etc/pki/ca.pem' '$etc/pki/server.pem' &&
         openssl x509 -in '$etc/pki/server.pem' -noout -ext subjectAltName | grep -q 'IP Address:127.0.0.1.*IP Address:FD00:0:0:0:0:0:0:1.*DNS:parent1' &&
         openssl x509 -in '$etc/pki/server.pem' -noout -ext extendedKeyUsage | grep -q 2.25.212541937340190927170434927386158209537"
check "the policy key's public part is its own" bash -c \
        "[ \"\$(openssl pkey -in '$etc/pki/policy.key' -pubout)\" = \"\$(cat '$etc/pki/policy.pem')\" ]"
check "ssh-keygen reads the SSH CA's public key" ssh-keygen -l -f "$etc/pki/ssh_ca.pub"
check "iPXE is taken into the state" cmp "$stub" "$state/ipxe/snponly.efi"
check "node.conf lists all parents, by their addresses only" grep -qx \
        "parents = https://127.0.0.1:$attest_port https://\[fd00::1\]:$attest_port" "$etc/node.conf"
check_lacks "and their names nowhere" parent1 "$etc/node.conf"

before=$(find "$etc" "$state" -type f -exec sha256sum {} + | sort)
out=$(init --ipxe "$tmp/ipxe" -o json)
rc=$?
check "a second init succeeds" test "$rc" -eq 0
check "a second init makes nothing" test "$(jq '.made | length' <<<"$out")" -eq 0
check "a second init changes nothing" test "$before" = "$(find "$etc" "$state" -type f -exec sha256sum {} + | sort)"
check "its JSON has the known_hosts line" jq -e '.known_hosts | startswith("@cert-authority * ssh-ed25519 ")' <<<"$out"

cp -a "$etc" "$tmp/etc2"
chmod 644 "$tmp/etc2/pki/ca.key"
check_says 1 'ca\.key: others may read it \(mode 0644\)' "a key that others can read is refused" init --etc "$tmp/etc2"
rm "$tmp/etc2/pki/ca.key"
check_says 1 'ca\.pem exists without it' "a CA certificate without its key is refused" init --etc "$tmp/etc2"
cp "$etc/pki/policy.key" "$tmp/etc2/pki/ca.key"
check_says 1 'it is not of the key beside it' "a CA certificate of another key is refused" init --etc "$tmp/etc2"
cp "$etc/pki/ca.key" "$tmp/etc2/pki/ca.key"
mkdir "$tmp/state2" && : >"$tmp/state2/muster.db" && rm "$tmp/etc2/pki/store.key"
init2() { m init --etc "$tmp/etc2" --state "$tmp/state2" --socket "$tmp/run/admin.sock" --user "$user" --address 10.9.9.9; }
check_says 1 'muster\.db exists, whose images and attestation keys need the one' "a store key is not made anew beside a database" init2
rm "$tmp/state2/muster.db"
check "control: without the database it is made" init2
check "--renew makes a new certificate" m init --etc "$tmp/etc2" --state "$state" --socket "$tmp/run/admin.sock" --user "$user" \
        --renew --address 10.9.9.9
check "for the same key" bash -c "[ \"\$(openssl x509 -in '$tmp/etc2/pki/server.pem' -noout -pubkey)\" = \"\$(openssl x509 -in '$etc/pki/server.pem' -noout -pubkey)\" ]"
check "and the new address" bash -c "openssl x509 -in '$tmp/etc2/pki/server.pem' -noout -ext subjectAltName | grep -q 10.9.9.9"

# ---- without a server ---------------------------------------------------------
for c in status 'node list' 'boot list' 'image list' 'policy show' log 'log verify'; do
        # shellcheck disable=SC2086
        check_says 3 'connect to musterd at .*No such file' "$c without a server exits with 3" m --socket "$tmp/run/admin.sock" $c
done
check "and its error is JSON on standard output too" jq -e '.error and .next' <<<"$(m --socket "$tmp/run/admin.sock" status -o json 2>/dev/null)"
check_says 2 '^Usage: muster' "no command is a usage error" m
check_says 2 "no command 'frobnicate'" "an unknown command is a usage error" m frobnicate
check_says 2 "no command 'node frobnicate'" "an unknown verb is a usage error" m node frobnicate
check_says 2 "unknown option '--frobnicate'" "an unknown option is a usage error" m status --frobnicate
check_says 2 "unknown output format 'xml'" "an unknown output format is a usage error" m status -o xml
check_says 2 'a range counts down' "a bad range is a usage error" m node show 'r1n[5-3]'
check_says 2 "'0' is no number of events" "a bad count is a usage error" m log -n 0
check "--version" bash -c "'$bin/muster' --version | grep -qE '^muster [0-9]+\.[0-9]+\.[0-9]+$'"
check_says 4 'write standard output: No space' "output that cannot be written exits with 4" bash -c "'$bin/muster' --help >/dev/full"

# ---- with musterd -------------------------------------------------------------
[ "$(id -u)" -eq 0 ] && chown "$user" "$tmp/run"
grep -q '^ipxe-template' "$etc/musterd.conf" || echo "ipxe-template = $top/ipxe/muster.ipxe.in" >>"$etc/musterd.conf"
"$bin/musterd" --config "$etc/musterd.conf" >"$tmp/musterd.log" 2>&1 &
cleanup_pid $!
export MUSTER_SOCKET=$tmp/run/admin.sock
if ! wait_for 20 m status; then
        not_ok "musterd starts with what init made" "$(cat "$tmp/musterd.log")"
        exit 1
fi
ok "musterd starts with what init made"
check "status is JSON" jq -e '.version and .nodes and .journal.head' <<<"$(m status -o json)"
check "status for people names the journal" grep -q '^journal:' <<<"$(m status)"
unset MUSTER_SOCKET
check "the socket is found through --config" m --config "$etc/musterd.conf" status
export MUSTER_SOCKET=$tmp/run/admin.sock

# a small UKI: the stub, a kernel (any PE image) and a command line
line='root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no quiet'
uki() { # OUT CMDLINE
        printf '%s' "$2" >"$tmp/cmdline"
        echo 'ID=test' >"$tmp/osrel"
        head -c 5000 /dev/urandom >"$tmp/initrd"
        add_sections "$stub" "$1" .osrel="$tmp/osrel" .cmdline="$tmp/cmdline" .initrd="$tmp/initrd" \
                .linux=/usr/lib/systemd/boot/efi/systemd-bootx64.efi
}
uki "$tmp/r1.efi" "$line"
uki "$tmp/r2.efi" "$line"
uki "$tmp/shell.efi" 'root=muster quiet'
out=$(m boot add r1 "$tmp/r1.efi" -o json)
check "boot add serves a UKI" jq -e '.name == "r1" and .default' <<<"$out"
check "with the command line embedded in it" test "$(jq -r .cmdline <<<"$out")" = "$line"
file=$(jq -r .file <<<"$out")
check "named by its digest" test "$file" = "r1-$(sha256sum "$tmp/r1.efi" | cut -c1-12).efi"
check "with mode 0644" test "$(stat -c %a "$state/boot/$file")" = 644
check "and its owner like the state's" test "$(stat -c %U "$state/boot/$file")" = "$(stat -c %U "$state")"
check "musterd serves it" bash -c "curl -fsS http://127.0.0.1:$boot_port/boot/$file | cmp - '$tmp/r1.efi'"
check_says 1 'there is a boot entry r1 already' "the same name again is refused" m boot add r1 "$tmp/r2.efi"
check_says 1 'its command line lacks rd\.shell=0' "a command line that allows a shell is refused" m boot add shell "$tmp/shell.efi"
check_says 1 'rd\.break stops the boot in a shell' "rd.break is refused" m boot add shell "$tmp/r2.efi" --cmdline "$line rd.break"
check_says 2 'no PE image: no MZ header' "what is no UKI is refused" m boot add bad /bin/true
check_says 4 'absent\.efi: No such file' "a UKI that is not there is refused" m boot add bad "$tmp/absent.efi"
check_says 2 "'\\.\\./x' is no name for a boot entry" "a name that is none is refused" m boot add ../x "$tmp/r2.efi"
check "refused files are not left behind" test "$(find "$state/boot" -type f | wc -l)" -eq 1
plain=${line#root=muster }
check_says 1 'has no root=muster' "a command line that asks no parent is refused" m boot add none "$tmp/r2.efi" --cmdline "$plain"
check_says 1 'has no root=muster' "and by boot check" m boot check "$tmp/r2.efi" --cmdline "$plain"
check "control: boot check lets the embedded one pass" m boot check "$tmp/r2.efi"
check_says 0 'under Secure Boot|with Secure Boot its stub takes the embedded' "what Secure Boot would take is warned of" \
        m boot check "$tmp/shell.efi" --cmdline "$line"
check "--unchecked serves it all the same" m boot add none "$tmp/r2.efi" --cmdline "$plain" --unchecked
check "which the journal says" jq -e '[.events[] | select(.event == "boot-added" and .detail.boot == "none")][0].detail.unchecked' \
        <<<"$(m log -o json)"
check "a later entry is not the default by itself" jq -e '.boots | map(select(.default).name) == ["r1"]' <<<"$(m boot list -o json)"
uki "$tmp/newline.efi" "$line
"
check "a line break behind the embedded command line does not count" test "$(m boot add newline "$tmp/newline.efi" --default -o json | jq -r '.cmdline')" = "$line"
check "with --default it is the default" jq -e '.boots | map(select(.default).name) == ["newline"]' <<<"$(m boot list -o json)"
check "boot default back to the first" m boot default r1
for e in none newline; do check "boot remove $e" m boot remove "$e"; done
check "--allow-shell is accepted" m boot add shell "$tmp/shell.efi" --allow-shell --no-default
check "--no-default leaves the default" jq -e '.boots[] | select(.name == "r1") | .default' <<<"$(m boot list -o json)"
check "boot list is a table" grep -q '^r1  *default' <<<"$(m boot list)"
check "boot default changes it" m boot default shell
check "the former default stays acceptable" jq -e '.boots[] | select(.name == "r1") | .previous' <<<"$(m boot list -o json)"
check "boot default back" m boot default r1
check_says 1 'there is no boot entry nothing' "an unknown boot entry is refused" m boot default nothing

# ---- images -------------------------------------------------------------------
mkdir -p "$tmp/root/etc" "$tmp/root/sbin"
echo muster >"$tmp/root/etc/hostname"
head -c 3000000 /dev/urandom >"$tmp/root/sbin/init"
chmod 755 "$tmp/root/sbin/init"
tar -C "$tmp/root" -cf "$tmp/root.tar" .
gzip -k "$tmp/root.tar"
mksquashfs "$tmp/root" "$tmp/ready.squashfs" -no-progress -quiet >/dev/null
out=$(m image add base "$tmp/root" -o json)
check "image add makes an image of a directory" jq -e '.name == "base" and .format == "squashfs" and .default' <<<"$out"
check "it never shows the key" jq -e 'has("key") | not' <<<"$out"
sealed=$state/images/$(jq -r .file <<<"$out")
check "the sealed file has the size that was said" test "$(stat -c %s "$sealed")" -eq "$(jq .size <<<"$out")"
check "it begins with the header that was said" test "$(head -c 64 "$sealed" | xxd -p | tr -d '\n')" = "$(jq -r .header <<<"$out")"
check_lacks "nothing of the image is in the clear" hsqs "$sealed"
check "control: an image that is not sealed has that mark" grep -qa hsqs "$tmp/ready.squashfs"
check "musterd serves it, with Range" bash -c \
        "curl -fsS -r 64- http://127.0.0.1:$boot_port/image/$(basename "$sealed") | cmp - <(tail -c +65 '$sealed')"
check "image add takes a tar" m image add from-tar "$tmp/root.tar" --no-default
check "image add takes a compressed tar" m image add from-tgz "$tmp/root.tar.gz" --no-default
check "image add takes a squashfs as it is" jq -e ".plain_size == $(stat -c %s "$tmp/ready.squashfs")" \
        <<<"$(m image add ready "$tmp/ready.squashfs" --no-default -o json)"
if [ "$(id -u)" -eq 0 ]; then
        mkfs.erofs --quiet "$tmp/ready.erofs" "$tmp/root"
        check "image add makes a squashfs of an erofs" jq -e '.format == "squashfs"' <<<"$(m image add ero "$tmp/ready.erofs" --no-default -o json)"
fi
# an image is looked at, whatever form it is given in; what no node can boot is refused
served() { m image list -o json | jq -r --arg name "$1" '[.images[] | select(.name == $name)] | length'; }
default_image() { m image list -o json | jq -r '.images[] | select(.default) | .name'; }
mkdir -p "$tmp/bare/etc/ssh"
echo 0123456789abcdef0123456789abcdef >"$tmp/bare/etc/machine-id"
echo key >"$tmp/bare/etc/ssh/ssh_host_rsa_key"
echo Port 22 >"$tmp/bare/etc/ssh/sshd_config"
tar -C "$tmp/bare" -czf "$tmp/bare.tgz" .
mksquashfs "$tmp/bare" "$tmp/bare.squashfs" -no-progress -quiet >/dev/null
mkfs.erofs --quiet "$tmp/bare.erofs" "$tmp/bare"
forms=(bare bare.tgz bare.squashfs)
[ "$(id -u)" -ne 0 ] || forms+=(bare.erofs)
for form in "${forms[@]}"; do
        check_says 1 'no program /sbin/init, nor systemd.*--unchecked' "$form: without an init it is refused" m image add bare "$tmp/$form"
        is "$form: and not served" 0 "$(served bare)"
        looked=$(m image check "$tmp/$form" -o json)
        is "$form: keys and names that nodes would share are told, and an sshd that does not take theirs" 3 \
                "$(jq '[.findings[] | select(.refused | not) | select(.what | test("host keys|machine-id is fixed|does not include"))] | length' <<<"$looked")"
done
check "--unchecked serves it all the same" m image add bare "$tmp/bare" --unchecked
check "which the journal records" jq -e '[.events[] | select(.detail.image == "bare")] | length == 1 and .[0].detail.unchecked' <<<"$(m log -o json)"
check "and does not of one that was looked at" jq -e '.events | map(select(.detail.image == "base")) | .[0].detail | has("unchecked") | not' <<<"$(m log -o json)"
is "a later image is not the default unless that is asked for" base "$(default_image)"
check "the look alone serves nothing" m image check "$tmp/root"
check "--default asks for it" m image add second "$tmp/root" --default
is "and then it is" second "$(default_image)"
check "at a terminal a person is asked, and says no" script -qec "echo n | '$bin/muster' image add third '$tmp/root'" /dev/null
is "then it is not" second "$(default_image)"
m image default base >/dev/null

# a tar is unpacked as tar does it: what the look finds then is what tar would have made
unpacks() { m image check "$1" 2>/dev/null; }
mkdir -p "$tmp/first/sbin" "$tmp/later/sbin" "$tmp/linked/usr/sbin" "$tmp/odd/sbin"
install -m 644 /bin/true "$tmp/first/sbin/init"
install -m 755 /bin/true "$tmp/later/sbin/init"
ln -s usr/sbin "$tmp/linked/sbin"
install -m 755 /bin/true "$tmp/odd/sbin/init"
truncate -s 300000 "$tmp/odd/sparse"
echo end >>"$tmp/odd/sparse"
touch -d '2040-01-01 UTC' "$tmp/odd/sbin/init" # squashfs has 32 bits of it
for format in gnu pax; do
        twice() { (cd "$tmp/$1" && tar --format="$format" -cf "$tmp/$1$2.tar" -- *) && tar -C "$tmp/$2" --format="$format" -rf "$tmp/$1$2.tar" sbin/init; }
        twice first later && twice later first && twice linked later
        tar -C "$tmp/odd" -S --format="$format" -cf "$tmp/odd.tar" .
        if [ "$(id -u)" -eq 0 ]; then
                check "$format: the later of two entries of one name counts" unpacks "$tmp/firstlater.tar"
                check_exit 1 "$format: control: as it does in the other order" unpacks "$tmp/laterfirst.tar"
                check "$format: an entry below a link is where the link leads" unpacks "$tmp/linkedlater.tar"
        fi
        check "$format: sparse files, and times after 2038" unpacks "$tmp/odd.tar"
        gzip -kf "$tmp/odd.tar"
        check "$format: the same, compressed, becomes an image" m image add "odd-$format" "$tmp/odd.tar.gz" --no-default
done
if [ "$(id -u)" -eq 0 ]; then
        python3 -c 'import os, struct, sys
e = [(1, 7, 2**32 - 1), (2, 7, 1000), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 5, 2**32 - 1)]
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *x) for x in e))' "$tmp/odd/sbin/init"
        tar -C "$tmp/odd" --acls -cf "$tmp/acl.tar" .
        for form in odd acl.tar; do
                check_says 0 'POSIX ACLs, which a squashfs cannot hold.*/sbin/init' "$form: ACLs that are left out are told" m image check "$tmp/$form"
        done
fi
tar -C "$tmp/root" -cf "$tmp/block.tar" .
truncate -s -$(($(stat -c %s "$tmp/block.tar") - 100100)) "$tmp/block.tar"
check_says 4 'block.tar: it is truncated' "a tar that ends within a block is said to be truncated" m image add short "$tmp/block.tar"
printf 'x' >"$tmp/evil"
(cd "$tmp/root" && tar -P -cf "$tmp/dotdot.tar" ../evil sbin)
rm "$tmp/evil"
check_says 4 "leaves its directory" "a tar with an entry that leaves its directory is refused" m image add dotdot "$tmp/dotdot.tar"
check "the list that was said is that of the file" test "$(tail -c +65 "$sealed" | head -c $((32 * (($(jq .plain_size <<<"$out") + 262143) / 262144))) | sha256sum | cut -d' ' -f1)" = "$(jq -r .list <<<"$out")"
n=$(find "$state/images" -mindepth 1 | wc -l)
head -c 100000 /dev/urandom >"$tmp/noise"
head -c 100000 "$tmp/ready.squashfs" >"$tmp/short.squashfs"
head -c 100000 "$tmp/root.tar.gz" >"$tmp/short.tgz"
check_says 1 'there is an image base already' "a name that is taken is refused" m image add base "$tmp/root"
check_says 2 'none of those that can be an image' "what can be no image is refused" m image add noise "$tmp/noise"
check_says 2 'it is cut off' "a squashfs that was cut off is refused" m image add short "$tmp/short.squashfs"
check_says 4 'short.tgz: it is truncated' "a tar that was cut off is refused" m image add short "$tmp/short.tgz"
check_says 4 'absent: No such file' "a source that is not there is refused" m image add absent "$tmp/absent"
check_says 2 'format' "there is no other format" m image add ready2 "$tmp/ready.squashfs" --format erofs
if [ "$(id -u)" -eq 0 ] && mkdir "$tmp/small" && mount -t tmpfs -o size=2m none "$tmp/small" 2>/dev/null; then
        cleanup_fn "umount '$tmp/small'"
        mkdir "$tmp/small/images"
        check_says 4 'No space left on device' "a full disk is an error" m image add full "$tmp/root" --state "$tmp/small"
        check_says 4 'it needs .* are free' "and so is one too full for the sealed image" m image add full "$tmp/ready.squashfs" --state "$tmp/small"
        check "and nothing half-made is left there" test "$(find "$tmp/small/images" -mindepth 1 | wc -l)" -eq 0
fi
check "nothing half-made is left" test "$(find "$state/images" -mindepth 1 | wc -l)" -eq "$n"
"$bin/muster" image add slow /usr/bin --unchecked >/dev/null 2>&1 &
p=$!
wait_for 10 bash -c "[ -n \"\$(find '$state/images' -name image)\" ]"
kill -TERM "$p"
wait "$p"
check "an interrupted image add exits with 4" test $? -eq 4
check "and leaves nothing half-made" test "0 1" = "$(find "$state/images" -name '.work-*' | wc -l) $(find "$state/images" -name "${sealed##*/}" | wc -l)"
check "image list names them" jq -e '[.images[].name] | contains(["base", "from-tar", "ready"])' <<<"$(m image list -o json)"
check "image default" m image default ready
check "image default back" m image default base
# a run that is killed leaves nothing that stays
"$bin/muster" image add slow /usr/bin --unchecked >/dev/null 2>&1 &
p=$!
wait_for 10 bash -c "[ -n \"\$(find '$state/images' -name image)\" ]"
making() { pgrep -f "mksquashfs /usr/bin /proc/$p/"; }
check "control: mksquashfs runs for it" making
kill -KILL "$p"
wait "$p" 2>/dev/null
check "mksquashfs ends with an image add that is killed" wait_for 10 bash -c "! pgrep -f 'mksquashfs /usr/bin [/]proc/$p/'"
check "control: its work is there" test -n "$(find "$state/images" -name '.work-*')"
check "the next one" m image add after "$tmp/root" --no-default
is "removes it" "" "$(find "$state/images" -name '.work-*')"

check_says 2 'only files and directories are read.*docker export' "an address is refused with what to give" m image add x docker://debian:12
if with_corpus; then
        case_of() { echo "$corpus/cases/img-$1.tar"; }
        check_says 1 'docker save.*docker export' "a real docker save archive is refused" m image check "$(case_of docker-save)"
        check_says 1 'etc/\.wh\.secret.*docker export' "so is a layer with whiteouts" m image check "$(case_of oci-layer-whiteout)"
        for case in dup nodirs pax-mtime-integer pax-sparse-dot hostkeys-no-include; do
                check "$case: becomes an image" m image add "case-$case" "$(case_of "$case")" --no-default
        done
fi

# removing frees the disk
file() { m image list -o json | jq -r --arg name "$1" '.images[] | select(.name == $name) | .file'; }
gone=$(file from-tgz)
check "control: the image has a file" test -s "$state/images/$gone"
check "image remove" m image remove from-tgz
check_exit 1 "deletes its file" test -e "$state/images/$gone"
m boot add gone "$tmp/shell.efi" --allow-shell --no-default >/dev/null 2>&1
boot_gone=$(m boot list -o json | jq -r '.boots[] | select(.name == "gone") | .file')
check "control: the boot entry has a file" test -s "$state/boot/$boot_gone"
check "boot remove of it" m boot remove gone
check_exit 1 "deletes its file too" test -e "$state/boot/$boot_gone"

# a file that is gone is said to be, wherever one looks
held=$(file ready)
mv "$state/images/$held" "$tmp/held"
check "image list says that a file is gone" grep -qE '^ready +UNUSABLE' <<<"$(m image list)"
check "and so does status" grep -qE 'WARNING: +image ready is UNUSABLE.*Next: ' <<<"$(m status)"
check_says 1 'its file is gone.*Next: ' "it does not become the default" m image default ready
lines() { grep -c "image ready was asked for and is not served" "$tmp/musterd.log"; }
before=$(lines)
for _ in 1 2 3; do curl -s -o "$tmp/answer" "http://127.0.0.1:$boot_port/image/$held"; done
is "who asks for it leaves one line in the log" $((before + 1)) "$(lines)"
mv "$tmp/held" "$state/images/$held"
check "once it is back, it is served" curl -fsS -o "$tmp/answer" "http://127.0.0.1:$boot_port/image/$held"
check "and can be the default" m image default ready
m image default base >/dev/null

# prune
cp "$state/images/$held" "$state/images/lost-0123456789abcdef.sealed"
touch -d '2 hours ago' "$state/images/lost-0123456789abcdef.sealed"
before=$(find "$state/images" -type f | wc -l)
check "image prune --dry-run shows what it would remove" grep -qE '^ready .*sealed' <<<"$(m image prune --dry-run)"
check_says 2 'no terminal to ask at' "image prune asks, so it needs a terminal or --yes" m image prune </dev/null
check "at a terminal, no is no" bash -c "! script -qec \"echo n | '$bin/muster' image prune\" /dev/null"
is "so far nothing was removed" "$before" "$(find "$state/images" -type f | wc -l)"
check "image prune --yes removes" m image prune --yes
is "all but the default" base "$(m image list -o json | jq -r '[.images[].name] | join(" ")')"
[ "$(id -u)" -ne 0 ] || is "and files that no image has" "${sealed##*/}" "$(ls "$state/images")"
m image add ready "$tmp/ready.squashfs" --no-default >/dev/null 2>&1

# ---- nodes --------------------------------------------------------------------
ek=$made/ek-certs/swtpm_rsa.der
check_says 1 'there is no node n1' "node list of an unknown node exits with 1" m node list n1
check "node add says when a certificate chains to no known maker" grep -q 'M-EKCERT' <<<"$(m node add n1 --ek-cert "$ek" 2>&1)"
m node remove n1 >/dev/null
out=$(m node add n1 --ek-cert "$ek" --without-ek-certificate -o json 2>"$tmp/err")
id=$(jq -r .id <<<"$out")
check "but not when told to do without" test ! -s "$tmp/err"
check "node add enrols by EK certificate" jq -e '.name == "n1" and .state == "enrolled"' <<<"$out"
check "its id is the digest of the certificate's key" test "$id" = \
        "$(openssl x509 -inform DER -in "$ek" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)"
check_says 1 'add node n2: this EK is there already: as the enrolled node n1' "the same node again is refused, and whose it is is said" m node add n2 --ek-cert "$ek" --without-ek-certificate
head -c 700 /dev/urandom >"$tmp/noise.der"
check_says 2 'noise\.der: it is no certificate in DER' "a certificate that is none is refused" m node add n2 --ek-cert "$tmp/noise.der" --without-ek-certificate
check_says 2 'File too large' "and a file that is far too long for one" m node add n2 --ek-cert "$tmp/noise" --without-ek-certificate
check_says 4 'absent: No such file' "a certificate that is not there is refused" m node add n2 --ek-cert "$tmp/absent"
check_says 2 "'1234' is no node id" "an id that is none is refused" m node add n2 --id 1234
check_says 2 '2 names, but 1 of --ek-cert' "names and sources must be as many" m node add 'n[2-3]' --ek-cert "$ek"
echo '{"what": "no record"}' >"$tmp/record"
check_says 2 'it is not what muster-node enroll prints' "a record that is none is refused" m node add n2 --record "$tmp/record"
ek2=$made/ek-certs/swtpm2_rsa.der
jq -n --arg id "$(m ek "$ek2" -o json | jq -r .id)" --arg c "$(base64 -w0 "$ek2")" \
        '{id: $id, ek_certificate: $c, facts: {vendor: "QEMU"}}' >"$tmp/record"
check "a record of muster-node enroll is taken" jq -e '.name == "rec1" and .ek_chain == "unmatched"' \
        <<<"$(m node add rec1 --record "$tmp/record" -o json 2>/dev/null)"
m node remove rec1 >/dev/null
jq -n --arg id "$(printf '%064d' 9)" '{id: $id, ek_certificate: null}' >"$tmp/record"
check "a record without an EK certificate is warned about" grep -q 'warning: the record .* has no EK certificate' \
        <<<"$(m node add rec2 --record "$tmp/record" --without-ek-certificate 2>&1)"
m node remove rec2 >/dev/null
check "a firmware profile that is not there is warned about" grep -q "warning: node p1: there is no firmware profile 'Dell', so its boots will be refused" \
        <<<"$(m node add p1 --id "$(printf 'ab%062d' 1)" --without-ek-certificate --profile Dell 2>&1)"
check "without one there is no warning" test -z "$(m node add p2 --id "$(printf 'ac%062d' 1)" --without-ek-certificate 2>&1 >/dev/null)"

# ---- names that could be ids ----------------------------------------------------
check_says 1 'could be the beginning of a node.s id' "a name of 8 hex digits is refused" m node add ab000000 --id "$(printf 'ad%062d' 1)"
check "control: with another letter before it it is a name" m node add xab000000 --id "$(printf 'ad%062d' 1)" --without-ek-certificate
check_says 1 '7 digits are too few for an id' "7 digits of an id: that 8 are needed is said" m node show ab00000
check "8 are enough" m node show ab000000
check "a node is quarantined with a reason" m node quarantine p1 --reason 'its fan is loud'
check "node show says the reason" grep -q '^because: *its fan is loud' <<<"$(m node show p1)"
check "and node list" grep -q 'p1 .*its fan is loud' <<<"$(m node list)"
m node approve p1 --without-ek-certificate >/dev/null
check "an approval ends it" test "$(m node show p1 -o json | jq -c .why)" = null
m node remove p1,p2,xab000000 >/dev/null
ids=()
for i in 1 2 3; do ids+=(--id "$(printf '%064d' "$i")"); done
out=$(m node add 'r1n[01-03]' "${ids[@]}" --without-ek-certificate -o json)
check "a range of nodes is added" jq -e '[.nodes[].name] == ["r1n01", "r1n02", "r1n03"] and .failed == []' <<<"$out"
check "node list of a range" jq -e '[.nodes[].name] | sort == ["r1n02", "r1n03"]' <<<"$(m node list 'r1n[02-03]' -o json)"
check "node list of all" test "$(m node list -o json | jq '.nodes | length')" -eq 4
check "node list by state" test "$(m node list --state revoked -o json | jq '.nodes | length')" -eq 0
check_says 2 "unknown state 'great'" "node list by an unknown state is a usage error" m node list --state great
check "node show by name" jq -e ".id == \"$id\"" <<<"$(m node show n1 -o json)"
check "node show by the beginning of its id" jq -e '.name == "n1"' <<<"$(m node show "${id:0:12}" -o json)"
check "node show says how it was enrolled" grep -q 'ENROLLED WITHOUT' <<<"$(m node show n1)"
out=$(m node assign 'r1n[01-04]' --boot shell --image ready -o json 2>"$tmp/err")
rc=$?
check "a range with an unknown node fails in part" test "$rc" -eq 1
check "and does the rest" jq -e '([.nodes[].assigned_boot] == ["shell", "shell", "shell"]) and (.failed[0].node == "r1n04")' <<<"$out"
check "the error names the node" grep -q r1n04 "$tmp/err"
check_says 1 'is the default or assigned to nodes' "a boot entry in use is not removed" m boot remove shell
check "nodes follow the default again" jq -e '[.nodes[].assigned_boot] == [null, null, null]' \
        <<<"$(m node assign 'r1n[01-03]' --default-boot --default-image -o json)"
check_says 2 'nothing to assign' "nothing to assign is a usage error" m node assign n1
check_says 1 'there is no boot entry nothing' "an unknown boot entry is not assigned" m node assign n1 --boot nothing
check "node quarantine" jq -e '.state == "quarantined"' <<<"$(m node quarantine n1 --reason 'odd noises' -o json)"
check "node approve after it" jq -e '.state == "enrolled"' <<<"$(m node approve n1 --without-ek-certificate -o json)"
check_says 1 'it is enrolled already, as n1' "node approve does not rename in silence" m node approve n1 --name n9
check "control: without another name it approves" m node approve n1
check "node rename does, and says what happens to a running node" grep -q 'renamed to n9; a node that runs keeps its certificates' <<<"$(m node rename n1 n9)"
check "its id is the same" test "$(m node show n9 -o json | jq -r .id)" = "$id"
check "the journal has both names" test "$(m log -o json | jq -s -c '[.. | objects | select(.event? == "renamed") | .detail | [.from, .to]]')" = '[["n1","n9"]]'
check "node revoke of a range" jq -e '[.nodes[].state] == ["revoked", "revoked"]' <<<"$(m node revoke 'r1n[02,03]' -o json)"
check "node list shows it" grep -qE '^r1n02 .*revoked' <<<"$(m node list)"
check "node remove" m node remove 'r1n[01-03]'
check_says 1 'there is no node r1n01' "node show of a removed node exits with 1" m node show r1n01

# ---- policy and log -------------------------------------------------------------
check "policy list shows each policy with its value" jq -e '[.policy[] | [.name, .value]] == [["pcr1","record"],["tpm","warn"],["facts","warn"]]' \
        <<<"$(m policy list -o json)"
check "policy list, for people" grep -qE '^facts +warn +warn +record, warn, quarantine ' <(m policy list)
check "a policy is changed" m policy facts quarantine
check "and shown" test "$(m policy facts)" = quarantine
check "in JSON too" jq -e '.name == "facts" and .value == "quarantine" and .default == "warn"' <(m policy facts -o json)
check_says 1 'it is record, warn or quarantine' "a value that it has not is refused" m policy facts refuse
check "and said which it has" grep -q 'it is record, warn or quarantine' <(m policy facts refuse 2>&1)
check "nothing changed by that" test "$(m policy facts)" = quarantine
check "the journal says who changed what from what to what" jq -e --argjson uid "$(id -u)" \
        '[.. | objects | select(.event == "policy-changed") | .detail] == [{"uid":$uid,"policy":"facts","from":"warn","to":"quarantine"}]' <(m log -o json)
check "it is changed back" m policy facts warn
check "policy show" jq -e '.profiles | type == "array"' <<<"$(m policy show -o json)"
check_says 1 'there is no such profile' "policy show of an unknown profile exits with 1" m policy show 'No Such Model'
check_says 1 'there is no profile|there is no such profile' "policy promote of an unknown profile exits with 1" m policy promote 'No Such Model'
check_says 1 'this node has not attested yet' "policy learn of a node without evidence exits with 1" m policy learn n9
out=$(m log -o json)
check "log is JSON, oldest first" jq -e '[.events[].seq] | . == sort and length > 5' <<<"$out"
check "log -n 2" jq -e '.events | length == 2' <<<"$(m log -n 2 -o json)"
check "log -n 2 shows the newest" test "$(m log -n 1 -o json | jq '.events[0].seq')" -eq "$(m status -o json | jq .journal.seq)"
check "log of one node" jq -e "[.events[].node] | unique == [\"$id\"]" <<<"$(m log n9 -o json)"
check "log for people" grep -q 'quarantined' <<<"$(m log)"
check "log --explain says that a node was never refused" grep -q 'n9: no refusal' <<<"$(m log --explain n9)"
check "log verify" m log verify
timeout 3 "$bin/muster" log --follow -n 1 -o json >"$tmp/follow" &
sleep 0.7
m node quarantine n9 >/dev/null
wait $!
check "log --follow shows what comes" jq -es 'length == 2 and .[1].event == "quarantined"' "$tmp/follow"
check "boot remove" m boot remove shell
