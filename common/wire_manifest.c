/* SPDX-License-Identifier: Apache-2.0 */
#include "jout.h"
#include "wire_verdict.h"

struct manifest_text {
        struct manifest m;
        char format[16];
};

#define SIZE_LIMIT (INT64_C(1) << 50) /* keeps sums of sizes far from overflow */

static const struct jfield manifest_tab[] = {
        {"name", JT_STR, offsetof(struct manifest_text, m.name), WIRE_IMAGE_NAME_MAX, JF_REQUIRED},
        {"format", JT_STR, offsetof(struct manifest_text, format), 15, JF_REQUIRED},
        {"size", JT_INT, offsetof(struct manifest_text, m.size), SIZE_LIMIT, JF_REQUIRED},
        {"plain_size", JT_INT, offsetof(struct manifest_text, m.plain_size), SIZE_LIMIT, JF_REQUIRED},
        {"header", JT_HEX, offsetof(struct manifest_text, m.header), 64, JF_REQUIRED},
        {"list", JT_HEX, offsetof(struct manifest_text, m.list), DIGEST_LEN, JF_REQUIRED},
};

static bool image_name_ok(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n <= WIRE_IMAGE_NAME_MAX && *s != '.' && *s != '-' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

int wire_manifest_build(const struct manifest *m, char **ret_text)
{
        struct jout o = {0};
        struct buf text = {0};
        int r;

        if (!image_name_ok(m->name) || m->size <= 0 || m->plain_size <= 0)
                return -EINVAL;
        jout_obj(&o, NULL);
        jout_str(&o, "name", m->name);
        jout_str(&o, "format", WIRE_IMAGE_FORMAT);
        jout_int(&o, "size", m->size);
        jout_int(&o, "plain_size", m->plain_size);
        jout_hex(&o, "header", m->header, sizeof(m->header));
        jout_hex(&o, "list", m->list, sizeof(m->list));
        jout_end(&o, '}');
        r = jout_take(&o, &text);
        if (r < 0)
                return r;
        *ret_text = (char *)text.p;
        return 0;
}

int wire_manifest_parse(const char *text, struct manifest *ret, char err[JTAB_ERR])
{
        struct manifest_text t = {0};
        int r = jtab_parse(text, strlen(text), WIRE_MANIFEST_MAX, manifest_tab, ELEMENTSOF(manifest_tab), &t, err);

        if (r < 0)
                return r;
        if (strcmp(t.format, WIRE_IMAGE_FORMAT) != 0) {
                (void)snprintf(err, JTAB_ERR, "the image's format is not " WIRE_IMAGE_FORMAT);
                return -EBADMSG;
        }
        if (!image_name_ok(t.m.name) || t.m.size == 0 || t.m.plain_size == 0) {
                (void)snprintf(err, JTAB_ERR, "the manifest's name or size is not allowed");
                return -EBADMSG;
        }
        *ret = t.m;
        return 0;
}
