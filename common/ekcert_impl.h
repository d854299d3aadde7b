/* SPDX-License-Identifier: Apache-2.0 */
/* ekcert_impl.h - shared by ekcert.c, ekcert_chain.c and ekcert_key.c. */
#ifndef MUSTER_EKCERT_IMPL_H
#define MUSTER_EKCERT_IMPL_H

#include "ekcert.h"

/* Is the public key of this certificate (DER, without anything around it) of a
 * size and kind that Muster computes with? It is found and measured by its
 * lengths alone: a library that makes a key of it may already need longer than
 * all the rest of a request. -EBADMSG with a static reason. */
int ekcert_key_check(const void *der, size_t len, const char **ret_why);

/* One certificate, DER or PEM. any_key: without that check, for what the admin
 * trusts; *ret_odd then says what the check would have, or NULL. */
int ekcert_read(const void *p, size_t len, bool any_key, X509 **ret, const char **ret_odd, const char **ret_why);

#endif
