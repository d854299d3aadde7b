/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - the cluster CA and the certificates it issues.
 *
 * Pure but for random numbers: time is a parameter (Unix seconds). All keys
 * are P-256, all signatures ECDSA with SHA-256, serials 127 random bits.
 * Outputs are owned by the caller. Errors: -EINVAL (a name or alternative
 * name that is no host name, wildcard-free, nor address; times in the wrong
 * order; a key of another type), -EBADMSG (PEM or DER that does not parse),
 * -EKEYREJECTED (key and certificate do not belong together), -ENOMEM, -EIO. */
#ifndef MUSTER_PKI_H
#define MUSTER_PKI_H

#include "mem.h"
#include "pkikey.h"
#include <time.h>

/* extendedKeyUsage of the parents' certificates, and of nothing else */
#define PKI_OID_PARENT "2.25.212541937340190927170434927386158209537"
#define PKI_CA_YEARS 20
#define PKI_SANS_MAX 32

/* Who signs: both borrowed. */
struct pki_ca {
        X509 *certificate;
        EVP_PKEY *key;
};

/* Self-signed, from `now` less an hour, for 20 years. */
int pki_ca_new(EVP_PKEY *key, const char *common_name, time_t now, X509 **ret);

/* EKU serverAuth and id-muster-parent; each SAN a host name or an address. */
int pki_issue_parent(const struct pki_ca *ca, const EVP_PKEY *subject, const char *common_name,
                     const char *const *sans, size_t n_sans, time_t from, time_t to, X509 **ret);

/* The same for another key, with the common name and the alternative names
 * of a parent's certificate that is there. -EINVAL: it has others than host
 * names and addresses. */
int pki_reissue_parent(const struct pki_ca *ca, const X509 *old, const EVP_PKEY *subject, time_t from, time_t to, X509 **ret);

/* CN and DNS SAN `name`; EKU serverAuth and clientAuth. Only the public
 * part of `subject` is used. */
int pki_issue_node(const struct pki_ca *ca, const EVP_PKEY *subject, const char *name, time_t from, time_t to,
                   X509 **ret);
/* The same with CN names[0], and each of the names, host name or address, as a SAN. */
int pki_issue_node_names(const struct pki_ca *ca, const EVP_PKEY *subject, const char *const *names, size_t n, time_t from,
                         time_t to, X509 **ret);

/* Whether its extendedKeyUsage holds id-muster-parent. */
bool pki_is_parent_cert(const X509 *cert);

/* -EKEYREJECTED unless the certificate holds the key's public part. */
int pki_cert_has_key(const X509 *cert, const EVP_PKEY *key);

/* The subject's name in DER. */
int pki_cert_subject(const X509 *cert, struct buf *ret);
int pki_cert_times(const X509 *cert, time_t *ret_from, time_t *ret_to);

int pki_cert_to_pem(const X509 *cert, struct buf *ret);
int pki_cert_from_pem(const void *pem, size_t len, X509 **ret);
int pki_cert_to_der(const X509 *cert, struct buf *ret);
int pki_cert_from_der(const uint8_t *der, size_t len, X509 **ret);

#endif
