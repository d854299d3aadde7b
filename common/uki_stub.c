/* SPDX-License-Identifier: Apache-2.0 */
#include "uki_stub.h"

#define OLDEST 252
#define NEWEST 257
#define PROFILES_SINCE 257
#define MACHINE_X86_64 0x8664

static int unknown(const char **ret_why, const char *why)
{
        *ret_why = why;
        return -ENOTSUP;
}

static const uint8_t *number(const uint8_t *p, const uint8_t *end, unsigned *ret)
{
        *ret = 0;
        for (; p < end && *p >= '0' && *p <= '9' && *ret < 100000; p++)
                *ret = 10 * *ret + (unsigned)(*p - '0');
        return p;
}

int stub_version(const struct pe *pe, struct stub_version *ret, const char **ret_why)
{
        static const char mark[] = "systemd-stub ";
        const struct pe_section *s = pe_find(pe, ".sdmagic");
        size_t n = s ? (s->size < s->raw_size ? s->size : s->raw_size) : 0;
        const uint8_t *p = n > 0 ? memmem(s->data, n, mark, sizeof(mark) - 1) : NULL;
        struct stub_version v = { 0 };

        if (pe->machine != MACHINE_X86_64)
                return unknown(ret_why, "it is not for x86-64: what stubs of other architectures measure is not known here");
        if (!p)
                return unknown(ret_why, "its stub does not say which it is (section .sdmagic): it is no systemd-stub, or one of before 252");
        p = number(p + sizeof(mark) - 1, s->data + n, &v.major);
        if (p < s->data + n && *p == '.')
                (void)number(p + 1, s->data + n, &v.minor);
        if (v.major < OLDEST)
                return unknown(ret_why, "its systemd-stub is older than 252, which measures nothing into PCR 11");
        if (v.major > NEWEST)
                return unknown(ret_why, "its systemd-stub is newer than 257, the last one of which is known what it measures");
        *ret = v;
        return 0;
}

/* The stub's own code has names of its own, which it does not look for. */
static bool looked_for(const char *name)
{
        static const char *const names[] = { ".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb",
                                             ".uname", ".sbat", ".pcrsig", ".pcrpkey", ".profile", ".hwids" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

static bool is_profile(const struct pe_section *s)
{
        return strcmp(s->name, ".profile") == 0;
}

/* The sections from `from` up to the next profile: none twice. */
static int once(const struct pe *pe, size_t from, size_t *ret_end, const char **ret_why)
{
        size_t end = from < pe->n_sections && is_profile(&pe->sections[from]) ? from + 1 : from;

        while (end < pe->n_sections && !is_profile(&pe->sections[end]))
                end++;
        for (size_t i = from; i < end; i++)
                for (size_t k = from; k < i; k++)
                        if (looked_for(pe->sections[i].name) && strcmp(pe->sections[i].name, pe->sections[k].name) == 0)
                                return unknown(ret_why, "it has a section twice: stubs differ in which one they take");
        *ret_end = end;
        return 0;
}

/* The first profile's sections take the place of the common ones of their names. */
static void first_profile(struct pe *pe, size_t from, size_t end)
{
        size_t n = from;

        for (size_t i = from; i < end; i++) {
                size_t k = 0;

                while (k < from && strcmp(pe->sections[k].name, pe->sections[i].name) != 0)
                        k++;
                pe->sections[k < from ? k : n++] = pe->sections[i];
        }
        pe->n_sections = n;
}

int stub_sections(struct pe *pe, const struct stub_version *v, const char **ret_why)
{
        size_t from = 0;
        size_t end = 0;
        int r;

        if (pe_find(pe, ".dtbauto"))
                return unknown(ret_why, "it has a section .dtbauto: what its stub measures depends on the hardware that it finds");
        if (pe_find(pe, ".efifw"))
                return unknown(ret_why, "it has a section .efifw: what its stub does depends on the firmware that it finds");
        r = once(pe, 0, &from, ret_why);
        if (r == 0 && pe_find(pe, ".profile") && is_profile(&pe->sections[0]))
                from = 0; /* none is common */
        if (r < 0 || !pe_find(pe, ".profile"))
                return r;
        if (v->major < PROFILES_SINCE)
                return unknown(ret_why, "it has profiles (section .profile), which its stub of before 257 does not know");
        r = once(pe, from, &end, ret_why);
        if (r == 0)
                first_profile(pe, from, end);
        return r;
}

/* Debian's 252.39 takes blanks away at the end, as 253 does; the first ones of
 * 252 do not. At the start they are taken away since 254. */
static bool ends_differ(const struct stub_version *v, const char *s, size_t n)
{
        bool cuts_end = v->major > 252 || v->minor >= 39;
        bool cuts_start = v->major >= 254;

        return n > 0 && ((!cuts_end && s[n - 1] == ' ') || (!cuts_start && s[0] == ' '));
}

int stub_cmdline(const struct stub_version *v, const char *s, size_t n, char **ret)
{
        char *line;
        size_t skip;

        n = strnlen(s, n);
        if (n > STUB_CMDLINE_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] >= 0x7f)
                        return -EILSEQ;
        line = strndup(s, n);
        if (!line)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (line[i] < 0x20)
                        line[i] = ' ';
        if (ends_differ(v, line, n)) {
                free(line);
                return -ENOTUNIQ;
        }
        while (n > 0 && line[n - 1] == ' ')
                line[--n] = '\0';
        skip = strspn(line, " ");
        memmove(line, line + skip, n - skip + 1);
        *ret = line;
        return 0;
}
