/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h - a decision in words, for the journal and `muster log --explain`.
 *
 * Pure. Lines are printable ASCII, at most EXPLAIN_LINE bytes each and
 * EXPLAIN_LINES of them; bytes from the node are escaped. The first line
 * says what was refused, then what differed event by event, the last line
 * begins with "Next: ". Event data that its digest (which the quote
 * authenticates) does not vouch for is marked "unverified"; a command line
 * is shown only when it is vouched for. Free with jstrs_free(). */
#ifndef MUSTER_EXPLAIN_H
#define MUSTER_EXPLAIN_H

#include "decide.h"

#define EXPLAIN_LINE 400
#define EXPLAIN_LINES 48

/* `ev` may be NULL (a request that does not parse): then only the code's
 * own words come. ret->n is 0 for a decision that is no refusal. */
int explain_decision(const struct decision *d, const struct evidence *ev, const struct decide_refs *refs,
                     struct jstrs *ret);

/* What a code means and what to do, for refusals made outside decide.h
 * (M-MALFORMED, M-BUSY, M-ACTIVATE), and for the client's own E-codes; never NULL. */
const char *explain_meaning(const char *code);
const char *explain_next(const char *code);

/* Why a node that was let in did not start its image, by its client's code: a JSON array of lines as above. */
int explain_failure(const char *code, struct buf *ret_json);

#endif
