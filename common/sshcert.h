/* SPDX-License-Identifier: Apache-2.0 */
/* sshcert.h - OpenSSH Ed25519 host certificates and the texts around them.
 *
 * Pure but for random numbers; OpenSSH's PROTOCOL.certkeys and PROTOCOL.key.
 * Keys are raw: 32-byte seed, 32-byte public key. Outputs are owned by the
 * caller (buf_wipe(); texts also end in a NUL that len does not count).
 * Errors: -EBADMSG (does not parse), -EKEYREJECTED (bad signature), -EINVAL
 * (a name with control characters, too long, no principal), -ENOMEM, -EIO. */
#ifndef MUSTER_SSHCERT_H
#define MUSTER_SSHCERT_H

#include "mem.h"

#define SSH_KEY_LEN 32
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

/* "ssh-ed25519-cert-v01@openssh.com AAAA… comment\n" */
int sshcert_text(const uint8_t *blob, size_t len, const char *comment, struct buf *ret);

/* "ssh-ed25519 AAAA… comment\n" */
int ssh_public_text(const uint8_t public_key[SSH_KEY_LEN], const char *comment, struct buf *ret);

/* "@cert-authority PATTERNS ssh-ed25519 AAAA… comment\n" for known_hosts */
int ssh_authority_text(const uint8_t ca_key[SSH_KEY_LEN], const char *patterns, const char *comment, struct buf *ret);

/* The file that sshd reads as HostKey: unencrypted, openssh-key-v1. */
int ssh_private_text(const uint8_t seed[SSH_KEY_LEN], const char *comment, struct buf *ret);

int ssh_public_from_seed(const uint8_t seed[SSH_KEY_LEN], uint8_t ret[SSH_KEY_LEN]);

/* An Ed25519 key's raw public part (the CA's, for the lines above). */
int ssh_public_from_pkey(const EVP_PKEY *key, uint8_t ret[SSH_KEY_LEN]);

#endif
