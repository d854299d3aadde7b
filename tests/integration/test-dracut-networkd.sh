#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slow
# The real systemd-networkd of an initramfs on a network in bad hands: the node takes its address, and the server's NTP,
# DNS, domains and SIP servers are not where the image's services look. The control is the same without Muster's settings.
. "$(dirname "$0")/../lib.sh"
requires test "$(id -u)" -eq 0
requires test -x /usr/lib/systemd/systemd-networkd
requires getent passwd systemd-network

ns=muster-nd-$$
cleanup_fn "ip netns del $ns; ip netns del ${ns}n"
ip netns add "$ns"
ip netns add "${ns}n"
ip -n "$ns" link add v0 type veth peer name v1 netns "${ns}n"
ip -n "$ns" addr add 10.0.2.2/24 dev v0
ip -n "$ns" link set v0 up
ip netns exec "$ns" python3 "$top/tests/boot/hostile_net.py" v0 10.0.2.2 80 >"$tmp/net.log" 2>&1 &
cleanup_pid $!
check "somebody serves DHCP" wait_for 10 grep -q ready "$tmp/net.log"

# what networkd finds in an initramfs; a read-only /sys stands for "no udev", whom it would wait for
cat >"$tmp/node" <<'NODE'
mount --make-rprivate /
mount --bind /sys /sys
mount -o remount,bind,ro /sys
mount -t tmpfs none /run
mount -t tmpfs none /etc/systemd/network
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network:systemd-network /run/systemd/netif
printf '[Match]\nName=v1\n[Network]\nDHCP=yes\n' >/run/systemd/network/91-default.network
[ -z "$2" ] || sh "$2"
/usr/lib/systemd/systemd-networkd >"$1/networkd.log" 2>&1 &
networkd=$!
for _ in $(seq 150); do
        ip -4 addr show dev v1 | grep -q 10.0.2.77 && grep -q 'ADMIN_STATE=configured' /run/systemd/netif/links/* && break
        sleep 0.2
done
ip -4 -o addr show dev v1 >"$1/address"
cat /run/systemd/netif/state /run/systemd/netif/links/* >"$1/state"
kill "$networkd"
wait "$networkd"
NODE
# node DIR [SCRIPT]: networkd until it has its address, after SCRIPT; what it left is in DIR
node() {
        mkdir -p "$1"
        ip netns exec "${ns}n" unshare --mount --uts bash "$tmp/node" "$1" "${2:-}"
        grep -q 'inet 10.0.2.77/' "$1/address" && grep -q OPER_STATE=routable "$1/state"
}
check "control: without Muster's settings the node gets its address" node "$tmp/without"
check "control: and the server's NTP and name servers stand in networkd's state" \
        sh -c "grep -qx NTP=10.0.2.66 '$tmp/without/state' && grep -q '^DNS=10.0.2.66' '$tmp/without/state'"
check "with them it gets its address" node "$tmp/with" "$top/dracut-module/90muster/muster-networkd.sh"
if grep -E '^(NTP|DNS|SIP|DOMAINS|ROUTE_DOMAINS)=.' "$tmp/with/state" >"$tmp/found"; then
        not_ok "with them no NTP, DNS or SIP server and no domain of DHCP or an advertisement is taken" "$(cat "$tmp/found")"
else
        ok "with them no NTP, DNS or SIP server and no domain of DHCP or an advertisement is taken"
fi
[ "$failed" -eq 0 ] || cat "$tmp/net.log" "$tmp"/with*/networkd.log
