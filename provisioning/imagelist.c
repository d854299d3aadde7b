/* SPDX-License-Identifier: Apache-2.0 */
#include "imagelook.h"

#include <sys/stat.h>

#define LINKS_MAX 40 /* as the kernel follows */

/* Room for `more`, by doubling. */
static int grow(void **p, size_t *max, size_t have, size_t more, size_t size, size_t limit)
{
        size_t want = *max;
        void *bigger;

        if (more > limit - have)
                return -E2BIG;
        if (have + more <= *max)
                return 0;
        while (want < have + more)
                want = want ? 2 * want : 1024;
        bigger = reallocarray(*p, want, size);
        if (!bigger)
                return -ENOMEM;
        *p = bigger;
        *max = want;
        return 0;
}

static int add_text(struct imagelist *l, const char *s, size_t n, size_t *ret_at)
{
        void *p = l->text;
        int r = grow(&p, &l->text_max, l->text_len, n + 1, 1, IMAGELIST_TEXT_MAX);

        l->text = p;
        if (r < 0)
                return r;
        *ret_at = l->text_len;
        memcpy(l->text + l->text_len, s, n);
        l->text[l->text_len + n] = '\0';
        l->text_len += n + 1;
        return 0;
}

int imagelist_add(struct imagelist *l, const char *path, size_t path_len, mode_t mode, bool whiteout, const char *link,
                  size_t link_len)
{
        struct imagelist_entry e = { .mode = mode, .whiteout = whiteout, .path_len = (uint16_t)path_len };
        void *p = l->entries;
        size_t empty;
        int r = path_len < PATH_MAX ? 0 : -ENAMETOOLONG;

        if (r == 0 && l->text_len == 0)
                r = add_text(l, "", 0, &empty);
        if (r == 0)
                r = grow(&p, &l->n_max, l->n, 1, sizeof(e), IMAGELIST_ENTRIES_MAX);
        l->entries = p;
        if (r == 0)
                r = add_text(l, path, path_len, &e.path);
        if (r == 0 && link)
                r = add_text(l, link, link_len, &e.link);
        if (r == 0)
                l->entries[l->n++] = e;
        return r;
}

const struct imagelist_entry *imagelist_at(const struct imagelist *l, const char *path)
{
        size_t n = strlen(path);

        for (size_t i = 0; i < l->n; i++)
                if (l->entries[i].path_len == n && memcmp(l->text + l->entries[i].path, path, n) == 0)
                        return &l->entries[i];
        return NULL;
}

/* One more part of the path: "." and ".." are not names. */
static int step(char at[PATH_MAX], const char *part, size_t n)
{
        size_t len = strlen(at);

        if (n == 1 && part[0] == '.')
                return 0;
        if (n == 2 && memcmp(part, "..", 2) == 0) {
                char *slash = strrchr(at, '/');

                *(slash ? slash : at) = '\0';
                return 0;
        }
        if (len + n + 2 > PATH_MAX)
                return -ENAMETOOLONG;
        (void)snprintf(at + len, PATH_MAX - len, "%s%.*s", len ? "/" : "", (int)n, part);
        return 0;
}

const struct imagelist_entry *imagelist_find(const struct imagelist *l, const char *path, char ret_path[PATH_MAX])
{
        char left[PATH_MAX];
        char at[PATH_MAX] = "";
        unsigned links = 0;

        if (snprintf(left, sizeof(left), "%s", path) >= (int)sizeof(left))
                return NULL;
        for (;;) {
                size_t skip = strspn(left, "/");
                size_t n = strcspn(left + skip, "/");
                const struct imagelist_entry *e;
                char parent[PATH_MAX];
                char rest[PATH_MAX];

                if (n == 0)
                        break;
                memcpy(parent, at, sizeof(parent));
                if (step(at, left + skip, n) < 0)
                        return NULL;
                (void)snprintf(rest, sizeof(rest), "%s", left + skip + n);
                memmove(left, rest, strlen(rest) + 1);
                e = imagelist_at(l, at);
                if (!e || !S_ISLNK(e->mode))
                        continue;
                if (++links > LINKS_MAX ||
                    snprintf(left, sizeof(left), "%s/%s", l->text + e->link, rest) >= (int)sizeof(left))
                        return NULL;
                if (l->text[e->link] == '/')
                        at[0] = '\0';
                else
                        memcpy(at, parent, sizeof(at));
        }
        if (ret_path)
                memcpy(ret_path, at, PATH_MAX);
        return imagelist_at(l, at);
}

void imagelist_free(struct imagelist *l)
{
        free(l->entries);
        free(l->text);
        *l = (struct imagelist){ 0 };
}
