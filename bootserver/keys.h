/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - the keys of musterd's network process, read once as root.
 *
 * The cluster CA's certificate, the parent's own certificate and its key,
 * which the TLS library needs, and the public part of the policy key (from
 * the signer). The keys that sign for the cluster are never in this
 * process: signer.h. keys_load() checks that the pair belongs together and
 * that private files are private; `fail` gets the line for the admin.
 * keys_wipe() overwrites and frees.
 *
 * While `muster rotate` replaces a key, the files NAME-previous.pem and
 * NAME-previous.key stand beside the new ones: both are read then. */
#ifndef MUSTER_KEYS_H
#define MUSTER_KEYS_H

#include "log.h"
#include "pki.h"

#define KEYS_POLICY 2

struct signer_public;

struct keys {
        struct buf ca_pem;      /* for the verdict: the CA, and the previous one; NUL-terminated */
        struct buf ca_name;     /* the CA's subject in DER: the issuer of what it signed */
        struct buf server_pem;  /* one certificate, or two (tls_server.h); NUL-terminated */
        struct buf server_key;  /* wiped once TLS is up: keys_forget_server() */
        /* public parts, the current one first; signer_start() gives them */
        EVP_PKEY *policy[KEYS_POLICY];
        uint8_t policy_id[KEYS_POLICY][DIGEST_LEN]; /* digest parts of their Names */
        size_t n_policy;
        uint8_t ssh_ca[32];     /* public: in each host certificate that it signed */
        bool store_previous;    /* image keys may be wrapped by a previous store key */
};

int keys_load(const char *dir, struct keys *ret, struct fail *fail);
/* Takes what signer_start() gave. */
int keys_take_public(struct keys *k, struct signer_public *p);
void keys_wipe(struct keys *k);
void keys_forget_server(struct keys *k);

/* A whole regular file of at most max bytes, NUL-terminated beyond len. */
int keys_file_read(const char *path, size_t max, bool private_only, struct buf *ret);

/* A file of the key directory; and what to say of one that is wrong. */
int keys_read(const char *dir, const char *name, bool private_only, struct buf *ret, struct fail *fail);
int keys_bad(struct fail *fail, int r, const char *dir, const char *name, const char *why);

#endif
