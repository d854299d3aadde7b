/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_kept.h"

#include "hex.h"

#define TEXT_MAX (WIRE_EK_CERTS * B64_LEN(WIRE_EK_CERT_MAX) + 1)

struct key {
        char text[24 + NODE_ID_HEX];
};

static struct key key_of(const char *id)
{
        struct key k;

        (void)snprintf(k.text, sizeof(k.text), "ek_certificates/%s", id);
        return k;
}

int ek_kept_put(struct store *s, const char *id, const struct jbufs *certs)
{
        _cleanup_(freep) char *text = malloc(TEXT_MAX);
        struct key key = key_of(id);
        size_t n = 0;

        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < certs->n && i < WIRE_EK_CERTS; i++) {
                if (certs->v[i].len > WIRE_EK_CERT_MAX)
                        return -EBADMSG;
                if (i > 0)
                        text[n++] = ' ';
                b64_encode(certs->v[i].p, certs->v[i].len, text + n);
                n += strlen(text + n);
        }
        return n > 0 ? s->ops->setting_put(s, key.text, text) : 0;
}

static int decode(const char *text, struct jbufs *ret)
{
        while (*text) {
                struct buf *b = &ret->v[ret->n];
                size_t n = strcspn(text, " ");
                int r;

                if (ret->n == WIRE_EK_CERTS)
                        return -EBADMSG;
                b->p = malloc(WIRE_EK_CERT_MAX);
                if (!b->p)
                        return -ENOMEM;
                ret->n++;
                r = b64_decode(text, n, b->p, WIRE_EK_CERT_MAX, &b->len);
                if (r < 0)
                        return -EBADMSG;
                text += n + (text[n] == ' ');
        }
        return ret->n > 0 ? 0 : -ENOENT;
}

int ek_kept_get(struct store *s, const char *id, struct jbufs *ret)
{
        _cleanup_(freep) char *text = malloc(TEXT_MAX);
        struct jbufs certs = { .v = calloc(WIRE_EK_CERTS, sizeof(struct buf)) };
        struct key key = key_of(id);
        int r = text && certs.v ? s->ops->setting_get(s, key.text, text, TEXT_MAX) : -ENOMEM;

        if (r == 0)
                r = decode(text, &certs);
        if (r < 0)
                jbufs_free(&certs);
        else
                *ret = certs;
        return r;
}

int ek_kept_forget(struct store *s, const char *id)
{
        struct key key = key_of(id);

        return s->ops->setting_put(s, key.text, NULL);
}
