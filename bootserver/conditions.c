/* SPDX-License-Identifier: Apache-2.0 */
#include "conditions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool number(const char **p, uint64_t *ret)
{
        size_t n = strspn(*p, "0123456789");

        if (n == 0 || n > 18)
                return false;
        *ret = strtoull(*p, NULL, 10);
        *p += n;
        return true;
}

int range_parse(const char *header, uint64_t total, uint64_t *ret_first, uint64_t *ret_len)
{
        const char *p = header;
        uint64_t first = 0;
        uint64_t last = total - 1;

        if (!header || strncmp(header, "bytes=", 6) != 0)
                return 0;
        p += 6;
        if (*p == '-') {
                uint64_t n;

                p++;
                if (!number(&p, &n) || *p != '\0')
                        return 0;
                if (n == 0 || total == 0)
                        return -ERANGE;
                first = n < total ? total - n : 0;
        } else {
                if (!number(&p, &first) || *p++ != '-')
                        return 0;
                if (*p != '\0' && (!number(&p, &last) || *p != '\0' || last < first))
                        return 0;
                if (first >= total)
                        return -ERANGE;
                if (last >= total)
                        last = total - 1;
        }
        *ret_first = first;
        *ret_len = last - first + 1;
        return 1;
}

bool range_holds(const char *if_range, const char *etag)
{
        return !if_range || (etag[0] && strcmp(if_range, etag) == 0);
}

bool etag_listed(const char *if_none_match, const char *etag)
{
        const char *p = if_none_match;
        size_t len = strlen(etag);

        if (!p || len == 0)
                return false;
        if (strcmp(p, "*") == 0)
                return true;
        for (;;) {
                p += strspn(p, " \t,");
                p += strncmp(p, "W/", 2) == 0 ? 2 : 0;
                if (strncmp(p, etag, len) == 0 && strchr(" \t,", p[len])) /* the end too */
                        return true;
                if (*p != '"' || !(p = strchr(p + 1, '"')))
                        return false;
                p++;
        }
}
