/* SPDX-License-Identifier: Apache-2.0 */
#include "refs.h"

#include "uki.h"

void boot_ref_free(struct boot_ref *r)
{
        free(r->cmdline);
        free(r->embedded);
        *r = (struct boot_ref){0};
}

static int set_names(struct boot_ref *r, const char *name, const char *file, const char *cmdline)
{
        if (!*name || !*file || !*cmdline)
                return -EINVAL;
        if (strlen(name) > REFS_NAME_MAX || strlen(file) > REFS_FILE_MAX || strlen(cmdline) > REFS_CMDLINE_MAX)
                return -E2BIG;
        (void)snprintf(r->name, sizeof(r->name), "%s", name);
        (void)snprintf(r->file, sizeof(r->file), "%s", file);
        r->cmdline = strdup(cmdline);
        return r->cmdline ? 0 : -ENOMEM;
}

static int predict(const struct uki *uki, const char *options, bool secure, struct boot_case *ret,
                   uint8_t pcr11[DIGEST_LEN])
{
        _cleanup_(freep) struct uki_pred *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = uki_predict(uki, options, secure, p);
        if (r < 0)
                return r;
        if (p->pcr9.n < 1)
                return -EBADMSG;
        memcpy(ret->pcr12, p->pcr12.value, DIGEST_LEN);
        memcpy(ret->pcr9, p->pcr9.value, DIGEST_LEN);
        memcpy(ret->options, p->pcr9.digest[0], DIGEST_LEN);
        ret->embedded = p->embedded_cmdline;
        memcpy(pcr11, p->pcr11.value, DIGEST_LEN);
        return 0;
}

static int fill(struct boot_ref *r, const struct uki *uki)
{
        char options[REFS_FILE_MAX + REFS_CMDLINE_MAX + 2];
        int rc;

        memcpy(r->uki, uki->authenticode, DIGEST_LEN);
        memcpy(r->kernel, uki->kernel_authenticode, DIGEST_LEN);
        memcpy(r->initrd, uki->initrd_sha256, DIGEST_LEN);
        r->has_initrd = uki->has_initrd;
        uki_kernel_version(uki, r->version, sizeof(r->version));
        if (uki->has_cmdline) {
                rc = uki_cmdline(uki, &r->embedded);
                if (rc < 0)
                        return rc;
        }
        (void)snprintf(options, sizeof(options), "%s %s", r->file, r->cmdline);
        rc = predict(uki, options, false, &r->plain, r->pcr11);
        return rc < 0 ? rc : predict(uki, options, true, &r->secure, r->pcr11);
}

int boot_ref_make(const char *name, const char *file, const char *cmdline, const uint8_t *uki, size_t len,
                  struct boot_ref *ret)
{
        _cleanup_(freep) struct uki *u = calloc(1, sizeof(*u));
        struct boot_ref r = {0};
        const char *why;
        int rc;

        if (!u)
                return -ENOMEM;
        rc = set_names(&r, name, file, cmdline);
        if (rc == 0)
                rc = uki_parse(uki, len, u, &why);
        if (rc == -ENOEXEC)
                rc = -EBADMSG;
        if (rc == 0)
                rc = fill(&r, u);
        if (rc < 0) {
                boot_ref_free(&r);
                return rc;
        }
        r.complete = true;
        *ret = r;
        return 0;
}

int ipxe_set_add(struct ipxe_set *s, const char *file, const uint8_t *pe, size_t len)
{
        _cleanup_(freep) struct pe *p = calloc(1, sizeof(*p));
        uint8_t digest[DIGEST_LEN];
        const char *why;
        int r;

        if (!p)
                return -ENOMEM;
        if (!*file)
                return -EINVAL;
        if (strlen(file) > REFS_FILE_MAX || s->n == REFS_IPXE_MAX)
                return -E2BIG;
        r = pe_parse(pe, len, p, &why);
        if (r < 0)
                return r;
        r = pe_authenticode(p, digest);
        if (r < 0)
                return r;
        memcpy(s->v[s->n].digest, digest, DIGEST_LEN);
        (void)snprintf(s->v[s->n].file, sizeof(s->v[s->n].file), "%s", file);
        s->n++;
        return 0;
}

const char *ipxe_set_find(const struct ipxe_set *s, const uint8_t digest[DIGEST_LEN])
{
        for (size_t i = 0; i < s->n; i++)
                if (same_bytes(s->v[i].digest, DIGEST_LEN, digest, DIGEST_LEN))
                        return s->v[i].file;
        return NULL;
}
