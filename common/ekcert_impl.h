/* SPDX-License-Identifier: Apache-2.0 */
/* ekcert_impl.h - shared by the files ekcert*.c. */
#ifndef MUSTER_EKCERT_IMPL_H
#define MUSTER_EKCERT_IMPL_H

#include "ekcert.h"

/* Is the public key of this certificate (DER, without anything around it) of a
 * size and kind that Muster computes with? It is found and measured by its
 * lengths alone: a library that makes a key of it may already need longer than
 * all the rest of a request. -EBADMSG with a static reason. */
int ekcert_key_check(const void *der, size_t len, const char **ret_why);

/* Its issuer and subject, as they stand in it. -EBADMSG: there are none, or they
 * are longer than names are. */
#define EKCERT_NAME_MAX 512
struct ekcert_names {
        const uint8_t *issuer, *subject;
        size_t issuer_len, subject_len;
};
int ekcert_names(const void *der, size_t len, struct ekcert_names *ret);

/* The one certificate in these bytes, DER or PEM, as DER (free it with free()),
 * its key checked as above; it is not read any further. */
int ekcert_take(const void *p, size_t len, struct buf *ret, const char **ret_why);

/* One certificate, DER or PEM, of the admin's, whatever its key: *ret_odd says
 * what the check of the key would have, or NULL. */
int ekcert_read(const void *p, size_t len, X509 **ret, const char **ret_odd, const char **ret_why);

/* The certificate in exactly these bytes, or NULL. Its serial number may have
 * needless leading octets, as no DER may. */
X509 *ekcert_x509(const uint8_t *der, size_t len);
/* Does the signature of what ekcert_x509() gave hold with this key? */
bool ekcert_signed_by(X509 *x, EVP_PKEY *key);

#endif
