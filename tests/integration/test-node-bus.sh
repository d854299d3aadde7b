#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A recorder on the bus between machine and TPM gets no secret: not in a first
# boot, a steady one, a renewal, a repair of NV, nor without room in NV.
# slow
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/node-lib.sh"
node_requires
requires python3 --version
bus_parent

python() { python3 "$top/tests/integration/node-bus.py" "$@"; }
python first "$tmp/machine" || failed=$((failed + 1))

# 21 days on, a third of the certificates' 30 is not left any more
cat >"$tmp/later.c" <<'END'
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#define LATER (21 * 86400)
int clock_gettime(clockid_t id, struct timespec *t)
{
        long r = syscall(SYS_clock_gettime, id, t);
        if (r == 0 && id == CLOCK_REALTIME)
                t->tv_sec += LATER;
        return (int)r;
}
time_t time(time_t *t)
{
        struct timespec now = { 0 };
        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (t)
                *t = now.tv_sec;
        return now.tv_sec;
}
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
        (void)tz;
        tv->tv_sec = time(NULL);
        tv->tv_usec = 0;
        return 0;
}
END
"${CC:-cc}" -shared -fPIC -o "$tmp/later.so" "$tmp/later.c" || exit 1
chmod 755 "$tmp/later.so"
parent_stop
LD_PRELOAD=$tmp/later.so parent_start "$p"
python later "$tmp/machine" || failed=$((failed + 1))
