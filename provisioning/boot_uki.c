/* SPDX-License-Identifier: Apache-2.0 */
#include "boot_make.h"
#include "cursor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define PAGE 0x1000u
#define STUB_MAX (4u << 20)
#define PE32_PLUS 0x20b

/* The last section's end, from the section table. */
static int sections_end(struct cursor table, unsigned count, uint64_t *ret)
{
        uint64_t end = 0;

        for (unsigned i = 0; i < count; i++) {
                uint32_t vsize, addr, raw;

                if (cur_skip(&table, 8) < 0 || cur_u32le(&table, &vsize) < 0 || cur_u32le(&table, &addr) < 0 ||
                    cur_u32le(&table, &raw) < 0 || cur_skip(&table, 20) < 0)
                        return -EBADMSG;
                if (raw > vsize)
                        vsize = raw;
                if ((uint64_t)addr + vsize > end)
                        end = (uint64_t)addr + vsize;
        }
        *ret = end;
        return end > 0 ? 0 : -EBADMSG;
}

/* Past the PE signature, at the COFF header; -EBADMSG. */
static int coff_header(const void *p, size_t len, struct cursor *ret)
{
        struct cursor c = cur_of(p, len);
        uint16_t magic;
        uint32_t pe, sig;

        if (cur_u16le(&c, &magic) < 0 || magic != 0x5a4d || cur_skip(&c, 58) < 0 || cur_u32le(&c, &pe) < 0)
                return -EBADMSG;
        c = cur_of(p, len);
        if (cur_skip(&c, pe) < 0 || cur_u32le(&c, &sig) < 0 || sig != 0x4550)
                return -EBADMSG;
        *ret = c;
        return 0;
}

int boot_pe_end(const void *p, size_t len, uint64_t *ret)
{
        struct cursor c, opt;
        uint16_t count, opt_size, kind;
        uint64_t base, end;

        if (coff_header(p, len, &c) < 0 || cur_skip(&c, 2) < 0 || cur_u16le(&c, &count) < 0 || cur_skip(&c, 12) < 0 ||
            cur_u16le(&c, &opt_size) < 0 || cur_skip(&c, 2) < 0)
                return -EBADMSG;
        opt = c;
        if (cur_u16le(&opt, &kind) < 0 || kind != PE32_PLUS || cur_skip(&opt, 22) < 0 || cur_u64le(&opt, &base) < 0 ||
            cur_skip(&c, opt_size) < 0 || sections_end(c, count, &end) < 0 || base > UINT64_MAX / 2)
                return -EBADMSG;
        *ret = (base + end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
        return 0;
}

int boot_kernel_version(const void *p, size_t len, char *ret, size_t n)
{
        struct cursor c = cur_of(p, len);
        struct cursor v = cur_of(p, len);
        const uint8_t *s;
        uint32_t magic;
        uint16_t at;
        size_t i;

        if (cur_skip(&c, 0x202) < 0 || cur_u32le(&c, &magic) < 0 || magic != 0x53726448 || cur_skip(&c, 8) < 0 ||
            cur_u16le(&c, &at) < 0 || at == 0 || cur_skip(&v, 0x200u + at) < 0 || v.left < n)
                return -EBADMSG;
        s = v.p;
        for (i = 0; i < n && s[i] > ' '; i++) {
                if (s[i] > '~' || s[i] == '/')
                        return -EBADMSG;
                ret[i] = (char)s[i];
        }
        if (i == 0 || i == n)
                return -EBADMSG;
        ret[i] = '\0';
        return 0;
}

static int stub_end(const char *stub, uint64_t *ret, struct fail *f)
{
        _cleanup_(fclosep) FILE *in = fopen(stub, "re");
        _cleanup_(freep) uint8_t *p = malloc(STUB_MAX);
        size_t n;

        if (!in)
                return fail_set(f, -errno, "", "install systemd-boot-efi (Debian) or systemd-boot-unsigned, or give --stub",
                                "read the stub %s: %s", stub, strerror(errno));
        if (!p)
                return fail_set(f, -ENOMEM, "", "free some memory", "read the stub %s: out of memory", stub);
        n = fread(p, 1, STUB_MAX, in);
        if (boot_pe_end(p, n, ret) < 0)
                return fail_set(f, -EBADMSG, "", "give systemd's linuxx64.efi.stub", "read the stub %s: not a 64-bit PE image",
                                stub);
        return 0;
}

static int write_cmdline(const struct boot_spec *s, const char *path, struct fail *f)
{
        _cleanup_(fclosep) FILE *out = fopen(path, "we");

        if (!out || fputs(s->cmdline, out) < 0 || fflush(out) != 0)
                return fail_set(f, -EIO, "", "check the free space of the temporary directory", "write %s: %s", path,
                                strerror(errno));
        return 0;
}

/* objcopy writes the time of the day and a checksum over it: clear both. */
static int undate(const char *path, struct fail *f)
{
        _cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC);
        static const uint8_t zero[4] = { 0 };
        uint8_t head[4096];
        struct cursor c;
        ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
        off_t at;

        if (n < 0 || coff_header(head, (size_t)n, &c) < 0)
                return fail_set(f, -EIO, "", "try again", "read what objcopy made, %s: no PE image", path);
        at = n - (off_t)c.left;
        if (pwrite(fd, zero, 4, at + 4) != 4 || pwrite(fd, zero, 4, at + 20 + 64) != 4)
                return fail_set(f, -EIO, "", "check the free space of the temporary directory", "write %s: %s", path,
                                strerror(errno));
        return 0;
}

int boot_uki(const struct boot_spec *s, const char *initrd, const char *out, struct fail *f)
{
        char cmdline[PATH_MAX];
        /* the kernel last: it may use memory beyond its file's bytes */
        const struct {
                const char *name, *file;
        } parts[] = { { ".osrel", s->osrel }, { ".cmdline", cmdline }, { ".initrd", initrd }, { ".linux", s->kernel } };
        static char words[2 * ELEMENTSOF(parts)][PATH_MAX + 64];
        char *argv[5 + 2 * ELEMENTSOF(words)];
        char *envp[] = { (char *)"PATH=" BOOT_PATH, (char *)"LC_ALL=C", NULL };
        char objcopy[PATH_MAX];
        size_t n = 0;
        uint64_t at = 0;
        int r;

        if (boot_find("objcopy", objcopy) < 0)
                return fail_set(f, -ENOENT, "", "install binutils", "make the UKI: objcopy is not in %s", BOOT_PATH);
        (void)snprintf(cmdline, sizeof(cmdline), "%s/cmdline", s->tmp);
        if ((r = write_cmdline(s, cmdline, f)) < 0 || (r = stub_end(s->stub, &at, f)) < 0)
                return r;
        argv[n++] = objcopy;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                struct stat st;

                if (stat(parts[i].file, &st) < 0 || st.st_size == 0)
                        return fail_set(f, -ENOENT, "", "give a file with content", "put %s into the UKI: %s is missing or empty",
                                        parts[i].name, parts[i].file);
                (void)snprintf(words[2 * i], sizeof(words[0]), "%s=%s", parts[i].name, parts[i].file);
                (void)snprintf(words[2 * i + 1], sizeof(words[0]), "%s=0x%" PRIx64, parts[i].name, at);
                argv[n++] = (char *)"--add-section";
                argv[n++] = words[2 * i];
                argv[n++] = (char *)"--change-section-vma";
                argv[n++] = words[2 * i + 1];
                at = (at + (uint64_t)st.st_size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
        }
        argv[n++] = (char *)s->stub;
        argv[n++] = (char *)out;
        argv[n] = NULL;
        r = boot_run(argv, envp, s->tmp, NULL, f);
        return r < 0 ? r : undate(out, f);
}
