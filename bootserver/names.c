/* SPDX-License-Identifier: Apache-2.0 */
#include "names.h"

#include <arpa/inet.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool only(const char *s, const char *set, size_t min, size_t max)
{
        size_t n = strlen(s);

        return n >= min && n <= max && strspn(s, set) == n;
}

bool hex_ok(const char *s, size_t n)
{
        return only(s, DIGITS "abcdef", n, n);
}

bool file_name_ok(const char *s)
{
        return only(s, LOWER UPPER DIGITS "._+-", 1, 128) && strchr("._+-", s[0]) == NULL;
}

bool entry_name_ok(const char *s)
{
        return only(s, LOWER UPPER DIGITS "._-", 1, 63) && strchr("._-", s[0]) == NULL;
}

bool mac_ok(const char *s)
{
        if (strlen(s) != 17)
                return false;
        for (size_t i = 0; i < 17; i++) {
                if (i % 3 == 2 ? (s[i] != s[2] || (s[i] != ':' && s[i] != '-'))
                               : strchr(DIGITS "abcdefABCDEF", s[i]) == NULL)
                        return false;
        }
        return true;
}

bool uuid_ok(const char *s)
{
        if (strlen(s) != 36)
                return false;
        for (size_t i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? s[i] != '-' : strchr(DIGITS "abcdefABCDEF", s[i]) == NULL)
                        return false;
        }
        return true;
}

bool serial_ok(const char *s)
{
        size_t n = strlen(s);

        if (n > 64 || (n > 0 && (s[0] == ' ' || s[n - 1] == ' ')))
                return false;
        for (size_t i = 0; i < n; i++)
                if (s[i] < 0x20 || s[i] > 0x7e || strchr("\"'`$\\<>&|;", s[i]))
                        return false;
        return true;
}

bool url_ok(const char *s)
{
        size_t skip = strncmp(s, "http://", 7) == 0 ? 7 : strncmp(s, "https://", 8) == 0 ? 8 : 0;

        return skip > 0 && only(s + skip, LOWER UPPER DIGITS "._~:/[]-", 1, 240) && s[skip] != '/' &&
               s[strlen(s) - 1] != '/';
}

bool domain_ok(const char *s)
{
        bool number = true; /* all digits: it could be taken for an address */

        if (!only(s, LOWER DIGITS ".-", 1, DOMAIN_MAX))
                return false;
        for (const char *p = s;;) {
                size_t n = strcspn(p, ".");

                if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
                        return false;
                number = strspn(p, DIGITS) == n;
                if (p[n] == '\0')
                        return !number;
                p += n + 1;
        }
}

bool address_ok(const char *s)
{
        char text[INET6_ADDRSTRLEN];
        uint8_t raw[16];
        int family = strchr(s, ':') ? AF_INET6 : AF_INET;

        return inet_pton(family, s, raw) == 1 && inet_ntop(family, raw, text, sizeof(text)) && strcmp(text, s) == 0;
}

bool cmdline_ok(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n > 2000 || strstr(s, "${") || strstr(s, "  ") || s[0] == ' ' || s[n - 1] == ' ')
                return false;
        for (size_t i = 0; i < n; i++) {
                bool first = i == 0 || s[i - 1] == ' ';

                if (s[i] < 0x20 || s[i] > 0x7e ||
                    (first && (s[i] == '#' || s[i] == ';' || strncmp(s + i, "&&", 2) == 0 || strncmp(s + i, "||", 2) == 0)))
                        return false;
        }
        return true;
}
