/* SPDX-License-Identifier: Apache-2.0 */
/* ekcert.h - endorsement key certificates as found in TPMs.
 *
 * Parsing and chain building are pure; ekca_load_dir() (ekcert_dir.c) reads
 * files. ekcert_parse() takes DER or PEM, with the TCG stored-certificate
 * header before it, and NV padding (one octet, repeated) or line breaks after it. Not an X.509
 * certificate, or damaged: -EBADMSG with a static reason.
 *
 * The key is always re-encoded as rsaEncryption or id-ecPublicKey, so that
 * the id is the same from the certificate and from the TPM's public area;
 * that matters for id-RSAES-OAEP certificates only (`openssl x509 -pubkey`
 * reads none of those).
 *
 * A chain is checked by signatures from any certificate of the CA set that
 * was added as trusted downwards to the leaf: what the admin put there is
 * trusted, self-signed or not (vendors' roots are often cross-signed by
 * others, long gone). No signature is verified with a key that no such
 * certificate vouches for, and at most EKCERT_CHECKS are, EKCERT_WRONG of
 * them in vain. A certificate that is not the admin's is refused before a
 * key is made of its bytes unless the key is RSA with a modulus of 256 to 512
 * octets and an odd exponent from 3 to 2^32, or an uncompressed point of
 * P-256, P-384 or P-521, the curve given by its name, and unless issuer and
 * subject are 512 bytes each at most. One given along is read no further
 * than that before its turn to be verified comes.
 * Validity times are not checked: an EK cannot be replaced, and TPMs outlive
 * their certificates. Algorithms are not either: SHA-1 signed 2012's TPMs.
 * CAs must be CAs (basicConstraints, keyCertSign, path length). */
#ifndef MUSTER_EKCERT_H
#define MUSTER_EKCERT_H

#include "mem.h"

#define EKCERT_MAX 16384
#define EKCA_MAX 4096      /* certificates in one set */
#define EKCA_FILE_MAX (1024 * 1024)
#define EKCERT_GIVEN 8     /* intermediates given along that are looked at */
#define EKCERT_CHECKS 8    /* signatures that are verified for one chain, at most: six make the longest one */
#define EKCERT_WRONG 3     /* and of these so many that are wrong: CAs of one name with different keys */

struct ekcert {
        struct buf der; /* as it was given, without what stood around it: what another has to be sent */
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
/* How many of the trusted ones have a key of another kind than a request's may
 * have, and the first one's subject; NULL: none has. They anchor chains, but
 * what they sign costs more to verify, or is worth less. */
const char *ekca_odd(const struct ekca *ca, size_t *ret_n);
size_t ekca_count(const struct ekca *ca); /* of the trusted ones */
/* trusted: PEM (any number) or one DER certificate, which may anchor a chain.
 * Of PEM, those that are whole are kept when another one is damaged, which
 * gives -EBADMSG. Pass false for what a TPM's NV or a request brought: one
 * certificate. */
int ekca_add(struct ekca *ca, const void *p, size_t len, bool trusted, const char **ret_why);
/* Every *.pem, *.crt, *.cer, *.der in the directory, trusted, in the order of
 * their names. A file that is of no use, or of which a part is damaged, keeps
 * no other one from being read: `unused` is called for it with a static reason
 * (it may be NULL). Returns how many certificates were read; -ENOENT when there
 * is no such file or directory, -ENOMEM, or what the directory failed with. */
typedef void (*ekca_unused_fn)(void *ctx, const char *file, const char *why);
int ekca_load_dir(struct ekca *ca, const char *dir, ekca_unused_fn unused, void *ctx);

/* `extra`: intermediates given along, or NULL. ret_why: static reason when
 * unmatched. */
enum ek_chain ekcert_chain(const struct ekcert *c, const struct ekca *ca, const struct ekca *extra,
                           const char **ret_why);
const char *ek_chain_name(enum ek_chain c); /* "ok", "unmatched", "none" */

#define EKCERT_MAKER 9
/* The TPM's maker by the certificate's tpmManufacturer, id:49465800: as
 * TPM2_PT_MANUFACTURER spells it ("IFX"); "" when the certificate names
 * none, or a number that is no text. As true as the certificate is. */
void ekcert_maker(const struct ekcert *c, char ret[EKCERT_MAKER]);

#endif
