/* SPDX-License-Identifier: Apache-2.0 */
/* attest.h - the attest exchange of one connection.
 *
 * attest_routes.c takes requests and runs the decision; pending.c records
 * unknown nodes; refuse.c records and answers refusals; release.c makes
 * what an accepted node gets, release_send.c sends it. Each of them commits the journal before it
 * answers: nothing is released, and nothing refused, unrecorded (but see
 * refuse.h on floods). */
#ifndef MUSTER_ATTEST_H
#define MUSTER_ATTEST_H

#include "decide.h"
#include "server.h"
#include "wire_verdict.h"

struct release;

#define SOURCE_ADDRESS 46 /* INET6_ADDRSTRLEN */

struct attest {
        bool have_exporter;
        uint8_t exporter[DIGEST_LEN];
        uint8_t parent_ca[DIGEST_LEN]; /* tls_issuer(): by this CA the client believed the parent */

        bool challenged;
        uint8_t ticket[SIGNER_TICKET]; /* of the signer, which made the secret */
        uint8_t challenge_name[POLICY_NAME_LEN];
        int64_t challenge_until; /* monotonic seconds */

        bool activated; /* this AK of this EK was shown on this connection */
        uint8_t token[SIGNER_TOKEN];
        uint8_t activated_name[POLICY_NAME_LEN];
        uint8_t activated_node[DIGEST_LEN];

        char recorded[NODE_ID_HEX + 1]; /* the node that had a record on this connection */

        /* the request being judged; freed when it got its verdict */
        bool has_request;
        struct attest_request req;
        struct evidence *ev;
        struct buf body;
        size_t counted;       /* of the body, in server.body_bytes */
        struct server *srv;
        char from[SOURCE_ADDRESS]; /* the peer's address; "": unknown */
        char id[NODE_ID_HEX + 1];
        enum ek_chain chain; /* where the decision asked for it, or the node is pending */
        char tpm_maker[EKCERT_MAKER]; /* by its EK certificate, sent or kept, when that is good, else as the client says */
        bool maker_certified;

        struct release *release; /* waits to be sent */
};

void attest_drop_request(struct attest *a);

/* Was the AK that the request came with activated on this connection? */
bool attest_is_activated(const struct attest *a);
/* Its token; NULL: it has none. */
const uint8_t *attest_token(const struct attest *a, const struct node *n);

/* Answers a verdict that is not ok; takes nothing. The second one is for
 * any client, as often as it likes: folded in the log as refusals are. */
enum MHD_Result reply_verdict(struct call *c, const struct verdict *v);
enum MHD_Result reply_busy(struct call *c, const char *why);

/* pending.c: records an unknown node, or notes that a pending one came
 * again. `reason`: the code that it is refused with all the same, or "".
 * -EBUSY: the limit is reached. */
int pending_note(struct server *srv, const struct attest *a, const char *reason);
/* Removes the records of strangers that have gone; to be called every few
 * seconds, looks once a minute. A stranger is a pending node whose EK
 * certificate chains to no CA. One that waits shows itself each minute. */
void pending_expire(struct server *srv);
#define PENDING_HOURS 24      /* without a sign, while there is room */
#define PENDING_HOURS_FULL 1  /* when half of pending-limit is taken */
#define PENDING_SHARE 8       /* strangers of one address get this part of pending-limit, */
#define PENDING_SHARE_LEAST 4 /* and this many at least */
/* A stranger's evidence, which is large, is kept anew once in ten minutes. */
bool stranger_is_due(int64_t now, int64_t seen);
bool warning_is_due(int64_t now, int64_t warned);
bool pending_is_over(int64_t now, int64_t last_seen, enum ek_chain chain, uint64_t pending, unsigned limit);

/* refuse.c. `n` may be NULL (no record). Refusals that prove nothing about
 * a node (decision.genuine false), or that one node causes without waiting
 * between them, are folded when they are many (fold.h): counted, answered
 * with the incident that the first of their kind got, and journalled as one
 * `refused-more` by refuse_flush(), which is to be called every few seconds
 * and, with `all`, at the end. */
enum MHD_Result refuse_decided(struct call *c, const struct attest *a, const struct node *n, const struct decision *d,
                               const struct decide_refs *refs);
enum MHD_Result refuse_code(struct call *c, const char *node, const char *code, const char *why);

void refuse_flush(struct server *srv, bool all);

/* release.c: 0 with *ret made and committed, but not on disk for sure: only
 * release_send() may let it out. -EAGAIN when the record changed meanwhile:
 * decide again. `n` is the record that was judged, and changes. The
 * catalogue's read lock is held. */
int release_make(struct server *srv, const struct attest *a, struct node *n, const struct decision *d,
                 const struct catalog_image *image, struct release **ret);

/* release_send.c: holds the call until the journal is on disk, then answers:
 * with the verdict, or busy when it is not known to be there. To be called
 * again when the call is resumed. Frees a->release when it has answered, and
 * with an ok the whole of `a`. */
enum MHD_Result release_send(struct call *c, struct attest *a);
void release_free(struct release *r); /* NULL-safe; wipes */
int release_outbox(struct server *srv); /* starts srv->outbox */

/* pending.c: facts and addresses of a request into a record. 0 or -ENOMEM. */
struct mac_list {
        char text[WIRE_MACS][18];
        const char *v[WIRE_MACS];
        size_t n;
};
int attest_facts_into(const struct attest *a, struct node *n, struct mac_list *ret_macs);

/* facts_change.c: the machine's facts into `n`, and what they were into
 * n->facts_before when serial, UUID or MACs are others than `was` has; the
 * catalogue's read lock is held. facts_journal() writes it down, inside the
 * same transaction, facts_told() tells of it after the commit. */
int facts_note(struct server *srv, const struct attest *a, const struct node *was, struct node *n, struct mac_list *macs,
               unsigned *ret_changed);
int facts_journal(struct server *srv, const struct attest *a, const struct node *was, const struct node *n, unsigned changed,
                  struct buf *ret_json);
void facts_told(struct server *srv, const struct node *n, unsigned changed, const char *from, const struct buf *json);
/* Which of the MACs, new to this record or to its approval, does another approved
 * node have? Written down as mac-shared, inside the transaction and before the
 * record is put; told after the commit. ret_json: empty when there is none. */
int facts_macs_journal(struct server *srv, const struct attest *a, const struct node *was, const struct node *n,
                       const struct mac_list *macs, struct buf *ret_json);
void facts_macs_told(struct server *srv, const struct node *n, const char *from, const struct buf *json);
/* The node is quarantined for such a change: 0 when that is on disk. -EAGAIN:
 * the record changed meanwhile, decide again. */
int facts_quarantine(struct server *srv, const struct attest *a, const struct node *judged);

/* What the quote says of the TPM's own firmware, and whose TPM it is. A client
 * that was not let in is believed the maker only with a certificate. */
void attest_tpm_into(const struct attest *a, bool let_in, struct node *n);

/* Stores the request as the node's evidence when its PCRs differ from what
 * is stored, or when it is the first of its day (UTC; `seen`: when the node
 * was seen before), so that what is kept is never older than a day and a
 * boot in the steady state writes nothing. Inside a transaction. Only for
 * evidence that is sound. Updates n->pcr_digest. */
int attest_store_evidence(struct server *srv, const struct attest *a, struct node *n, int64_t seen);
bool evidence_is_due(int64_t now, int64_t seen);

#endif
