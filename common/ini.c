/* SPDX-License-Identifier: Apache-2.0 */
#include "ini.h"

#include <ctype.h>

#define INI_LINE_MAX 1200
#define INI_KEYS_MAX 128

struct ini {
        char section[64];
        char seen[INI_KEYS_MAX][64]; /* keys of this section */
        size_t n_seen;
        char sections[16][64];
        size_t n_sections;
        ini_pair_fn fn;
        void *ctx;
};

static bool name_ok(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n > 63)
                return false;
        for (; *s; s++)
                if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-')
                        return false;
        return true;
}

static char *trim(char *s)
{
        char *end;

        while (*s == ' ' || *s == '\t')
                s++;
        end = s + strlen(s);
        while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
                end--;
        *end = '\0';
        return s;
}

static int section_line(struct ini *i, char *s, const char **why)
{
        size_t n = strlen(s);

        *why = "a section is [name]";
        if (s[n - 1] != ']')
                return -EBADMSG;
        s[n - 1] = '\0';
        if (!name_ok(s + 1))
                return -EBADMSG;
        *why = "the section stands twice, or there are too many";
        for (size_t k = 0; k < i->n_sections; k++)
                if (strcmp(i->sections[k], s + 1) == 0)
                        return -EBADMSG;
        if (i->n_sections == ELEMENTSOF(i->sections))
                return -EBADMSG;
        (void)snprintf(i->sections[i->n_sections++], 64, "%s", s + 1);
        (void)snprintf(i->section, sizeof(i->section), "%s", s + 1);
        i->n_seen = 0;
        return 0;
}

static int pair_line(struct ini *i, char *s, const char **why)
{
        char *eq = strchr(s, '=');
        char *key;
        char *value;

        *why = "a line is `key = value`";
        if (!eq)
                return -EBADMSG;
        *eq = '\0';
        key = trim(s);
        value = trim(eq + 1);
        if (!name_ok(key))
                return -EBADMSG;
        *why = "the key stands before any [section]";
        if (!i->section[0])
                return -EBADMSG;
        *why = "the value is longer than 1,023 bytes";
        if (strlen(value) > 1023)
                return -EBADMSG;
        *why = "the key stands twice, or there are too many";
        for (size_t k = 0; k < i->n_seen; k++)
                if (strcmp(i->seen[k], key) == 0)
                        return -EBADMSG;
        if (i->n_seen == INI_KEYS_MAX)
                return -EBADMSG;
        (void)snprintf(i->seen[i->n_seen++], 64, "%s", key);
        *why = "refused";
        return i->fn(i->ctx, i->section, key, value, why);
}

static int one_line(struct ini *i, const char *p, size_t n, const char **why)
{
        char line[INI_LINE_MAX];
        char *s;

        *why = "the line is too long";
        if (n >= sizeof(line))
                return -EBADMSG;
        *why = "the line holds a control character";
        for (size_t k = 0; k < n; k++)
                if ((unsigned char)p[k] < 0x20 && p[k] != '\t' && !(p[k] == '\r' && k == n - 1))
                        return -EBADMSG;
        memcpy(line, p, n);
        line[n] = '\0';
        s = trim(line);
        if (*s == '\0' || *s == '#' || *s == ';')
                return 0;
        return *s == '[' ? section_line(i, s, why) : pair_line(i, s, why);
}

int ini_parse(const char *text, size_t len, ini_pair_fn fn, void *ctx, unsigned *ret_line, const char **ret_why)
{
        _cleanup_(freep) struct ini *i = calloc(1, sizeof(*i));
        unsigned line = 0;

        *ret_line = 0;
        *ret_why = "out of memory";
        if (!i)
                return -ENOMEM;
        *ret_why = "the file is larger than 64 KiB";
        if (len > INI_FILE_MAX)
                return -EFBIG;
        i->fn = fn;
        i->ctx = ctx;
        while (len > 0) {
                const char *nl = memchr(text, '\n', len);
                size_t n = nl ? (size_t)(nl - text) : len;
                int r;

                *ret_line = ++line;
                r = one_line(i, text, n, ret_why);
                if (r < 0)
                        return r;
                text += nl ? n + 1 : n;
                len -= nl ? n + 1 : n;
        }
        *ret_why = "";
        return 0;
}
