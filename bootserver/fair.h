/* SPDX-License-Identifier: Apache-2.0 */
/* fair.h - who may connect, and who has to go when there is no room.
 *
 * Pure: no I/O, no clock, no lock (guard.c has those); time is monotonic
 * milliseconds and never goes back.
 *
 * DOC: Theory of operation
 * Connections are counted by source address. An address is known once a node
 * passed from it; until then it is a stranger's. Of IPv6 whoever is on a link
 * has as many addresses as he likes, so all strangers of one /64 together may
 * do what FAIR_NET addresses may; a known address in it has its own share,
 * which no other address takes from. Three things bound a stranger:
 *   - tokens for new connections and for work, per address and for all
 *     strangers; those that come about once a second or less have tokens of
 *     their own, which those that come often cannot use up;
 *   - a number of connections per address: a further one takes the place of
 *     the one of that address that has done nothing for longest;
 *   - when a side (listener) is full, the address with the most connections
 *     loses the one that has done nothing for longest; strangers first, and
 *     known addresses only to each other.
 * A connection that did something within the last second is not thrown out
 * for one of an address that has as many: else a storm would keep anyone
 * from ever finishing a handshake.
 * On a side that queues, one that has sent its first bytes waits for its
 * turn (FAIR_QUEUE): it is thrown out for an address with fewer, or a known
 * one, only. The strangers' common tokens are taken when its turn comes,
 * not when it connects: so nodes of a storm wait, and none is turned away.
 * Memory: one record per address that has a connection, at most
 * FAIR_REMEMBERED without, strangers forgotten first, and one for each /64
 * that these lie in. */
#ifndef MUSTER_FAIR_H
#define MUSTER_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define FAIR_SIDES 2
#define FAIR_REMEMBERED 16384
#define FAIR_GRACE 1000 /* ms */
#define FAIR_BURST 10   /* seconds' worth of tokens that can be saved up */
#define FAIR_NET 16     /* addresses' worth of a /64's strangers */
#define FAIR_PAID 4     /* work that a turn pays for: an attestation and its challenge */

struct fair_limits {
        unsigned connections[FAIR_SIDES];
        unsigned per_address;  /* of them */
        unsigned rate_address; /* per second */
        unsigned rate_strangers;
        bool queues[FAIR_SIDES];
};

enum fair_phase {
        FAIR_WAIT, /* for a whole request, from the handshake on */
        FAIR_BODY, /* a request's body is under way */
        FAIR_WORK, /* it is being answered, or held: never thrown out */
        FAIR_SEND, /* the answer is under way */
        FAIR_QUEUE, /* it has done its part, and its turn has not come */
};

/* Whose turn it may be: turns go round, so that none of them starves. */
enum fair_class { FAIR_KNOWN, FAIR_SELDOM, FAIR_OFTEN, FAIR_CLASSES };

enum fair_answer { FAIR_COME, FAIR_TOO_FAST, FAIR_TOO_MANY, FAIR_FULL };

struct fair;
struct fair_group;

/* Embedded by its owner, who zeroes it first. Read only, except `fd`,
 * `acked`, `looked`, `due` and `body`. */
struct fair_conn {
        struct fair_conn *prev, *next;         /* of its address, longest idle first */
        struct fair_conn *all_prev, *all_next; /* of its side */
        struct fair_group *group;              /* NULL: not counted (any more) */
        int fd;
        unsigned side;
        enum fair_phase phase;
        int64_t since;  /* when the phase began */
        uint64_t acked; /* of a FAIR_SEND: bytes the peer had when last looked, */
        int64_t looked; /* when that was, */
        int64_t due;    /* and when to look again */
        size_t body;    /* bytes of memory its body has */
        unsigned paid;  /* work that its turn has paid for */
        bool seldom;    /* a stranger's: of those that come seldom */
        bool doomed;    /* to be shut down; counts no more */
};

int fair_new(const struct fair_limits *limits, struct fair **ret);
void fair_free(struct fair *f);

/* May one from this address come in? With FAIR_COME, *ret_victim is NULL or
 * the connection that has to go for it; it is doomed already. */
enum fair_answer fair_admit(struct fair *f, const struct sockaddr *from, unsigned side, int64_t now,
                            struct fair_conn **ret_victim);
/* -ENOMEM: it stays uncounted; the caller drops it. */
int fair_add(struct fair *f, struct fair_conn *c, const struct sockaddr *from, unsigned side, int fd, int64_t now);
void fair_remove(struct fair *f, struct fair_conn *c); /* of one not added: nothing */

void fair_phase(struct fair *f, struct fair_conn *c, enum fair_phase phase, int64_t now);
/* A FAIR_QUEUE's turn: false: not now, the strangers' tokens are used up. */
bool fair_turn(struct fair *f, struct fair_conn *c, int64_t now);
enum fair_class fair_class(const struct fair_conn *c);
/* Counts it no more; it stays listed with its side until removed. */
void fair_doom(struct fair *f, struct fair_conn *c);
/* A node passed on this connection. */
void fair_known(struct fair *f, struct fair_conn *c);
bool fair_is_known(const struct fair_conn *c);

/* Takes `cost` tokens for work that its peer causes; `stranger`: from the
 * strangers' common ones too, unless the address is known. */
bool fair_spend(struct fair *f, struct fair_conn *c, unsigned cost, bool stranger, int64_t now);

/* Work that turned out to cost so much more than was asked for: its address owes
 * it, so it asks for nothing more until that is paid, FAIR_BURST seconds at most. */
void fair_charge(struct fair *f, struct fair_conn *c, unsigned cost, int64_t now);

/* Bytes of bodies: changes c's by n. fair_hog() is whose body has to go: of
 * the address that holds most, the one begun first; NULL: only c itself. */
void fair_body(struct fair_conn *c, size_t bytes);
struct fair_conn *fair_hog(struct fair *f, const struct fair_conn *c);

struct fair_conn *fair_first(const struct fair *f, unsigned side);
unsigned fair_count(const struct fair *f, unsigned side);

#endif
