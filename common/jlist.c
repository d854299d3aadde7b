/* SPDX-License-Identifier: Apache-2.0 */
#include "jtab.h"

void jstrs_free(struct jstrs *s)
{
        for (size_t i = 0; i < s->n; i++) {
                wipe(s->v[i], s->v[i] ? strlen(s->v[i]) : 0);
                free(s->v[i]);
        }
        free(s->v);
        *s = (struct jstrs){0};
}

int jstrs_add(struct jstrs *s, const char *text)
{
        _cleanup_(freep) char *copy = strdup(text);
        char **v;

        if (!copy)
                return -ENOMEM;
        v = reallocarray(s->v, s->n + 1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        s->v = v;
        s->v[s->n++] = take_ptr(copy);
        return 0;
}

void jbufs_free(struct jbufs *b)
{
        for (size_t i = 0; i < b->n; i++)
                buf_wipe(&b->v[i]);
        free(b->v);
        *b = (struct jbufs){0};
}
