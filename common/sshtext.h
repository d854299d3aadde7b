/* SPDX-License-Identifier: Apache-2.0 */
/* sshtext.h - OpenSSH's files: public lines, known_hosts, private keys.
 *
 * Pure but for random numbers; OpenSSH's PROTOCOL.key and sshd(8). Keys
 * are raw Ed25519: 32-byte seed, 32-byte public key. Texts are owned by
 * the caller (buf_wipe()) and end in a NUL that len does not count.
 * -EINVAL: a comment with other than printable ASCII, or longer than
 * SSH_COMMENT_MAX; a key of another type. Also -ENOMEM, -EIO. */
#ifndef MUSTER_SSHTEXT_H
#define MUSTER_SSHTEXT_H

#include "mem.h"

#define SSH_KEY_LEN 32
#define SSH_KEY_TYPE "ssh-ed25519"
#define SSH_CERT_TYPE "ssh-ed25519-cert-v01@openssh.com"
#define SSH_PUBLIC_BLOB_LEN (4 + 11 + 4 + SSH_KEY_LEN)
#define SSH_COMMENT_MAX 255

/* Printable ASCII (blanks too), at most `max` characters. */
bool ssh_text_ok(const char *s, size_t max);

/* The wire form of a public key. */
void ssh_public_blob(const uint8_t public_key[SSH_KEY_LEN], uint8_t ret[SSH_PUBLIC_BLOB_LEN]);

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
