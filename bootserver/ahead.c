/* SPDX-License-Identifier: Apache-2.0 */
#include "ahead.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

ssize_t __real_sendfile64(int out, int in, off64_t *offset, size_t count);

/* By descriptor; a connection's is another's only after ahead_end(). */
static _Atomic(struct ahead *) *table;
static size_t n_table;

int ahead_open(size_t files)
{
        table = calloc(files, sizeof(*table));
        if (!table)
                return -ENOMEM;
        n_table = files;
        return 0;
}

void ahead_close(void)
{
        n_table = 0;
        free(table);
        table = NULL;
}

static struct ahead *find(int fd)
{
        return fd >= 0 && (size_t)fd < n_table ? atomic_load(&table[fd]) : NULL;
}

void ahead_begin(int fd, struct ahead *a, uint64_t first, uint64_t len, const atomic_uint *readers)
{
        *a = (struct ahead){ .told = first, .sent = first, .end = first + len, .readers = readers };
        if (fd >= 0 && (size_t)fd < n_table)
                atomic_store(&table[fd], a);
}

void ahead_end(int fd)
{
        if (fd >= 0 && (size_t)fd < n_table)
                atomic_store(&table[fd], NULL);
}

int ahead_waiting(unsigned readers)
{
        int part = AHEAD_WAITING_MOST;

        while (part > AHEAD_WAITING_LEAST && (uint64_t)part * readers > AHEAD_WAITING)
                part /= 2;
        return part;
}

/* Whatever the kernel refuses of this is no reason not to send. */
static void share(struct ahead *a, int fd)
{
        int waiting = a->readers ? ahead_waiting(atomic_load(a->readers)) : a->waiting;

        if (waiting == a->waiting)
                return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &waiting, sizeof(waiting));
        a->waiting = waiting;
}

/* Until `count` more than was told are sent, or the last byte; -1: an error,
 * which may come after some were. */
static int push(struct ahead *a, int out, int in, size_t count)
{
        while (a->sent - a->told < count && a->sent < a->end) {
                uint64_t left = a->end - a->sent;
                off64_t at = (off64_t)a->sent;
                ssize_t n;

                share(a, out);
                n = __real_sendfile64(out, in, &at, left < AHEAD_AT_ONCE ? (size_t)left : AHEAD_AT_ONCE);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return (int)n;
                a->sent += (uint64_t)n;
        }
        return 0;
}

ssize_t __wrap_sendfile64(int out, int in, off64_t *offset, size_t count)
{
        struct ahead *a = find(out);
        uint64_t n;

        if (!a || !offset || *offset < 0 || (uint64_t)*offset != a->told)
                return __real_sendfile64(out, in, offset, count);
        if (push(a, out, in, count) < 0)
                return -1; /* what was sent and not told of is told of next time */
        n = a->sent - a->told < count ? a->sent - a->told : count;
        a->told += n;
        *offset = (off64_t)a->told;
        return (ssize_t)n;
}
