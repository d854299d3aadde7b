#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# apt-fetch.sh - fetch single packages of another Debian suite and unpack them.
#
#   apt-fetch.sh [--source] SUITE DEST PKG...
#   apt-fetch.sh --print-sources SUITE    SUITE's entry, as apt sources text
#   apt-fetch.sh --source-version SUITE PKG    the source version it has now
#
# The mirror of SUITE-security is the one of the machine's own security entry.
#
# Binary packages are unpacked with dpkg -x into DEST; with --source each
# source package is extracted into DEST/PKG. The user's own apt settings are
# only read: mirror, proxy and signing keys come from them, while lists, cache
# and sources of SUITE live in $MUSTER_BUILD/apt-SUITE[-source] (default
# build/). Needs no root. A package already unpacked is not fetched again.
# Exit: 0 done, 1 failed, 2 usage.
set -euo pipefail

usage() {
	echo "usage: ${0##*/} [--source] SUITE DEST PKG... | --print-sources SUITE | --source-version SUITE PKG" >&2
	exit 2
}

die() {
	echo "apt-fetch: $*" >&2
	exit 1
}

# apt_source_files: the machine's sources, in the order apt reads them
apt_source_files() {
	local etc=${MUSTER_APT_ETC:-/etc/apt}
	local f
	for f in "$etc"/sources.list "$etc"/sources.list.d/*.sources \
		"$etc"/sources.list.d/*.list; do
		[ -r "$f" ] && echo "$f"
	done
	return 0
}

# deb822_entry FILE CODENAME SUITE TYPE: the first stanza that serves CODENAME
# main, all its fields kept but with type, suite and component replaced
deb822_entry() {
	awk -v want="$2" -v suite="$3" -v type="$4" '
	function has(list, word,   n, a, i) {
		n = split(list, a, /[ \t]+/)
		for (i = 1; i <= n; i++)
			if (a[i] == word) return 1
		return 0
	}
	function flush_stanza() {
		if (!done && has(types, "deb") && has(suites, want) &&
		    has(comps, "main") && enabled) {
			printf "Types: %s\nSuites: %s\nComponents: main\n%s",
			       type, suite, rest
			done = 1
		}
		types = suites = comps = rest = field = ""
		enabled = 1
	}
	BEGIN { enabled = 1 }
	/^#/ { next }
	/^[ \t]*$/ { flush_stanza(); next }
	/^[ \t]/ {
		if (field == "types") types = types $0
		else if (field == "suites") suites = suites $0
		else if (field == "components") comps = comps $0
		else rest = rest $0 "\n"
		next
	}
	{
		colon = index($0, ":")
		field = tolower(substr($0, 1, colon - 1))
		value = substr($0, colon + 1)
		if (field == "types") types = value
		else if (field == "suites") suites = value
		else if (field == "components") comps = value
		else if (field == "enabled") enabled = value !~ /no|false|0/
		else rest = rest $0 "\n"
	}
	END { flush_stanza() }' "$1"
}

# oneline_entry FILE CODENAME SUITE TYPE: the same for the one-line format
oneline_entry() {
	awk -v want="$2" -v suite="$3" -v type="$4" '
	$1 == "deb" {
		line = $0
		sub(/[ \t]*#.*/, "", line)
		sub(/^[ \t]*deb[ \t]+/, "", line)
		opts = ""
		if (match(line, /^\[[^]]*\][ \t]*/)) {
			opts = substr(line, 1, RLENGTH)
			line = substr(line, RLENGTH + 1)
		}
		n = split(line, a, /[ \t]+/)
		for (i = 3; i <= n; i++)
			if (a[2] == want && a[i] == "main") {
				print type, opts a[1], suite, "main"
				exit
			}
	}' "$1"
}

# find_entry SUITE TYPE: set entry and its file name extension ext
find_entry() {
	local suite=$1 type=$2 codename f
	codename=$(sed -n 's|^VERSION_CODENAME=||p' /etc/os-release | tr -d '"')
	[ -n "$codename" ] || die "read VERSION_CODENAME from /etc/os-release: not set. Next: run on Debian"
	[[ $suite != *-security ]] || codename+=-security
	while read -r f; do
		case $f in
		*.sources)
			ext=sources
			entry=$(deb822_entry "$f" "$codename" "$suite" "$type")
			;;
		*)
			ext=list
			entry=$(oneline_entry "$f" "$codename" "$suite" "$type")
			;;
		esac
		[ -z "$entry" ] || return 0
	done < <(apt_source_files)
	die "find a mirror for $suite: no entry 'deb … $codename main' in /etc/apt. Next: add your Debian mirror there"
}

# private_sources STATE SUITE TYPE: write STATE/etc/sources.list.d
private_sources() {
	local entry ext
	find_entry "$2" "$3"
	rm -rf "${1:?}/etc"
	mkdir -p "$1/etc/sources.list.d"
	printf '%s\n' "$entry" >"$1/etc/sources.list.d/private.$ext"
}

# private_config STATE: an apt.conf that keeps everything written below STATE
private_config() {
	local state=$1
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	: >"$state/status"
	cat >"$state/apt.conf" <<-CONF
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$state/etc/sources.list.d";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state/cache";
		Dir::Cache::archives "$state/cache/archives";
		APT::Sandbox::User "root";
		APT::Update::Post-Invoke "";
		APT::Update::Post-Invoke-Success "";
		DPkg::Post-Invoke "";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
}

# apt_update STATE: refresh the private lists (lists of an unreachable mirror
# only warn by default; here they are an error)
apt_update() {
	APT_CONFIG=$1/apt.conf apt-get -qq update -o APT::Update::Error-Mode=any -o Acquire::AllowReleaseInfoChange=true ||
		die "update the package lists of $suite from your mirror failed (see above). Next: check network, proxy and that the mirror carries $suite"
	touch "$1/updated"
}

# fetch STATE PKG: download into the current directory
fetch() {
	if [ -n "$source" ]; then
		APT_CONFIG=$1/apt.conf apt-get -qq source --download-only "$2"
	else
		APT_CONFIG=$1/apt.conf apt-get -qq download "$2"
	fi
}

unpack_binary() {
	local debs=(./*.deb)
	[ -e "${debs[0]}" ] || die "unpack $1: no .deb was downloaded"
	dpkg -x "${debs[0]}" "$2" || die "unpack ${debs[0]} into $2 failed. Next: check free space and permissions"
}

unpack_source() {
	local dscs=(./*.dsc)
	[ -e "${dscs[0]}" ] || die "unpack $1: no .dsc was downloaded"
	rm -rf "${2:?}/$1"
	# the signature was checked by apt through the signed index
	dpkg-source --no-check -q -x "${dscs[0]}" "$2/$1" ||
		die "extract ${dscs[0]} into $2/$1 failed. Next: check free space and permissions"
}

fetch_one() {
	local state=$1 pkg=$2 dest=$3
	work=$(mktemp -d "$state/work.XXXXXX")
	chmod 755 "$work"
	cd "$work"
	if ! fetch "$state" "$pkg" 2>err.log; then
		# the lists may be older than the mirror
		apt_update "$state"
		fetch "$state" "$pkg" ||
			die "fetch ${source:+source }package $pkg of $suite failed (see above). Next: check its name and that the mirror carries it"
	fi
	if [ -n "$source" ]; then
		unpack_source "$pkg" "$dest"
	else
		unpack_binary "$pkg" "$dest"
	fi
	(cd "$work" && ls) | grep -v err.log >"$dest/.apt-fetch/$suite-${source:-binary}-$pkg"
	cd /
	rm -rf "$work"
	work=
}

# apt_state: private configuration and lists of $suite below $build, locked; its folder in state
apt_state() {
	local type=deb
	state=$build/apt-$suite${source:+-source}
	mkdir -p "$state"
	exec 9>"$state/lock"
	flock 9
	[ -z "$source" ] || type=deb-src
	private_sources "$state" "$suite" "$type"
	private_config "$state"
	[ -e "$state/updated" ] || apt_update "$state"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${MUSTER_BUILD:-$root/build}
source=
if [ "${1:-}" = --source-version ]; then
	[ $# -eq 3 ] || usage
	suite=$2 source=source
	mkdir -p "$build"
	build=$(cd "$build" && pwd)
	apt_state
	# lists of another day may know an older one
	[ -z "$(find "$state/updated" -mmin +720)" ] || apt_update "$state"
	APT_CONFIG=$state/apt.conf apt-cache showsrc --only-source "$3" 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1
	exit 0
fi
if [ "${1:-}" = --print-sources ]; then
	[ $# -eq 2 ] || usage
	find_entry "$2" deb
	printf '%s\n' "$entry"
	exit 0
fi
if [ "${1:-}" = --source ]; then
	source=source
	shift
fi
[ $# -ge 3 ] || usage
suite=$1
dest=$2
shift 2
for word in "$suite" "$@"; do
	[[ $word =~ ^[a-z0-9][a-z0-9+.-]*$ ]] || die "'$word' is not a suite or package name"
done

mkdir -p "$dest/.apt-fetch" "$build"
dest=$(cd "$dest" && pwd)
build=$(cd "$build" && pwd)

missing=()
for pkg in "$@"; do
	[ -e "$dest/.apt-fetch/$suite-${source:-binary}-$pkg" ] || missing+=("$pkg")
done
[ ${#missing[@]} -gt 0 ] || exit 0

for tool in apt-get dpkg awk flock; do
	command -v "$tool" >/dev/null || die "$tool is missing. Next: run on Debian, with apt, dpkg and util-linux"
done
[ -z "$source" ] || command -v dpkg-source >/dev/null || die "dpkg-source is missing. Next: apt install dpkg-dev"

work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT
apt_state
for pkg in "${missing[@]}"; do
	echo "apt-fetch: ${source:+source }$pkg from $suite" >&2
	fetch_one "$state" "$pkg" "$dest"
done
