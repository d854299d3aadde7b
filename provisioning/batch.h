/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h - one request for each node of a range, one report at the end.
 *
 * A range that names one node as it stands gives that node's document with
 * -o json; any other {"nodes": […], "failed": [{"node", "error", "next"}]}.
 * A refused node does not stop the others; a lost server does. Functions
 * returning int give 0 or an exit code and have told the error. */
#ifndef MUSTER_BATCH_H
#define MUSTER_BATCH_H

#include "admin_client.h"
#include "noderange.h"

struct batch {
        struct noderange nodes;
        struct admin *admin;
        bool single;
        struct json_object *failed; /* with -o json only; what succeeded is printed as it comes */
        int rc;
};

/* Parses the range, told as the command's usage error when it is none. */
int batch_parse(const struct cli_command *c, const char *text, struct noderange *ret);
int batch_open(struct batch *b, const struct cli_command *c, const char *range);
/* The same without a range: the caller has the names. */
int batch_begin(struct batch *b, const struct cli_command *c);

/* Takes the outcome of one node: rc and, by it, answer (owned from here on)
 * or f. Returns whether to go on. */
bool batch_note(struct batch *b, const char *node, int rc, struct json_object *answer, const struct fail *f);

/* Prints the JSON document, when one is wanted, and gives the exit code. */
int batch_close(struct batch *b);
void batch_wipe(struct batch *b);

#endif
