/* SPDX-License-Identifier: Apache-2.0 */
/* store_pg.h - what the files of the PostgreSQL backend share.
 *
 * DOC: one connection, many parents
 * One connection behind one recursive mutex, as SQLite has it, and in musterd
 * a second one that only syncs (store_pg_sync.c); pg_start()
 * takes the mutex, pg_end() lets go. Data go as parameters of prepared
 * statements, in binary; no statement is built from them.
 *
 * A writing transaction takes an advisory lock first, so that of all parents
 * on the database one writes at a time: the head of the journal that it reads
 * is the one it appends to (READ COMMITTED: every statement sees what was
 * committed before it). Two events of one number are refused by the key.
 *
 * Nothing waits for ever: PG_CONNECT_MS to connect, then PG_PAUSE_MS during
 * which calls fail at once; the server ends a statement after 5 s, a wait for
 * a lock after 3 s and a transaction that does nothing after 10 s; and a
 * server that says nothing for PG_ANSWER_MS is taken as gone. The connection
 * is closed then, the call returns -EIO, the next one connects again; but not
 * within a transaction, whose calls all fail until it is given up. While one
 * thread connects, the calls of the others fail at once: a server that is
 * silent holds one thread, not all of them. pg_news() may try again before
 * others may, so where it is called often that thread is its own.
 *
 * A commit that got no answer may have happened. -EIO is returned, so nobody
 * acts on it (no bundle leaves, nothing in memory changes), and nothing here
 * remembers anything of it: the next transaction reads the journal's head and
 * every record anew, and pg_news() says that what is cached has to be read
 * again. So `unsure` stays false: nothing has to be written once more. */
#ifndef MUSTER_STORE_PG_H
#define MUSTER_STORE_PG_H

#include "store_rows.h"

#include <postgresql/libpq-fe.h>
#include <pthread.h>

#define PG_CONNECT_MS 5000
#define PG_PAUSE_MS 1000
#define PG_PAUSE_NEWS_MS 200
#define PG_ANSWER_MS 8000
#define PG_PARAMS 44
#define PG_PAGE 500 /* rows of a list at a time */
#define PG_SCHEMA_VERSION 4
#define PG_LOCK_TEXT "8391170250541621" /* of who writes */
#define PG_NEXT "check that PostgreSQL is up and lets musterd in, and `database` in musterd.conf"

enum pg_query {
        PQ_BEGIN, PQ_LOCK, PQ_COMMIT, PQ_ROLLBACK, PQ_SOON, PQ_SYNC,
        PQ_NODE_GET, PQ_NODE_FIND, PQ_NODE_PREFIX, PQ_NODE_MAC, PQ_NODE_UUID, PQ_NODE_PUT, PQ_NODE_SEEN, PQ_NODE_DELETE, PQ_NODE_LIST,
        PQ_NODE_LIST_STATE, PQ_NODE_COUNTS, PQ_NODE_BOOT_USED, PQ_NODE_IMAGE_USED,
        PQ_MAC_CLEAR, PQ_MAC_PUT, PQ_MAC_LIST, PQ_EVIDENCE_PUT, PQ_EVIDENCE_GET,
        PQ_BOOT_PUT, PQ_BOOT_DELETE, PQ_BOOT_LIST, PQ_IMAGE_PUT, PQ_IMAGE_DELETE, PQ_IMAGE_LIST,
        PQ_PROFILE_PUT, PQ_PROFILE_LIST, PQ_SETTING_PUT, PQ_SETTING_DELETE, PQ_SETTING_GET, PQ_SETTING_LIST,
        PQ_EVENT_PUT, PQ_EVENT_HEAD, PQ_EVENT_LIST, PQ_EVENT_LIST_NODE, PQ_EVENT_NEWEST, PQ_EVENT_NEWEST_NODE,
        PQ_QUERIES
};

struct pg_statement {
        const char *types; /* of the parameters: t text, i bigint, b bytea */
        const char *sql;
};

struct pg_params; /* how to connect */

struct pg_store {
        struct store store; /* first: a struct store * is one of these */
        PGconn *conn;       /* NULL: not connected */
        struct pg_params *params;
        pthread_mutex_t lock;
        atomic_bool linking;       /* a thread connects, with the lock */
        bool view;                 /* only read, make nothing */
        bool prepared[PQ_QUERIES]; /* on this connection */
        bool tx;                   /* between begin and commit */
        bool lost;                 /* the transaction failed: nothing more of it is done */
        bool stale;                /* news may have been missed */
        int64_t next_try;          /* monotonic ms */
        char instance[64];         /* of the server: when it started */

        /* store_pg_sync.c; what is not sync_lock's is `lock`'s */
        bool quiet;                /* this is one that syncs for another: no news */
        pthread_mutex_t sync_lock; /* taken before `lock`, or without it */
        struct pg_store *syncer;   /* sync_lock's; NULL: not made yet */
        bool soon;                 /* it is connected, since before any commit that is not synced */
        char sync_instance[64];
        uint64_t commits;          /* that were not waited for: the last ticket */
        uint64_t synced;           /* sync_lock's */
        uint64_t lost_upto;        /* sync_lock's: of these nothing is known */
};

/* One statement: pg_start(), bind, pg_step() until it is not 1, pg_end(). */
struct pgq {
        struct rows rows; /* first: store_rows.c reads what it answers */
        struct pg_store *s;
        enum pg_query which;
        const char *value[PG_PARAMS];
        int length[PG_PARAMS];
        int64_t number[PG_PARAMS];
        PGresult *res; /* NULL: not run yet */
        int row;
};

extern const struct pg_statement pg_statements[PQ_QUERIES];
extern const char pg_schema[];
extern const char pg_schema_2[]; /* what version 2 has besides */
extern const char pg_schema_3[]; /* what version 3 has besides */
extern const char pg_schema_4[]; /* what version 4 has besides */
extern const struct store_ops pg_ops;

static inline struct pg_store *pg_of(struct store *s)
{
        return (struct pg_store *)(void *)s;
}

DEFINE_CLEANUP(PGresult *, PQclear)

/* store_pg_link.c: the connection. pg_link() makes one unless there is one;
 * pg_drop() closes it. pg_wait() sends nothing itself: it waits for the answer
 * to what was sent, the last result of several, or the first that failed. */
int pg_link(struct pg_store *s, struct fail *fail);
void pg_drop(struct pg_store *s);
int pg_wait(struct pg_store *s, PGresult **ret);
int pg_plain(struct pg_store *s, const char *sql, PGresult **ret); /* constant text, no data */
int pg_errno(struct pg_store *s, const PGresult *res, const char *what);
int pg_ready(struct pg_store *s); /* -EIO unless a statement may be sent now */
void pg_hurry(struct pg_store *s); /* the next try to connect, after one that failed, may be now already */

/* store_pg_sync.c. pg_sync_link() may wait for a connection; without `lock`. */
uint64_t pg_sync_ticket(const struct pg_store *s); /* for the transaction; 0: wait for its commit */
void pg_sync_link(struct pg_store *s);
void pg_sync_close(struct pg_store *s);
int pg_sync(struct store *st, uint64_t *ret_lost, uint64_t *ret_ticket);

/* store_pg_params.c */
void pg_params_free(struct pg_params *p);
int pg_params_parse(const char *conninfo, struct pg_params **ret, struct fail *fail);
PGconn *pg_params_connect(const struct pg_params *p);
int pg_params_reach(const struct pg_params *p, struct store_reach *ret);

/* store_pg_open.c */
int pg_schema_ready(struct pg_store *s, struct fail *fail);

int pg_start(struct store *s, enum pg_query which, struct pgq *ret);
void pg_end(struct pgq *q);
int pg_step(struct pgq *q); /* 1 a row, 0 done */
int pg_run(struct pgq *q);  /* to the end; -EEXIST: a constraint */
int pg_run_one(struct store *s, enum pg_query which);
struct pg_store *pg_alloc(void);
int pg_changed(const struct pgq *q, int none); /* 0, or `none` when no row was changed */
void pg_text(struct pgq *q, int i, const char *v);
void pg_int(struct pgq *q, int i, int64_t v);
void pg_blob(struct pgq *q, int i, const void *p, size_t n); /* NULL p: null */

int pg_node_get(struct store *s, const char *id, struct node *ret);
int pg_node_find(struct store *s, const char *name, struct node *ret);
int pg_node_prefix(struct store *s, const char *prefix, struct node *ret);
int pg_node_by_mac(struct store *s, const char *mac, struct node *ret);
int pg_node_by_uuid(struct store *s, const char *uuid, struct node *ret);
int pg_node_put(struct store *s, const struct node *n, const char *const *macs, size_t n_macs);
int pg_node_seen(struct store *s, const struct node *n);
int pg_node_delete(struct store *s, const char *id);
int pg_node_list(struct store *s, int state, const char *after, size_t limit, node_fn fn, void *ctx);
int pg_node_counts(struct store *s, uint64_t ret[NODE_STATES]);
int pg_node_assigned(struct store *s, const char *name, bool image);
int pg_mac_list(struct store *s, const char *id, text_fn fn, void *ctx);
int pg_evidence_put(struct store *s, const char *id, int64_t when, const void *p, size_t n);
int pg_evidence_get(struct store *s, const char *id, struct buf *ret);
int pg_boot_put(struct store *s, const struct boot_row *b);
int pg_boot_delete(struct store *s, const char *name);
int pg_boot_list(struct store *s, boot_row_fn fn, void *ctx);
int pg_image_put(struct store *s, const struct image_row *i);
int pg_image_delete(struct store *s, const char *name);
int pg_image_list(struct store *s, image_row_fn fn, void *ctx);
int pg_profile_put(struct store *s, const char *name, const char *const json[PROFILE_SLOTS]);
int pg_profile_list(struct store *s, const char *name, profile_fn fn, void *ctx);
int pg_setting_put(struct store *s, const char *key, const char *value);
int pg_setting_get(struct store *s, const char *key, char *ret, size_t n);
int pg_setting_list(struct store *s, text_fn fn, void *ctx);
int pg_event_put(struct store *s, const struct event_row *e);
int pg_event_head(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]);
int pg_event_synced(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]);
int pg_event_list(struct store *s, const struct event_filter *f, event_fn fn, void *ctx);

#endif
