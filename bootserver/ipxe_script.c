/* SPDX-License-Identifier: Apache-2.0 */
#include "ipxe_script.h"

#include "names.h"

#include <ctype.h>

struct out {
        char text[IPXE_SCRIPT_MAX];
        size_t len;
};

static bool put(struct out *o, const char *p, size_t n)
{
        if (n > sizeof(o->text) - o->len)
                return false;
        memcpy(o->text + o->len, p, n);
        o->len += n;
        return true;
}

int ipxe_script(const char *template, const struct ipxe_values *v, struct buf *ret)
{
        _cleanup_(freep) struct out *o = calloc(1, sizeof(*o));
        char url[512];
        const struct {
                const char *key;
                const char *value;
        } places[] = { { "@NODE@", v->node }, { "@IMAGE_NAME@", v->image_name }, { "@KERNEL_URL@", url },
                       { "@CMDLINE@", v->cmdline } };
        int n = snprintf(url, sizeof(url), "%s/boot/%s", v->base_url, v->image_name);

        if (!o)
                return -ENOMEM;
        if (n < 0 || (size_t)n >= sizeof(url) || !entry_name_ok(v->node) || !file_name_ok(v->image_name) ||
            !url_ok(v->base_url) || !cmdline_ok(v->cmdline))
                return -EINVAL;
        for (const char *p = template; *p;) {
                size_t plain = strcspn(p, "@");
                bool ok = put(o, p, plain);
                size_t i = 0;

                p += plain;
                while (ok && *p && i < ELEMENTSOF(places) && strncmp(p, places[i].key, strlen(places[i].key)) != 0)
                        i++;
                if (!ok || (*p && i == ELEMENTSOF(places)))
                        return -EINVAL;
                if (*p) {
                        if (!put(o, places[i].value, strlen(places[i].value)))
                                return -EINVAL;
                        p += strlen(places[i].key);
                }
        }
        ret->p = malloc(o->len + 1);
        if (!ret->p)
                return -ENOMEM;
        memcpy(ret->p, o->text, o->len);
        ret->p[o->len] = '\0';
        ret->len = o->len;
        return 0;
}

void mac_normal(const char *mac, char ret[18])
{
        for (size_t i = 0; i < 17; i++)
                ret[i] = i % 3 == 2 ? ':' : (char)tolower((unsigned char)mac[i]);
        ret[17] = '\0';
}
