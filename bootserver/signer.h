/* SPDX-License-Identifier: Apache-2.0 */
/* signer.h - the signing process, as musterd's network process uses it.
 *
 * signer_start() forks it; call it before any thread, listener or key. The
 * child loads ca.key, policy.key, ssh_ca and store.key, gives up all
 * privileges (signer_main.c), and signs only what signer_ops.c lets it; the
 * parent never holds one of these keys. All calls are safe from any thread
 * and serve one at a time. They return 0, -EINVAL (the signer refuses what
 * was asked), -EKEYREJECTED (a wrapped key that does not open, a secret that
 * is wrong or late), -EACCES (an AK without a token for this node), -ENOMEM
 * or -EIO (the signer is gone or does not answer: nothing is signed any more,
 * and the process gets SIGCHLD, whose receiver asks signer_ended() and
 * stops). `node` is a node id for the signer's log. */
#ifndef MUSTER_SIGNER_H
#define MUSTER_SIGNER_H

#include "conf.h"
#include "policy.h"

#define WRAPPED_LEN (12 + 32 + 16)
#define SIGNER_TOKEN 32
#define SIGNER_TICKET 40 /* until when (8), and a MAC */
#define SIGNER_SECRET 32 /* of an activation */

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

/* What an image's key is bound to. */
struct image_ref {
        const char *name;
        const uint8_t *header; /* 64 bytes */
        const uint8_t *list;   /* DIGEST_LEN bytes: H(the list of its chunks' digests) */
};

/* An activation: what goes to the TPM, whose AK beside this EK alone gives
 * the secret back, and what the signer wants to see again with it. The
 * caller frees both with buf_wipe(). The areas are TPM2B_PUBLIC. */
struct signer_credential {
        struct buf blob;   /* TPM2B_ID_OBJECT */
        struct buf secret; /* TPM2B_ENCRYPTED_SECRET */
        uint8_t ticket[SIGNER_TICKET]; /* good for some seconds */
};
int signer_challenge(struct signer *s, const uint8_t node[DIGEST_LEN], const struct buf *ek_public, const struct buf *ak_public,
                     struct signer_credential *ret);
/* The token says that this AK was activated for this node; it is kept with
 * the node's record, and is no secret. */
int signer_activate(struct signer *s, const uint8_t node[DIGEST_LEN], const uint8_t ak_name[POLICY_NAME_LEN],
                    const uint8_t ticket[SIGNER_TICKET], const uint8_t secret[SIGNER_SECRET], uint8_t ret_token[SIGNER_TOKEN]);

/* What one node is let in with. */
struct signer_wish {
        const uint8_t *node;
        const uint8_t *token;        /* SIGNER_TOKEN bytes; NULL: none */
        const struct buf *ak_public; /* TPM2B_PUBLIC */
        const struct buf *quote;     /* TPMS_ATTEST */
        const struct buf *signature; /* TPMT_SIGNATURE */
        const uint8_t (*pcrs)[DIGEST_LEN]; /* POLICY_PCRS of them, as quoted, PCR 15 zero */
        bool bundle; /* an approval for the bundle too */
        bool previous; /* approved by the previous policy key */
        struct image_ref image;
        const uint8_t *wrapped; /* WRAPPED_LEN bytes, as signer_wrap() made them */
};

struct signer_let_in {
        uint8_t nv[POLICY_APPROVAL_LEN];
        uint8_t bundle[POLICY_APPROVAL_LEN]; /* zero when not asked for */
        uint8_t key[32];                     /* the image's; the caller wipes it */
        uint8_t token[SIGNER_TOKEN];         /* to be kept: another one while the store key is replaced */
};

/* Approvals for exactly the values and counters of this quote, and the image's key. */
int signer_release(struct signer *s, const struct signer_wish *w, struct signer_let_in *ret);

/* address: "" unless certificates are to hold it (cert-addresses); the domain is the signer's own.
 * key: DER SubjectPublicKeyInfo of a P-256 key; the raw Ed25519 key. */
int signer_tls(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const char *address, const struct buf *key, uint32_t life,
               struct signer_issued *ret);
int signer_ssh(struct signer *s, const uint8_t node[DIGEST_LEN], const char *name, const char *address, const struct buf *key, uint32_t life,
               struct signer_issued *ret);

/* Image keys in the store. */
int signer_wrap(struct signer *s, const struct image_ref *image, const uint8_t key[32], uint8_t ret[WRAPPED_LEN]);

/* The same key wrapped by the current store key, whichever it was wrapped by. */
int signer_rewrap(struct signer *s, const struct image_ref *image, const uint8_t wrapped[WRAPPED_LEN],
                  uint8_t ret[WRAPPED_LEN]);

#endif
