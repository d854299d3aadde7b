/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include "jout.h"

#define BOOT_JSON_MAX 65536

static int print(struct jout *o)
{
        struct buf text = { 0 };

        if (jout_take(o, &text) < 0)
                return EXIT_OTHER;
        (void)printf("%s\n", (char *)text.p);
        buf_wipe(&text);
        return fflush(stdout) == 0 ? EXIT_OK : EXIT_OTHER;
}

static int say(const struct fail *f)
{
        log_err("%s: %s.%s%s", f->code, f->what, f->next[0] ? " Next: " : "", f->next);
        return EXIT_TPM;
}

int cmd_enroll(void)
{
        _cleanup_(jout_wipe) struct jout o = { 0 };
        struct node *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return EXIT_OTHER;
        n->ek.tr = n->ak.tr = ESYS_TR_NONE;
        n->image_fd = -1;
        r = node_tpm_open(n);
        if (r == 0)
                r = tpm_manufacturer(n->tpm, n->facts.tpm, &n->f);
        if (r < 0) {
                r = say(&n->f);
        } else {
                jout_obj(&o, NULL);
                jout_str(&o, "id", n->id_hex);
                jout_b64(&o, "ek_public", n->ek.public, n->ek.public_len);
                if (n->certs.n > 0)
                        jout_b64(&o, "ek_certificate", n->certs.der[0].p, n->certs.der[0].len);
                else
                        jout_null(&o, "ek_certificate");
                wire_facts_out(&o, "facts", &n->facts);
                jout_end(&o, '}');
                r = print(&o);
        }
        node_wipe(n);
        free(n);
        return r;
}

static int nv_out(struct jout *o, struct tpm *t, struct fail *f)
{
        static const char *const names[] = { "", "ssh", "tls" };

        jout_obj(o, "nv");
        for (int p = NV_SSH; p <= NV_PURPOSES; p++) {
                uint32_t attributes = 0;
                int r = tpm_nv_attributes(t, (enum nv_purpose)p, &attributes, f);

                if (r < 0 && r != -ENOENT)
                        return r;
                if (r == -ENOENT) {
                        jout_null(o, names[p]);
                        continue;
                }
                jout_obj(o, names[p]);
                jout_bool(o, "attributes_ok",
                          (attributes & ~(NV_ATTR_WRITTEN | NV_ATTR_READLOCKED | NV_ATTR_WRITELOCKED)) == NV_ATTRIBUTES);
                jout_bool(o, "written", attributes & NV_ATTR_WRITTEN);
                jout_bool(o, "read_locked", attributes & NV_ATTR_READLOCKED);
                jout_bool(o, "write_locked", attributes & NV_ATTR_WRITELOCKED);
                jout_end(o, '}');
        }
        jout_end(o, '}');
        return 0;
}

int cmd_status(const char *run_dir)
{
        _cleanup_(buf_wipe) struct buf boot = { 0 };
        _cleanup_(jout_wipe) struct jout o = { 0 };
        _cleanup_(tpm_closep) struct tpm *t = NULL;
        struct fail f = { 0 };
        char path[512];
        const char *tcti = NULL;

#ifdef MUSTER_TEST_TCTI
        tcti = getenv("MUSTER_TCTI");
#endif
        (void)snprintf(path, sizeof(path), "%s/boot.json", run_dir);
        jout_obj(&o, NULL);
        if (file_read(path, BOOT_JSON_MAX, &boot) == 0)
                jout_raw(&o, "boot", (char *)boot.p, boot.len);
        else
                jout_null(&o, "boot");
        if (tpm_open(tcti, &t, &f) < 0 || tpm_properties(t, &f) < 0)
                return say(&f);
        jout_obj(&o, "tpm");
        jout_str(&o, "device", t->name);
        jout_str(&o, "vendor", t->vendor);
        jout_int(&o, "nv_index_max", t->nv_index_max);
        jout_int(&o, "nv_buffer_max", t->nv_buffer_max);
        jout_end(&o, '}');
        if (nv_out(&o, t, &f) < 0)
                return say(&f);
        jout_end(&o, '}');
        return print(&o);
}
