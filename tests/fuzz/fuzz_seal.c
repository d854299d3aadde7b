/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed image from an untrusted mirror. Even first byte: the input is
 * the file. Odd: it is sealed here, then one byte of the file changed, and
 * no changed byte may come out as plaintext. */
#include "fuzz.h"

#include "seal.h"

static const uint8_t key[SEAL_KEY_LEN] = { 7 };

struct out {
        uint8_t p[8192];
        size_t len;
};

static int emit(void *ctx, const uint8_t *p, size_t len)
{
        struct out *o = ctx;

        if (len > sizeof(o->p) - o->len)
                return -E2BIG;
        if (len > 0)
                memcpy(o->p + o->len, p, len);
        o->len += len;
        return 0;
}

static int run(const uint8_t *header, bool sealing, const uint8_t *p, size_t n, size_t step, struct out *o)
{
        struct seal_stream *s = NULL;
        int r = seal_stream_new(key, header, sealing, 0, emit, o, &s);

        for (size_t at = 0; r == 0 && at < n; at += step)
                r = seal_stream_write(s, p + at, n - at < step ? n - at : step);
        if (r == 0)
                r = seal_stream_finish(s);
        seal_stream_free(s);
        return r;
}

static void changed(const uint8_t *p, size_t n, size_t at, uint8_t flip)
{
        static struct out sealed, plain;
        uint8_t header[SEAL_HEADER_LEN];

        if (n == 0 || n > 4096 || seal_header_make(n, SEAL_SQUASHFS, header) < 0)
                return;
        sealed.len = plain.len = 0;
        HOLDS(run(header, true, p, n, n, &sealed) == 0);
        HOLDS(sealed.len == SEAL_HEADER_LEN + n + SEAL_TAG_LEN);
        HOLDS(run(header, false, sealed.p + SEAL_HEADER_LEN, sealed.len - SEAL_HEADER_LEN, 1 + at, &plain) == 0);
        HOLDS(plain.len == n && memcmp(plain.p, p, n) == 0);
        if (flip == 0)
                return;
        plain.len = 0;
        at %= sealed.len;
        sealed.p[at] ^= flip;
        if (at < SEAL_HEADER_LEN)
                HOLDS(seal_header_check(sealed.p, SEAL_HEADER_LEN, header, sealed.len, n) < 0);
        else
                HOLDS(run(header, false, sealed.p + SEAL_HEADER_LEN, sealed.len - SEAL_HEADER_LEN, 64, &plain) < 0 && plain.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        static struct out plain;
        struct seal_header h;

        if (n < 3)
                return 0;
        if (p[0] & 1) {
                changed(p + 3, n - 3, p[1], p[2]);
                return 0;
        }
        plain.len = 0;
        if (seal_header_parse(p + 1, n - 1 < SEAL_HEADER_LEN ? n - 1 : SEAL_HEADER_LEN, &h) < 0)
                return 0;
        HOLDS(h.chunks >= 1 && h.sealed_size > h.plain_size);
        for (uint64_t i = 0; i <= h.chunks && i < 4; i++) {
                uint64_t offset;
                size_t len;
                int r = seal_chunk_at(&h, i, &offset, &len);

                HOLDS((r == 0) == (i < h.chunks));
                HOLDS(r < 0 || (len > 0 && len <= SEAL_CHUNK && offset + len + SEAL_TAG_LEN <= h.sealed_size));
        }
        HOLDS(run(p + 1, false, p + 1 + SEAL_HEADER_LEN, n - 1 - SEAL_HEADER_LEN, 333, &plain) < 0 && plain.len == 0);
        return 0;
}
