/* SPDX-License-Identifier: Apache-2.0 */
/* nodes.h - node records: how admins name them, how they are shown, and
 * what a decision sees of them. */
#ifndef MUSTER_NODES_H
#define MUSTER_NODES_H

#include "catalog.h"
#include "decide.h"
#include "jout.h"
#include "store.h"

/* A node id, a unique prefix of at least 8 digits, or a name: -ENOENT, -ENOTUNIQ
 * (also what is one node's name and the beginning of another one's id), or the
 * store's errors. */
int node_lookup(struct store *s, const char *ref, struct node *ret);

/* A node's own certificates name it: another name needs new ones. */
void node_rename(struct node *n, const char *name);

/* Whose machine says that it has this MAC and UUID (lower case; "": not said)?
 * The MAC is looked for first. A UUID counts only when no node has the MAC, one
 * record alone has the UUID, and it is none that board makers leave in many
 * boards (facts.h). -ENOENT: nobody's. */
int node_of_machine(struct store *s, const char *mac, const char *uuid, struct node *ret);

/* "unreachable" is derived: approved, fetched its boot script over ten
 * minutes ago, and did not attest since. A hint: anyone can fetch it. */
#define UNREACHABLE_AFTER 600
/* Did this node's TPM start over (a Reset, or a Restart after TPM2_Shutdown(STATE)) since its last accepted boot without its script having been asked for in between, in
 * the hearing of this musterd, which started at `since`? A hint, as fetches.h says. */
bool node_reset_unasked(const struct node *before, struct policy_boot now, int64_t since);
/* "failed" is NODE_FAILED for as long as its client may still try: it asks again within its back-off and the time that
 * an image takes. One that does not come again has got further, and is "released". */
#define FAILED_FOR 900
const char *node_shown_state(const struct node *n, int64_t now);
/* Was this node let in before in this boot of its machine, with `former` from its client as what came of that? */
bool node_failed_since(const struct node *before, struct policy_boot now, const char *former);

/* With the catalogue's read lock held. Leaves the object open when
 * `open_end` is set, for further members. */
void node_json(struct jout *o, const char *key, struct catalog *cat, const struct node *n, int64_t now, bool open_end);

/* Of the node's stored evidence, of its facts and of the profile it would be judged by:
 * what an admin looks at before an approval. -ENOENT: it has none. */
int node_evidence_digest(struct store *s, const struct node *n, char ret[2 * DIGEST_LEN + 1]);

/* n NULL: no record; `had` says that it had one on this connection. */
void node_for_decision(const struct node *n, bool had, struct decide_node *ret);

static inline bool node_approved(const struct node *n)
{
        return n->state == NODE_ENROLLED || n->state == NODE_RELEASED || n->state == NODE_FAILED || n->state == NODE_REFUSED;
}

#endif
