/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed image from an untrusted mirror. Even first byte: the input is
 * the file. Odd: it is sealed here, then one byte of the file changed, and
 * no changed byte may come out as plaintext: the list says so, and where that
 * was made to agree, the cipher. */
#include "fuzz.h"

#include "digest.h"
#include "seal.h"

static const uint8_t key[SEAL_KEY_LEN] = { 7 };

/* 0 when the only chunk of a file opens; what is refused leaves zeroes. */
static int open_only(const uint8_t *file, const uint8_t *list, size_t len, uint8_t *out)
{
        size_t n = len - SEAL_HEADER_LEN - DIGEST_LEN;
        struct seal *s = NULL;
        int r = seal_new(key, file, false, &s);

        memcpy(out, file + SEAL_HEADER_LEN + DIGEST_LEN, n);
        if (r == 0) {
                r = seal_open_chunk(s, list, 0, out, n);
                for (size_t i = 0; r == -EKEYREJECTED && i < n; i++)
                        HOLDS(out[i] == 0);
        }
        seal_free(s);
        return r;
}

static void changed(const uint8_t *p, size_t n, size_t at, uint8_t flip)
{
        static uint8_t file[8192], out[8192];
        uint8_t digest[DIGEST_LEN], list[DIGEST_LEN];
        uint8_t *chunk = file + SEAL_HEADER_LEN + DIGEST_LEN;
        size_t len = SEAL_HEADER_LEN + DIGEST_LEN + n + SEAL_TAG_LEN;
        struct seal_header h;
        struct seal *s = NULL;

        if (n == 0 || n > 4096 || seal_header_make(n, file) < 0)
                return;
        HOLDS(seal_header_parse(file, SEAL_HEADER_LEN, &h) == 0 && h.chunks == 1 && h.sealed_size == len);
        HOLDS(seal_new(key, file, true, &s) == 0);
        memcpy(chunk, p, n);
        HOLDS(seal_chunk(s, file + SEAL_HEADER_LEN, 0, chunk, n + SEAL_TAG_LEN) == 0);
        seal_free(s);
        HOLDS(digest_sha256(file + SEAL_HEADER_LEN, DIGEST_LEN, digest) == 0);
        HOLDS(seal_list_check(&h, file + SEAL_HEADER_LEN, DIGEST_LEN, digest) == 0);
        memcpy(list, file + SEAL_HEADER_LEN, DIGEST_LEN);
        HOLDS(open_only(file, list, len, out) == 0 && memcmp(out, p, n) == 0);
        if (flip == 0)
                return;
        at %= len;
        file[at] ^= flip;
        if (at < SEAL_HEADER_LEN)
                HOLDS(open_only(file, list, len, out) < 0);
        else if (at < SEAL_HEADER_LEN + DIGEST_LEN)
                HOLDS(seal_list_check(&h, file + SEAL_HEADER_LEN, DIGEST_LEN, digest) < 0);
        else
                HOLDS(open_only(file, list, len, out) == -EKEYREJECTED);
        HOLDS(digest_sha256(chunk, n + SEAL_TAG_LEN, list) == 0);
        HOLDS((at >= SEAL_HEADER_LEN && at < SEAL_HEADER_LEN + DIGEST_LEN) || open_only(file, list, len, out) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
        struct seal_header h;

        if (n < 3)
                return 0;
        if (p[0] & 1) {
                changed(p + 3, n - 3, p[1], p[2]);
                return 0;
        }
        if (seal_header_parse(p + 1, n - 1 < SEAL_HEADER_LEN ? n - 1 : SEAL_HEADER_LEN, &h) < 0)
                return 0;
        HOLDS(h.chunks >= 1 && h.sealed_size > h.plain_size && h.list_len == h.chunks * DIGEST_LEN);
        for (uint64_t i = 0; i <= h.chunks && i < 4; i++) {
                uint64_t offset;
                size_t len;
                int r = seal_chunk_at(&h, i, &offset, &len);

                HOLDS((r == 0) == (i < h.chunks));
                HOLDS(r < 0 || (len > 0 && len <= SEAL_CHUNK && offset >= SEAL_HEADER_LEN + h.list_len &&
                                offset + len + SEAL_TAG_LEN <= h.sealed_size));
        }
        if (n - 1 > SEAL_HEADER_LEN) {
                uint8_t digest[DIGEST_LEN] = { 0 };

                HOLDS(seal_list_check(&h, p + 1 + SEAL_HEADER_LEN, n - 1 - SEAL_HEADER_LEN, digest) < 0);
        }
        return 0;
}
