/* SPDX-License-Identifier: Apache-2.0 */
/* places.h - how many pending strangers there are of each address.
 *
 * Pure but for its salt; the caller locks. Whoever is on an IPv6 link has as
 * many addresses as he likes, so a /64 is counted too, and all addresses in
 * it together have the places of PLACES_NET. A lookup takes the same time
 * however many there are, and nobody can choose addresses that make it
 * longer. */
#ifndef MUSTER_PLACES_H
#define MUSTER_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACES_NET 4 /* addresses' worth of a /64 */

struct place;

struct places { /* zero: none, and its salt is made with the first */
        struct place *v;
        size_t n, cap;
        uint64_t salt[2];
};

/* One more of this address. -ENOMEM, -EIO. */
int places_add(struct places *p, const char *address);
/* It, or its /64, has as many as it may. */
bool places_full(const struct places *p, const char *address, unsigned most);
/* Forgets the counts, not the memory. */
void places_clear(struct places *p);
void places_free(struct places *p);

#endif
