/* SPDX-License-Identifier: Apache-2.0 */
/* present.h - what a node's state means now, in words: the head of
 * `muster log --explain`.
 *
 * Prints; fetches nothing. `n` is a node of the admin API, `newest_first` its
 * newest events, as events_newest() gives them. */
#ifndef MUSTER_PRESENT_H
#define MUSTER_PRESENT_H

#include "admin_client.h"

/* `name` is what the admin called the node; `n` NULL: there is no record of it any more. */
void present_print(const char *name, struct json_object *n, struct json_object *newest_first);

/* Was the node let in or approved after its refusal `e`? Then `e` is not its present state. */
bool present_passed(struct json_object *e, struct json_object *newest_first);

#endif
