/* SPDX-License-Identifier: Apache-2.0 */
#include "nvdata.h"
#include "cursor.h"
#include "digest.h"
#include "pki.h"
#include "sshcert.h"

#define ALG_SHA256 0x000B
#define HEAD_LEN 16
#define VERSION 1

static const char magic[8] = "MUSTERNV";

uint32_t nvdata_index(enum nv_purpose purpose)
{
        return purpose == NV_SSH ? NV_INDEX_SSH : purpose == NV_TLS ? NV_INDEX_TLS : 0;
}

size_t nvdata_size(enum nv_purpose purpose)
{
        return purpose == NV_SSH ? NV_SIZE_SSH : purpose == NV_TLS ? NV_SIZE_TLS : 0;
}

int nvdata_public(enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], uint32_t state,
                  uint8_t ret[NV_PUBLIC_LEN])
{
        struct wbuf w = wb_of(ret, NV_PUBLIC_LEN);

        if (nvdata_index(purpose) == 0 || state & ~(NV_ATTR_WRITTEN | NV_ATTR_READLOCKED | NV_ATTR_WRITELOCKED))
                return -EINVAL;
        wb_u16be(&w, NV_PUBLIC_LEN - 2);
        wb_u32be(&w, nvdata_index(purpose));
        wb_u16be(&w, ALG_SHA256);
        wb_u32be(&w, NV_ATTRIBUTES | state);
        wb_tpm2b(&w, auth_policy, DIGEST_LEN);
        wb_u16be(&w, (uint16_t)nvdata_size(purpose));
        return w.err;
}

int nvdata_name(enum nv_purpose purpose, const uint8_t auth_policy[DIGEST_LEN], uint32_t state,
                uint8_t ret[NV_NAME_LEN])
{
        uint8_t public[NV_PUBLIC_LEN], digest[DIGEST_LEN];
        struct wbuf w = wb_of(ret, NV_NAME_LEN);
        int r;

        if ((r = nvdata_public(purpose, auth_policy, state, public)) < 0 ||
            (r = digest_sha256(public + 2, sizeof(public) - 2, digest)) < 0)
                return r;
        wb_u16be(&w, ALG_SHA256);
        wb_put(&w, digest, sizeof(digest));
        return w.err;
}

int nvdata_make(enum nv_purpose purpose, const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len,
                uint8_t *ret, size_t ret_size)
{
        struct wbuf w = wb_of(ret, ret_size);
        uint8_t digest[DIGEST_LEN];
        int r;

        if (nvdata_size(purpose) == 0 || ret_size != nvdata_size(purpose) || len == 0)
                return -EINVAL;
        if (len > ret_size - HEAD_LEN - NV_KEY_LEN - DIGEST_LEN)
                return -E2BIG;
        memset(ret, 0, ret_size);
        wb_put(&w, magic, sizeof(magic));
        wb_u8(&w, VERSION);
        wb_u8(&w, (uint8_t)purpose);
        wb_u16be(&w, NV_KEY_LEN);
        wb_u16be(&w, (uint16_t)len);
        wb_u16be(&w, 0);
        wb_put(&w, key, NV_KEY_LEN);
        wb_put(&w, certificate, len);
        if (w.err < 0)
                return -EIO;
        if ((r = digest_sha256(w.p, w.len, digest)) < 0)
                return r;
        wb_put(&w, digest, sizeof(digest));
        return w.err;
}

static bool all_zero(const uint8_t *p, size_t n)
{
        uint8_t any = 0;

        for (size_t i = 0; i < n; i++)
                any |= p[i];
        return any == 0;
}

size_t nvdata_len(enum nv_purpose purpose, size_t certificate_len)
{
        size_t size = nvdata_size(purpose);
        size_t rest = HEAD_LEN + NV_KEY_LEN + DIGEST_LEN;

        return size < rest || certificate_len > size - rest ? size : rest + certificate_len;
}

size_t nvdata_used(enum nv_purpose purpose, const uint8_t *p, size_t len)
{
        struct cursor c = cur_of(p, len);
        size_t size = nvdata_size(purpose);
        const uint8_t *head;
        uint16_t key_len, certificate_len;

        if (cur_take(&c, HEAD_LEN - 6, &head) < 0 || cur_u16be(&c, &key_len) < 0 || cur_u16be(&c, &certificate_len) < 0 ||
            memcmp(head, magic, sizeof(magic)) != 0 || key_len != NV_KEY_LEN)
                return size;
        return nvdata_len(purpose, certificate_len);
}

int nvdata_parse(enum nv_purpose purpose, const uint8_t *p, size_t len, struct nvdata *ret)
{
        struct cursor c = cur_of(p, len);
        const uint8_t *m, *digest;
        uint8_t version, what, actual[DIGEST_LEN];
        uint16_t key_len, certificate_len, zero;
        struct nvdata d = { 0 };
        int r;

        if (nvdata_size(purpose) == 0)
                return -EINVAL;
        if (len != nvdata_size(purpose) || cur_take(&c, sizeof(magic), &m) < 0 || cur_u8(&c, &version) < 0 ||
            cur_u8(&c, &what) < 0 || cur_u16be(&c, &key_len) < 0 || cur_u16be(&c, &certificate_len) < 0 ||
            cur_u16be(&c, &zero) < 0)
                return -EBADMSG;
        if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION || what != (uint8_t)purpose ||
            key_len != NV_KEY_LEN || certificate_len == 0 || zero != 0)
                return -EBADMSG;
        d.certificate_len = certificate_len;
        if (cur_take(&c, NV_KEY_LEN, &d.key) < 0 || cur_take(&c, d.certificate_len, &d.certificate) < 0)
                return -EBADMSG;
        if ((r = digest_sha256(p, (size_t)(c.p - p), actual)) < 0)
                return r;
        if (cur_take(&c, DIGEST_LEN, &digest) < 0 || !same_bytes(digest, DIGEST_LEN, actual, DIGEST_LEN) ||
            !all_zero(c.p, c.left))
                return -EBADMSG;
        *ret = d;
        return 0;
}

static int ssh_key_matches(const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len)
{
        uint8_t public[SSH_KEY_LEN];
        struct sshcert cert;
        int r;

        if ((r = sshcert_parse(certificate, len, &cert)) < 0 || (r = ssh_public_from_seed(key, public)) < 0)
                return r;
        return same_bytes(public, sizeof(public), cert.public_key, sizeof(cert.public_key)) ? 0 : -EKEYREJECTED;
}

static int tls_key_matches(const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len)
{
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
        _cleanup_(X509_freep) X509 *cert = NULL;
        int r;

        if ((r = pki_cert_from_der(certificate, len, &cert)) < 0)
                return r;
        r = pki_key_from_raw(PKI_P256, key, &pkey);
        if (r < 0)
                return r == -EINVAL ? -EKEYREJECTED : r;
        return pki_cert_has_key(cert, pkey);
}

int nvdata_key_matches(enum nv_purpose purpose, const uint8_t key[NV_KEY_LEN], const uint8_t *certificate, size_t len)
{
        if (purpose == NV_SSH)
                return ssh_key_matches(key, certificate, len);
        if (purpose == NV_TLS)
                return tls_key_matches(key, certificate, len);
        return -EINVAL;
}
