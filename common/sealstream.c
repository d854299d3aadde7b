/* SPDX-License-Identifier: Apache-2.0 */
#include "seal.h"

struct seal_stream {
        struct seal *seal;
        struct seal_header h;
        uint8_t header[SEAL_HEADER_LEN];
        bool sealing;
        bool started; /* the header is out */
        int dead;     /* the first error, for ever */
        uint64_t i;   /* the chunk being filled */
        size_t have, want; /* bytes of it; want is 0 after the last */
        seal_emit_fn emit;
        void *ctx;
        uint8_t chunk[SEAL_CHUNK_SEALED];
};

void seal_stream_free(struct seal_stream *s)
{
        if (!s)
                return;
        seal_free(s->seal);
        wipe(s->chunk, sizeof(s->chunk));
        free(s);
}

/* How many input bytes chunk s->i takes. */
static void stream_expect(struct seal_stream *s)
{
        uint64_t offset;
        size_t plain;

        s->have = 0;
        if (seal_chunk_at(&s->h, s->i, &offset, &plain) < 0)
                s->want = 0;
        else
                s->want = s->sealing ? plain : plain + SEAL_TAG_LEN;
}

int seal_stream_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t header[SEAL_HEADER_LEN], bool sealing,
                    uint64_t first, seal_emit_fn emit, void *ctx, struct seal_stream **ret)
{
        _cleanup_(seal_stream_freep) struct seal_stream *s = NULL;
        struct seal_header h;
        int r;

        if ((r = seal_header_parse(header, SEAL_HEADER_LEN, &h)) < 0)
                return r;
        if (first > h.chunks || (sealing && first != 0))
                return -ERANGE;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        if ((r = seal_new(key, header, sealing, &s->seal)) < 0)
                return r;
        s->h = h;
        memcpy(s->header, header, SEAL_HEADER_LEN);
        s->sealing = sealing;
        s->i = first;
        s->emit = emit;
        s->ctx = ctx;
        stream_expect(s);
        *ret = take_ptr(s);
        return 0;
}

static int stream_flush(struct seal_stream *s)
{
        size_t out = s->want;
        int r;

        if (s->sealing) {
                out += SEAL_TAG_LEN;
                r = seal_chunk(s->seal, s->i, s->chunk, out);
        } else {
                r = seal_open_chunk(s->seal, s->i, s->chunk, out);
                out -= SEAL_TAG_LEN;
        }
        if (r < 0 || (r = s->emit(s->ctx, s->chunk, out)) < 0)
                return r;
        s->i++;
        stream_expect(s);
        return 0;
}

static int stream_write(struct seal_stream *s, const uint8_t *p, size_t len)
{
        int r;

        if (s->sealing && !s->started) {
                if ((r = s->emit(s->ctx, s->header, SEAL_HEADER_LEN)) < 0)
                        return r;
                s->started = true;
        }
        while (len > 0) {
                size_t n = s->want - s->have;

                if (n == 0)
                        return -EBADMSG; /* more than the header says */
                if (n > len)
                        n = len;
                memcpy(s->chunk + s->have, p, n);
                s->have += n;
                p += n;
                len -= n;
                if (s->have == s->want && (r = stream_flush(s)) < 0)
                        return r;
        }
        return 0;
}

int seal_stream_write(struct seal_stream *s, const uint8_t *p, size_t len)
{
        if (s->dead == 0)
                s->dead = stream_write(s, p, len);
        return s->dead;
}

int seal_stream_finish(struct seal_stream *s)
{
        if (s->dead == 0 && s->i != s->h.chunks)
                s->dead = -EBADMSG;
        return s->dead;
}
