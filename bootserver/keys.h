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

struct keys {
        struct buf ca_pem;      /* for the verdict: the CA, and the previous one; NUL-terminated */
        struct buf server_pem;  /* one certificate, or two (tls_server.h); NUL-terminated */
        struct buf server_key;  /* wiped once TLS is up: keys_forget_server() */
        EVP_PKEY *policy;       /* public; signer_start() gives it */
};

int keys_load(const char *dir, struct keys *ret, struct fail *fail);
void keys_wipe(struct keys *k);
void keys_forget_server(struct keys *k);

/* A whole regular file of at most max bytes, NUL-terminated beyond len. */
int keys_file_read(const char *path, size_t max, bool private_only, struct buf *ret);

/* A file of the key directory; and what to say of one that is wrong. */
int keys_read(const char *dir, const char *name, bool private_only, struct buf *ret, struct fail *fail);
int keys_bad(struct fail *fail, int r, const char *dir, const char *name, const char *why);

#endif
