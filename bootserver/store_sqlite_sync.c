/* SPDX-License-Identifier: Apache-2.0 */
/* Committing, syncing and checkpoints of the SQLite backend.
 *
 * DOC: one sync for many commits
 * SQLite is told not to sync its write-ahead log (synchronous = NORMAL), so
 * a COMMIT only writes, with the store's lock held. sync_to() does what is
 * left, without that lock: one fdatasync() of the log makes all commits
 * durable that were there when it began. The log's frames are chained by
 * checksums, so after a power cut a prefix of the commits is there, and
 * whoever saw another one's commit has his own behind it.
 *
 * journal.head is written when the sync is done, before anybody is told: it
 * is never ahead of the disk, and never behind what was told.
 *
 * A checkpoint syncs the log, writes the database, and syncs that; only then
 * may the log begin anew, and its new header is synced before the frames
 * behind it count. With NORMAL SQLite does all this still. Our own
 * checkpoints have a connection of their own, so that neither readers nor
 * writers wait for them; only a log that has grown to WAL_MOST meanwhile is
 * written back with the lock held. The lock is held for a sync once more each
 * time that the log begins anew: the header's. */
#include "store_sqlite.h"

#include "fault.h"
#include "journal_head.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define CHECKPOINT_PAGES 1000
#define WAL_MOST 8000 /* 32 MiB */

static int sync_log(struct sqlite_store *s)
{
        int r;

        FAULT_POINT("journal-sync");
        do
                r = fdatasync(s->wal_fd);
        while (r < 0 && errno == EINTR);
        if (r == 0)
                return 0;
        atomic_store(&s->store.unsure, true);
        log_err("store: cannot sync the write-ahead log: %s. Next: %s", strerror(errno), sql_next_step(SQLITE_IOERR));
        return -EIO;
}

/* With the sync lock. */
static int sync_now(struct sqlite_store *s)
{
        struct sql_mark mark;
        int r;

        (void)pthread_mutex_lock(&s->lock);
        mark = s->mark;
        (void)pthread_mutex_unlock(&s->lock);
        if (atomic_load(&s->store.unsure))
                return -EIO;
        if (mark.commits == s->synced.commits)
                return 0;
        r = sync_log(s);
        if (r < 0)
                return r;
        if (mark.seq > s->synced.seq && s->head_fd >= 0)
                journal_head_note(s->head_fd, mark.seq, mark.hash);
        if (mark.seq > s->synced.seq) {
                (void)pthread_mutex_lock(&s->lock);
                s->on_disk = mark;
                (void)pthread_mutex_unlock(&s->lock);
        }
        FAULT_POINT("journal-synced");
        s->synced = mark;
        return 0;
}

/* Who comes while another one syncs may find his commit done by the next. */
static int sync_to(struct sqlite_store *s, uint64_t ticket, uint64_t *ret)
{
        int r = 0;

        (void)pthread_mutex_lock(&s->sync_lock);
        if (s->synced.commits < ticket)
                r = sync_now(s);
        if (r == 0 && ret)
                *ret = s->synced.commits;
        (void)pthread_mutex_unlock(&s->sync_lock);
        return r;
}

int sq_sync(struct store *st, uint64_t *ret_lost, uint64_t *ret_ticket)
{
        *ret_lost = 0; /* whoever lost one goes on no more */
        return sync_to(sqlite_of(st), UINT64_MAX, ret_ticket);
}

int sq_event_synced(struct store *st, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN])
{
        struct sqlite_store *s = sqlite_of(st);

        (void)pthread_mutex_lock(&s->lock);
        *ret_seq = s->on_disk.seq;
        memcpy(ret_hash, s->on_disk.hash, DIGEST_LEN);
        (void)pthread_mutex_unlock(&s->lock);
        return 0;
}

int sq_commit_soon(struct store *st, uint64_t *ret_ticket)
{
        struct sqlite_store *s = sqlite_of(st);
        int r;

        FAULT_POINT("store-commit");
        r = sql_run_one(st, Q_COMMIT);
        FAULT_POINT("store-committed");
        if (r < 0) {
                sq_rollback(st);
                return r == -ENOMEM ? r : -EIO;
        }
        s->mark.commits++;
        if (s->new_seq > 0) {
                s->mark.seq = s->new_seq;
                memcpy(s->mark.hash, s->new_hash, DIGEST_LEN);
        }
        *ret_ticket = s->mark.commits;
        (void)pthread_mutex_unlock(&s->lock);
        return 0;
}

int sq_commit(struct store *st)
{
        uint64_t ticket = 0;
        int r = sq_commit_soon(st, &ticket);

        if (r == 0)
                r = sync_to(sqlite_of(st), ticket, NULL);
        if (r == 0)
                sq_tidy(st);
        return r;
}

static void checkpoint(struct sqlite_store *s, sqlite3 *db)
{
        int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

        if (rc != SQLITE_OK && rc != SQLITE_BUSY)
                (void)sql_errno_of(s, db, rc, "checkpoint");
}

void sq_tidy(struct store *st)
{
        struct sqlite_store *s = sqlite_of(st);
        unsigned pages = atomic_load(&s->wal_pages);

        if (pages < CHECKPOINT_PAGES || atomic_load(&st->unsure) || pthread_mutex_trylock(&s->tidy_lock) != 0)
                return;
        if (pages - atomic_load(&s->wal_tried) >= CHECKPOINT_PAGES) {
                atomic_store(&s->wal_tried, pages); /* before: the log may begin anew at any moment */
                checkpoint(s, s->checkpointer);
        }
        if (atomic_load(&s->wal_pages) >= WAL_MOST) {
                (void)pthread_mutex_lock(&s->lock);
                checkpoint(s, s->db);
                (void)pthread_mutex_unlock(&s->lock);
        }
        (void)pthread_mutex_unlock(&s->tidy_lock);
}

/* SQLite's own checkpoints would not tell of a failed sync. */
static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
        struct sqlite_store *s = ctx;

        (void)db;
        (void)name;
        if (atomic_exchange(&s->wal_pages, (unsigned)pages) > (unsigned)pages)
                atomic_store(&s->wal_tried, 0);
        return SQLITE_OK;
}

int sql_sync_open(struct sqlite_store *s, const char *path)
{
        char wal[PATH_MAX];
        int rc;

        (void)snprintf(wal, sizeof(wal), "%s-wal", path);
        s->wal_fd = open(wal, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (s->wal_fd < 0)
                return SQLITE_CANTOPEN;
        rc = sqlite3_open_v2(path, &s->checkpointer,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                             NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(s->checkpointer, "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(s->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
        (void)sqlite3_wal_hook(s->db, on_wal, s);
        return rc;
}
