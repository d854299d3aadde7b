/* SPDX-License-Identifier: Apache-2.0 */
/* opener.h - chunks of a sealed image in, verified plain bytes in a file,
 * with the cores that the node has.
 *
 * The caller's thread reads chunks into the opener's buffers, in any order;
 * worker threads check each one's digest, decrypt it and write it to its
 * place in fd. On one core, and where no thread can be made, the caller does
 * that itself. Buffers are bounded: OPENER_SLOTS_MAX chunks. The caller owns
 * `list` (checked, see seal.h) and fd; both outlive the opener, and the list
 * changes only while the opener is drained. No logging.
 * -EKEYREJECTED: the chunk does not verify; other errors are fd's. */
#ifndef MUSTER_OPENER_H
#define MUSTER_OPENER_H

#include "seal.h"

#define OPENER_THREADS_MAX 8
#define OPENER_SLOTS_MAX (2 * OPENER_THREADS_MAX)

/* Cores that this process may use, 1 to OPENER_THREADS_MAX. */
unsigned opener_cores(void);

struct opener;

int opener_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t header[SEAL_HEADER_LEN], const uint8_t *list, int fd,
               unsigned threads, struct opener **ret);
void opener_free(struct opener *o);
DEFINE_CLEANUP(struct opener *, opener_free)

/* SEAL_CHUNK_SEALED bytes for the next chunk; waits until there are some.
 * NULL: a chunk that was given failed, opener_drain() says which. */
uint8_t *opener_buffer(struct opener *o);
/* What the last buffer holds is chunk i of `len` sealed bytes. */
void opener_give(struct opener *o, uint64_t i, size_t len);
/* Waits until all that was given is done. On failure *ret_chunk is the first
 * chunk that failed; then the opener can go on. */
int opener_drain(struct opener *o, uint64_t *ret_chunk);

#endif
