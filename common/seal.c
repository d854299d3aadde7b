/* SPDX-License-Identifier: Apache-2.0 */
#include "seal.h"
#include "cursor.h"
#include "digest.h"

#include <openssl/rand.h>

#define VERSION 2
#define SQUASHFS 1 /* the format byte; nothing else is mounted */
#define NONCE_LEN 12

static const char magic[8] = "MUSTERIM";

struct seal {
        EVP_CIPHER_CTX *ctx; /* key set once; each chunk sets its nonce */
        struct seal_header h;
        uint8_t header[SEAL_HEADER_LEN];
        bool sealing;
};

/* Header without the computed sizes. */
static int header_read(const uint8_t *p, size_t len, struct seal_header *h)
{
        static const uint8_t zero[16];
        struct cursor c = cur_of(p, len);
        const uint8_t *m, *id, *prefix, *rest;
        uint32_t version, log2_chunk;
        uint8_t format;

        if (cur_take(&c, sizeof(magic), &m) < 0 || cur_u32be(&c, &version) < 0 || cur_u32be(&c, &log2_chunk) < 0 ||
            cur_u64be(&c, &h->plain_size) < 0 || cur_take(&c, sizeof(h->image_id), &id) < 0 ||
            cur_take(&c, sizeof(h->prefix), &prefix) < 0 || cur_u8(&c, &format) < 0 ||
            cur_take(&c, sizeof(zero), &rest) < 0 || cur_end(&c) < 0)
                return -EBADMSG;
        if (memcmp(m, magic, sizeof(magic)) != 0)
                return -EBADMSG;
        if (version != VERSION)
                return -EPROTO;
        if (log2_chunk != SEAL_CHUNK_LOG2 || format != SQUASHFS || memcmp(rest, zero, sizeof(zero)) != 0)
                return -EBADMSG;
        memcpy(h->image_id, id, sizeof(h->image_id));
        memcpy(h->prefix, prefix, sizeof(h->prefix));
        return 0;
}

int seal_header_parse(const uint8_t *p, size_t len, struct seal_header *ret)
{
        struct seal_header h = { 0 };
        int r;

        if ((r = header_read(p, len, &h)) < 0)
                return r;
        if (h.plain_size == 0 || h.plain_size > SEAL_PLAIN_MAX)
                return -EBADMSG;
        h.chunks = (h.plain_size + SEAL_CHUNK - 1) >> SEAL_CHUNK_LOG2;
        h.list_len = h.chunks * DIGEST_LEN;
        h.sealed_size = SEAL_HEADER_LEN + h.list_len + h.plain_size + h.chunks * SEAL_TAG_LEN;
        *ret = h;
        return 0;
}

int seal_header_make(uint64_t plain_size, uint8_t ret[SEAL_HEADER_LEN])
{
        uint8_t b[SEAL_HEADER_LEN] = { 0 }, random[16 + 7];
        struct wbuf w = wb_of(b, sizeof(b));

        if (plain_size == 0 || plain_size > SEAL_PLAIN_MAX)
                return -EINVAL;
        if (RAND_bytes(random, sizeof(random)) != 1)
                return -EIO;
        wb_put(&w, magic, sizeof(magic));
        wb_u32be(&w, VERSION);
        wb_u32be(&w, SEAL_CHUNK_LOG2);
        wb_u64be(&w, plain_size);
        wb_put(&w, random, sizeof(random));
        wb_u8(&w, SQUASHFS);
        memcpy(ret, b, sizeof(b)); /* the last 16 stay zero */
        return 0;
}

int seal_header_check(const uint8_t *p, size_t len, const uint8_t expected[SEAL_HEADER_LEN], uint64_t size,
                      uint64_t plain_size)
{
        struct seal_header h;
        int r;

        if (!same_bytes(p, len, expected, SEAL_HEADER_LEN))
                return -EBADMSG;
        if ((r = seal_header_parse(p, len, &h)) < 0)
                return r;
        return h.sealed_size == size && h.plain_size == plain_size ? 0 : -EBADMSG;
}

int seal_list_check(const struct seal_header *h, const uint8_t *list, size_t len, const uint8_t expected[DIGEST_LEN])
{
        uint8_t digest[DIGEST_LEN];
        int r;

        if (len != h->list_len)
                return -EBADMSG;
        if ((r = digest_sha256(list, len, digest)) < 0)
                return r;
        return same_bytes(digest, sizeof(digest), expected, DIGEST_LEN) ? 0 : -EKEYREJECTED;
}

int seal_chunk_at(const struct seal_header *h, uint64_t i, uint64_t *ret_offset, size_t *ret_plain_len)
{
        uint64_t left;

        if (i >= h->chunks)
                return -ERANGE;
        left = h->plain_size - (i << SEAL_CHUNK_LOG2);
        *ret_offset = SEAL_HEADER_LEN + h->list_len + i * SEAL_CHUNK_SEALED;
        *ret_plain_len = left < SEAL_CHUNK ? (size_t)left : SEAL_CHUNK;
        return 0;
}

void seal_free(struct seal *s)
{
        if (!s)
                return;
        EVP_CIPHER_CTX_free(s->ctx); /* wipes its key schedule */
        free(s);
}

int seal_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t header[SEAL_HEADER_LEN], bool sealing, struct seal **ret)
{
        _cleanup_(seal_freep) struct seal *s = NULL;
        struct seal_header h;
        int r;

        if ((r = seal_header_parse(header, SEAL_HEADER_LEN, &h)) < 0)
                return r;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->h = h;
        s->sealing = sealing;
        memcpy(s->header, header, SEAL_HEADER_LEN);
        s->ctx = EVP_CIPHER_CTX_new();
        if (!s->ctx)
                return -ENOMEM;
        if (EVP_CipherInit_ex(s->ctx, EVP_aes_256_gcm(), NULL, key, NULL, sealing) != 1)
                return -EIO;
        *ret = take_ptr(s);
        return 0;
}

/* Checks i and len, sets the chunk's nonce and the AAD. */
static int chunk_start(struct seal *s, bool sealing, uint64_t i, size_t len, size_t *ret_plain_len)
{
        uint8_t nonce[NONCE_LEN];
        struct wbuf w = wb_of(nonce, sizeof(nonce));
        uint64_t offset;
        int r, n;

        if (s->sealing != sealing)
                return -EINVAL;
        if ((r = seal_chunk_at(&s->h, i, &offset, ret_plain_len)) < 0)
                return r;
        if (len != *ret_plain_len + SEAL_TAG_LEN)
                return -EBADMSG;
        wb_put(&w, s->h.prefix, sizeof(s->h.prefix));
        wb_u32be(&w, (uint32_t)i);
        wb_u8(&w, i == s->h.chunks - 1);
        if (EVP_CipherInit_ex(s->ctx, NULL, NULL, NULL, nonce, -1) != 1 ||
            EVP_CipherUpdate(s->ctx, NULL, &n, s->header, sizeof(s->header)) != 1)
                return -EIO;
        return 0;
}

int seal_chunk(struct seal *s, uint8_t *list, uint64_t i, uint8_t *buf, size_t len)
{
        size_t plain;
        int r, n = 0, m = 0;

        if ((r = chunk_start(s, true, i, len, &plain)) < 0)
                return r;
        if (EVP_EncryptUpdate(s->ctx, buf, &n, buf, (int)plain) != 1 || n != (int)plain ||
            EVP_EncryptFinal_ex(s->ctx, buf + plain, &m) != 1 || m != 0 ||
            EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN, buf + plain) != 1)
                return -EIO;
        return digest_sha256(buf, len, list + i * DIGEST_LEN);
}

int seal_open_chunk(struct seal *s, const uint8_t *list, uint64_t i, uint8_t *buf, size_t len)
{
        uint8_t digest[DIGEST_LEN];
        size_t plain;
        int r, n = 0, m = 0;

        if ((r = chunk_start(s, false, i, len, &plain)) < 0)
                return r;
        r = digest_sha256(buf, len, digest);
        if (r == 0 && !same_bytes(digest, sizeof(digest), list + i * DIGEST_LEN, DIGEST_LEN))
                r = -EKEYREJECTED;
        if (r == 0 && (EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN, buf + plain) != 1 ||
                       EVP_DecryptUpdate(s->ctx, buf, &n, buf, (int)plain) != 1 || n != (int)plain))
                r = -EIO;
        if (r == 0 && EVP_DecryptFinal_ex(s->ctx, buf + plain, &m) != 1)
                r = -EKEYREJECTED;
        if (r < 0)
                memset(buf, 0, len); /* unverified plaintext goes nowhere */
        return r;
}
