/* SPDX-License-Identifier: Apache-2.0 */
/* bundle.h - a node's private keys, sealed so that only its TPM opens them.
 *
 * Pure but for random numbers; PROTOCOL.md section 6. bundle_make() draws
 * K, seals the keys under it and K to the EK, and forgets K. bundle_open()
 * is the client's half after TPM2_Unseal. Keys in the clear live in struct
 * bundle_keys, which the caller wipes (_cleanup_(bundle_keys_wipe)).
 * Errors: -EBADMSG (length, magic, version, flags), -EKEYREJECTED (wrong K,
 * wrong node or altered data: nothing is returned), -EPROTONOSUPPORT (EK),
 * -EINVAL, -ENOMEM, -EIO. */
#ifndef MUSTER_BUNDLE_H
#define MUSTER_BUNDLE_H

#include "mem.h"

struct tpmpub;

#define BUNDLE_K_LEN 32
#define BUNDLE_KEY_LEN 32
#define BUNDLE_PLAIN_LEN 80
#define BUNDLE_DATA_LEN (12 + BUNDLE_PLAIN_LEN + 16)

struct bundle_keys {
        uint8_t ssh_seed[BUNDLE_KEY_LEN];   /* Ed25519 */
        uint8_t tls_scalar[BUNDLE_KEY_LEN]; /* P-256, big-endian */
};

/* The four members of the verdict's "bundle", before base64. */
struct bundle_wire {
        struct buf public;    /* TPM2B_PUBLIC */
        struct buf duplicate; /* TPM2B_PRIVATE */
        struct buf seed;      /* TPM2B_ENCRYPTED_SECRET */
        struct buf data;      /* BUNDLE_DATA_LEN bytes */
};

static inline void bundle_keys_wipe(struct bundle_keys *k)
{
        wipe(k, sizeof(*k));
}

void bundle_wire_wipe(struct bundle_wire *w);

int bundle_make(const struct tpmpub *ek, const EVP_PKEY *policy_key, const uint8_t node_id[DIGEST_LEN],
                const struct bundle_keys *keys, struct bundle_wire *ret);

int bundle_seal(const uint8_t k[BUNDLE_K_LEN], const uint8_t node_id[DIGEST_LEN], const struct bundle_keys *keys,
                uint8_t ret_data[BUNDLE_DATA_LEN]);

int bundle_open(const uint8_t k[BUNDLE_K_LEN], const uint8_t node_id[DIGEST_LEN], const uint8_t *data, size_t len,
                struct bundle_keys *ret);

#endif
