/* SPDX-License-Identifier: Apache-2.0 */
/* lru_sets.h - a bounded table of things kept under SHA-256 digests.
 *
 * DOC: Theory of operation
 * A digest belongs to one of the table's sets, by its first 16 bits; a set has
 * a fixed number of entries, its ways. What finds its set full takes the place
 * of the least recently used there, of no other set. All memory is taken at
 * once, and the kernel gives a page of it when an entry in it is first used:
 * the table does not grow, and no entry costs an allocation.
 *
 * The owner's entries begin with a struct lru_entry, and are all zero until
 * they are used. The table neither copies nor frees what is in them, except
 * that lru_sets_done() gives each to drop(). Between lru_sets_lock() and
 * lru_sets_unlock() entries stay where they are. Any thread. No I/O, no
 * logging. */
#ifndef MUSTER_LRU_SETS_H
#define MUSTER_LRU_SETS_H

#include "mem.h"

#include <pthread.h>

struct lru_entry {
        uint64_t used; /* 0: free */
        uint8_t key[DIGEST_LEN];
};

struct lru_sets {
        pthread_mutex_t lock;
        uint64_t clock;
        size_t sets, ways, size;
        void (*drop)(void *entry);
        uint8_t *v; /* sets * ways entries of size bytes */
};

/* size: of the owner's entry. drop: NULL, or what frees that which an entry owns; a free one is not given. -ENOMEM. */
int lru_sets_init(struct lru_sets *t, size_t sets, size_t ways, size_t size, void (*drop)(void *entry));
void lru_sets_done(struct lru_sets *t);

void lru_sets_lock(struct lru_sets *t);
void lru_sets_unlock(struct lru_sets *t);

/* These three under the lock. */
void *lru_sets_find(struct lru_sets *t, const uint8_t key[DIGEST_LEN]);  /* NULL: not kept */
void *lru_sets_place(struct lru_sets *t, const uint8_t key[DIGEST_LEN]); /* its entry, or the one to give up for it */
/* The entry is the key's now, and the one that was used last. */
void lru_sets_use(struct lru_sets *t, void *entry, const uint8_t key[DIGEST_LEN]);

size_t lru_sets_count(struct lru_sets *t); /* entries in use; takes the lock */

#endif
