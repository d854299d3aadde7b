/* SPDX-License-Identifier: Apache-2.0 */
#include "unused.h"

#include "log.h"

void unused_add(struct unused *u, const char *file, const char *why)
{
        if (u->n < UNUSED_MAX) {
                (void)snprintf(u->v[u->n].file, sizeof(u->v[0].file), "%s", file);
                (void)snprintf(u->v[u->n].why, sizeof(u->v[0].why), "%s", why);
        }
        u->n++;
}

static size_t named(const struct unused *u)
{
        return u->n < UNUSED_MAX ? u->n : UNUSED_MAX;
}

void unused_log(const struct unused *u, const char *dir, const char *what, const char *next)
{
        for (size_t i = 0; i < named(u); i++) {
                char path[512];
                char text[1100];

                (void)snprintf(path, sizeof(path), "%s/%s", dir, u->v[i].file);
                log_warn("%s is not used as %s: %s. All other files there are. Next: %s",
                         log_escape(path, strlen(path), text, sizeof(text)), what, u->v[i].why, next);
        }
        if (u->n > UNUSED_MAX)
                log_warn("%zu more files in %s are not used as %s", u->n - UNUSED_MAX, dir, what);
}

void unused_json(const struct unused *u, const char *dir, struct jout *o)
{
        for (size_t i = 0; i < named(u); i++) {
                char path[512];

                (void)snprintf(path, sizeof(path), "%s/%s", dir, u->v[i].file);
                jout_obj(o, NULL);
                jout_str(o, "file", path);
                jout_str(o, "why", u->v[i].why);
                jout_end(o, '}');
        }
}
