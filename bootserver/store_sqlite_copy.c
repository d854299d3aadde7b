/* SPDX-License-Identifier: Apache-2.0 */
#include "store_sqlite.h"

#include <fcntl.h>

static int backup_all(sqlite3 *to, sqlite3 *from)
{
        sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
        int rc;

        if (!b)
                return sqlite3_errcode(to);
        do { /* one step holds one snapshot; a second one only while somebody is in the way */
                rc = sqlite3_backup_step(b, -1);
                if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
                        (void)sqlite3_sleep(20);
        } while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
        (void)sqlite3_backup_finish(b);
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A connection of its own reads a snapshot: nobody waits for the copy. It
 * becomes one plain file, without a write-ahead log. */
int sq_copy(struct store *st, const char *path)
{
        struct sqlite_store *s = sqlite_of(st);
        const char *own = sqlite3_db_filename(s->db, "main");
        sqlite3 *from = NULL;
        sqlite3 *to = NULL;
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t lost = 0;
        uint64_t ticket = 0;
        int rc;

        if (fd < 0)
                return -errno;
        (void)close(fd);
        rc = sqlite3_open_v2(own, &from, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        if (rc == SQLITE_OK)
                rc = backup_all(to, from);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        if (rc != SQLITE_OK)
                log_err("store: copy to %s: %s. Next: %s", path, sqlite3_errmsg(to ? to : from), sql_next_step(rc));
        (void)sqlite3_close(to);
        (void)sqlite3_close(from);
        if (rc == SQLITE_OK && sq_sync(st, &lost, &ticket) == 0) /* nothing is in it that a power cut may take from us */
                return 0;
        (void)unlink(path);
        return (rc & 0xff) == SQLITE_FULL ? -ENOSPC : (rc & 0xff) == SQLITE_NOMEM ? -ENOMEM : -EIO;
}
