/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer signs, and in which shapes. */
#include "names.h"
#include "signer_impl.h"
#include "sshcert.h"
#include "wire_verdict.h"

#include <openssl/rand.h>

#define CLOCK_SLACK 300 /* a certificate is valid from a little earlier */

const size_t signer_lengths[SIGNER_OPS] = {
        [SIGNER_RELEASE] = sizeof(struct signer_release),
        [SIGNER_CHALLENGE] = sizeof(struct signer_challenge),
        [SIGNER_ACTIVATE] = sizeof(struct signer_activate),
        [SIGNER_REWRAP] = sizeof(struct signer_rewrap),
        [SIGNER_TLS] = sizeof(struct signer_tls),
        [SIGNER_SSH] = sizeof(struct signer_ssh),
        [SIGNER_WRAP] = sizeof(struct signer_wrap),
};

static bool text_ok(const char name[SIGNER_NAME], bool (*ok)(const char *))
{
        static const char zero[SIGNER_NAME];
        size_t n = strnlen(name, SIGNER_NAME);

        return n < SIGNER_NAME && memcmp(name + n, zero, SIGNER_NAME - n) == 0 && ok(name);
}

static bool empty(const char *text)
{
        return text[0] == '\0';
}

/* By whichever store key it was wrapped. */
static int unwrap(const struct signing *s, const struct image_ref *i, const uint8_t wrapped[WRAPPED_LEN], uint8_t ret[32])
{
        int r = image_key_unwrap(s->keys.store_key, i, wrapped, ret);

        if (r == -EKEYREJECTED && s->keys.store_previous)
                r = image_key_unwrap(s->keys.store_previous, i, wrapped, ret);
        return r;
}

static int rewrap(const struct signing *s, const struct signer_rewrap *q, struct signer_wrapped *a)
{
        const struct image_ref i = { q->name, q->header, q->list };
        uint8_t key[32];
        int r = text_ok(q->name, entry_name_ok) ? unwrap(s, &i, q->wrapped, key) : -EINVAL;

        if (r == 0)
                r = image_key_wrap(s->keys.store_key, &i, key, a->wrapped);
        wipe(key, sizeof(key));
        return r;
}

static int wrap(const struct signing *s, const struct signer_wrap *q, struct signer_wrapped *a)
{
        const struct image_ref i = { q->name, q->header, q->list };

        return text_ok(q->name, entry_name_ok) ? image_key_wrap(s->keys.store_key, &i, q->key, a->wrapped) : -EINVAL;
}

/* Only while PCR 15 is zero, which is: before any byte of an image ran. */
static int release(const struct signing *s, const struct signer_release *q, struct signer_released *a)
{
        const struct image_ref i = { q->name, q->header, q->list };
        EVP_PKEY *key = q->purposes & SIGNER_PREVIOUS ? s->keys.policy_previous : s->keys.policy;
        struct policy_boot boot;
        uint8_t approved[DIGEST_LEN];
        uint8_t ref[DIGEST_LEN];
        uint8_t token[SIGNER_TOKEN];
        int r;

        if ((q->purposes & ~(SIGNER_BUNDLE | SIGNER_PREVIOUS)) != 0 || !key || !text_ok(q->name, entry_name_ok))
                return -EINVAL;
        r = signer_check_quote(s, q, &boot, token);
        if (r < 0)
                return r;
        r = unwrap(s, &i, q->wrapped, a->key);
        if (r < 0)
                return r;
        memset(a->bundle, 0, sizeof(a->bundle));
        memcpy(a->token, token, sizeof(token));
        r = policy_approved(q->pcrs, boot, approved);
        if (r == 0)
                r = policy_ref(POLICY_NV, q->head.node, ref);
        if (r == 0)
                r = policy_approve(key, approved, ref, a->nv);
        if (r == 0 && (q->purposes & SIGNER_BUNDLE)) {
                r = policy_ref(POLICY_BUNDLE, q->head.node, ref);
                if (r == 0)
                        r = policy_approve(key, approved, ref, a->bundle);
        }
        return r;
}

/* The validity, from the signer's own clock. */
static int times(const struct signing *s, uint32_t life, int64_t now, struct signer_cert *a)
{
        if (life == 0 || life > s->life_max || now < CLOCK_SLACK)
                return -EINVAL;
        a->from = now - CLOCK_SLACK;
        a->to = now + life;
        return 0;
}

static int take(struct signer_cert *a, const struct buf *b)
{
        if (b->len == 0 || b->len > sizeof(a->blob))
                return -EINVAL;
        memset(a->blob, 0, sizeof(a->blob));
        memcpy(a->blob, b->p, b->len);
        a->len = (uint32_t)b->len;
        return 0;
}

/* What a node is called by: its name, the name in the cluster's domain, and its
 * address where musterd.conf wants it. -EINVAL: no name, or no address. */
struct called {
        char full[SIGNER_NAME + CONF_STR];
        const char *name[3];
        size_t n;
};

static int call(const struct signing *s, const char name[SIGNER_NAME], const char address[SIGNER_NAME], struct called *ret)
{
        if (!text_ok(name, wire_name_ok) || (address[0] ? !s->addresses || !text_ok(address, address_ok) : !text_ok(address, empty)))
                return -EINVAL;
        ret->name[0] = name;
        ret->n = 1;
        if (s->domain[0]) {
                (void)snprintf(ret->full, sizeof(ret->full), "%s.%s", name, s->domain);
                ret->name[ret->n++] = ret->full;
        }
        if (address[0])
                ret->name[ret->n++] = address;
        return 0;
}

/* pki_issue_node_names() knows one profile: no CA, no id-muster-parent. */
static int tls(const struct signing *s, int64_t now, const struct signer_tls *q, struct signer_cert *a)
{
        static const uint8_t zero[sizeof(q->zero)];
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        _cleanup_(buf_wipe) struct buf der = { 0 };
        struct called c = { 0 };
        int r = times(s, q->life, now, a);

        if (r < 0)
                return r;
        if (call(s, q->name, q->address, &c) < 0 || memcmp(q->zero, zero, sizeof(zero)) != 0)
                return -EINVAL;
        if (pki_p256_from_point(q->point, &key) < 0)
                return -EINVAL;
        r = pki_issue_node_names(&s->keys.ca, key, c.name, c.n, a->from, a->to, &cert);
        if (r == 0)
                r = pki_cert_to_der(cert, &der);
        return r < 0 ? r : take(a, &der);
}

/* sshcert_issue() knows host certificates only; the principals are what the
 * node is called by, and nothing that a request could choose. */
static int ssh(const struct signing *s, int64_t now, const struct signer_ssh *q, struct signer_cert *a)
{
        struct sshcert_wish wish = { .public_key = q->key, .key_id = q->name };
        struct called c = { 0 };
        _cleanup_(buf_wipe) struct buf blob = { 0 };
        int r = times(s, q->life, now, a);

        if (r < 0)
                return r;
        if (call(s, q->name, q->address, &c) < 0)
                return -EINVAL;
        wish.principals = c.name;
        wish.n_principals = c.n;
        if (RAND_bytes((uint8_t *)&wish.serial, sizeof(wish.serial)) != 1)
                return -EIO;
        wish.valid_after = (uint64_t)a->from;
        wish.valid_before = (uint64_t)a->to;
        r = sshcert_issue(s->keys.ssh_ca, &wish, &blob);
        return r < 0 ? r : take(a, &blob);
}

static int make(const struct signing *s, int64_t now, const union signer_request *q, union signer_answer *a, size_t *ret_len)
{
        switch (q->head.op) {
        case SIGNER_RELEASE:
                *ret_len = sizeof(a->released);
                return release(s, &q->release, &a->released);
        case SIGNER_CHALLENGE:
                *ret_len = sizeof(a->challenged);
                return signer_make_challenge(s, &q->challenge, &a->challenged);
        case SIGNER_ACTIVATE:
                *ret_len = sizeof(a->activated);
                return signer_take_secret(s, &q->activate, &a->activated);
        case SIGNER_REWRAP:
                *ret_len = sizeof(a->wrapped);
                return rewrap(s, &q->rewrap, &a->wrapped);
        case SIGNER_TLS:
                *ret_len = sizeof(a->cert);
                return tls(s, now, &q->tls, &a->cert);
        case SIGNER_SSH:
                *ret_len = sizeof(a->cert);
                return ssh(s, now, &q->ssh, &a->cert);
        default:
                *ret_len = sizeof(a->wrapped);
                return wrap(s, &q->wrap, &a->wrapped);
        }
}

int signer_answer(struct signing *s, int64_t now, const union signer_request *q, size_t len, union signer_answer *ret,
                  size_t *ret_len)
{
        int r;

        if (len < sizeof(q->head) || q->head.op < SIGNER_RELEASE || q->head.op >= SIGNER_OPS || len != signer_lengths[q->head.op])
                return -EBADMSG;
        r = make(s, now, q, ret, ret_len);
        ret->done = (struct signer_done){ q->head.op, q->head.seq, r };
        if (r < 0) {
                s->refused++;
                *ret_len = sizeof(ret->done);
        } else {
                s->done[q->head.op]++;
        }
        return 0;
}
