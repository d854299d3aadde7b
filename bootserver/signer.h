/* SPDX-License-Identifier: Apache-2.0 */
/* signer.h - the signing process, as musterd's network process uses it.
 *
 * signer_start() forks it; call it before any thread, listener or key. The
 * child loads ca.key, policy.key, ssh_ca and store.key, gives up all
 * privileges (signer_main.c), and signs only what signer_ops.c lets it; the
 * parent never holds one of these keys. All calls are safe from any thread
 * and serve one at a time. They return 0, -EINVAL (the signer refuses what
 * was asked), -EKEYREJECTED (a wrapped key that does not open), -ENOMEM or
 * -EIO (the signer is gone or does not answer: nothing is signed any more,
 * and the process gets SIGCHLD, whose receiver asks signer_ended() and
 * stops). `node` is a node id for the signer's log. */
#ifndef MUSTER_SIGNER_H
#define MUSTER_SIGNER_H

#include "conf.h"
#include "policy.h"

#define WRAPPED_LEN (12 + 32 + 16)

struct signer;

struct signer_issued {
        struct buf cert;
        int64_t from, to; /* validity, by the signer's clock */
};

/* -ENOKEY: a key is missing or wrong; others: no such process can be had.
 * ret_public: the public parts of its keys; the caller frees `policy`. */
struct signer_public {
        EVP_PKEY *policy[2]; /* the current one; the previous one, or NULL */
        uint8_t ssh_ca[32];
        bool store_previous; /* image keys may be wrapped by a previous store key */
};
int signer_start(const struct conf *conf, struct signer **ret, struct signer_public *ret_public, struct fail *fail);
void signer_stop(struct signer *s);

/* Whether it ended or went silent, and how, in words for the log. Only the
 * main thread asks. */
bool signer_ended(struct signer *s, char ret_how[64]);

/* What one node is let in with. */
struct signer_wish {
        const uint8_t *node;
        const uint8_t (*pcrs)[DIGEST_LEN]; /* POLICY_PCRS of them, PCR 15 zero */
        struct policy_boot counters;
        bool bundle; /* an approval for the bundle too */
        bool previous; /* approved by the previous policy key */
        const char *image;
        const uint8_t *header;  /* 64 bytes */
        const uint8_t *wrapped; /* WRAPPED_LEN bytes, as signer_wrap() made them */
};

struct signer_let_in {
        uint8_t nv[POLICY_APPROVAL_LEN];
        uint8_t bundle[POLICY_APPROVAL_LEN]; /* zero when not asked for */
        uint8_t key[32];                     /* the image's; the caller wipes it */
};

/* Approvals for exactly these values, and the image's key. */
int signer_release(struct signer *s, const struct signer_wish *w, struct signer_let_in *ret);

/* key: DER SubjectPublicKeyInfo of a P-256 key; the raw Ed25519 key. */
int signer_tls(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const struct buf *key, uint32_t life,
               struct signer_issued *ret);
int signer_ssh(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const struct buf *key, uint32_t life,
               struct signer_issued *ret);

/* Image keys in the store; bound to the image's name and header. */
int signer_wrap(struct signer *s, const char *name, const uint8_t header[64], const uint8_t key[32],
                uint8_t ret[WRAPPED_LEN]);

/* The same key wrapped by the current store key, whichever it was wrapped by. */
int signer_rewrap(struct signer *s, const char *name, const uint8_t header[64], const uint8_t wrapped[WRAPPED_LEN],
                  uint8_t ret[WRAPPED_LEN]);

#endif
