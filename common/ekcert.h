/* SPDX-License-Identifier: Apache-2.0 */
/* ekcert.h - endorsement key certificates as found in TPMs.
 *
 * Parsing and chain building are pure; ekca_load_dir() (ekcert_dir.c) reads
 * files. ekcert_parse() takes DER or PEM, with the TCG stored-certificate
 * header before it or NV padding (00 or ff) after it. Not an X.509
 * certificate, or damaged: -EBADMSG with a static reason.
 *
 * The key is always re-encoded as rsaEncryption or id-ecPublicKey, so that
 * the id is the same from the certificate and from the TPM's public area;
 * that matters for id-RSAES-OAEP certificates only (`openssl x509 -pubkey`
 * reads none of those).
 *
 * A chain is checked by signatures up to any certificate of the CA set that
 * was added as trusted: what the admin put there is trusted, self-signed or
 * not (vendors' roots are often cross-signed by others, long gone).
 * Validity times are not checked: an EK cannot be replaced, and TPMs outlive
 * their certificates. Algorithms are not either: SHA-1 signed 2012's TPMs.
 * CAs must be CAs (basicConstraints, keyCertSign, path length). */
#ifndef MUSTER_EKCERT_H
#define MUSTER_EKCERT_H

#include "mem.h"

#define EKCERT_MAX 16384
#define EKCA_MAX 4096      /* certificates in one set */
#define EKCA_FILE_MAX (1024 * 1024)

struct ekcert {
        X509 *cert;
        EVP_PKEY *key;
        uint8_t id[DIGEST_LEN]; /* node id */
        bool oaep;              /* the SPKI was id-RSAES-OAEP */
        const char *not_ek;     /* why this is no EK certificate; NULL: it is one */
};

struct ekca; /* a set of CA certificates */

enum ek_chain {
        EK_CHAIN_OK,
        EK_CHAIN_UNMATCHED, /* no trusted issuer, or a signature is wrong */
        EK_CHAIN_NONE,      /* nothing to check, or nothing to check against */
};

int ekcert_parse(const void *p, size_t len, struct ekcert *ret, const char **ret_why);
void ekcert_free(struct ekcert *c);

int ekca_new(struct ekca **ret);
void ekca_free(struct ekca *ca);
/* Tells one set from another, in whatever order it was read. */
int ekca_digest(const struct ekca *ca, uint8_t ret[DIGEST_LEN]);
/* PEM (any number) or one DER certificate. trusted: they may
 * anchor a chain; pass false for what a TPM's NV or a request brought. */
int ekca_add(struct ekca *ca, const void *p, size_t len, bool trusted, const char **ret_why);
/* Every *.pem, *.crt, *.cer, *.der in the directory, trusted. On error
 * ret_file names the file (caller frees). Returns how many files were
 * read, or negative errno; -ENOENT when there were none. */
int ekca_load_dir(struct ekca *ca, const char *dir, char **ret_file);

/* `extra`: intermediates given along, or NULL. ret_why: static reason when
 * unmatched. */
enum ek_chain ekcert_chain(const struct ekcert *c, const struct ekca *ca, const struct ekca *extra,
                           const char **ret_why);
const char *ek_chain_name(enum ek_chain c); /* "ok", "unmatched", "none" */

#endif
