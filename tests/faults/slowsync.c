/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOADed: a disk whose every sync takes SLOWSYNC_MS longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_for_disk(void)
{
        static long ms = -1;
        struct timespec t;

        if (ms < 0)
                ms = getenv("SLOWSYNC_MS") ? atol(getenv("SLOWSYNC_MS")) : 0;
        t.tv_sec = ms / 1000;
        t.tv_nsec = ms % 1000 * 1000000;
        (void)nanosleep(&t, NULL);
}

int fsync(int fd)
{
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

        wait_for_disk();
        return real(fd);
}

int fdatasync(int fd)
{
        int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

        wait_for_disk();
        return real(fd);
}
