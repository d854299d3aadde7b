/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"

#include <errno.h>
#include <sys/statvfs.h>

int room_of(const char *dir, uint64_t *ret_free, uint64_t *ret_size)
{
        struct statvfs v;

        if (statvfs(dir, &v) < 0)
                return -errno;
        *ret_free = (uint64_t)v.f_bavail * v.f_frsize;
        *ret_size = (uint64_t)v.f_blocks * v.f_frsize;
        return 0;
}

bool room_is_full(const char *dir)
{
        uint64_t left, size;

        return room_of(dir, &left, &size) == 0 && left < ROOM_FULL;
}
