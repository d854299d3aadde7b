/* SPDX-License-Identifier: Apache-2.0 */
/* node_add.h - what the two forms of `muster node add` share: nodes named on
 * the command line, and the rows of a purchase manifest.
 *
 * For the program only. Returns the program's exit code. */
#ifndef MUSTER_NODE_ADD_H
#define MUSTER_NODE_ADD_H

#include "batch.h"

struct node_add {
        const struct cli_command *command;
        const char *profile; /* for nodes without one of their own; may be NULL */
        bool without;        /* all of them without an EK certificate */
        bool dry_run;        /* of a manifest only: says what would be done */
};

/* Checks all of the file before the first request, tells every error. */
int node_add_manifest(const struct node_add *a, const char *path);

/* Gives body the certificate: 0 or -ENOMEM. */
int node_add_der(struct json_object *body, const struct buf *der);
void node_add_text(struct json_object *body, const char *key, const char *text);
/* Tells what the server answered. */
void node_add_said(const char *name, struct json_object *answer);

#endif
