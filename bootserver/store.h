/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the parent's state: nodes, evidence, boots, images, profiles,
 * settings and the journal's rows. One interface, two backends:
 * store_sqlite.c is the embedded one, store_pg.c PostgreSQL.
 *
 * Every call is safe from any thread. Changes are made between
 * store_begin() and store_commit() (or store_rollback()), which hold the
 * store for the calling thread: keep them short, do no other I/O between.
 * store_commit() returns only after the data is on disk. commit_soon() leaves
 * that to sync() and gives a ticket (0: it is on disk already). The commit is
 * seen by all at once; it is on disk when sync() has given that ticket or a
 * later one, and a `lost` below it (of those up to `lost` nothing is known). A
 * power cut before may take it, with all that came after it: nothing that it
 * records may be acted on before. Reads may stand alone.
 * Values read are owned by the caller (node_wipe(), buf_wipe(), free()); what
 * a list callback gets lives only during the call, and a negative return of it
 * ends the list with that value. A callback must not change the store. Errors:
 * -ENOENT (no such thing), -EEXIST (the id or the name is taken), -EIO (the
 * backend failed; it has been logged), -ENOMEM.
 *
 * A commit that failed has changed nothing that is acted on, and the store
 * goes on: a full disk may have room again. But once a sync failed nobody
 * knows what is on disk: `unsure` is set, nothing more is committed, and the
 * process has to end and open the store anew, which writes it all again. */
#ifndef MUSTER_STORE_H
#define MUSTER_STORE_H

#include "ekcert.h"
#include "log.h"

#include <stdatomic.h>

#define NODE_ID_HEX 64
#define NAME_MAX_LEN 63
#define STORE_ALL ((size_t)-1)

/* The store keeps these numbers. NODE_RELEASED: the node was let in. NODE_FAILED: it was let in, and its client said
 * that the attempt before, which was let in too in the same boot of the machine, failed with the code in `reason`. */
enum node_state {
        NODE_PENDING, NODE_ENROLLED, NODE_RELEASED, NODE_REFUSED, NODE_QUARANTINED, NODE_REVOKED, NODE_FAILED, NODE_STATES
};

struct node {
        char id[NODE_ID_HEX + 1];
        char name[NAME_MAX_LEN + 1]; /* "": none yet */
        enum node_state state;
        char reason[16]; /* code of the last refusal or failure, or "" */
        char profile[200];
        enum ek_chain chain;
        bool without_cert; /* enrolled without an EK certificate */
        char assigned_boot[NAME_MAX_LEN + 1]; /* "": the default */
        char assigned_image[NAME_MAX_LEN + 1];
        char boot[NAME_MAX_LEN + 1]; /* what it last booted */
        char image[NAME_MAX_LEN + 1];
        char *facts; /* JSON object, NULL: none */
        char uuid[37]; /* of the facts, lower case */
        int64_t first_seen, last_seen, last_ok, last_ipxe; /* 0: never */
        uint8_t ak_name[34];
        bool has_ak;
        uint32_t reset_count, restart_count; /* of the newest quote that was accepted, with the clock */
        uint64_t clock;
        uint8_t ak_token[DIGEST_LEN]; /* the signer's word that ak_name was activated for this node */
        bool has_token;
        int64_t cleared;           /* when its TPM was found cleared, until an admin acknowledges it; 0: no */
        uint64_t firmware_version; /* the TPM's, of that quote */
        char tpm_maker[9];         /* TPM2_PT_MANUFACTURER as text; "": unknown */
        char *facts_before;        /* the facts before a change that nobody accepted yet; NULL: none */
        char former[16];           /* code of what its former attempt failed with, or "" */
        uint8_t policy_key[DIGEST_LEN]; /* digest part of keySign that its keys were sealed under */
        bool has_policy_key;
        char address[46]; /* the node attested from here last; "": unknown */
        char why[256];    /* what an admin gave as the reason of its state; "": nothing */
        uint8_t pcr_digest[DIGEST_LEN]; /* of the stored evidence */
        struct buf ek_public; /* TPM2B_PUBLIC */
        struct buf bundle[4]; /* public, duplicate, seed, data */
        struct buf ssh_key;   /* raw Ed25519 public key */
        struct buf tls_key;   /* DER SubjectPublicKeyInfo */
        struct buf ssh_cert;
        struct buf tls_cert;
        int64_t ssh_from, ssh_to, tls_from, tls_to; /* validity */
};

struct boot_row {
        char name[NAME_MAX_LEN + 1];
        char file[129];
        char *cmdline;
        char sha256[65];
        uint64_t size;
        int64_t added;
        bool allow_shell;
};

struct image_row {
        char name[NAME_MAX_LEN + 1];
        char file[129];
        char format[16];
        uint64_t size, plain_size;
        uint8_t header[64];
        uint8_t list[DIGEST_LEN]; /* of the list of chunk digests; zero for one that was added before there was such a list */
        uint8_t wrapped_key[60]; /* nonce, ciphertext, tag */
        int64_t added;
};

struct event_row {
        uint64_t seq; /* 1, 2, 3 … */
        int64_t time;
        const char *node; /* "" when of no node */
        const char *name;
        const char *event;
        const char *code;
        const char *incident;
        const char *detail;  /* JSON object */
        const char *explain; /* JSON array of strings */
        uint8_t hash[DIGEST_LEN];
};

struct event_filter {
        const char *node; /* NULL: all */
        uint64_t after;   /* only with a higher seq (newest: a lower one, 0: from the end) */
        size_t limit;
        bool newest; /* newest first */
};

enum profile_slot { PROFILE_CURRENT, PROFILE_PREVIOUS, PROFILE_PROPOSED, PROFILE_SLOTS };

typedef int (*node_fn)(void *ctx, const struct node *n);
typedef int (*boot_row_fn)(void *ctx, const struct boot_row *b);
typedef int (*image_row_fn)(void *ctx, const struct image_row *i);
typedef int (*profile_fn)(void *ctx, const char *name, const char *const json[PROFILE_SLOTS]);
typedef int (*text_fn)(void *ctx, const char *a, const char *b);
typedef int (*event_fn)(void *ctx, const struct event_row *e);

struct store;

struct store_ops {
        void (*close)(struct store *s);
        int (*begin)(struct store *s);
        int (*commit)(struct store *s);
        int (*commit_soon)(struct store *s, uint64_t *ret_ticket);
        int (*sync)(struct store *s, uint64_t *ret_lost, uint64_t *ret_ticket); /* waits; all others go on */
        void (*tidy)(struct store *s); /* now and then after sync(), which does not; waits for the disk too */
        void (*rollback)(struct store *s);

        int (*node_get)(struct store *s, const char *id, struct node *ret);
        int (*node_find)(struct store *s, const char *name, struct node *ret);
        int (*node_prefix)(struct store *s, const char *prefix, struct node *ret); /* -ENOTUNIQ: several */
        /* of several that claim it: an approved one first, then the one that has it for longest */
        int (*node_by_mac)(struct store *s, const char *mac, struct node *ret);
        int (*node_by_uuid)(struct store *s, const char *uuid, struct node *ret); /* -ENOTUNIQ: several */
        int (*node_put)(struct store *s, const struct node *n, const char *const *macs, size_t n_macs); /* macs NULL: keep */
        /* of a record that is there, only what another boot of the same node changes: state, reason, profile, chain,
         * boot, image, last_seen, last_ok, AK and its token, the counters and the clock, the mark of a cleared TPM,
         * the TPM's firmware version and maker, the former failure, the address and the PCR digest; -ENOENT */
        int (*node_seen)(struct store *s, const struct node *n);
        int (*node_delete)(struct store *s, const char *id);
        int (*node_list)(struct store *s, int state, const char *after, size_t limit, node_fn fn, void *ctx); /* state -1: all */
        int (*node_counts)(struct store *s, uint64_t ret[NODE_STATES]); /* kept, not counted */
        int (*node_assigned)(struct store *s, const char *name, bool image); /* 1: to a node, by name; 0 */

        int (*mac_list)(struct store *s, const char *id, text_fn fn, void *ctx); /* of a node: fn(mac, "") */

        int (*evidence_put)(struct store *s, const char *id, int64_t when, const void *p, size_t n);
        int (*evidence_get)(struct store *s, const char *id, struct buf *ret);

        int (*boot_put)(struct store *s, const struct boot_row *b);
        int (*boot_delete)(struct store *s, const char *name);
        int (*boot_list)(struct store *s, boot_row_fn fn, void *ctx);
        int (*image_put)(struct store *s, const struct image_row *i);
        int (*image_delete)(struct store *s, const char *name);
        int (*image_list)(struct store *s, image_row_fn fn, void *ctx);

        int (*profile_put)(struct store *s, const char *name, const char *const json[PROFILE_SLOTS]);
        int (*profile_list)(struct store *s, const char *name, profile_fn fn, void *ctx); /* name NULL: all */

        int (*setting_put)(struct store *s, const char *key, const char *value); /* NULL: remove */
        int (*setting_get)(struct store *s, const char *key, char *ret, size_t n); /* "" when absent */
        int (*setting_list)(struct store *s, text_fn fn, void *ctx); /* fn(key, value) */

        int (*event_put)(struct store *s, const struct event_row *e);
        int (*event_head)(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]); /* 0 and zeroes: empty */
        int (*event_synced)(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]); /* last on disk */
        int (*event_list)(struct store *s, const struct event_filter *f, event_fn fn, void *ctx);

        int (*copy)(struct store *s, const char *path); /* all of it as of now, into a new file of mode 0600 */
};

struct store {
        const struct store_ops *ops;
        atomic_bool unsure;
};

/* For one process at a time: the store is locked, checked, and held against
 * the note of the journal's head (journal_head.h). -EUCLEAN: it is damaged or
 * parts of it are lost; -EPROTO: another version's; -EBUSY: in use; else the
 * errno of what may pass by itself (-ENOSPC, -EROFS, -EIO …). */
int store_sqlite_open(const char *path, struct store **ret, struct fail *fail);
/* To read only, beside a process that uses it; no check, no lock. */
int store_sqlite_view(const char *path, struct store **ret, struct fail *fail);
/* For any number of processes together; conninfo is libpq's, without a
 * password. What can be waited for, and how long: store_pg.h. -EBADMSG: not a
 * conninfo; -EINVAL: a server whose commits may be lost, or a standby;
 * -EPROTO: another version's; -ENOENT: nothing there to view; -EIO. */
int store_pg_open(const char *conninfo, struct store **ret, struct fail *fail);
/* The same in two steps, a sandbox between them: names are looked up by the
 * first, the connection is made by the second. */
int store_pg_new(const char *conninfo, struct store **ret, struct fail *fail);
int store_pg_start(struct store *s, struct fail *fail);
struct store_reach {
        const char *files[5]; /* to be read: NULL, or a path that lives with the store */
        uint16_t ports[8];    /* TCP, 0: none */
        bool local;           /* Unix sockets */
        bool tcp;
};
/* What connecting (again) takes; -E2BIG: more ports than that. */
int store_pg_reach(const struct store *s, struct store_reach *ret);
int store_pg_view(const char *conninfo, struct store **ret, struct fail *fail);
/* Since the last call: has another process changed boots, images, profiles
 * or defaults, or may it have? false for SQLite. */
bool store_pg_news(struct store *s);

/* Is every page as it must be? -EUCLEAN with SQLite's words for it. */
int store_sqlite_check(struct store *s, struct fail *fail);

void node_wipe(struct node *n);
/* Do they differ in nothing but what node_seen() writes, and last_ipxe? */
bool node_same_but_seen(const struct node *a, const struct node *b);
/* 1: they are the node's MACs already, in whatever order; for backends. */
int store_same_macs(struct store *s, const char *id, const char *const *macs, size_t n_macs);
/* All of them in one text, to be searched for one; -E2BIG. */
#define STORE_MACS_TEXT 2048
int store_macs_text(const char *const *macs, size_t n_macs, char ret[STORE_MACS_TEXT]);
/* From when on the MACs that are put now are an approved node's; 0: it is not approved. */
int64_t store_mac_since(const struct node *n);
const char *node_state_text(enum node_state s);
int node_state_parse(const char *text, enum node_state *ret);

static inline void store_close(struct store *s)
{
        if (s)
                s->ops->close(s);
}
DEFINE_CLEANUP(struct store *, store_close)

static inline int store_begin(struct store *s) { return s->ops->begin(s); }
static inline int store_commit(struct store *s) { return s->ops->commit(s); }
static inline void store_rollback(struct store *s) { s->ops->rollback(s); }

/* _cleanup_(store_tx_end) struct store_tx tx: rolls back unless committed. */
struct store_tx {
        struct store *s; /* NULL: none open */
};

static inline int store_tx_begin(struct store_tx *t, struct store *s)
{
        int r = store_begin(s);

        t->s = r < 0 ? NULL : s;
        return r;
}

static inline int store_tx_commit(struct store_tx *t)
{
        struct store *s = take_ptr(t->s);

        return store_commit(s);
}

static inline int store_tx_commit_soon(struct store_tx *t, uint64_t *ret_ticket)
{
        struct store *s = take_ptr(t->s);

        return s->ops->commit_soon(s, ret_ticket);
}

static inline void store_tx_end(struct store_tx *t)
{
        if (t->s)
                store_rollback(t->s);
}

#endif
