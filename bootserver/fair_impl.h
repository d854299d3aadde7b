/* SPDX-License-Identifier: Apache-2.0 */
/* fair_impl.h - shared by fair.c (decisions) and fair_groups.c (the table
 * of addresses). */
#ifndef MUSTER_FAIR_IMPL_H
#define MUSTER_FAIR_IMPL_H

#include "fair.h"

#define FAIR_KEY 17 /* an address as IPv6 has it, and 1 if it stands for its /64 */
#define BUCKETS 257 /* by number of connections; the last is for all above */

struct tokens {
        int64_t milli; /* thousandths of a token */
        int64_t last;
};

/* What one address may cause: all of it, and the little that anyone may. */
struct purse {
        struct tokens all;
        struct tokens seldom;
};

/* What all strangers may: those that come seldom, and those that come often
 * and must not use up the others' share. */
struct common {
        struct tokens seldom;
        struct tokens often;
};

/* A side's connections that wait for their peers, and those of FAIR_QUEUE. */
#define LANES (2 * FAIR_SIDES)
#define QUEUED(side) ((side) + FAIR_SIDES)

/* One address and one lane: its connections, and its place in `rank`. */
struct lane {
        struct fair_conn *first, *last; /* those that may be thrown out */
        unsigned open;                  /* of them */
        struct fair_group *prev, *next; /* in its rank */
        struct rank *rank;              /* NULL: has none to throw out */
};

/* One address and one side. */
struct share {
        unsigned count; /* all connections that are not doomed */
        bool seldom;    /* the last one came with tokens of that kind */
        struct purse come;
};

struct rank {
        struct fair_group *first, *last;
};

/* An address. Of the record of a /64 only the strangers' part is used: side's
 * count and come, work, refs. */
struct fair_group {
        uint8_t key[FAIR_KEY];
        struct fair_group *chain;               /* hash */
        struct fair_group *net;                 /* the /64 that it lies in, or NULL */
        struct fair_group *idle_prev, *idle_next;
        struct share side[FAIR_SIDES];
        struct lane lane[LANES];
        struct purse work;
        size_t body;
        unsigned refs; /* connections, the doomed too; of a /64 addresses */
        bool known;
};

struct idle {
        struct fair_group *first, *last;
        unsigned n;
};

struct fair {
        struct fair_limits limits;
        struct fair_group **table;
        uint64_t salt[2];
        struct rank ranks[LANES][2][BUCKETS]; /* [known] */
        struct idle idle[2];                       /* [known]: addresses without connections */
        struct fair_conn *all[FAIR_SIDES];
        unsigned count[FAIR_SIDES];
        struct common strangers[FAIR_SIDES];
        struct common strangers_work;
};

unsigned seldom_rate(const struct fair *f);

/* The address's record, made when it is new; NULL: no memory. */
struct fair_group *group_get(struct fair *f, const struct sockaddr *from, int64_t now);
void group_hold(struct fair *f, struct fair_group *g);
void group_drop(struct fair *f, struct fair_group *g);
/* After g->lane[lane].open or g->known changed. */
void group_rank(struct fair *f, struct fair_group *g, unsigned lane);
int groups_new(struct fair *f);
void groups_free(struct fair *f);

#endif
