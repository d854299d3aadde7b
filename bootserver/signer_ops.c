/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer signs, and in which shapes. */
#include "names.h"
#include "signer_impl.h"
#include "sshcert.h"
#include "wire_verdict.h"

#include <openssl/rand.h>

#define CLOCK_SLACK 300 /* a certificate is valid from a little earlier */
#define CAP (POLICY_PCRS - 1) /* PCR 15, the last of policy_pcrs[] */

static const size_t lengths[SIGNER_OPS] = {
        [SIGNER_RELEASE] = sizeof(struct signer_release),
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

/* By whichever store key it was wrapped. */
static int unwrap(const struct signing *s, const char *name, const uint8_t header[64], const uint8_t wrapped[WRAPPED_LEN],
                  uint8_t ret[32])
{
        int r = image_key_unwrap(s->keys.store_key, name, header, wrapped, ret);

        if (r == -EKEYREJECTED && s->keys.store_previous)
                r = image_key_unwrap(s->keys.store_previous, name, header, wrapped, ret);
        return r;
}

static int rewrap(const struct signing *s, const struct signer_rewrap *q, struct signer_wrapped *a)
{
        uint8_t key[32];
        int r = text_ok(q->name, entry_name_ok) ? unwrap(s, q->name, q->header, q->wrapped, key) : -EINVAL;

        if (r == 0)
                r = image_key_wrap(s->keys.store_key, q->name, q->header, key, a->wrapped);
        wipe(key, sizeof(key));
        return r;
}

/* Only while PCR 15 is zero, which is: before any byte of an image ran. */
static int release(const struct signing *s, const struct signer_release *q, struct signer_released *a)
{
        static const uint8_t zero[DIGEST_LEN];
        uint8_t approved[DIGEST_LEN];
        uint8_t ref[DIGEST_LEN];
        int r;

        EVP_PKEY *key = q->purposes & SIGNER_PREVIOUS ? s->keys.policy_previous : s->keys.policy;

        if ((q->purposes & ~(SIGNER_BUNDLE | SIGNER_PREVIOUS)) != 0 || !key || memcmp(q->pcrs[CAP], zero, sizeof(zero)) != 0)
                return -EINVAL;
        if (!text_ok(q->name, entry_name_ok))
                return -EINVAL;
        memset(a->bundle, 0, sizeof(a->bundle));
        r = unwrap(s, q->name, q->header, q->wrapped, a->key);
        if (r == 0)
                r = policy_approved(q->pcrs, (struct policy_boot){ q->reset_count, q->restart_count }, approved);
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

/* pki_issue_node() knows one profile: no CA, no id-muster-parent. */
static int tls(const struct signing *s, int64_t now, const struct signer_tls *q, struct signer_cert *a)
{
        static const uint8_t zero[sizeof(q->zero)];
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        _cleanup_(buf_wipe) struct buf der = { 0 };
        int r = times(s, q->life, now, a);

        if (r < 0)
                return r;
        if (!text_ok(q->name, wire_name_ok) || memcmp(q->zero, zero, sizeof(zero)) != 0)
                return -EINVAL;
        if (pki_p256_from_point(q->point, &key) < 0)
                return -EINVAL;
        r = pki_issue_node(&s->keys.ca, key, q->name, a->from, a->to, &cert);
        if (r == 0)
                r = pki_cert_to_der(cert, &der);
        return r < 0 ? r : take(a, &der);
}

/* sshcert_issue() knows host certificates only; the one principal is the
 * node's name. */
static int ssh(const struct signing *s, int64_t now, const struct signer_ssh *q, struct signer_cert *a)
{
        const char *names[] = { q->name };
        struct sshcert_wish wish = { .public_key = q->key, .key_id = q->name, .principals = names, .n_principals = 1 };
        _cleanup_(buf_wipe) struct buf blob = { 0 };
        int r = times(s, q->life, now, a);

        if (r < 0)
                return r;
        if (!text_ok(q->name, wire_name_ok))
                return -EINVAL;
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
                return !text_ok(q->wrap.name, entry_name_ok) ? -EINVAL
                       : image_key_wrap(s->keys.store_key, q->wrap.name, q->wrap.header, q->wrap.key, a->wrapped.wrapped);
        }
}

int signer_answer(struct signing *s, int64_t now, const union signer_request *q, size_t len, union signer_answer *ret,
                  size_t *ret_len)
{
        int r;

        if (len < sizeof(q->head) || q->head.op < SIGNER_RELEASE || q->head.op >= SIGNER_OPS || len != lengths[q->head.op])
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

/* One request of `op` with everything in it zero but what it must have. */
static void sample(enum signer_op op, const uint8_t point[PKI_POINT_LEN], const struct signer_wrapped *wrapped,
                   union signer_request *ret)
{
        *ret = (union signer_request){ .head = { .op = op } };
        switch (op) {
        case SIGNER_TLS:
                ret->tls.life = 60;
                ret->tls.name[0] = 'n';
                memcpy(ret->tls.point, point, PKI_POINT_LEN);
                break;
        case SIGNER_SSH:
                ret->ssh.life = 60;
                ret->ssh.name[0] = 'n';
                break;
        case SIGNER_WRAP:
                ret->wrap.name[0] = 'n';
                break;
        case SIGNER_REWRAP:
                ret->rewrap.name[0] = 'n';
                memcpy(ret->rewrap.wrapped, wrapped->wrapped, sizeof(wrapped->wrapped));
                break;
        default:
                ret->release.purposes = SIGNER_BUNDLE;
                ret->release.name[0] = 'n';
                memcpy(ret->release.wrapped, wrapped->wrapped, sizeof(wrapped->wrapped));
        }
}

int signer_self_test(struct signing *s, int64_t now)
{
        uint8_t point[PKI_POINT_LEN] = { 4 };
        struct signer_wrapped wrapped = { 0 };
        union signer_request q;
        union signer_answer a;
        size_t n = 0;
        int r = pki_p256_xy(s->keys.ca.key, point + 1, point + 1 + PKI_RAW_LEN);

        /* the release last: it wants what was wrapped */
        for (int op = SIGNER_OPS - 1; op >= SIGNER_RELEASE && r == 0; op--) {
                sample((enum signer_op)op, point, &wrapped, &q);
                r = signer_answer(s, now, &q, lengths[op], &a, &n);
                if (r == 0)
                        r = a.done.error;
                if (op == SIGNER_WRAP)
                        wrapped = a.wrapped;
        }
        memset(s->done, 0, sizeof(s->done));
        s->refused = 0;
        return r;
}
