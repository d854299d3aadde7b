/* SPDX-License-Identifier: Apache-2.0 */
/* ek_memo.h - which EK certificate chains were found to be good.
 *
 * DOC: Theory of operation
 * Whether a chain ends at a trusted CA depends on nothing but the bytes of the
 * certificates, the node id that they are to be of, and the CAs; no clock is
 * asked (an EK certificate's dates are not judged). A node brings the same
 * bytes at every boot, and to verify them costs more than its quote. So that
 * a chain was good is kept under the SHA-256 of exactly these bytes, for one
 * generation of the CAs: a reload makes another. That a chain was not good
 * is never kept.
 *
 * A node has one entry, under its id: who shows many chains of one EK puts
 * out nothing else. The table (lru_sets.h) does not grow: EK_MEMO_SETS sets
 * of EK_MEMO_WAYS entries, 1.3 MiB when full. Any thread. No I/O, no
 * logging. */
#ifndef MUSTER_EK_MEMO_H
#define MUSTER_EK_MEMO_H

#include "wire_attest.h"

#define EK_MEMO_WAYS 8
#define EK_MEMO_SETS 2048

struct ek_memo;

int ek_memo_new(struct ek_memo **ret); /* -ENOMEM */
void ek_memo_free(struct ek_memo *m);  /* NULL-safe */

/* What a chain is known by. */
int ek_memo_key(const struct jbufs *certs, const uint8_t node[DIGEST_LEN], uint8_t ret[DIGEST_LEN]);

bool ek_memo_good(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN]);
void ek_memo_keep(struct ek_memo *m, uint64_t generation, const uint8_t node[DIGEST_LEN], const uint8_t key[DIGEST_LEN]);

size_t ek_memo_count(struct ek_memo *m);

#endif
