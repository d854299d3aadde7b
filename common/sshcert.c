/* SPDX-License-Identifier: Apache-2.0 */
#include "sshcert.h"
#include "cursor.h"
#include "sshtext.h"

#include <openssl/rand.h>

#define TYPE_HOST 2
#define NONCE_LEN 32
#define SIG_LEN 64

static const char cert_type[] = SSH_CERT_TYPE;
static const char key_type[] = SSH_KEY_TYPE;

static void put_string(struct wbuf *w, const void *p, size_t n)
{
        wb_u32be(w, (uint32_t)n);
        wb_put(w, p, n);
}

static int get_string(struct cursor *c, const uint8_t **ret, size_t *ret_len)
{
        uint32_t n;
        int r;

        if ((r = cur_u32be(c, &n)) < 0 || (r = cur_take(c, n, ret)) < 0)
                return r;
        *ret_len = n;
        return 0;
}

/* A string that must be exactly these bytes. */
static int expect_string(struct cursor *c, const char *want)
{
        const uint8_t *p;
        size_t n;

        return get_string(c, &p, &n) == 0 && n == strlen(want) && memcmp(p, want, n) == 0 ? 0 : -EBADMSG;
}

static int get_fixed(struct cursor *c, size_t want, const uint8_t **ret)
{
        size_t n;

        return get_string(c, ret, &n) == 0 && n == want ? 0 : -EBADMSG;
}

/* string( string type ‖ string key ): how a public key is nested. */
static void put_public(struct wbuf *w, const uint8_t key[SSH_KEY_LEN])
{
        uint8_t b[SSH_PUBLIC_BLOB_LEN];

        ssh_public_blob(key, b);
        put_string(w, b, sizeof(b));
}

static int put_principals(struct wbuf *w, const struct sshcert_wish *wish)
{
        uint8_t b[SSHCERT_MAX];
        struct wbuf list = wb_of(b, sizeof(b));

        if (wish->n_principals < 1 || wish->n_principals > SSHCERT_PRINCIPALS_MAX)
                return -EINVAL;
        for (size_t i = 0; i < wish->n_principals; i++) {
                const char *name = wish->principals[i];

                if (!ssh_text_ok(name, SSHCERT_NAME_MAX) || name[0] == '\0' || strpbrk(name, " ,*?!"))
                        return -EINVAL;
                put_string(&list, name, strlen(name));
        }
        if (list.err < 0)
                return -E2BIG;
        put_string(w, b, list.len);
        return 0;
}

static int put_signature(EVP_PKEY *ca, struct wbuf *w)
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        uint8_t sig[SIG_LEN];
        size_t n = sizeof(sig);

        if (!ctx)
                return -ENOMEM;
        if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, ca) != 1 ||
            EVP_DigestSign(ctx, sig, &n, w->p, w->len) != 1 || n != SIG_LEN)
                return -EIO;
        wb_u32be(w, 4 + (uint32_t)strlen(key_type) + 4 + SIG_LEN);
        put_string(w, key_type, strlen(key_type));
        put_string(w, sig, sizeof(sig));
        return w->err < 0 ? -E2BIG : 0;
}

int sshcert_issue(EVP_PKEY *ca, const struct sshcert_wish *wish, struct buf *ret_blob)
{
        uint8_t b[SSHCERT_MAX], nonce[NONCE_LEN], ca_key[SSH_KEY_LEN], *copy;
        struct wbuf w = wb_of(b, sizeof(b));
        int r;

        if ((r = ssh_public_from_pkey(ca, ca_key)) < 0)
                return r;
        if (!ssh_text_ok(wish->key_id, SSHCERT_NAME_MAX) || wish->valid_after >= wish->valid_before)
                return -EINVAL;
        if (RAND_bytes(nonce, sizeof(nonce)) != 1)
                return -EIO;
        put_string(&w, cert_type, strlen(cert_type));
        put_string(&w, nonce, sizeof(nonce));
        put_string(&w, wish->public_key, SSH_KEY_LEN);
        wb_u64be(&w, wish->serial);
        wb_u32be(&w, TYPE_HOST);
        put_string(&w, wish->key_id, strlen(wish->key_id));
        if ((r = put_principals(&w, wish)) < 0)
                return r;
        wb_u64be(&w, wish->valid_after);
        wb_u64be(&w, wish->valid_before);
        put_string(&w, NULL, 0); /* critical options */
        put_string(&w, NULL, 0); /* extensions */
        put_string(&w, NULL, 0); /* reserved */
        put_public(&w, ca_key);
        if (w.err < 0)
                return -E2BIG;
        if ((r = put_signature(ca, &w)) < 0)
                return r;
        copy = malloc(w.len);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, b, w.len);
        *ret_blob = (struct buf){ copy, w.len };
        return 0;
}

static int parse_principals(const uint8_t *p, size_t len, struct sshcert *s)
{
        struct cursor c = cur_of(p, len);

        while (c.left > 0) {
                size_t i = s->n_principals;

                if (i == SSHCERT_PRINCIPALS_MAX || get_string(&c, &s->principals[i], &s->principal_len[i]) < 0 ||
                    s->principal_len[i] == 0 || s->principal_len[i] > SSHCERT_NAME_MAX)
                        return -EBADMSG;
                s->n_principals++;
        }
        return s->n_principals > 0 ? 0 : -EBADMSG; /* none would mean any host */
}

/* Extensions are name, data pairs; a host certificate's are ignored. */
static int skip_extensions(const uint8_t *p, size_t len)
{
        struct cursor c = cur_of(p, len);

        while (c.left > 0)
                for (int i = 0; i < 2; i++)
                        if (get_string(&c, &p, &len) < 0)
                                return -EBADMSG;
        return 0;
}

/* string( string type ‖ string bytes ) of an Ed25519 key or signature. */
static int get_nested(struct cursor *c, size_t want, const uint8_t **ret)
{
        struct cursor in;
        const uint8_t *p;
        size_t n;

        if (get_string(c, &p, &n) < 0)
                return -EBADMSG;
        in = cur_of(p, n);
        return expect_string(&in, key_type) == 0 && get_fixed(&in, want, ret) == 0 ? cur_end(&in) : -EBADMSG;
}

static int verify(const uint8_t ca_key[SSH_KEY_LEN], const uint8_t *p, size_t len, const uint8_t sig[SIG_LEN])
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, ca_key, SSH_KEY_LEN);
        if (!ctx || !key)
                return -ENOMEM;
        if (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
                return -EIO;
        return EVP_DigestVerify(ctx, sig, SIG_LEN, p, len) == 1 ? 0 : -EKEYREJECTED;
}

/* From the type to the reserved field. */
static int parse_fields(struct cursor *c, struct sshcert *s)
{
        const uint8_t *p, *key;
        uint32_t type;
        size_t n;

        if (expect_string(c, cert_type) < 0 || get_string(c, &p, &n) < 0 || get_fixed(c, SSH_KEY_LEN, &key) < 0 ||
            cur_u64be(c, &s->serial) < 0 || cur_u32be(c, &type) < 0 || type != TYPE_HOST ||
            get_string(c, &s->key_id, &s->key_id_len) < 0 || get_string(c, &p, &n) < 0 ||
            parse_principals(p, n, s) < 0 || cur_u64be(c, &s->valid_after) < 0 || cur_u64be(c, &s->valid_before) < 0 ||
            expect_string(c, "") < 0 || /* critical options: none is known */
            get_string(c, &p, &n) < 0 || skip_extensions(p, n) < 0 || get_string(c, &p, &n) < 0)
                return -EBADMSG;
        memcpy(s->public_key, key, SSH_KEY_LEN);
        return 0;
}

int sshcert_parse(const uint8_t *blob, size_t len, struct sshcert *ret)
{
        struct cursor c = cur_of(blob, len);
        struct sshcert s = { 0 };
        const uint8_t *ca_key, *sig;
        size_t signed_len;
        int r;

        if (len > SSHCERT_MAX || parse_fields(&c, &s) < 0 || get_nested(&c, SSH_KEY_LEN, &ca_key) < 0)
                return -EBADMSG;
        signed_len = len - c.left;
        if (get_nested(&c, SIG_LEN, &sig) < 0 || cur_end(&c) < 0)
                return -EBADMSG;
        if ((r = verify(ca_key, blob, signed_len, sig)) < 0)
                return r;
        memcpy(s.ca_key, ca_key, SSH_KEY_LEN);
        *ret = s;
        return 0;
}
