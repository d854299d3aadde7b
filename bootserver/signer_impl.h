/* SPDX-License-Identifier: Apache-2.0 */
/* signer_impl.h - inside the signing process.
 *
 * signer_answer() is pure but for random numbers: what may be signed is
 * decided there and nowhere else. It returns 0 with an answer (which may
 * carry an error), or -EBADMSG for bytes that no musterd sends: then its
 * peer is not musterd any more and the process ends. */
#ifndef MUSTER_SIGNER_IMPL_H
#define MUSTER_SIGNER_IMPL_H

#include "conf.h"
#include "log.h"
#include "pki.h"
#include "signer.h"
#include "signer_proto.h"

#define STORE_KEY_LEN 32

/* Private parts are in OpenSSL's secure heap where there is one. */
struct signer_keys {
        struct pki_ca ca;
        EVP_PKEY *policy;
        EVP_PKEY *policy_previous; /* NULL: none; `muster rotate` */
        EVP_PKEY *ssh_ca;
        uint8_t *store_key;      /* OPENSSL_secure_malloc, as the following */
        uint8_t *store_previous; /* NULL: none. It opens what was wrapped before, and wraps nothing */
        uint8_t *token_key;      /* of tokens and tickets: SIGNER_TOKEN bytes, derived of store_key */
        uint8_t *token_previous; /* NULL: none. It takes tokens that were given before, and gives none */
};

struct signing {
        struct signer_keys keys;
        uint32_t life_max; /* of a certificate, seconds */
        char domain[CONF_STR]; /* of the nodes' names; "": none */
        bool addresses;    /* certificates may hold a node's address */
        int64_t uptime;    /* seconds, for tickets: no one sets this clock */
        uint64_t done[SIGNER_OPS];
        uint64_t refused;
};

int signer_keys_load(const char *dir, struct signer_keys *ret, struct fail *fail);
int signer_keys_derive(struct signer_keys *k); /* token keys of store keys; -ENOMEM, -EIO */
void signer_keys_wipe(struct signer_keys *k);

extern const size_t signer_lengths[SIGNER_OPS]; /* of requests */
int signer_answer(struct signing *s, int64_t now, const union signer_request *q, size_t len, union signer_answer *ret,
                  size_t *ret_len);

/* signer_self_test.c: makes one of each kind: the keys work, and what OpenSSL
 * and the C library set up on first use is set up. */
int signer_self_test(struct signing *s, int64_t now);

/* Answers until the peer is gone (0) or is not to be believed (-EBADMSG). */
int signer_loop(struct signing *s, int fd);

/* signer_attest.c: who a node is, and what it quoted. Each decides by what
 * it is given alone. -EINVAL: not what can be signed for; -EACCES: the AK has
 * no token for this node; -EKEYREJECTED: a secret that is wrong or late. */
int signer_make_challenge(const struct signing *s, const struct signer_challenge *q, struct signer_challenged *a);
int signer_take_secret(const struct signing *s, const struct signer_activate *q, struct signer_activated *a);
int signer_check_quote(const struct signing *s, const struct signer_release *q, struct policy_boot *ret, uint8_t ret_token[SIGNER_TOKEN]);

/* MACs under a token key: of an AK's Name for a node, and of a secret for
 * both, until a time. */
int signer_token(const uint8_t key[SIGNER_TOKEN], const uint8_t node[DIGEST_LEN], const uint8_t name[POLICY_NAME_LEN],
                 uint8_t ret[SIGNER_TOKEN]);
int signer_ticket(const uint8_t key[SIGNER_TOKEN], const uint8_t node[DIGEST_LEN], const uint8_t name[POLICY_NAME_LEN],
                  const uint8_t secret[SIGNER_SECRET], int64_t until, uint8_t ret[SIGNER_TICKET]);

int image_key_wrap(const uint8_t store_key[STORE_KEY_LEN], const struct image_ref *i, const uint8_t key[32],
                   uint8_t ret[WRAPPED_LEN]);
int image_key_unwrap(const uint8_t store_key[STORE_KEY_LEN], const struct image_ref *i,
                     const uint8_t wrapped[WRAPPED_LEN], uint8_t ret[32]);

/* What signer_start() returns, over a socket that it takes; pid 0: no child.
 * NULL: no memory. */
struct signer *signer_adopt(int fd, pid_t pid);

/* In the child; never returns. */
_Noreturn void signer_main(const struct conf *conf, int fd, pid_t parent);

#endif
