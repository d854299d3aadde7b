/* SPDX-License-Identifier: Apache-2.0 */
/* sshcert.h - OpenSSH Ed25519 host certificates.
 *
 * Pure but for random numbers; OpenSSH's PROTOCOL.certkeys.
 * Keys are raw: 32-byte seed, 32-byte public key. Outputs are owned by the
 * caller (buf_wipe()). The files' texts are in sshtext.h, included here.
 * Errors: -EBADMSG (does not parse), -EKEYREJECTED (bad signature), -EINVAL
 * (a name with other than printable ASCII, too long, no principal), -E2BIG
 * (larger than SSHCERT_MAX), -ENOMEM, -EIO. */
#ifndef MUSTER_SSHCERT_H
#define MUSTER_SSHCERT_H

#include "mem.h"
#include "sshtext.h"

#define SSHCERT_MAX 900 /* a blob's largest size; it must fit its NV index */
#define SSHCERT_PRINCIPALS_MAX 16
#define SSHCERT_NAME_MAX 255

struct sshcert_wish {
        const uint8_t *public_key; /* the node's, SSH_KEY_LEN bytes */
        uint64_t serial;
        const char *key_id;
        const char *const *principals; /* host names and addresses, 1 to 16 */
        size_t n_principals;
        uint64_t valid_after; /* Unix seconds; valid_before is exclusive */
        uint64_t valid_before;
};

/* Views point into the blob. */
struct sshcert {
        uint8_t public_key[SSH_KEY_LEN];
        uint8_t ca_key[SSH_KEY_LEN];
        uint64_t serial;
        uint64_t valid_after;
        uint64_t valid_before;
        const uint8_t *key_id;
        size_t key_id_len;
        const uint8_t *principals[SSHCERT_PRINCIPALS_MAX];
        size_t principal_len[SSHCERT_PRINCIPALS_MAX];
        size_t n_principals;
};

/* A HOST certificate, signed by the Ed25519 CA key. */
int sshcert_issue(EVP_PKEY *ca, const struct sshcert_wish *wish, struct buf *ret_blob);

/* Accepts only Ed25519 host certificates without critical options, signed
 * by the (any) Ed25519 CA they name. Whether the CA is ours and the time
 * fits is for the caller to judge. */
int sshcert_parse(const uint8_t *blob, size_t len, struct sshcert *ret);

#endif
