/* SPDX-License-Identifier: Apache-2.0 */
/* ek_kept.h - the EK certificates of nodes whose TPM may not bring them.
 *
 * Some TPMs hold no certificate; their vendor, or the admin, has it. What
 * was given when such a node was added, or what a node brought when it
 * asked first, is kept in the store, so that its chain is checked again at
 * each attest: a CA that was taken away vouches for nobody any more, and
 * what was once found is never believed later. Puts belong into a
 * transaction. 0, -ENOENT, -EBADMSG, -ENOMEM or the store's errors. */
#ifndef MUSTER_EK_KEPT_H
#define MUSTER_EK_KEPT_H

#include "store.h"
#include "wire_attest.h"

int ek_kept_put(struct store *s, const char *id, const struct jbufs *certs);
int ek_kept_get(struct store *s, const char *id, struct jbufs *ret); /* free with jbufs_free() */
int ek_kept_forget(struct store *s, const char *id);

#endif
