/* SPDX-License-Identifier: Apache-2.0 */
#include "offline_pcrs.h"

#include "cursor.h"
#include "eventlog.h"
#include "hex.h"

#include <json-c/json.h>

static inline void json_putp(struct json_object **o)
{
        json_object_put(*o);
}

static int because(int r, const char **ret_why, const char *why)
{
        *ret_why = why;
        return r;
}

static size_t digest_size(uint16_t alg)
{
        switch (alg) {
        case TPM_SHA1:
                return 20;
        case TPM_SHA256:
        case TPM_SM3_256:
                return 32;
        case TPM_SHA384:
                return 48;
        case TPM_SHA512:
                return 64;
        default:
                return 0;
        }
}

static size_t selected_size(const struct quote *q)
{
        size_t n = 0;

        for (size_t i = 0; i < q->n_banks; i++)
                n += (size_t)__builtin_popcount(q->banks[i].mask) * digest_size(q->banks[i].alg);
        return n;
}

static int from_json(struct json_object *root, const struct quote *q, struct wbuf *w, const char **ret_why)
{
        struct json_object *pcrs, *bank, *value;
        char alg[7], key[12];
        uint8_t digest[64];

        if (!json_object_object_get_ex(root, "pcrs", &pcrs))
                pcrs = root;
        for (size_t i = 0; i < q->n_banks; i++) {
                size_t size = digest_size(q->banks[i].alg);

                for (unsigned n = 0; n < 32; n++) {
                        if (!(q->banks[i].mask & 1u << n))
                                continue;
                        (void)snprintf(key, sizeof(key), "%u", n);
                        if (!json_object_object_get_ex(pcrs, evlog_alg_name(q->banks[i].alg, alg), &bank) ||
                            !json_object_object_get_ex(bank, key, &value))
                                return because(-ENOENT, ret_why, "the PCR file lacks a PCR that was quoted");
                        if (!json_object_is_type(value, json_type_string) || size == 0 ||
                            hex_decode_exact(json_object_get_string(value), digest, size) < 0)
                                return because(-EBADMSG, ret_why, "a PCR value in the file is no digest in hex");
                        wb_put(w, digest, size);
                }
        }
        return 0;
}

struct tool_selection {
        uint16_t alg;
        uint32_t mask;
};

/* TPML_PCR_SELECTION as it lies in memory: count, then 16 entries of alg,
 * sizeofSelect, 4 bytes of bits and one of padding. */
static int tool_selections(struct cursor *c, struct tool_selection sel[16], size_t *ret_n)
{
        uint32_t count;
        size_t n = 0;

        if (cur_u32le(c, &count) < 0 || count > 16)
                return -EBADMSG;
        for (uint32_t i = 0; i < 16; i++) {
                struct tool_selection s;
                uint8_t size;

                if (cur_u16le(c, &s.alg) < 0 || cur_u8(c, &size) < 0 || cur_u32le(c, &s.mask) < 0 || cur_skip(c, 1) < 0)
                        return -EBADMSG;
                if (i >= count)
                        continue;
                if (size > 4)
                        return -EBADMSG;
                if (size < 4)
                        s.mask &= (1u << (8 * size)) - 1;
                if (s.mask)
                        sel[n++] = s;
        }
        *ret_n = n;
        return 0;
}

/* Then a count and as many TPML_DIGEST: count and 8 TPM2B_DIGEST of 2 + 64. */
static int tool_digests(struct cursor *c, struct wbuf *w)
{
        uint32_t lists, count;

        if (cur_u32le(c, &lists) < 0 || lists > 64)
                return -EBADMSG;
        for (uint32_t i = 0; i < lists; i++) {
                if (cur_u32le(c, &count) < 0 || count > 8)
                        return -EBADMSG;
                for (uint32_t k = 0; k < 8; k++) {
                        const uint8_t *p;
                        uint16_t size;

                        if (cur_u16le(c, &size) < 0 || cur_take(c, 64, &p) < 0 || (k < count && size > 64))
                                return -EBADMSG;
                        if (k < count)
                                wb_put(w, p, size);
                }
        }
        return cur_end(c);
}

static bool same_selection(const struct quote *q, const struct tool_selection *sel, size_t n)
{
        size_t k = 0;

        for (size_t i = 0; i < q->n_banks; i++) {
                if (q->banks[i].mask == 0)
                        continue;
                if (k >= n || sel[k].alg != q->banks[i].alg || sel[k].mask != q->banks[i].mask)
                        return false;
                k++;
        }
        return k == n;
}

static int from_tool(const struct buf *file, const struct quote *q, struct wbuf *w, const char **ret_why)
{
        struct cursor c = cur_of(file->p, file->len);
        struct tool_selection sel[16];
        size_t n;

        if (tool_selections(&c, sel, &n) < 0 || tool_digests(&c, w) < 0)
                return because(-EBADMSG, ret_why, "the PCR file is malformed");
        if (!same_selection(q, sel, n))
                return because(-ENOENT, ret_why, "the PCR file holds other PCRs than were quoted");
        return 0;
}

static const uint8_t *first_text(const struct buf *b)
{
        const uint8_t *p = b->p;

        while (p < b->p + b->len && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
                p++;
        return p;
}

int offline_pcrs(const struct buf *file, const struct quote *q, uint8_t ret[OFFLINE_PCRS_MAX], size_t *ret_len,
                 const char **ret_why)
{
        struct wbuf w = wb_of(ret, OFFLINE_PCRS_MAX);
        const uint8_t *text = first_text(file);
        size_t raw = selected_size(q);
        int r;

        if (raw > 0 && file->len == raw) {
                wb_put(&w, file->p, file->len);
        } else if (text < file->p + file->len && *text == '{') {
                _cleanup_(json_putp) struct json_object *o = NULL;
                struct json_tokener *tok = json_tokener_new();

                if (!tok)
                        return because(-ENOMEM, ret_why, "out of memory");
                o = json_tokener_parse_ex(tok, (const char *)file->p, (int)file->len);
                json_tokener_free(tok);
                if (!json_object_is_type(o, json_type_object))
                        return because(-EBADMSG, ret_why, "the PCR file is no JSON object");
                r = from_json(o, q, &w, ret_why);
                if (r < 0)
                        return r;
        } else {
                r = from_tool(file, q, &w, ret_why);
                if (r < 0)
                        return r;
        }
        r = wb_end(&w, ret_len);
        return r < 0 ? because(-EBADMSG, ret_why, "the PCR file holds too much") : 0;
}
