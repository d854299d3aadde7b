/* SPDX-License-Identifier: Apache-2.0 */
/* dear.c - well-signed requests that a stranger makes as dear as it can. */
#include "dear.h"

#include "cursor.h"
#include "digest.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

static void put(struct wbuf *w, uint8_t tag, const void *p, size_t n)
{
        wb_u8(w, tag);
        wb_u8(w, 0x82);
        wb_u16be(w, (uint16_t)n);
        wb_put(w, p, n);
}

static void wrap(struct buf *b, uint8_t tag, const void *before, size_t n_before)
{
        struct buf out = { malloc(b->len + n_before + 8), b->len + n_before + 8 };
        struct wbuf w = wb_of(out.p, out.len);

        wb_put(&w, before, n_before);
        put(&w, tag, b->p, b->len);
        out.len = w.len;
        buf_wipe(b);
        *b = out;
}

static struct buf numbers(const size_t *octets, size_t n)
{
        static uint8_t number[2048];
        struct buf ret = { malloc(8192), 8192 };
        struct wbuf w = wb_of(ret.p, ret.len);

        for (size_t i = 0; i < n; i++) {
                memset(number, 0x71, sizeof(number));
                put(&w, 0x02, number, octets[i]);
        }
        ret.len = w.len;
        return ret;
}

/* RSA of 16384 bits with an exponent of 64 */
static struct buf rsa(void)
{
        static const uint8_t alg[] = { 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0 };
        struct buf b = numbers((const size_t[]){ 2048, 8 }, 2);

        wrap(&b, 0x30, NULL, 0);
        memmove(b.p + 1, b.p, b.len); /* room was left */
        b.p[0] = 0;
        b.len++;
        wrap(&b, 0x03, alg, sizeof(alg));
        wrap(&b, 0x30, NULL, 0);
        return b;
}

static struct buf dsa(void)
{
        static const uint8_t oid[] = { 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1 };
        struct buf b = numbers((const size_t[]){ 1200, 32, 1200 }, 3);
        struct buf y = numbers((const size_t[]){ 1200 }, 1);
        struct buf all;
        struct wbuf w;

        wrap(&b, 0x30, oid, sizeof(oid));
        wrap(&b, 0x30, NULL, 0);
        memmove(y.p + 1, y.p, y.len);
        y.p[0] = 0;
        y.len++;
        wrap(&y, 0x03, NULL, 0);
        all = (struct buf){ malloc(b.len + y.len), b.len + y.len };
        w = wb_of(all.p, all.len);
        wb_put(&w, b.p, b.len);
        wb_put(&w, y.p, y.len);
        buf_wipe(&b);
        buf_wipe(&y);
        wrap(&all, 0x30, NULL, 0);
        return all;
}

static struct buf curve(const char *name, bool written_out)
{
        EVP_PKEY *key = EVP_EC_gen(name);
        struct buf b = { malloc(1024), 0 };
        unsigned char *p = b.p;

        if (written_out)
                (void)EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT);
        b.len = (size_t)i2d_PUBKEY(key, &p);
        EVP_PKEY_free(key);
        return b;
}

/* A certificate of this key that names itself its issuer, so that each of many is on every path. */
static struct buf certificate(struct buf spki)
{
        static const uint8_t start[] = { 0xa0, 3, 2, 1, 2, 2, 1, 9, 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
        static const uint8_t rest[] = "\x30\x00\x30\x1e\x17\x0d" "200101000000Z" "\x17\x0d" "300101000000Z" "\x30";
        static const uint8_t alg[] = { 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
        struct buf tbs = { malloc(4096), 0 };
        struct wbuf w = wb_of(tbs.p, 4096);
        uint8_t sig[256];
        struct buf all;

        (void)RAND_bytes(sig, sizeof(sig));
        sig[0] = 0;
        wb_put(&w, start, sizeof(start));
        wb_put(&w, rest, sizeof(rest) - 1);
        wb_u8(&w, 0);
        wb_put(&w, spki.p, spki.len);
        tbs.len = w.len;
        wrap(&tbs, 0x30, NULL, 0);
        all = (struct buf){ malloc(4096), 0 };
        w = wb_of(all.p, 4096);
        wb_put(&w, tbs.p, tbs.len);
        wb_put(&w, alg, sizeof(alg));
        put(&w, 0x03, sig, sizeof(sig));
        all.len = w.len;
        wrap(&all, 0x30, NULL, 0);
        buf_wipe(&tbs);
        buf_wipe(&spki);
        return all;
}

static void eight(struct attest_request *r, struct buf cert)
{
        static struct buf v[WIRE_EK_CERTS];

        for (size_t i = 0; i < WIRE_EK_CERTS; i++) {
                v[i] = (struct buf){ malloc(cert.len), cert.len };
                memcpy(v[i].p, cert.p, cert.len);
                if (cert.len > 64)
                        v[i].p[cert.len - 1] ^= (uint8_t)i; /* no two the same */
        }
        r->ek_certs = (struct jbufs){ calloc(WIRE_EK_CERTS, sizeof(struct buf)), WIRE_EK_CERTS };
        memcpy(r->ek_certs.v, v, sizeof(v));
        buf_wipe(&cert);
}

static void garbage(struct attest_request *r)
{
        struct buf b = { malloc(WIRE_EK_CERT_MAX), WIRE_EK_CERT_MAX };

        (void)RAND_bytes(b.p, (int)b.len);
        eight(r, b);
}

static void rsa_certs(struct attest_request *r) { eight(r, certificate(rsa())); }
static void dsa_certs(struct attest_request *r) { eight(r, certificate(dsa())); }
static void written_out_certs(struct attest_request *r) { eight(r, certificate(curve("P-521", true))); }
static void p521_certs(struct attest_request *r) { eight(r, certificate(curve("P-521", false))); }

/* The first event, and then as many as there is room for. */
static void fill_log(struct attest_request *r, size_t size)
{
        uint8_t *p = malloc(WIRE_EVENTLOG_MAX);
        struct wbuf w = wb_of(p, WIRE_EVENTLOG_MAX);
        struct cursor c = cur_of(r->eventlog.p, r->eventlog.len);
        static uint8_t data[4096];
        uint32_t n = 0;

        (void)cur_skip(&c, 28);
        (void)cur_u32le(&c, &n);
        wb_put(&w, r->eventlog.p, 32 + n);
        while (w.cap - w.len >= 50 + size) {
                static const uint8_t head[] = { 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x0b, 0 };

                wb_put(&w, head, sizeof(head));
                wb_put(&w, data, DIGEST_LEN);
                wb_put(&w, (const uint8_t[]){ (uint8_t)size, (uint8_t)(size >> 8), 0, 0 }, 4);
                wb_put(&w, data, size);
        }
        buf_wipe(&r->eventlog);
        r->eventlog = (struct buf){ p, w.len };
}

static void empty_events(struct attest_request *r) { fill_log(r, 0); }
static void large_events(struct attest_request *r) { fill_log(r, 4000); }

static void long_log(struct attest_request *r)
{
        uint8_t *p = calloc(1, WIRE_EVENTLOG_MAX);

        memset(p, 0x5a, WIRE_EVENTLOG_MAX);
        buf_wipe(&r->eventlog);
        r->eventlog = (struct buf){ p, WIRE_EVENTLOG_MAX };
}

const struct dear dears[] = {
        { "honest", .edit = NULL },
        { "eight certificates of garbage", .edit = garbage },
        { "eight certificates of RSA-16384 with an exponent of 64 bits", .edit = rsa_certs },
        { "eight certificates of DSA-9600", .edit = dsa_certs },
        { "eight certificates of a curve written out", .edit = written_out_certs },
        { "eight certificates of P-521, each on every path", .edit = p521_certs },
        { "a log of empty events", .edit = empty_events },
        { "a log of large events", .edit = large_events },
        { "a log of 131,072 bytes that is none", .edit = long_log },
        { "a signature by another key", .knobs = { .other_key = true } },
        { "PCR values that were not quoted", .knobs = { .lie_about_pcrs = true } },
        { "two banks", .knobs = { .banks = TWO_BANKS } },
        { "an EK that does not parse", .knobs = { .broken_ek = true } },
        { "an EK of another node", .knobs = { .other_node = true } },
        { "another AK", .new_ak = true },
        { NULL, .edit = NULL },
};
