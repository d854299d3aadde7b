/* SPDX-License-Identifier: Apache-2.0 */
#include "pe.h"

#include "cursor.h"

#define CERT_DIRECTORY 4 /* index of the certificate table */

struct parser {
        struct pe pe;
        const char *why;
};

static int bad(struct parser *p, const char *why)
{
        p->why = why;
        return -EBADMSG;
}

static struct cursor at(const struct pe *pe, size_t off)
{
        return off <= pe->len ? cur_of(pe->p + off, pe->len - off) : cur_of(NULL, 0);
}

/* The optional header begins at off and has size bytes. */
static int parse_optional(struct parser *p, size_t off, size_t size)
{
        struct pe *pe = &p->pe;
        struct cursor c = at(pe, off);
        struct cursor dirs;
        const uint8_t *header;
        uint16_t magic;
        uint32_t headers, n_dirs, cert_off, cert_size;
        size_t dirs_at;

        if (cur_take(&c, size, &header) < 0)
                return bad(p, "the optional header runs past the end of the file");
        c = cur_of(header, size);
        if (cur_u16le(&c, &magic) < 0 || (magic != 0x10b && magic != 0x20b))
                return bad(p, "neither PE32 nor PE32+");
        dirs_at = magic == 0x10b ? 92 : 108; /* NumberOfRvaAndSizes */
        if (cur_skip(&c, 58) < 0 || cur_u32le(&c, &headers) < 0)
                return bad(p, "the optional header is cut short");
        dirs = cur_of(header, size);
        if (cur_skip(&dirs, dirs_at) < 0 || cur_u32le(&dirs, &n_dirs) < 0)
                return bad(p, "the optional header is cut short");
        pe->checksum_off = off + 64;
        pe->headers_size = headers;
        if (headers < off + size || headers > pe->len)
                return bad(p, "SizeOfHeaders does not fit the file");
        if (n_dirs <= CERT_DIRECTORY)
                return 0;
        if (cur_skip(&dirs, 8 * CERT_DIRECTORY) < 0 || cur_u32le(&dirs, &cert_off) < 0 ||
            cur_u32le(&dirs, &cert_size) < 0)
                return bad(p, "the data directories are cut short");
        pe->certdir_off = off + dirs_at + 4 + 8 * CERT_DIRECTORY;
        if (cert_size == 0)
                return 0;
        if (cert_off > pe->len || cert_size > pe->len - cert_off)
                return bad(p, "the certificate table runs past the end of the file");
        pe->cert_off = cert_off;
        pe->cert_size = cert_size;
        return 0;
}

static int parse_section(struct parser *p, struct cursor *c)
{
        struct pe *pe = &p->pe;
        struct pe_section *s = &pe->sections[pe->n_sections];
        uint32_t vsize, rva, raw, off;
        const uint8_t *name;

        if (cur_take(c, 8, &name) < 0 || cur_u32le(c, &vsize) < 0 || cur_u32le(c, &rva) < 0 ||
            cur_u32le(c, &raw) < 0 || cur_u32le(c, &off) < 0 || cur_skip(c, 16) < 0)
                return bad(p, "the section table runs past the end of the file");
        if (raw == 0)
                off = 0;
        if (off > pe->len || raw > pe->len - off)
                return bad(p, "a section runs past the end of the file");
        memcpy(s->name, name, 8);
        s->name[8] = '\0';
        s->data = pe->p + off;
        s->raw_size = raw;
        s->size = vsize;
        s->offset = off;
        pe->n_sections++;
        return 0;
}

static int parse(struct parser *p)
{
        struct pe *pe = &p->pe;
        struct cursor c = at(pe, 0);
        const uint8_t *sig;
        uint32_t pe_off;
        uint16_t n, opt;
        int r;

        if (cur_take(&c, 2, &sig) < 0 || memcmp(sig, "MZ", 2) != 0 || cur_skip(&c, 58) < 0 ||
            cur_u32le(&c, &pe_off) < 0)
                return bad(p, "no PE image: no MZ header");
        c = at(pe, pe_off);
        if (cur_take(&c, 4, &sig) < 0 || memcmp(sig, "PE\0", 4) != 0)
                return bad(p, "no PE image: no PE signature");
        if (cur_u16le(&c, &pe->machine) < 0 || cur_u16le(&c, &n) < 0 || cur_skip(&c, 12) < 0 || cur_u16le(&c, &opt) < 0 ||
            cur_skip(&c, 2) < 0)
                return bad(p, "the COFF header is cut short");
        if (n > PE_MAX_SECTIONS)
                return bad(p, "more than 96 sections");
        r = parse_optional(p, (size_t)pe_off + 24, opt);
        if (r < 0 || cur_skip(&c, opt) < 0)
                return r < 0 ? r : bad(p, "the optional header runs past the end of the file");
        for (uint16_t i = 0; i < n; i++) {
                r = parse_section(p, &c);
                if (r < 0)
                        return r;
        }
        return 0;
}

int pe_parse(const void *buf, size_t len, struct pe *ret, const char **ret_why)
{
        struct parser p = { .pe = { .p = cur_of(buf, len).p, .len = len } };
        int r = parse(&p);

        if (r < 0) {
                if (ret_why)
                        *ret_why = p.why;
                return r;
        }
        *ret = p.pe;
        return 0;
}

const struct pe_section *pe_find(const struct pe *pe, const char *name)
{
        for (size_t i = 0; i < pe->n_sections; i++)
                if (strcmp(pe->sections[i].name, name) == 0)
                        return &pe->sections[i];
        return NULL;
}

static int by_offset(const void *a, const void *b)
{
        const struct pe_section *x = *(const struct pe_section *const *)a;
        const struct pe_section *y = *(const struct pe_section *const *)b;

        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int hash_headers(EVP_MD_CTX *ctx, const struct pe *pe)
{
        size_t from = pe->checksum_off + 4;

        if (EVP_DigestUpdate(ctx, pe->p, pe->checksum_off) != 1)
                return -EIO;
        if (pe->certdir_off) {
                if (EVP_DigestUpdate(ctx, pe->p + from, pe->certdir_off - from) != 1)
                        return -EIO;
                from = pe->certdir_off + 8;
        }
        return EVP_DigestUpdate(ctx, pe->p + from, pe->headers_size - from) == 1 ? 0 : -EIO;
}

/* As firmware does it: headers without the checksum and the certificate
 * table's entry, sections in file order, then whatever is left before the
 * certificate table's size, counted in bytes already hashed. */
int pe_authenticode(const struct pe *pe, uint8_t ret[DIGEST_LEN])
{
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        const struct pe_section *order[PE_MAX_SECTIONS];
        size_t n = 0, done = pe->headers_size;
        uint8_t h[DIGEST_LEN];
        int r;

        if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
                return -EIO;
        r = hash_headers(ctx, pe);
        if (r < 0)
                return r;
        for (size_t i = 0; i < pe->n_sections; i++)
                if (pe->sections[i].raw_size > 0)
                        order[n++] = &pe->sections[i];
        qsort(order, n, sizeof(order[0]), by_offset);
        for (size_t i = 0; i < n; i++) {
                if (EVP_DigestUpdate(ctx, order[i]->data, order[i]->raw_size) != 1)
                        return -EIO;
                done += order[i]->raw_size;
        }
        if (done > pe->len)
                return -EBADMSG; /* sections overlap */
        if (pe->len - done > pe->cert_size &&
            EVP_DigestUpdate(ctx, pe->p + done, pe->len - done - pe->cert_size) != 1)
                return -EIO;
        if (EVP_DigestFinal_ex(ctx, h, NULL) != 1)
                return -EIO;
        memcpy(ret, h, DIGEST_LEN);
        return 0;
}

static bool update_zeros(EVP_MD_CTX *ctx, size_t n)
{
        static const uint8_t zeros[4096];

        for (; n > sizeof(zeros); n -= sizeof(zeros))
                if (EVP_DigestUpdate(ctx, zeros, sizeof(zeros)) != 1)
                        return false;
        return EVP_DigestUpdate(ctx, zeros, n) == 1;
}

bool pe_section_update(const struct pe_section *s, EVP_MD_CTX *ctx)
{
        size_t in_file = s->size < s->raw_size ? s->size : s->raw_size;

        return EVP_DigestUpdate(ctx, s->data, in_file) == 1 && update_zeros(ctx, s->size - in_file);
}
