/* SPDX-License-Identifier: Apache-2.0 */
/* release.h - a node's keys and certificates, as release.c needs them.
 *
 * release_keys(): makes SSH and TLS keys and their bundle when the record
 * has none; private parts exist only inside this call. release_certs():
 * makes or renews certificates when they are missing or a third of their
 * life is left; the signer issues them. Both change `n` only in memory; each says whether it did. */
#ifndef MUSTER_RELEASE_H
#define MUSTER_RELEASE_H

#include "attest.h"

int release_keys(const struct server *srv, const struct attest *a, struct node *n, bool *ret_made);
int release_certs(const struct server *srv, const uint8_t id[DIGEST_LEN], struct node *n, int64_t now, bool *ret_made);

#endif
