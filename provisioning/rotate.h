/* SPDX-License-Identifier: Apache-2.0 */
/* rotate.h - a key of the cluster is replaced, with the fleet running.
 *
 * The new files take the names of the old ones, which stay beside them as
 * NAME-previous.EXT until rotate_finish() removes them; musterd accepts both
 * meanwhile. All new files are on disk before the first is put in place. A
 * replacement that was interrupted is completed by the next rotate_begin():
 * nothing is lost at any point. For root on a parent; no musterd is asked.
 * Functions return 0 or an exit code of cli.h with `f` filled. */
#ifndef MUSTER_ROTATE_H
#define MUSTER_ROTATE_H

#include "cli.h"

#include <time.h>

enum rotate_key { ROTATE_POLICY, ROTATE_SERVER, ROTATE_CA, ROTATE_STORE, ROTATE_SSH_CA, ROTATE_KEYS };

struct rotate_state {
        bool two;     /* the previous key is there too */
        time_t since; /* when the current one was put in place */
};

const char *rotate_name(enum rotate_key k); /* "policy", … */
int rotate_find(const char *name, enum rotate_key *ret); /* -ENOENT */

int rotate_look(const char *pki, enum rotate_key k, struct rotate_state *ret, struct fail *f);

/* ret_resumed: an interrupted replacement was completed, and no key made. */
int rotate_begin(const char *pki, enum rotate_key k, time_t now, bool *ret_resumed, struct fail *f);

/* What a node that needs the previous key no more is known by, in hex: the digest
 * part of the policy key's Name, or that of the CA's name. "" for the others. */
#define ROTATE_WANTED 65
int rotate_wanted(const char *pki, enum rotate_key k, char ret[ROTATE_WANTED], struct fail *f);

/* Removes the previous key. MUSTER_NO when there is none. */
int rotate_finish(const char *pki, enum rotate_key k, struct fail *f);

#endif
