/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture_evidence.h"

#include "cursor.h"
#include "digest.h"
#include "eventlog.h"
#include "tpmpub.h"

#include "fixture_pe.c"

static void fx_hash(const void *p, size_t n, uint8_t ret[DIGEST_LEN])
{
        FX(digest_sha256(p, n, ret) == 0);
}

/* ---- events ------------------------------------------------------------ */

void fixture_event(struct fixture *f, uint32_t pcr, uint32_t type, const uint8_t *digest, const void *data, size_t size)
{
        struct fx_event *e = &f->ev[f->n];

        FX(f->n < FX_EVENTS && size <= FX_DATA);
        f->n++;
        *e = (struct fx_event){.pcr = pcr, .type = type, .size = size};
        if (size > 0)
                memcpy(e->data, data, size);
        if (digest)
                memcpy(e->digest, digest, DIGEST_LEN);
        else
                fx_hash(data, size, e->digest);
}

struct fx_event *fixture_find(struct fixture *f, uint32_t pcr, size_t nth)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->ev[i].pcr == pcr && f->ev[i].type != EV_NO_ACTION && nth-- == 0)
                        return &f->ev[i];
        FX(!"there is such an event");
        return NULL;
}

void fixture_remove(struct fixture *f, struct fx_event *e)
{
        f->n--;
        for (; e < f->ev + f->n; e++) /* valgrind 3.19 takes a checked memmove() for memcpy() */
                *e = e[1];
}

static void variable_event(struct fixture *f, uint32_t pcr, uint32_t type, const char *name, const void *p, size_t n)
{
        static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                           0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
        uint8_t data[FX_DATA] = {0};
        size_t len = strlen(name);

        memcpy(data, global, 16);
        put32(data + 16, len);
        put32(data + 24, n);
        for (size_t i = 0; i < len; i++)
                data[32 + 2 * i] = (uint8_t)name[i];
        if (n > 0)
                memcpy(data + 32 + 2 * len, p, n);
        fixture_event(f, pcr, type, NULL, data, 32 + 2 * len + n);
}

static void text_event(struct fixture *f, uint32_t pcr, uint32_t type, const char *text)
{
        fixture_event(f, pcr, type, NULL, text, strlen(text));
}

void fixture_firmware(struct fixture *f, bool secure_boot)
{
        static const char *const keys[] = {"PK", "KEK", "db", "dbx"};
        const uint8_t on = secure_boot;
        uint8_t blob[16] = {0, 0, 0x82};
        uint8_t code[DIGEST_LEN];

        f->n = 0;
        fx_hash("firmware code 1.0", 17, code);
        fixture_event(f, 0, EV_S_CRTM_VERSION, NULL, "1\0.\0000\0\0", 8);
        fixture_event(f, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, code, blob, sizeof(blob));
        variable_event(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "SecureBoot", &on, 1);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                variable_event(f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, keys[i], NULL, 0);
        fixture_event(f, 7, EV_SEPARATOR, NULL, "\0\0\0", 4);
        variable_event(f, 1, EV_EFI_VARIABLE_BOOT, "BootOrder", "\1\0", 2);
        text_event(f, 4, EV_EFI_ACTION, "Calling EFI Application from Boot Option");
        for (unsigned i = 0; i < 7; i++)
                fixture_event(f, i, EV_SEPARATOR, NULL, "\0\0\0", 4);
}

static void image_event(struct fixture *f, const uint8_t digest[DIGEST_LEN])
{
        uint8_t data[32 + 4] = {0};

        data[24] = 4;
        memcpy(data + 32, "\x7f\xff\x04\x00", 4);
        fixture_event(f, 4, EV_EFI_BOOT_SERVICES_APPLICATION, digest, data, sizeof(data));
}

static void pe_event(struct fixture *f, const struct buf *file)
{
        struct pe *pe = calloc(1, sizeof(*pe));
        uint8_t digest[DIGEST_LEN];
        const char *why = "";

        FX(pe && pe_parse(file->p, file->len, pe, &why) == 0 && pe_authenticode(pe, digest) == 0);
        image_event(f, digest);
        free(pe);
}

static void options_event(struct fixture *f, const uint8_t digest[DIGEST_LEN], const char *options)
{
        uint8_t data[FX_DATA] = {0};
        size_t n = strlen(options);

        FX(2 * n + 2 <= FX_DATA);
        for (size_t i = 0; i < n; i++)
                data[2 * i] = (uint8_t)options[i];
        fixture_event(f, 12, EV_IPL, digest, data, 2 * n + 2);
}

static void tag_event(struct fixture *f, const uint8_t digest[DIGEST_LEN], size_t tag, const char *text)
{
        uint8_t data[64] = {0};

        put32(data, tag);
        put32(data + 4, strlen(text) + 1);
        memcpy(data + 8, text, strlen(text));
        fixture_event(f, 9, EV_EVENT_TAG, digest, data, 8 + strlen(text) + 1);
}

void fixture_chain(struct fixture *f, const struct buf *ipxe, const struct buf *uki, const char *options,
                   bool secure_boot)
{
        struct uki *u = calloc(1, sizeof(*u));
        struct uki_pred *p = calloc(1, sizeof(*p));
        const char *why = "";

        FX(u && p && uki_parse(uki->p, uki->len, u, &why) == 0 && uki_predict(u, options, secure_boot, p) == 0);
        if (ipxe)
                pe_event(f, ipxe);
        image_event(f, u->authenticode);
        image_event(f, u->authenticode);
        for (size_t i = 0; i < p->pcr11.n; i++)
                fixture_event(f, 11, EV_IPL, p->pcr11.digest[i], "section", 7);
        for (size_t i = 0; i < p->pcr12.n; i++)
                options_event(f, p->pcr12.digest[i], options);
        image_event(f, u->kernel_authenticode);
        for (size_t i = 0; i < p->pcr9.n; i++)
                tag_event(f, p->pcr9.digest[i], i == 0 ? 0x8f3b22ed : 0x8f3b22ec,
                          i == 0 ? "LOADED_IMAGE::LoadOptions" : "Linux initrd");
        text_event(f, 5, EV_EFI_ACTION, "Exit Boot Services Invocation");
        text_event(f, 5, EV_EFI_ACTION, "Exit Boot Services Returned with Success");
        free(u);
        free(p);
}

static void le32(struct wbuf *w, size_t v)
{
        uint8_t b[4];

        put32(b, v);
        wb_put(w, b, 4);
}

static void log_bytes(const struct fixture *f, struct wbuf *w)
{
        static const uint8_t spec[] = "Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\x0b\0\x20\0"; /* and vendor size 0 */

        le32(w, 0);
        le32(w, EV_NO_ACTION);
        wb_put(w, (uint8_t[20]){0}, 20);
        le32(w, sizeof(spec));
        wb_put(w, spec, sizeof(spec));
        for (size_t i = 0; i < f->n; i++) {
                if (i + 1 == f->knobs.drop_event && f->knobs.drop_rest)
                        break;
                if (i + 1 == f->knobs.drop_event)
                        continue;
                le32(w, f->ev[i].pcr);
                le32(w, f->ev[i].type);
                le32(w, 1);
                wb_put(w, "\x0b\0", 2);
                wb_put(w, f->ev[i].digest, DIGEST_LEN);
                le32(w, f->ev[i].size);
                wb_put(w, f->ev[i].data, f->ev[i].size);
        }
}

#include "fixture_tpm.c"

/* ---- the whole --------------------------------------------------------- */

struct buf fixture_log(const struct fixture *f)
{
        struct buf log = {malloc(65536), 0};
        struct wbuf w = wb_of(log.p, 65536);

        FX(log.p);
        log_bytes(f, &w);
        FX(wb_end(&w, &log.len) == 0);
        return log;
}

static void request_fill(struct fixture *f, struct attest_request *r)
{
        r->eventlog = fixture_log(f);
        r->eventlog.len -= f->knobs.cut_log;
        r->ek_public = ek_public(f);
        r->ak_public = ak_public(f);
        FX(pkey_id(f->ek, r->node) == 0);
        r->node[0] ^= f->knobs.other_node;
        pcr_values(f);
        for (size_t i = 0; i < POLICY_PCRS; i++)
                memcpy(r->pcrs[i], f->pcr[policy_pcrs[i]], DIGEST_LEN);
        r->pcrs[0][0] ^= f->knobs.lie_about_pcrs;
        r->pcrs[4][0] ^= f->knobs.quote_selected;
        r->nv_ssh = r->nv_tls = (enum nv_state)f->knobs.nv;
        r->facts = f->facts;
        if (f->knobs.edit_request)
                f->knobs.edit_request(r);
}

void fixture_build(struct fixture *f)
{
        struct attest_request r = {0};
        struct buf text = {0};
        struct buf quote;
        struct buf sig;
        uint8_t digest[DIGEST_LEN];
        uint8_t extra[DIGEST_LEN];
        char err[JTAB_ERR];

        evidence_free(f->evidence);
        f->evidence = NULL;
        attest_request_wipe(&f->req);
        buf_wipe(&f->body);
        request_fill(f, &r);
        FX(wire_request_build(&r, &text, digest) == 0);
        FX(wire_qualifying_data(f->exporter, digest, extra) == 0);
        quote = quote_bytes(f, &r.ak_public, extra);
        sig = signature_bytes(f, &quote);
        FX(wire_attest_build(&text, &quote, &sig, &f->body) == 0);
        r.facts = (struct attest_facts){0}; /* f owns them */
        attest_request_wipe(&r);
        buf_wipe(&text);
        buf_wipe(&quote);
        buf_wipe(&sig);
        FX(wire_attest_parse(f->body.p, f->body.len, &f->req, err) == 0);
        FX(evidence_parse(&f->req, &f->evidence) == 0);
        FX(evidence_read_log(f->evidence) == 0);
}

static void fixture_files(struct fixture *f)
{
        const struct fx_section ipxe = {".text", "ipxe", 4};

        f->uki = fixture_uki("kernel 6.1", "initrd of r9", "root=muster embedded");
        f->old_uki = fixture_uki("kernel 6.0", "initrd of r8", "root=muster embedded");
        f->ipxe_file = fixture_pe(&ipxe, 1);
        FX(boot_ref_make("r9", FX_FILE, FX_CMDLINE, f->uki.p, f->uki.len, &f->boot) == 0);
        FX(boot_ref_make("r8", "r8.efi", FX_CMDLINE, f->old_uki.p, f->old_uki.len, &f->previous) == 0);
        FX(ipxe_set_add(&f->ipxe, "snponly.efi", f->ipxe_file.p, f->ipxe_file.len) == 0);
        f->boots[0] = &f->boot;
        f->boots[1] = &f->previous;
        f->refs = (struct decide_refs){.loaded = true,
                                       .has_image = true,
                                       .boots = f->boots,
                                       .n_boots = 2,
                                       .ipxe = &f->ipxe,
                                       .current = &f->profile,
                                       .policy_keys = f->policy_keys,
                                       .n_policy_keys = 2};
}

void fixture_init(struct fixture *f)
{
        char why[JTAB_ERR];

        *f = (struct fixture){.reset_count = 7, .clock = 12345};
        f->ek = fx_key();
        f->ak = fx_key();
        f->other = fx_key();
        fx_hash("exporter", 8, f->exporter);
        (void)snprintf(f->facts.vendor, sizeof(f->facts.vendor), "Fixture Inc.");
        (void)snprintf(f->facts.product, sizeof(f->facts.product), "Node 1");
        (void)snprintf(f->facts.serial, sizeof(f->facts.serial), "S1");
        (void)snprintf(f->facts.uuid, sizeof(f->facts.uuid), "0b6f3c1e-0000-4000-8000-000000000001");
        (void)snprintf(f->facts.firmware, sizeof(f->facts.firmware), "1.0");
        (void)snprintf(f->facts.client, sizeof(f->facts.client), "muster-node 0.1.0");
        FX(jstrs_add(&f->facts.macs, "52:54:00:12:34:56") == 0);
        fixture_files(f);
        fixture_firmware(f, false);
        fixture_chain(f, &f->ipxe_file, &f->uki, FX_FILE " " FX_CMDLINE, false);
        fixture_build(f);
        FX(profile_learn(f->evidence, f->boots, 2, &f->ipxe, &f->profile, why) == 0);
        f->node = (struct decide_node){.rec = NODE_REC_APPROVED, .has_ak = true, .reset_count = 7};
        memcpy(f->node.ak_name, evidence_ak_name(f->evidence), POLICY_NAME_LEN);
}

void fixture_free(struct fixture *f)
{
        evidence_free(f->evidence);
        attest_request_wipe(&f->req);
        attest_facts_wipe(&f->facts);
        buf_wipe(&f->body);
        buf_wipe(&f->uki);
        buf_wipe(&f->old_uki);
        buf_wipe(&f->ipxe_file);
        boot_ref_free(&f->boot);
        boot_ref_free(&f->previous);
        EVP_PKEY_free(f->ek);
        EVP_PKEY_free(f->ak);
        EVP_PKEY_free(f->other);
        *f = (struct fixture){0};
}
