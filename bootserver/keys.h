/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - the parent's keys, read once as root and kept in memory.
 *
 * keys_load() reads everything in pki-dir that musterd needs and checks
 * that pairs belong together and that private files are private; `fail`
 * gets the line for the admin. keys_wipe() overwrites and frees. The store
 * key only ever wraps image keys: AES-256-GCM, nonce ‖ ciphertext ‖ tag,
 * the image's name and header as associated data. */
#ifndef MUSTER_KEYS_H
#define MUSTER_KEYS_H

#include "log.h"
#include "pki.h"
#include "policy.h"

#define STORE_KEY_LEN 32
#define WRAPPED_LEN (12 + 32 + 16)

struct keys {
        struct pki_ca ca;
        struct buf ca_pem;      /* for the verdict; NUL-terminated */
        struct buf server_pem;  /* NUL-terminated, for GnuTLS */
        struct buf server_key;  /* wiped once TLS is up: keys_forget_server() */
        EVP_PKEY *policy;
        uint8_t policy_name[POLICY_NAME_LEN];
        EVP_PKEY *ssh_ca;
        uint8_t store_key[STORE_KEY_LEN];
};

int keys_load(const char *dir, struct keys *ret, struct fail *fail);
void keys_wipe(struct keys *k);
void keys_forget_server(struct keys *k);

int keys_wrap(const struct keys *k, const char *name, const uint8_t header[64], const uint8_t key[32],
              uint8_t ret[WRAPPED_LEN]);
/* -EKEYREJECTED: wrapped by another store key, or altered. */
int keys_unwrap(const struct keys *k, const char *name, const uint8_t header[64], const uint8_t wrapped[WRAPPED_LEN],
                uint8_t ret[32]);

/* A whole regular file of at most max bytes, NUL-terminated beyond len. */
int keys_file_read(const char *path, size_t max, bool private_only, struct buf *ret);

#endif
