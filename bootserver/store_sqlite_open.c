/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the SQLite backend: lock, schema, checks, the journal's head.
 *
 * DOC: what may be found
 * Damage that SQLite sees (a bad header or page) and rows that are gone
 * (journal_head.h) stop the start with -EUCLEAN: an admin has to choose the
 * backup. A journal row that was altered does not: the chain names it, here
 * and in `muster log verify`, and nodes go on booting. What may pass by
 * itself, as a full disk, is another error, and systemd tries again. */
#include "store_sqlite.h"

#include "journal.h"
#include "journal_head.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#define CHECK_MAX ((off_t)256 << 20) /* a larger database is checked by `muster log verify` only */

static int open_errno(int rc, const char *path, sqlite3 *db, struct fail *fail)
{
        int r;

        switch (rc & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: r = -EUCLEAN; break;
        case SQLITE_FULL: r = -ENOSPC; break;
        case SQLITE_READONLY: r = -EROFS; break;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: r = -EBUSY; break;
        case SQLITE_NOMEM: r = -ENOMEM; break;
        default: r = -EIO;
        }
        return fail_set(fail, r, "", sql_next_step(rc), "%s %s: %s", r == -EUCLEAN ? "the database is damaged:" : "cannot use",
                        path, db ? sqlite3_errmsg(db) : "no memory");
}

static int user_version(sqlite3 *db, int *ret)
{
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL);

        if (rc == SQLITE_OK) {
                rc = sqlite3_step(q);
                *ret = sqlite3_column_int(q, 0);
        }
        (void)sqlite3_finalize(q);
        return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* A new one (version 0), or what an older one lacks: all of it or nothing. */
static int make_schema(sqlite3 *db, int version)
{
        char set[64];
        int rc;

        (void)snprintf(set, sizeof(set), "PRAGMA user_version = %d; COMMIT", STORE_SCHEMA_VERSION);
        rc = sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
        if (rc == SQLITE_OK && version < 1)
                rc = sqlite3_exec(db, store_schema, NULL, NULL, NULL);
        if (rc == SQLITE_OK && version < 2)
                rc = sqlite3_exec(db, store_schema_2, NULL, NULL, NULL);
        if (rc == SQLITE_OK && version < 3)
                rc = sqlite3_exec(db, store_schema_3, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, store_schema_4, NULL, NULL, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(db, set, NULL, NULL, NULL);
        return rc;
}

static int statements(struct sqlite_store *s)
{
        int rc = SQLITE_OK;

        for (size_t i = 0; i < QUERIES && rc == SQLITE_OK; i++)
                rc = sqlite3_prepare_v3(s->db, store_queries[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
        return rc;
}

/* What a crash left in the log is written into the database, and synced,
 * before anything new.
 * Of what a statement may have to undo a large transaction would make a file,
 * outside of the sandbox: memory. */
static int prepare(struct sqlite_store *s, const char *path, struct fail *fail)
{
        static const char pragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                                      "PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA wal_checkpoint(TRUNCATE);";
        int version = 0;
        int rc = user_version(s->db, &version); /* what is damaged is that, whoever may write to it */

        if (rc == SQLITE_OK)
                rc = sqlite3_db_readonly(s->db, "main") == 1 ? SQLITE_READONLY : sqlite3_exec(s->db, pragmas, NULL, NULL, NULL);
        if (rc == SQLITE_OK && version >= 0 && version < STORE_SCHEMA_VERSION) {
                rc = make_schema(s->db, version);
                version = STORE_SCHEMA_VERSION;
        }
        if (rc == SQLITE_READONLY)
                return fail_set(fail, -EROFS, "", sql_next_step(rc), "cannot write to %s", path);
        if (rc != SQLITE_OK)
                return open_errno(rc, path, s->db, fail);
        if (version != STORE_SCHEMA_VERSION)
                return fail_set(fail, -EPROTO, "", "run the musterd that wrote it",
                                "%s has schema version %d, this musterd knows %d", path, version, STORE_SCHEMA_VERSION);
        rc = statements(s);
        if (rc == SQLITE_OK)
                rc = sql_sync_open(s, path);
        return rc == SQLITE_OK ? 0 : open_errno(rc, path, s->db, fail);
}

int store_sqlite_check(struct store *st, struct fail *fail)
{
        struct sqlite_store *s = sqlite_of(st);
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &q, NULL);
        int r = 0;

        if (rc == SQLITE_OK)
                rc = sqlite3_step(q);
        if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0) {
                char word[160];
                const char *text = (const char *)sqlite3_column_text(q, 0);

                r = fail_set(fail, -EUCLEAN, "", sql_next_step(SQLITE_CORRUPT), "the database is damaged: %s: %s",
                             sqlite3_db_filename(s->db, "main"), log_escape(text, strlen(text), word, sizeof(word)));
        } else if (rc != SQLITE_ROW) {
                r = open_errno(rc, sqlite3_db_filename(s->db, "main"), s->db, fail);
        }
        (void)sqlite3_finalize(q);
        return r;
}

struct wanted {
        uint64_t seq;
        uint8_t hash[DIGEST_LEN];
        bool found;
};

static int on_wanted(void *ctx, const struct event_row *e)
{
        struct wanted *w = ctx;

        w->found = e->seq == w->seq && same_bytes(e->hash, DIGEST_LEN, w->hash, DIGEST_LEN);
        return 0;
}

/* It is put on record, for who removed the note? */
static int without_note(struct store *st, uint64_t last)
{
        struct journal_entry e = { .event = "journal-head-missing" };
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        int r;

        if (last == 0)
                return 0;
        log_warn("there was no %s beside the database: whether events after %" PRIu64 " are missing cannot be told",
                 JOURNAL_HEAD_FILE, last);
        r = store_tx_begin(&tx, st);
        if (r == 0)
                r = journal_append(st, (int64_t)time(NULL), &e, NULL);
        return r < 0 ? r : store_tx_commit(&tx);
}

/* What root makes here, `muster backup` without a musterd say, is musterd's:
 * the directory's owner's. Never what was there: it may be another name of a
 * file elsewhere. */
static int own_as(int fd, const char *dir)
{
        struct stat st;

        if (geteuid() != 0)
                return 0;
        return stat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 ? -errno : 0;
}

static int check_head(struct sqlite_store *s, const char *dir, struct fail *fail)
{
        static const char next[] = "`muster restore` the latest backup; or remove journal.head to go on without what is lost, "
                                   "and revoke again what was revoked lately";
        struct store *st = &s->store;
        uint8_t hash[DIGEST_LEN];
        struct wanted w = { 0 };
        struct event_filter f = { .limit = 1 };
        char path[PATH_MAX];
        bool is_new = false;
        bool made = false;
        uint64_t last = 0;
        int r;

        (void)snprintf(path, sizeof(path), "%s/" JOURNAL_HEAD_FILE, dir);
        r = journal_head_open(path, &s->head_fd, &is_new, &made, &w.seq, w.hash);
        if (r == 0 && is_new)
                r = own_as(s->head_fd, dir);
        if (r == -EBADMSG)
                return fail_set(fail, -EUCLEAN, "", next, "%s does not hold what musterd wrote", path);
        if (r < 0)
                return fail_set(fail, r, "", "check the disk that holds the state directory", "cannot open %s: %s", path,
                                strerror(-r));
        r = st->ops->event_head(st, &last, hash);
        if (r < 0)
                return fail_set(fail, -EUCLEAN, "", next, "cannot read the end of the journal");
        s->on_disk.seq = last; /* prepare() synced it */
        memcpy(s->on_disk.hash, hash, DIGEST_LEN);
        if (made)
                return without_note(st, last);
        f.after = w.seq - 1;
        r = w.seq > last ? 0 : st->ops->event_list(st, &f, on_wanted, &w);
        if (r == 0 && !w.found)
                return fail_set(fail, -EUCLEAN, "", next,
                                "the journal %s event %" PRIu64 ", but event %" PRIu64 " had been committed: the database's "
                                "write-ahead log was lost, or an older copy was put in its place",
                                w.seq > last ? "ends at" : "has another", w.seq > last ? last : w.seq, w.seq);
        if (last > w.seq)
                journal_head_note(s->head_fd, last, hash);
        return r;
}

static int lock_it(struct sqlite_store *s, const char *path, struct fail *fail)
{
        struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        char file[PATH_MAX];
        char dir[PATH_MAX];

        (void)snprintf(file, sizeof(file), "%s-lock", path);
        (void)snprintf(dir, sizeof(dir), "%s", path);
        s->lock_fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (s->lock_fd >= 0 && own_as(s->lock_fd, dirname(dir)) < 0)
                return fail_set(fail, -errno, "", "check state-dir and who owns it", "give %s to the directory's owner: %s", file,
                                strerror(errno));
        if (s->lock_fd < 0 && errno == EEXIST)
                s->lock_fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (s->lock_fd < 0)
                return fail_set(fail, -errno, "", "check state-dir and who owns it", "cannot open %s: %s", file,
                                strerror(errno));
        if (fcntl(s->lock_fd, F_SETLK, &all) == 0)
                return 0;
        if (errno == EAGAIN || errno == EACCES)
                return fail_set(fail, -EBUSY, "", "stop the other musterd first", "%s is in use by another process", path);
        return fail_set(fail, -errno, "", "put the state directory on a local disk", "cannot lock %s: %s", file, strerror(errno));
}

static int open_db(const char *path, int flags, struct sqlite_store **ret, struct fail *fail)
{
        _cleanup_(store_closep) struct store *made = NULL;
        struct sqlite_store *s = calloc(1, sizeof(*s));
        pthread_mutexattr_t attr;
        int rc;

        if (!s)
                return -ENOMEM;
        made = &s->store;
        s->store.ops = &sqlite_ops;
        s->lock_fd = s->head_fd = s->wal_fd = -1;
        (void)pthread_mutex_init(&s->sync_lock, NULL);
        (void)pthread_mutex_init(&s->tidy_lock, NULL);
        (void)pthread_mutexattr_init(&attr);
        (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
        (void)pthread_mutex_init(&s->lock, &attr);
        (void)pthread_mutexattr_destroy(&attr);
        if (flags & SQLITE_OPEN_CREATE) {
                int r = lock_it(s, path, fail);

                if (r < 0)
                        return r;
        }
        rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE, NULL);
        if (rc != SQLITE_OK)
                return open_errno(rc, path, s->db, fail);
        (void)sqlite3_busy_timeout(s->db, 2000);
        (void)sqlite3_wal_autocheckpoint(s->db, 0);
        made = NULL;
        *ret = s;
        return 0;
}

int store_sqlite_open(const char *path, struct store **ret, struct fail *fail)
{
        _cleanup_(store_closep) struct store *made = NULL;
        struct sqlite_store *s = NULL;
        char dir[PATH_MAX];
        struct stat st;
        int r = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &s, fail);

        if (!s)
                return r < 0 ? r : -EIO;
        made = &s->store;
        r = prepare(s, path, fail);
        if (r == 0 && stat(path, &st) == 0 && st.st_size <= CHECK_MAX)
                r = store_sqlite_check(made, fail);
        if (r < 0)
                return r;
        (void)snprintf(dir, sizeof(dir), "%s", path);
        r = check_head(s, dirname(dir), fail);
        if (r < 0)
                return r;
        journal_check_tail(made); /* told, not refused: see above */
        *ret = take_ptr(made);
        return 0;
}

int store_sqlite_view(const char *path, struct store **ret, struct fail *fail)
{
        _cleanup_(store_closep) struct store *made = NULL;
        struct sqlite_store *s = NULL;
        int version = 0;
        int rc;
        int r = open_db(path, SQLITE_OPEN_READONLY, &s, fail);

        if (!s)
                return r < 0 ? r : -EIO;
        made = &s->store;
        rc = user_version(s->db, &version);
        if (rc == SQLITE_OK && version != STORE_SCHEMA_VERSION)
                return fail_set(fail, -EPROTO, "", "is it a database of musterd, of this version? An older one: start musterd on it once",
                                "%s has schema version %d, this program knows %d", path, version, STORE_SCHEMA_VERSION);
        if (rc == SQLITE_OK)
                rc = statements(s);
        if (rc != SQLITE_OK)
                return open_errno(rc, path, s->db, fail);
        *ret = take_ptr(made);
        return 0;
}
