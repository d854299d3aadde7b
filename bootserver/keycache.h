/* SPDX-License-Identifier: Apache-2.0 */
/* keycache.h - what the public areas of nodes were found to be.
 *
 * DOC: Theory of operation
 * To take an EK and an AK from a request costs more than to verify the
 * quote: points are checked against their curve, the node id is the hash of
 * a re-encoded key. Both are functions of the bytes alone, and a node sends
 * the same bytes at every boot. So what decide_evidence() worked out is kept
 * under the SHA-256 of exactly these bytes: the node id under the EK's, the
 * key made ready under the AK's. No verdict is kept. Attributes, templates, the
 * node's record, certificates and the signature are judged anew each time.
 *
 * Only evidence that decide_identity() let through belongs in here: an
 * approved node with an AK of its own. A node has one entry; a new AK takes
 * the place of its former one. Thus strangers put nothing out, and a node
 * only itself. The table (lru_sets.h) does not grow: KEYCACHE_SETS sets of
 * KEYCACHE_WAYS entries, 512 KiB in all. An entry in use has about 2.8 KiB
 * more, OpenSSL's for the key: full, it is 12 MiB.
 *
 * Any thread. No I/O, no logging. */
#ifndef MUSTER_KEYCACHE_H
#define MUSTER_KEYCACHE_H

#include "evidence.h"

#define KEYCACHE_WAYS 8
#define KEYCACHE_SETS 512
#define KEYCACHE_MAX (KEYCACHE_SETS * KEYCACHE_WAYS)

struct keycache;

int keycache_new(struct keycache **ret); /* -ENOMEM */
void keycache_free(struct keycache *c);  /* NULL-safe */
DEFINE_CLEANUP(struct keycache *, keycache_free)

/* After evidence_parse(): what is known of these keys, to the evidence. */
void keycache_give(struct keycache *c, struct evidence *ev);
/* After a decision: what was worked out of them. Nothing is kept of keys that were not checked. */
void keycache_keep(struct keycache *c, const struct evidence *ev);

size_t keycache_count(struct keycache *c);

#endif
