/* SPDX-License-Identifier: Apache-2.0 */
/* release.h - a release on its way: made and committed by release.c, sent by
 * release_send.c once its journal entry is on disk; and a node's keys and
 * certificates, as release.c needs them.
 *
 * release_keys(): makes SSH and TLS keys and their bundle when the record
 * has none, or some that another policy key than `policy` (its place in
 * keys.policy) opens; private parts exist only inside this call. release_certs():
 * makes or renews certificates when they are missing, a third of their
 * life is left, another CA issued them, or they hold other names than now; the signer issues them. Both change `n` only in memory; each says whether it did. */
#ifndef MUSTER_RELEASE_H
#define MUSTER_RELEASE_H

#include "attest.h"
#include "journal.h"
#include "outbox.h"

struct made {
        bool keys;
        bool certs;
        bool bundle; /* the node needs it */
        bool ak_changed;
        bool cleared; /* and its TPM's counters started over */
        bool unasked; /* node_reset_unasked() */
        unsigned facts_changed; /* facts.h */
        char boot_id[INCIDENT_LEN + 1];
};

static inline const char *new_ak_event(const struct made *m)
{
        return m->cleared ? "tpm-cleared" : "ak-changed";
}

struct release {
        struct verdict verdict;
        uint64_t ticket; /* of its commit */
        bool waiting;    /* in the outbox, or back from it */
        struct outbox_wait wait;
        /* to be told of it */
        struct made made;
        enum node_state before;
        enum node_state after;
        char reason[16];        /* of NODE_FAILED; else "" */
        char reason_before[16]; /* of that state before; of another "" */
        char id[NODE_ID_HEX + 1];
        char name[NAME_MAX_LEN + 1];
        char boot[NAME_MAX_LEN + 1];
        char image[NAME_MAX_LEN + 1];
        struct buf new_ak;       /* of a node that had another: what its TPM counted, as JSON; else empty */
        struct buf facts_change; /* what changed, as JSON; empty when it is not to be told */
        struct buf mac_shared;   /* which of its MACs another node has, as JSON; else empty */
        char from[SOURCE_ADDRESS];
        char advice[33]; /* the first advisory that names its TPM, when that is to be told */
};
DEFINE_CLEANUP(struct release *, release_free)

int release_keys(const struct server *srv, const struct attest *a, size_t policy, struct node *n, bool *ret_made);
/* `from`: where the node attests from, for its certificates when musterd.conf wants addresses in them. */
int release_certs(const struct server *srv, const uint8_t id[DIGEST_LEN], const char *from, struct node *n, int64_t now, bool *ret_made);

#endif
