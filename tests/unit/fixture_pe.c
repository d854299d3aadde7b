/* SPDX-License-Identifier: Apache-2.0 */
/* Part of fixture_evidence.c, which includes it. */
#include "fixture_evidence.h"

#define FX(x)                                                                                                          \
        do {                                                                                                           \
                if (!(x)) {                                                                                            \
                        (void)fprintf(stderr, "%s:%d: fixture: %s\n", __FILE__, __LINE__, #x);                         \
                        abort();                                                                                       \
                }                                                                                                      \
        } while (0)

static void put16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t)v;
        p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, size_t v)
{
        put16(p, (unsigned)(v & 0xffff));
        put16(p + 2, (unsigned)(v >> 16 & 0xffff));
}

#define FX_ALIGN 512
static size_t align_up(size_t n)
{
        return (n + FX_ALIGN - 1) / FX_ALIGN * FX_ALIGN;
}

struct buf fixture_pe(const struct fx_section *s, size_t n)
{
        const size_t headers = 1024;
        size_t total = headers;
        size_t at = headers;
        struct buf b;
        uint8_t *pe;

        for (size_t i = 0; i < n; i++)
                total += align_up(s[i].n);
        b = (struct buf){calloc(1, total), total};
        FX(b.p && n <= 12);
        memcpy(b.p, "MZ", 2);
        put32(b.p + 0x3c, 0x40);
        pe = b.p + 0x40;
        memcpy(pe, "PE\0\0", 4);
        put16(pe + 4, 0x8664);
        put16(pe + 6, (unsigned)n);
        put16(pe + 20, 240);   /* SizeOfOptionalHeader */
        put16(pe + 22, 0x22e); /* executable */
        pe += 24;
        put16(pe, 0x20b);
        put32(pe + 32, 4096);     /* SectionAlignment */
        put32(pe + 36, FX_ALIGN); /* FileAlignment */
        put32(pe + 56, 0x100000); /* SizeOfImage */
        put32(pe + 60, headers);
        put16(pe + 68, 10); /* EFI application */
        put32(pe + 108, 16);
        pe += 240;
        for (size_t i = 0; i < n; i++, pe += 40) {
                memcpy(pe, s[i].name, strnlen(s[i].name, 8));
                put32(pe + 8, s[i].n);
                put32(pe + 12, 0x1000 * (i + 1) * 16);
                put32(pe + 16, align_up(s[i].n));
                put32(pe + 20, at);
                put32(pe + 36, 0x40000040);
                memcpy(b.p + at, s[i].p, s[i].n);
                at += align_up(s[i].n);
        }
        return b;
}

struct buf fixture_uki(const char *kernel, const char *initrd, const char *cmdline)
{
        static const char osrel[] = "ID=fixture\n";
        const struct fx_section text = {".text", kernel, strlen(kernel)};
        struct buf linux_pe = fixture_pe(&text, 1);
        static const char magic[] = "#### LoaderInfo: systemd-stub 252.39-1 ####";
        struct fx_section s[6] = {{".text", "stub", 4}, {".sdmagic", magic, sizeof(magic) - 1}, {".osrel", osrel, sizeof(osrel) - 1}};
        size_t n = 3;
        struct buf b;

        if (cmdline)
                s[n++] = (struct fx_section){".cmdline", cmdline, strlen(cmdline)};
        if (initrd)
                s[n++] = (struct fx_section){".initrd", initrd, strlen(initrd)};
        s[n++] = (struct fx_section){".linux", linux_pe.p, linux_pe.len};
        b = fixture_pe(s, n);
        buf_wipe(&linux_pe);
        return b;
}
