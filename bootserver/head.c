/* SPDX-License-Identifier: Apache-2.0 */
#include "head.h"

#include "hex.h"

#include <strings.h>

#define CRLF 2

static bool control(int c)
{
        return (c >= 0 && c < 0x20) || c == 0x7f;
}

/* The byte that "%HH" at p stands for, or -1. */
static int escaped(const char *p)
{
        uint8_t byte;
        size_t n;

        return p[1] && hex_decode(p + 1, 2, &byte, 1, &n) == 0 ? byte : -1;
}

const char *head_target(const char *target, bool slashes)
{
        bool query = false;

        for (const char *p = target; *p; p++) {
                int c = (unsigned char)*p;

                query |= c == '?';
                if (c <= 0x20 || c >= 0x7f)
                        return "the request's target has a character that has to be escaped";
                if (c != '%')
                        continue;
                c = escaped(p);
                if (c < 0)
                        return "the request's target has a malformed escape";
                if (control(c))
                        return "the request's target has an escaped control character";
                if (c == '/' && !query && !slashes)
                        return "the request's path has an escaped slash";
                p += 2;
        }
        return NULL;
}

static void fault(struct head *h, const char *what)
{
        if (!h->fault)
                h->fault = what;
}

/* A string of `len` bytes at `at` begins where the line before it ended. */
static void place(struct head *h, uintptr_t at, size_t len, size_t gap)
{
        if (h->places && at != h->next)
                fault(h, "a line of the head is folded, has a NUL, or does not end with CR LF");
        h->next = at + len + gap;
}

void head_begin(struct head *h, bool places, const char *method, const char *target, size_t target_len,
                const char *version)
{
        *h = (struct head){ .places = places, .begin = (uintptr_t)method, .next = (uintptr_t)method };
        place(h, (uintptr_t)method, strlen(method), 1);
        place(h, (uintptr_t)target, target_len, 1);
        place(h, (uintptr_t)version, strlen(version), CRLF);
}

/* RFC 9110, section 5.6.2 */
static bool token(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int c = (unsigned char)s[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

                if (c == '\0' || (!letter && !strchr("!#$%&'*+-.^_`|~", c)))
                        return false;
        }
        return n > 0;
}

static bool text(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (control((unsigned char)s[i]) && s[i] != '\t')
                        return false;
        return true;
}

void head_field(struct head *h, const char *name, size_t name_len, const char *value, size_t value_len)
{
        static const char *const singles[HEAD_SINGLES] = { "Host", "Content-Length", "Content-Type", "Transfer-Encoding",
                                                           "Range" };
        uintptr_t colon = (uintptr_t)name + name_len;

        if (!token(name, name_len))
                fault(h, "a header's name is none");
        if (!text(value, value_len))
                fault(h, "a header has a control character");
        place(h, (uintptr_t)name, name_len, 0);
        if (h->places && (uintptr_t)value <= colon)
                fault(h, "a header's value is not behind its name");
        h->next = (uintptr_t)value + value_len + CRLF;
        for (size_t i = 0; i < HEAD_SINGLES; i++)
                h->seen[i] += name_len == strlen(singles[i]) && strncasecmp(name, singles[i], name_len) == 0;
}

const char *head_end(struct head *h, size_t size)
{
        for (size_t i = 0; i < HEAD_SINGLES; i++)
                if (h->seen[i] > 1)
                        fault(h, "Host, Content-Length, Content-Type, Transfer-Encoding or Range is there twice");
        if (h->seen[HEAD_LENGTH] > 0 && h->seen[HEAD_CODING] > 0)
                fault(h, "Content-Length and Transfer-Encoding are there both");
        place(h, h->begin + size - CRLF, 0, CRLF);
        return h->fault;
}
