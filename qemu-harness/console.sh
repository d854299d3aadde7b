# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# console.sh - what a node says on its serial console. QEMU writes
# ./console.log; run/console.from is where the present boot begins in it.

# console_begin: a new power-on
console_begin() {
	[ ! -e console.log ] || mv console.log console.log.1
	: >console.log
	: >console.ts
	echo 0 >run/console.from
}

# console_mark: forget what was said so far (after a reset)
console_mark() { stat -c %s console.log >run/console.from; }

# console_follow PID: the console's lines, plain, until the machine ends
console_follow() {
	local from
	from=$(cat run/console.from 2>/dev/null || echo 0)
	tail -c "+$((from + 1))" -s 0.1 --pid="$1" -f console.log |
		sed -u 's/\x1b\[[0-9;?=]*[a-zA-Z]//g; s/\r//g'
}

# console_stamp PID: console.ts, one stamped line for each console line
console_stamp() {
	local line LC_ALL=C
	console_follow "$1" | while IFS= read -r line; do
		printf '%s %s\n' "${EPOCHREALTIME:0:-3}" "$line"
	done >>console.ts
}

# console_wait REGEX SECONDS: 0 when a line matches (it is printed), 1 when not
# in time or the machine ended; then the console's end goes to standard error
console_wait() {
	local regex=$1 seconds=$2 pid why
	pid=$(proc_pid run/qemu.pid) || pid=
	if [ -z "$pid" ]; then
		why="the machine is not running"
		! console_plain | grep -am1 -E -- "$regex" || return 0
	else
		why="nothing in $seconds s"
		! console_timed_grep "$pid" "$regex" "$seconds" || return 0
		proc_pid run/qemu.pid >/dev/null || why="the machine ended"
	fi
	echo "vnode: wait for '$regex' on the console of $vnode_dir: $why. Its last lines:" >&2
	console_plain | tail -n 30 | sed 's/^/    /' >&2
	return 1
}

console_plain() {
	local from
	from=$(cat run/console.from 2>/dev/null || echo 0)
	tail -c "+$((from + 1))" console.log 2>/dev/null |
		sed 's/\x1b\[[0-9;?=]*[a-zA-Z]//g; s/\r//g'
}

# console_timed_grep PID REGEX SECONDS
console_timed_grep() {
	local fd pipe match
	exec {fd}< <(console_follow "$1")
	pipe=$!
	match=$(timeout "$3" grep -am1 --line-buffered -E -- "$2" <&"$fd")
	exec {fd}<&-
	# the tail would live until the machine ends
	pkill -P "$pipe" 2>/dev/null
	kill "$pipe" 2>/dev/null
	[ -n "$match" ] && printf '%s\n' "$match"
}

# console_type TEXT: as if typed; stays connected until the guest can have read it
console_type() {
	printf '%b' "$1" | socat -t 2 - UNIX-CONNECT:run/console.sock,shut-none >/dev/null
}
