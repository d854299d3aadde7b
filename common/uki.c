/* SPDX-License-Identifier: Apache-2.0 */
#include "uki.h"

#include "cursor.h"
#include "uki_initrd.h"

/* What systemd-stub measures, in its order, and since which version. The
 * signatures (.pcrsig) are never measured: they sign the result. */
static const struct {
        const char *name;
        unsigned since;
} measured[] = {
        { ".linux", 0 }, { ".osrel", 0 },   { ".cmdline", 0 }, { ".initrd", 0 },  { ".ucode", 256 },
        { ".splash", 0 }, { ".dtb", 0 },   { ".uname", 253 }, { ".sbat", 254 },  { ".pcrpkey", 0 },
        { ".profile", 257 }, { ".hwids", 257 },
};

static int hash_section(const struct pe_section *s, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 || !pe_section_update(s, ctx) ||
            EVP_DigestFinal_ex(ctx, ret, NULL) != 1)
                return -EIO;
        return 0;
}

static int add_section(struct uki *u, const char *name, const struct pe_section *s)
{
        struct uki_section *d = &u->sections[u->n_sections];
        int r;

        d->name = name;
        d->size = s->size;
        r = hash_section(s, d->sha256);
        if (r < 0)
                return r;
        if (EVP_Digest(name, strlen(name) + 1, d->name_sha256, NULL, EVP_sha256(), NULL) != 1)
                return -EIO;
        u->n_sections++;
        return 0;
}

static int note_kernel(struct uki *u, const struct pe_section *s, const char **why)
{
        struct pe kernel;
        const char *pe_why;

        if (s->size > s->raw_size) {
                *why = "its .linux section is larger in memory than in the file";
                return -ENOEXEC;
        }
        if (pe_parse(s->data, s->size, &kernel, &pe_why) < 0) {
                *why = "its .linux section holds no kernel with an EFI stub";
                return -ENOEXEC;
        }
        if (kernel.machine != u->pe.machine) {
                *why = "its kernel is of another architecture than its stub";
                return -ENOTSUP;
        }
        return pe_authenticode(&kernel, u->kernel_authenticode);
}

static void note_cmdline(struct uki *u, const struct pe_section *s)
{
        size_t n = s->size < s->raw_size ? s->size : s->raw_size;

        u->has_cmdline = s->size > 0;
        u->cmdline = (const char *)s->data;
        u->cmdline_len = strnlen(u->cmdline, n);
}

int uki_parse(const void *p, size_t len, struct uki *ret, const char **ret_why)
{
        struct uki u = { 0 };
        const struct pe_section *s;
        const char *why = NULL;
        int r = pe_parse(p, len, &u.pe, &why);

        if (r == 0) {
                s = pe_find(&u.pe, ".linux");
                if (!s || s->size == 0) {
                        why = "it has no .linux section: not a unified kernel image";
                        r = -ENOEXEC;
                } else {
                        r = note_kernel(&u, s, &why);
                }
        }
        if (r == 0)
                r = pe_authenticode(&u.pe, u.authenticode); /* of all sections, before those of one profile are taken */
        if (r == 0)
                r = stub_version(&u.pe, &u.stub, &why);
        if (r == 0)
                r = stub_sections(&u.pe, &u.stub, &why);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(measured); i++) {
                s = pe_find(&u.pe, measured[i].name);
                if (s && s->size > 0 && u.stub.major >= measured[i].since)
                        r = add_section(&u, measured[i].name, s);
        }
        if (r == 0 && (s = pe_find(&u.pe, ".cmdline")))
                note_cmdline(&u, s);
        if (r == 0)
                r = uki_initrd(&u.pe, u.stub.major, &u.has_initrd, u.initrd_sha256);
        if (r < 0) {
                if (ret_why)
                        *ret_why = why ? why : "its sections overlap";
                return r;
        }
        *ret = u;
        return 0;
}

int uki_options_digest(const char *s, size_t len, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        if (len > UKI_MAX_CMDLINE)
                return -E2BIG;
        for (size_t i = 0; i < len; i++)
                if ((s[i] < 0x20 && s[i] != '\n' && s[i] != '\t') || s[i] >= 0x7f)
                        return -EILSEQ;
        if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
                return -EIO;
        for (size_t i = 0; i <= len; i++) {
                const uint8_t wide[2] = { i < len ? (uint8_t)s[i] : 0, 0 };

                if (EVP_DigestUpdate(ctx, wide, 2) != 1)
                        return -EIO;
        }
        return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -EIO;
}

static int add_event(struct uki_events *e, const uint8_t digest[DIGEST_LEN])
{
        uint8_t both[2 * DIGEST_LEN];

        if (e->n >= UKI_MAX_EVENTS)
                return -E2BIG;
        memcpy(e->digest[e->n++], digest, DIGEST_LEN);
        memcpy(both, e->value, DIGEST_LEN);
        memcpy(both + DIGEST_LEN, digest, DIGEST_LEN);
        return EVP_Digest(both, sizeof(both), e->value, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

/* The line that the stub gives to the kernel, and whether it was passed. */
static int predict_options(const struct uki *u, const char *options, bool secure_boot, struct uki_pred *p)
{
        /* the stub takes no options whose first character is a control code */
        bool passed = options && (unsigned char)options[0] > 0x1f && !(secure_boot && u->has_cmdline);
        _cleanup_(freep) char *line = NULL;
        uint8_t h[DIGEST_LEN];
        int r;

        p->embedded_cmdline = !passed && u->has_cmdline;
        if (!passed && !u->has_cmdline)
                return 0;
        r = passed ? stub_cmdline(&u->stub, options, strlen(options), &line) : uki_cmdline(u, &line);
        if (r < 0)
                return r;
        if (passed && !*line)
                return -ENOTUNIQ; /* newer ones take the embedded line then */
        r = uki_options_digest(line, strlen(line), h);
        if (r == 0 && passed)
                r = add_event(&p->pcr12, h);
        return r < 0 ? r : add_event(&p->pcr9, h);
}

/* Linux's boot protocol: the header "HdrS", and in it where the version's text is, less 512. */
static const uint8_t *version_text(const struct pe_section *linux_section, size_t *ret_len)
{
        struct cursor c = cur_of(linux_section->data, linux_section->raw_size);
        const uint8_t *magic;
        uint16_t at = 0;

        if (cur_skip(&c, 0x202) < 0 || cur_take(&c, 4, &magic) < 0 || memcmp(magic, "HdrS", 4) != 0 || cur_skip(&c, 8) < 0 ||
            cur_u16le(&c, &at) < 0 || at == 0)
                return NULL;
        c = cur_of(linux_section->data, linux_section->raw_size);
        if (cur_skip(&c, (size_t)at + 512) < 0)
                return NULL;
        *ret_len = c.left;
        return c.p;
}

void uki_kernel_version(const struct uki *u, char *ret, size_t size)
{
        const struct pe_section *uname = pe_find(&u->pe, ".uname");
        const struct pe_section *s = pe_find(&u->pe, ".linux");
        size_t len = 0;
        const uint8_t *p = s ? version_text(s, &len) : NULL;
        size_t n = 0;

        if (!p && uname) {
                p = uname->data;
                len = uname->size < uname->raw_size ? uname->size : uname->raw_size;
        }
        while (p && n < len && n < size - 1 && p[n] > 0x20 && p[n] < 0x7f) {
                ret[n] = (char)p[n];
                n++;
        }
        ret[n] = '\0';
}

int uki_cmdline(const struct uki *u, char **ret)
{
        return stub_cmdline(&u->stub, u->cmdline ? u->cmdline : "", u->cmdline_len, ret);
}

int uki_predict(const struct uki *u, const char *options, bool secure_boot, struct uki_pred *ret)
{
        struct uki_pred p = { 0 };
        int r;

        if ((r = add_event(&p.pcr4, u->authenticode)) < 0 || (r = add_event(&p.pcr4, u->kernel_authenticode)) < 0 ||
            (r = predict_options(u, options, secure_boot, &p)) < 0)
                return r;
        if (u->has_initrd && (r = add_event(&p.pcr9, u->initrd_sha256)) < 0)
                return r;
        for (size_t i = 0; i < u->n_sections; i++)
                if ((r = add_event(&p.pcr11, u->sections[i].name_sha256)) < 0 ||
                    (r = add_event(&p.pcr11, u->sections[i].sha256)) < 0)
                        return r;
        *ret = p;
        return 0;
}
