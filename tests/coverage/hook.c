/* SPDX-License-Identifier: Apache-2.0 */
/* Linked into the programs of `make coverage` only, with --wrap: what would
 * keep gcov from writing its counters at the end of a process. The sandboxes
 * are computed and not entered (what they refuse is test-sandbox.sh's matter,
 * and `make check` runs that on the real programs), a helper outlives its
 * parent for the moment that writing takes, and _exit() writes them too. */
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

void __gcov_dump(void); /* gcov.h, which is not where every compiler looks */
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
int __wrap_seccomp_load(void *filter);

void __wrap__exit(int code)
{
        __gcov_dump();
        __real__exit(code);
}

int __wrap_seccomp_load(void *filter)
{
        (void)filter;
        return 0;
}

int __wrap_prctl(int what, ...)
{
        unsigned long a[4];
        va_list ap;

        va_start(ap, what);
        for (int i = 0; i < 4; i++)
                a[i] = va_arg(ap, unsigned long);
        va_end(ap);
        if (what == PR_SET_SECCOMP || what == PR_SET_PDEATHSIG)
                return 0;
        return __real_prctl(what, a[0], a[1], a[2], a[3]);
}

long __wrap_syscall(long nr, ...)
{
        long a[6];
        va_list ap;

        va_start(ap, nr);
        for (int i = 0; i < 6; i++)
                a[i] = va_arg(ap, long);
        va_end(ap);
        if (nr == SYS_landlock_restrict_self)
                return 0;
        return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}
