# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# proc.sh - processes that outlive the command that started them, each kept in
# a file "PID STARTTIME", so that a reused pid is never killed.

# proc_started PID: its start time, in ticks since boot
proc_started() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# the name field may hold blanks; count from behind its parenthesis
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	[ "$1" != Z ] && echo "${20}"
}

# proc_record FILE PID
proc_record() {
	local t
	t=$(proc_started "$2") || return 1
	echo "$2 $t" >"$1"
}

# proc_pid FILE: prints the pid when that process still runs
proc_pid() {
	local pid t
	[ -r "$1" ] || return 1
	read -r pid t <"$1" || return 1
	[ "$(proc_started "$pid")" = "$t" ] && echo "$pid"
}

# proc_gone FILE SECONDS: until it has ended
proc_gone() {
	local pid
	pid=$(proc_pid "$1") || return 0
	timeout "$2" tail --pid="$pid" -s 0.05 -f /dev/null
	! proc_pid "$1" >/dev/null
}

# proc_stop FILE: terminate, then kill
proc_stop() {
	local pid
	if pid=$(proc_pid "$1"); then
		kill "$pid" 2>/dev/null
		if ! proc_gone "$1" 5; then
			kill -KILL "$pid" 2>/dev/null
			proc_gone "$1" 5 || return 1
		fi
	fi
	rm -f "$1"
}

# proc_listens PATH PIDFILE: until that process has made its socket PATH
proc_listens() { proc_until "$2" test -S "$1"; }

# proc_until PIDFILE CMD...: until CMD succeeds while that process runs, 10 s
proc_until() {
	local pidfile=$1 n=0
	shift
	until "$@"; do
		n=$((n + 1))
		if [ "$n" -ge 200 ] || ! proc_pid "$pidfile" >/dev/null; then
			return 1
		fi
		sleep 0.05
	done
}
