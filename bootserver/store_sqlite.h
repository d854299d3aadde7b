/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite.h - what the files of the SQLite backend share.
 *
 * One connection behind one recursive mutex. sql_start() takes the mutex
 * and gives the prepared statement of that number, unbound; sql_end()
 * resets it and lets go of the mutex. Use:
 *
 *     _cleanup_(sql_end) struct sql q = { 0 };
 *     r = sql_start(s, Q_NODE_GET, &q);  sql_text(&q, 1, id);  r = sql_step(&q);
 *
 * sql_step(): 1 a row, 0 done, negative an error (constraint: -EEXIST).
 * Binding errors are kept and surface in sql_step(). */
#ifndef MUSTER_STORE_SQLITE_H
#define MUSTER_STORE_SQLITE_H

#include "store_rows.h"

#include <pthread.h>
#include <sqlite3.h>

enum query {
        Q_BEGIN, Q_COMMIT, Q_ROLLBACK,
        Q_NODE_GET, Q_NODE_FIND, Q_NODE_PREFIX, Q_NODE_MAC, Q_NODE_UUID, Q_NODE_PUT, Q_NODE_SEEN, Q_NODE_STATE, Q_NODE_DELETE, Q_NODE_LIST,
        Q_NODE_LIST_STATE, Q_NODE_COUNTS, Q_NODE_BOOT_USED, Q_NODE_IMAGE_USED,
        Q_MAC_CLEAR, Q_MAC_PUT, Q_MAC_LIST, Q_EVIDENCE_PUT, Q_EVIDENCE_GET,
        Q_BOOT_PUT, Q_BOOT_DELETE, Q_BOOT_LIST, Q_IMAGE_PUT, Q_IMAGE_DELETE, Q_IMAGE_LIST,
        Q_PROFILE_PUT, Q_PROFILE_LIST, Q_SETTING_PUT, Q_SETTING_DELETE, Q_SETTING_GET, Q_SETTING_LIST,
        Q_EVENT_PUT, Q_EVENT_HEAD, Q_EVENT_LIST, Q_EVENT_LIST_NODE, Q_EVENT_NEWEST, Q_EVENT_NEWEST_NODE,
        QUERIES
};

struct sql_mark {
        uint64_t commits;
        uint64_t seq; /* of the last event, 0: none since the start */
        uint8_t hash[DIGEST_LEN];
};

struct sqlite_store {
        struct store store; /* first: a struct store * is one of these */
        sqlite3 *db;
        sqlite3_stmt *stmt[QUERIES];
        pthread_mutex_t lock;
        int lock_fd;               /* held for the process; -1: only viewed */
        int head_fd;               /* journal.head; -1: not kept */
        uint64_t new_seq;          /* of the transaction: its last event, 0: none */
        uint8_t new_hash[DIGEST_LEN];
        struct sql_mark mark;      /* of the last commit */
        struct sql_mark on_disk;   /* of the last event that is there for sure */

        /* store_sqlite_sync.c: taken before `lock`, or without it */
        pthread_mutex_t sync_lock;
        struct sql_mark synced; /* what is on disk for sure */
        int wal_fd;             /* -1: only viewed */
        pthread_mutex_t tidy_lock;
        sqlite3 *checkpointer;
        atomic_uint wal_pages; /* in the log at the last commit */
        atomic_uint wal_tried; /* in it at the last checkpoint, 0: it began anew since */
};

struct sql {
        struct rows rows; /* first: store_rows.c reads what it answers */
        struct sqlite_store *s;
        sqlite3_stmt *stmt;
        int bad; /* first SQLite error of a bind */
};

extern const char *const store_queries[QUERIES];
extern const char store_schema[];
extern const char store_schema_2[]; /* what version 2 has besides */
extern const char store_schema_3[]; /* what version 3 has besides */
extern const char store_schema_4[]; /* what version 4 has besides */
#define STORE_SCHEMA_VERSION 4

static inline struct sqlite_store *sqlite_of(struct store *s)
{
        return (struct sqlite_store *)(void *)s;
}

/* Logs what failed, with what to do; notes a failed sync. */
int sql_errno(struct sqlite_store *s, int rc, const char *what);
int sql_errno_of(struct sqlite_store *s, sqlite3 *db, int rc, const char *what);
const char *sql_next_step(int rc);
extern const struct store_ops sqlite_ops;

int sql_start(struct store *s, enum query q, struct sql *ret);
void sql_end(struct sql *q);
int sql_step(struct sql *q);
int sql_run(struct sql *q); /* step to the end: 0, or negative */
int sql_run_one(struct store *s, enum query which);
void sql_text(struct sql *q, int i, const char *v);
void sql_int(struct sql *q, int i, int64_t v);
void sql_blob(struct sql *q, int i, const void *p, size_t n); /* NULL p: null */
int sql_changed(struct sql *q); /* 0, or -ENOENT when no row was changed */

/* store_sqlite_sync.c: sql_sync_open() when the schema is there; SQLite's codes */
int sql_sync_open(struct sqlite_store *s, const char *path);
int sq_commit(struct store *s);
int sq_commit_soon(struct store *s, uint64_t *ret_ticket);
int sq_sync(struct store *s, uint64_t *ret_lost, uint64_t *ret_ticket);
void sq_tidy(struct store *s);
void sq_rollback(struct store *s);

int sq_node_get(struct store *s, const char *id, struct node *ret);
int sq_node_find(struct store *s, const char *name, struct node *ret);
int sq_node_prefix(struct store *s, const char *prefix, struct node *ret);
int sq_node_by_mac(struct store *s, const char *mac, struct node *ret);
int sq_node_by_uuid(struct store *s, const char *uuid, struct node *ret);
int sq_node_put(struct store *s, const struct node *n, const char *const *macs, size_t n_macs);
int sq_node_seen(struct store *s, const struct node *n);
int sq_node_delete(struct store *s, const char *id);
int sq_node_list(struct store *s, int state, const char *after, size_t limit, node_fn fn, void *ctx);
int sq_node_counts(struct store *s, uint64_t ret[NODE_STATES]);
int sq_node_assigned(struct store *s, const char *name, bool image);
int sq_mac_list(struct store *s, const char *id, text_fn fn, void *ctx);
int sq_evidence_put(struct store *s, const char *id, int64_t when, const void *p, size_t n);
int sq_evidence_get(struct store *s, const char *id, struct buf *ret);
int sq_boot_put(struct store *s, const struct boot_row *b);
int sq_boot_delete(struct store *s, const char *name);
int sq_boot_list(struct store *s, boot_row_fn fn, void *ctx);
int sq_image_put(struct store *s, const struct image_row *i);
int sq_image_delete(struct store *s, const char *name);
int sq_image_list(struct store *s, image_row_fn fn, void *ctx);
int sq_profile_put(struct store *s, const char *name, const char *const json[PROFILE_SLOTS]);
int sq_profile_list(struct store *s, const char *name, profile_fn fn, void *ctx);
int sq_setting_put(struct store *s, const char *key, const char *value);
int sq_setting_get(struct store *s, const char *key, char *ret, size_t n);
int sq_setting_list(struct store *s, text_fn fn, void *ctx);
int sq_copy(struct store *s, const char *path);
int sq_event_put(struct store *s, const struct event_row *e);
int sq_event_head(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]);
int sq_event_synced(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]);
int sq_event_list(struct store *s, const struct event_filter *f, event_fn fn, void *ctx);

#endif
