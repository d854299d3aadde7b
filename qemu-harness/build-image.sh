#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build-image.sh - make a small Debian 12 node image for tests and the demo.
#
#   build-image.sh [--authorized-key FILE] TARGET   (TARGET: X.tar or a directory)
#
# systemd, sshd, iproute2, openssl and tpm2-tools; root is let in with the given
# SSH public key only; without one, a key pair is made beside TARGET
# (id_ed25519). No SSH host key is in it, so sshd starts only with the key that
# Muster gives the node, and nothing touches the network that the initramfs has
# set up. The mirror is the machine's own.
# A TARGET made by this same script is kept. Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

readonly suite=bookworm
readonly packages=systemd,systemd-sysv,udev,kmod,iproute2,openssh-server,openssl,ca-certificates,tpm2-tools,libtss2-tcti-device0
readonly masked='systemd-logind.service getty@.service getty-static.service console-getty.service
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer
	systemd-tmpfiles-clean.timer e2scrub_all.timer e2scrub_reap.service
	systemd-pstore.service systemd-hwdb-update.service ldconfig.service
	systemd-update-utmp.service systemd-update-utmp-runlevel.service
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
	sys-kernel-tracing.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
	systemd-journal-flush.service systemd-journal-catalog-update.service
	systemd-boot-update.service systemd-pcrphase.service
	systemd-pcrphase-initrd.service systemd-pcrphase-sysinit.service'

die() {
	echo "build-image: $*" >&2
	exit 1
}

usage() {
	echo "usage: ${0##*/} [--authorized-key FILE] TARGET.tar|TARGETDIR" >&2
	exit 2
}

# make_customize FILE PUBKEY: the script mmdebstrap runs on the unpacked image
make_customize() {
	cat >"$1" <<-'SH'
		#!/bin/sh
		set -eu
		cd "$1"
		rm -f etc/ssh/ssh_host_* etc/apt/apt.conf.d/99mmdebstrap etc/apt/sources.list
		rm -rf etc/apt/sources.list.d/* usr/share/doc usr/share/man usr/share/locale usr/share/info
		rm -rf usr/share/bash-completion usr/share/zsh usr/share/perl5/Debconf/FrontEnd
		rm -f usr/lib/udev/hwdb.bin
		rm -rf usr/lib/udev/hwdb.d var/cache/debconf/*-old var/lib/dpkg/*-old
		: >etc/machine-id
		: >etc/fstab
		echo node >etc/hostname
		rm -f etc/resolv.conf
		install -d -m 0700 root/.ssh
		install -d etc/systemd/journald.conf.d
		printf '[Journal]\nStorage=volatile\n' >etc/systemd/journald.conf.d/volatile.conf
		for u in $MASKED; do
			ln -sf /dev/null "etc/systemd/system/$u"
		done
		touch etc/.updated var/.updated
	SH
	chmod 755 "$1"
}

key=
if [ "${1:-}" = --authorized-key ]; then
	[ $# -ge 2 ] || usage
	key=$2
	shift 2
fi
[ $# -eq 1 ] || usage
case $1 in -*) usage ;; esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "$(dirname "$1")"
target=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
[ -z "$key" ] || [ -r "$key" ] || die "read the public key $key failed. Next: give an SSH public key file"
for tool in mmdebstrap ssh-keygen; do
	command -v "$tool" >/dev/null || die "$tool is missing. Next: apt install mmdebstrap openssh-client"
done
if [ -z "$key" ]; then
	key=$(dirname "$target")/id_ed25519.pub
	[ -e "${key%.pub}" ] || ssh-keygen -q -t ed25519 -N '' -C 'muster virtual node tests' -f "${key%.pub}"
fi

stamp=$(cat "${BASH_SOURCE[0]}" "$key" | sha256sum | cut -d' ' -f1)
if [ -e "$target" ] && [ "$(cat "$target.stamp" 2>/dev/null)" = "$stamp" ]; then
	touch "$target"
	exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/muster-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
make_customize "$work/customize"
"$root/ipxe/apt-fetch.sh" --print-sources "$suite" >"$work/entry"
ext=list
! grep -q '^Types:' "$work/entry" || ext=sources
mv "$work/entry" "$work/mirror.$ext"
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$work/apt.conf" || :
rm -rf "${target:?}" "$target.stamp"
rm -rf "$work/new" "$work/new.tar"
new=$work/new
[ "${target%.tar}" = "$target" ] || new=$work/new.tar
echo "build-image: making $target (about a minute)" >&2
# the hooks' $1 is expanded by the shell that mmdebstrap starts
# shellcheck disable=SC2016
MASKED=$masked mmdebstrap --quiet --variant=essential --include="$packages" \
	--aptopt="$work/apt.conf" \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
	--dpkgopt='path-exclude=/usr/lib/systemd/catalog/*' \
	--customize-hook="$work/customize" \
	--customize-hook="upload $key /root/.ssh/authorized_keys" \
	--customize-hook='chmod 0600 "$1/root/.ssh/authorized_keys"; chown 0:0 "$1/root/.ssh/authorized_keys"' \
	"$suite" "$new" "$work/mirror.$ext" ||
	die "mmdebstrap failed (see above). Next: check the mirror; as an ordinary user it needs the package uidmap"
mv "$new" "$target"
echo "$stamp" >"$target.stamp"
