# SPDX-License-Identifier: Apache-2.0
# Sourced by build-openssl.sh and build-tss.sh.
# shellcheck shell=bash

die() {
	local name=${0##*/}
	echo "${name%.sh}: $*" >&2
	exit 1
}

# run LOG CMD...: quiet unless it fails
run() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 && return
	tail -n 30 "$log" >&2
	die "'$*' failed; the whole log is $log"
}
