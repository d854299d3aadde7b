/* SPDX-License-Identifier: Apache-2.0 */
#include "ek_input.h"

#include "hex.h"

#include <json-c/json.h>

/* What services write for "=", "+" and "/" when the text was meant for a URL. */
static char percent(const char *p, size_t left)
{
        if (left < 3 || p[0] != '%')
                return '\0';
        return strncasecmp(p, "%3d", 3) == 0 ? '=' : strncasecmp(p, "%2b", 3) == 0 ? '+' : strncasecmp(p, "%2f", 3) == 0 ? '/' : '\0';
}

int ek_base64_decode(const char *text, size_t len, struct buf *ret)
{
        _cleanup_(freep) char *plain = malloc(len + 4);
        struct buf b = { .p = malloc(len + 4) };
        size_t n = 0;
        int r = plain && b.p ? 0 : -ENOMEM;

        for (size_t i = 0; i < len && r == 0; i++) {
                char c = percent(text + i, len - i);

                i += c ? 2 : 0;
                plain[n++] = c ? c : text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
        }
        while (r == 0 && n % 4 != 0)
                plain[n++] = '=';
        if (r == 0)
                r = b64_decode(plain, n, b.p, len + 4, &b.len);
        if (r < 0)
                buf_wipe(&b);
        else
                *ret = b;
        return r == 0 || r == -ENOMEM ? r : -EBADMSG;
}

static int take(struct buf *b, const char *text, size_t len)
{
        struct buf der = { 0 };
        int r = ek_base64_decode(text, len, &der);

        if (r == 0) {
                buf_wipe(b);
                *b = der;
        }
        return r;
}

static int decode_json(struct buf *b, const char **ret_why)
{
        struct json_tokener *t = json_tokener_new_ex(8);
        struct json_object *o = NULL;
        struct json_object *v = NULL;
        int r = -EBADMSG;

        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t, JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(t, (const char *)b->p, (int)b->len);
        json_tokener_free(t);
        *ret_why = "it is JSON without a member `certificate`, which a maker's service has";
        if (json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, "certificate", &v) &&
            json_object_is_type(v, json_type_string)) {
                *ret_why = "its member `certificate` is no base64url";
                r = take(b, json_object_get_string(v), (size_t)json_object_get_string_len(v));
        }
        (void)json_object_put(o);
        return r;
}

int ek_input_decode(struct buf *b, const char **ret_why)
{
        size_t n = b->len;

        if (n == 0 || n > 65536)
                return 0;
        if (b->p[0] == '{')
                return decode_json(b, ret_why);
        while (n > 0 && (b->p[n - 1] == '\n' || b->p[n - 1] == '\r'))
                n--;
        /* a certificate's DER begins with 30 82, which is "MI" */
        if (n > 256 && b->p[0] == 'M' && b->p[1] == 'I' && take(b, (const char *)b->p, n) == -ENOMEM)
                return -ENOMEM;
        return 0;
}
