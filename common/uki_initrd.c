/* SPDX-License-Identifier: Apache-2.0 */
#include "uki_initrd.h"

#define FOLDER ".extra"
#define NAME_MAX_LEN 48
#define HEAD_LEN 110
#define INITRD 1 /* in parts[] */
#define IS_FOLDER 0040555u
#define IS_FILE 0100444u

static const struct part {
        const char *section;
        unsigned since;
        const char *file; /* NULL: as it is */
} parts[] = {
        { ".ucode", 256, NULL },
        [INITRD] = { ".initrd", 0, NULL },
        { ".pcrsig", 252, FOLDER "/tpm2-pcr-signature.json" },
        { ".pcrpkey", 252, FOLDER "/tpm2-pcr-public-key.pem" },
        { ".osrel", 257, FOLDER "/os-release" },
        { ".profile", 257, FOLDER "/profile" },
};

static bool pad(EVP_MD_CTX *ctx, size_t len)
{
        return EVP_DigestUpdate(ctx, "\0\0\0", (4 - len % 4) % 4) == 1;
}

/* A header and a name of cpio's "newc"; nobody's, of no time. */
static bool head(EVP_MD_CTX *ctx, unsigned inode, unsigned mode, size_t size, const char *name)
{
        char text[HEAD_LEN + NAME_MAX_LEN];
        int n = snprintf(text, sizeof(text), "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", inode, mode, 0u, 0u,
                         1u, 0u, size, 0u, 0u, 0u, 0u, strlen(name) + 1, 0u, name);

        return n > 0 && (size_t)n < sizeof(text) && EVP_DigestUpdate(ctx, text, (size_t)n + 1) == 1 && pad(ctx, (size_t)n + 1);
}

/* The last one's length is written in capitals. */
static bool trailer(EVP_MD_CTX *ctx)
{
        static const char text[] = "070701" "00000000" "00000000" "00000000" "00000000" "00000001" "00000000" "00000000"
                                   "00000000" "00000000" "00000000" "00000000" "0000000B" "00000000" "TRAILER!!!\0\0\0";

        return EVP_DigestUpdate(ctx, text, sizeof(text)) == 1;
}

static bool archive(EVP_MD_CTX *ctx, const struct pe_section *s, const char *file)
{
        return head(ctx, 1, IS_FOLDER, 0, FOLDER) && head(ctx, 2, IS_FILE, s->size, file) && pe_section_update(s, ctx) &&
               pad(ctx, s->size) && trailer(ctx);
}

static const struct pe_section *find(const struct pe *pe, unsigned version, const struct part *p)
{
        const struct pe_section *s = version >= p->since ? pe_find(pe, p->section) : NULL;

        return s && s->size > 0 ? s : NULL;
}

int uki_initrd(const struct pe *pe, unsigned version, bool *ret_has, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        const struct pe_section *s[ELEMENTSOF(parts)];
        bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                s[i] = find(pe, version, &parts[i]);
                n += s[i] != NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(parts) && ok; i++) {
                if (s[i] && parts[i].file)
                        ok = archive(ctx, s[i], parts[i].file);
                else if (s[i]) /* .initrd by itself stays as it is */
                        ok = pe_section_update(s[i], ctx) && ((n == 1 && i == INITRD) || pad(ctx, s[i]->size));
        }
        *ret_has = n > 0;
        return ok && EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -EIO;
}
