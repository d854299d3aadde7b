/* SPDX-License-Identifier: Apache-2.0 */
/* store_rows.h - what a store's queries answer, made into nodes, entries and
 * events: for both backends, whose statements begin with a struct rows.
 *
 * Columns go by their place: a query has to ask for those that are named here,
 * in that order. A function steps
 * through all rows, hands each to fn(), and stops at the first negative
 * answer, which it returns; else 0. What fn() gets is valid until it returns.
 * -EBADMSG: a value that nobody wrote. */
#ifndef MUSTER_STORE_ROWS_H
#define MUSTER_STORE_ROWS_H

#include "store.h"

#define NODE_COLUMNS \
        "id, name, state, reason, profile, chain, without_cert, assigned_boot, assigned_image, boot, image, facts, uuid," \
        " first_seen, last_seen, last_ok, last_ipxe, ak_name, reset_count, pcr_digest, ek_public, bundle_public," \
        " bundle_duplicate, bundle_seed, bundle_data, ssh_key, tls_key, ssh_cert, tls_cert, ssh_from, ssh_to, tls_from, tls_to," \
        " restart_count, clock, ak_token, cleared, firmware_version, tpm_maker, facts_before, former, policy_key, address, why"
#define EVENT_COLUMNS "seq, time, node, name, event, code, incident, detail, explain, hash"
#define BOOT_COLUMNS "name, file, cmdline, sha256, size, added, allow_shell"
#define IMAGE_COLUMNS "name, file, format, size, plain_size, header, wrapped_key, added, list"

struct rows;

/* Columns are counted from 0. */
struct rows_ops {
        int (*step)(struct rows *q);                                       /* 1 a row, 0 done, negative errno */
        int64_t (*number)(const struct rows *q, int i);                    /* 0 for null */
        const char *(*text)(const struct rows *q, int i);                  /* "" for null */
        const void *(*blob)(const struct rows *q, int i, size_t *ret_len); /* NULL for null and for an empty one */
};

struct rows {
        const struct rows_ops *ops;
};

/* NODE_COLUMNS. -ENOENT; -ENOTUNIQ: there is another one. */
int rows_one_node(struct rows *q, struct node *ret);
int rows_nodes(struct rows *q, node_fn fn, void *ctx);
int rows_counts(struct rows *q, uint64_t ret[NODE_STATES]); /* state, n */
/* One or two texts; fn() gets "" for one that is not asked for. */
int rows_texts(struct rows *q, int columns, text_fn fn, void *ctx);
int rows_setting(struct rows *q, char *ret, size_t n); /* value; "" when there is none */
int rows_evidence(struct rows *q, struct buf *ret);    /* body; -ENOENT when it is empty, too */
int rows_boots(struct rows *q, boot_row_fn fn, void *ctx);
int rows_images(struct rows *q, image_row_fn fn, void *ctx);
int rows_profiles(struct rows *q, profile_fn fn, void *ctx); /* name, JSON of each slot */
int rows_events(struct rows *q, event_fn fn, void *ctx);
int rows_head(struct rows *q, uint64_t *ret_seq, uint8_t ret_hash[DIGEST_LEN]); /* seq, hash; 0 and zeroes: none */

#endif
