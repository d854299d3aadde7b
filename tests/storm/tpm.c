/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes' TPMs: structures and events are those of the fixture. A request
 * differs from another of the same model in a few fields of fixed length, so
 * it is built once for each model, and those fields are filled in. */
#define FX_EVENTS 320
#define FX_DATA 16384
#include "../integration/hostile/tpm.c"

#include "storm.h"

#include "files.h"
#include "hex.h"
#include "pkikey.h"

#include <sys/stat.h>


#define LOG_MOST 65536
#define QUOTE_LEN 145
#define SIG_LEN 72

struct fixture f;

static const size_t log_sizes[CLASSES] = {5000, 16000, 32000, 60000};

struct model {
        struct buf log;
        uint8_t pcr[24][DIGEST_LEN];
        struct buf body;                       /* of the first node of this model */
        size_t id, ek, ak;                     /* where its fields are */
        size_t signed_len;                     /* its quote follows, with a length before it, and so its signature */
};

static struct model models[CLASSES];

struct key_row {
        uint8_t ek[PKI_RAW_LEN], ak[PKI_RAW_LEN];
};

static void save(const char *dir, const char *name, const void *p, size_t n)
{
        char path[512];
        FILE *out;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        out = fopen(path, "w");
        FX(out && fwrite(p, 1, n, out) == n && fclose(out) == 0);
}

void tpm_files(const char *dir)
{
        fixture_init(&f);
        f.clock = 0; /* goes on by itself */
        save(dir, "r9.efi", f.uki.p, f.uki.len);
        save(dir, "snponly.efi", f.ipxe_file.p, f.ipxe_file.len);
}

void tpm_make_keys(const char *path, unsigned n, const char *csv)
{
        FILE *out = fopen(path, "w");
        FILE *list = fopen(csv, "w");

        FX(out && list && fchmod(fileno(out), 0600) == 0);
        (void)fprintf(list, "name,ek_sha256,without_ek_certificate\n");
        for (unsigned i = 0; i < n; i++) {
                EVP_PKEY *ek = tpm_new_key();
                EVP_PKEY *ak = tpm_new_key();
                struct key_row row;
                uint8_t id[DIGEST_LEN];
                char hex[HEX_LEN(DIGEST_LEN)];

                FX(pki_key_raw(ek, row.ek) == 0 && pki_key_raw(ak, row.ak) == 0 && pkey_id(ek, id) == 0);
                hex_encode(id, DIGEST_LEN, hex);
                (void)fprintf(list, "s%06u,%s,yes\n", i, hex);
                FX(fwrite(&row, sizeof(row), 1, out) == 1);
                EVP_PKEY_free(ek);
                EVP_PKEY_free(ak);
        }
        FX(fclose(out) == 0 && fclose(list) == 0);
}

/* ---- models ---------------------------------------------------------------- */

static size_t log_now(void)
{
        struct buf log = fixture_log(&f);
        size_t n = log.len;

        buf_wipe(&log);
        return n;
}

/* What makes real logs long: a revocation list, boot entries, option ROMs and
 * drivers with their device paths. */
static void pad(size_t want, unsigned model)
{
        static uint8_t some[FX_DATA];
        size_t dbx = want / 4 < 12000 ? want / 4 : 12000;

        memset(some, (int)(0x40 + model), sizeof(some));
        fixture_remove(&f, fixture_find(&f, 7, 4));
        variable_event(&f, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, "dbx", some, dbx);
        for (unsigned i = 0; log_now() + 2500 < want; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "Boot%04u", i % 10000);
                put32(some, i);
                variable_event(&f, 1, EV_EFI_VARIABLE_BOOT, name, some, 180);
                fixture_event(&f, 2, EV_EFI_BOOT_SERVICES_DRIVER, NULL, some, 150);
                fixture_event(&f, 0, EV_EFI_PLATFORM_FIRMWARE_BLOB, NULL, some, 16);
        }
}

static bool same_name(const uint8_t *utf16, size_t n, const char *name)
{
        for (size_t i = 0; name[i]; i++)
                if (2 * i + 1 >= n || utf16[2 * i] != (uint8_t)name[i] || utf16[2 * i + 1])
                        return false;
        return n == 2 * strlen(name);
}

/* Whether this event of a real machine can stand in a log of ours, whose
 * boot has no Secure Boot and its own PCR 4. */
static bool fits(const struct evlog_event *e)
{
        size_t name = e->size > 32 ? e->data[16] * (size_t)2 : 0;

        if (e->type == EV_NO_ACTION || e->type == EV_SEPARATOR || e->size > FX_DATA)
                return false;
        if (e->pcr == 7)
                return e->type == EV_EFI_VARIABLE_DRIVER_CONFIG && name > 0 && 32 + name <= e->size &&
                       !same_name(e->data + 32, name, "SecureBoot");
        return e->pcr <= 3 || e->pcr == 6;
}

/* The firmware's events of a real log, in place of padding. */
static void pad_with(const char *path)
{
        struct evlog log;
        const char *why = "it cannot be read";
        size_t at = 0;
        struct buf b = {0};
        int bank = -ENOENT;

        if (file_read(path, EVLOG_MAX_SIZE, &b) == 0 && evlog_parse(b.p, b.len, &log, &why, &at) == 0)
                bank = evlog_bank(&log, TPM_SHA256);
        if (bank < 0) {
                (void)fprintf(stderr, "storm: no event log with SHA-256 in %s: %s\n", path, why);
                exit(2);
        }
        f.n -= 4; /* PK, KEK, db and dbx, which are empty */
        for (size_t i = 0; i < log.n_events && f.n + 64 < FX_EVENTS; i++) {
                const struct evlog_event *e = &log.events[i];

                if (e->digest[bank] && fits(e) && log_now() + e->size + 6000 < LOG_MOST)
                        fixture_event(&f, e->pcr, e->type, e->digest[bank], e->data, e->size);
        }
        evlog_free(&log);
        buf_wipe(&b);
}

/* Firmware's events first: those of pad() go before the separators. */
static void model_events(struct model *m, unsigned model)
{
        size_t head;
        size_t base;
        static struct fx_event moved[16];

        fixture_firmware(&f, false);
        head = 7; /* up to dbx */
        base = f.n - head;
        FX(base <= ELEMENTSOF(moved));
        memcpy(moved, f.ev + head, base * sizeof(*moved));
        f.n = head;
        if (model < opt.n_templates)
                pad_with(opt.templates[model]);
        else
                pad(log_sizes[model], model);
        FX(f.n + base <= FX_EVENTS);
        memcpy(f.ev + f.n, moved, base * sizeof(*moved));
        f.n += base;
        fixture_chain(&f, &f.ipxe_file, &f.uki, FX_FILE " " FX_CMDLINE, false);
        m->log = fixture_log(&f);
        pcr_values(&f);
        memcpy(m->pcr, f.pcr, sizeof(m->pcr));
}

void tpm_evidence(const char *dir)
{
        static char text[FX_EVENTS * 80];
        char digest[HEX_LEN(DIGEST_LEN)];
        size_t n = 0;

        fixture_init(&f);
        f.clock = 0; /* goes on by itself */
        (void)snprintf(f.facts.product, sizeof(f.facts.product), "Node 1");
        model_events(&models[0], 0);
        save(dir, "eventlog.bin", models[0].log.p, models[0].log.len);
        for (size_t i = 0; i < f.n; i++) {
                hex_encode(f.ev[i].digest, DIGEST_LEN, digest);
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%u:sha256=%s\n", f.ev[i].pcr, digest);
        }
        save(dir, "extends", text, n);
}

static size_t place(const struct buf *in, const void *what, size_t len)
{
        const uint8_t *at = memmem(in->p, in->len, what, len);

        FX(at);
        return (size_t)(at - in->p);
}

/* The fixture builds the request of this node: the pattern for the others. */
static void model_request(struct model *m, struct node *n, EVP_PKEY *ak, bool steady)
{
        struct attest_request *r = &f.req;
        char id[HEX_LEN(DIGEST_LEN)];

        EVP_PKEY_free(f.ak);
        f.ek = n->ek;
        f.ak = ak;
        f.knobs.nv = steady ? NV_STATE_PRESENT : NV_STATE_ABSENT;
        fixture_build(&f);
        FX(r->quote.len == QUOTE_LEN && r->signature.len == SIG_LEN);
        m->body = f.body;
        f.body = (struct buf){0};
        hex_encode(n->id, DIGEST_LEN, id);
        m->id = place(&m->body, id, strlen(id));
        m->ek = place(&m->body, n->ek_public.p, n->ek_public.len);
        m->ak = place(&m->body, n->ak_public.p, n->ak_public.len);
        m->signed_len = m->body.len - 2 - QUOTE_LEN - 2 - SIG_LEN;
        FX(memcmp(m->body.p + m->signed_len + 2, r->quote.p, QUOTE_LEN) == 0);
        f.ek = f.ak = NULL;
}

/* ---- nodes ------------------------------------------------------------------ */

/* The AK, which the context keeps too. */
static EVP_PKEY *load_one(struct node *n, const struct key_row *row)
{
        EVP_PKEY *ak = NULL;

        FX(pki_key_from_raw(PKI_P256, row->ek, &n->ek) == 0 && pki_key_from_raw(PKI_P256, row->ak, &ak) == 0);
        FX(pkey_id(n->ek, n->id) == 0);
        f.ek = n->ek;
        f.ak = ak;
        n->ek_public = ek_public(&f);
        n->ak_public = ak_public(&f);
        n->ak_name[0] = TPM_SHA256 >> 8;
        n->ak_name[1] = TPM_SHA256 & 0xff;
        fx_hash(n->ak_public.p + 2, n->ak_public.len - 2, n->ak_name + 2);
        n->sign = EVP_PKEY_CTX_new(ak, NULL);
        FX(n->sign && EVP_PKEY_sign_init(n->sign) == 1 && EVP_PKEY_CTX_set_signature_md(n->sign, EVP_sha256()) == 1);
        f.ek = f.ak = NULL;
        return ak;
}

void tpm_swap(struct node *n, const struct node *with, bool its_public)
{
        n->sign = with->sign;
        if (!its_public)
                return;
        n->ak_public = with->ak_public;
        memcpy(n->ak_name, with->ak_name, sizeof(n->ak_name));
}

void tpm_load(const char *path, unsigned n, bool steady, uint32_t reset_count)
{
        FILE *in = fopen(path, "r");

        FX(in);
        fixture_init(&f);
        f.clock = 0; /* goes on by itself */
        EVP_PKEY_free(f.ek);
        EVP_PKEY_free(f.ak);
        f.ek = f.ak = NULL;
        f.reset_count = reset_count;
        for (unsigned i = 0; i < n; i++) {
                struct model *m = &models[i % CLASSES];
                struct key_row row;
                EVP_PKEY *ak;

                FX(fread(&row, sizeof(row), 1, in) == 1);
                ak = load_one(&fleet[i], &row);
                fleet[i].model = m;
                if (i < CLASSES) {
                        (void)snprintf(f.facts.product, sizeof(f.facts.product), "Node %u", i + 1);
                        model_events(m, i);
                        model_request(m, &fleet[i], ak, steady);
                }
                EVP_PKEY_free(ak);
        }
        (void)fclose(in);
}

size_t tpm_log_size(unsigned model)
{
        return models[model].log.len;
}

/* signature_bytes() of the fixture makes its contexts anew each time. */
static void sign(const struct node *n, const struct buf *quote, uint8_t ret[SIG_LEN])
{
        struct wbuf w = wb_of(ret, SIG_LEN);
        uint8_t digest[DIGEST_LEN];
        uint8_t der[80];
        uint8_t rs[2][32];
        const uint8_t *p = der;
        size_t len = sizeof(der);
        ECDSA_SIG *s;

        fx_hash(quote->p, quote->len, digest);
        FX(EVP_PKEY_sign(n->sign, der, &len, digest, DIGEST_LEN) == 1);
        s = d2i_ECDSA_SIG(NULL, &p, (long)len);
        FX(s && BN_bn2binpad(ECDSA_SIG_get0_r(s), rs[0], 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(s), rs[1], 32) == 32);
        ECDSA_SIG_free(s);
        wb_u16be(&w, TPM_ALG_ECDSA);
        wb_u16be(&w, TPM_SHA256);
        wb_tpm2b(&w, rs[0], 32);
        wb_tpm2b(&w, rs[1], 32);
        FX(w.err == 0 && w.len == SIG_LEN);
}

struct buf tpm_request(const struct node *n, const uint8_t exporter[DIGEST_LEN])
{
        const struct model *m = n->model;
        struct buf body = {malloc(m->body.len), m->body.len};
        struct buf quote;
        uint8_t digest[DIGEST_LEN];
        uint8_t extra[DIGEST_LEN];
        uint8_t sig[SIG_LEN];
        char id[HEX_LEN(DIGEST_LEN)];

        FX(body.p);
        memcpy(body.p, m->body.p, body.len);
        hex_encode(n->id, DIGEST_LEN, id);
        memcpy(body.p + m->id, id, strlen(id));
        memcpy(body.p + m->ek, n->ek_public.p, n->ek_public.len);
        memcpy(body.p + m->ak, n->ak_public.p, n->ak_public.len);
        fx_hash(body.p, m->signed_len, digest);
        FX(wire_qualifying_data(exporter, digest, extra) == 0);
        memcpy(f.pcr, m->pcr, sizeof(f.pcr));
        quote = quote_bytes(&f, &n->ak_public, extra);
        FX(quote.len == QUOTE_LEN);
        sign(n, &quote, sig);
        memcpy(body.p + m->signed_len + 2, quote.p, QUOTE_LEN);
        memcpy(body.p + m->signed_len + 2 + QUOTE_LEN + 2, sig, SIG_LEN);
        buf_wipe(&quote);
        return body;
}

struct buf tpm_secret(const struct node *n, const struct verdict *challenge)
{
        struct buf body = {0};
        uint8_t secret[DIGEST_LEN];

        tpm_activate_for(n->ek, n->ak_name, &challenge->credential_blob, &challenge->secret, secret);
        FX(wire_activate_build(secret, sizeof(secret), &body) == 0);
        return body;
}
