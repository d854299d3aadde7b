/* SPDX-License-Identifier: Apache-2.0 */
/* events.h - the journal's events, fetched page by page and shown.
 *
 * Arrays are the caller's; events are added to their end. Functions
 * returning int give 0 or an exit code of cli.h with f filled. */
#ifndef MUSTER_EVENTS_H
#define MUSTER_EVENTS_H

#include "admin_client.h"
#include "noderange.h"

/* The newest `count` events of a node (NULL: of all), newest first. */
int events_newest(struct admin *a, const char *node, size_t count, struct json_object *out, struct fail *f);
/* Those with a higher seq than *after, in order; *after moves on. */
int events_after(struct admin *a, const char *node, int64_t *after, struct json_object *out, struct fail *f);
/* The journal's last seq. */
int events_head(struct admin *a, int64_t *ret, struct fail *f);

/* The first (newest) of them that is a refusal with its reason; NULL: none. */
struct json_object *events_last_refusal(struct json_object *newest_first);
/* How often in a row, in one boot of the machine, the node was let in last. */
size_t events_let_in(struct json_object *newest_first);
bool events_of_range(struct json_object *e, const struct noderange *range);

void events_print(struct json_object *e, bool explain);
void events_print_refusal(const char *node, struct json_object *e, bool passed); /* e NULL: was never refused */
void events_print_explanation(struct json_object *e, const char *margin); /* e NULL: nothing */
/* How far an unreachable node's boot came: `step` of the admin API; NULL: nothing. */
void events_print_step(struct json_object *step, const char *margin);

void events_print_let_in(const char *node, size_t times); /* nothing unless it was more than once */

#endif
