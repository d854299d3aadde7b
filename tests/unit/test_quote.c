/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "eventlog.h"
#include "hex.h"
#include "quote.h"

#include <dirent.h>
#include <openssl/pem.h>

struct sample {
        struct json_object *json;
        struct buf attest, sig, pem;
        EVP_PKEY *key; /* NULL: not known */
        uint8_t nonce[128];
        size_t nonce_len;
};

static void sample_load(const char *top, const char *file, struct sample *s)
{
        char name[256];
        const char *nonce;

        (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 5), file);
        memset(s, 0, sizeof(*s));
        s->json = corpus_json(top, "quotes", file);
        s->attest = corpus_get(top, "quotes", name, ".attest");
        s->sig = corpus_get(top, "quotes", name, ".sig");
        nonce = member_text(s->json, "nonce_hex");
        assert_int_equal(hex_decode(nonce, strlen(nonce), s->nonce, sizeof(s->nonce), &s->nonce_len), 0);
        if (member_text(s->json, "ak_pem")) {
                BIO *bio;

                s->pem = corpus_get(top, "quotes", member_text(s->json, "ak_pem"), "");
                bio = BIO_new_mem_buf(s->pem.p, (int)s->pem.len);
                s->key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
                BIO_free(bio);
                assert_non_null(s->key);
        }
}

static void sample_wipe(struct sample *s)
{
        json_object_put(s->json);
        buf_wipe(&s->attest);
        buf_wipe(&s->sig);
        buf_wipe(&s->pem);
        EVP_PKEY_free(s->key);
}

/* The key's scheme is pinned from its kind, never from the signature. */
static struct quote_scheme scheme_for(const EVP_PKEY *key)
{
        return (struct quote_scheme){ EVP_PKEY_get_base_id(key) == EVP_PKEY_EC ? TPM_ALG_ECDSA : TPM_ALG_RSASSA,
                                      TPM_SHA256 };
}

static enum quote_err check_pcrs(const struct quote *q, struct json_object *pcrs)
{
        uint8_t values[24 * 3 * 64];
        size_t n = 0;

        for (size_t b = 0; b < q->n_banks; b++)
                for (unsigned i = 0; i < 24; i++) {
                        char alg[7], key[12];
                        const char *hex;

                        if (!(q->banks[b].mask & 1u << i))
                                continue;
                        (void)snprintf(key, sizeof(key), "%u", i);
                        hex = member_text(member(pcrs, evlog_alg_name(q->banks[b].alg, alg)), key);
                        assert_non_null(hex);
                        assert_int_equal(hex_decode_exact(hex, values + n, strlen(hex) / 2), 0);
                        n += strlen(hex) / 2;
                }
        return quote_pcrs_are(q, TPM_SHA256, values, n);
}

static enum quote_err judge(const struct sample *s, struct quote *q)
{
        struct quote_sig sig;
        enum quote_err e = quote_parse(s->attest.p, s->attest.len, q);

        if (e == QUOTE_OK)
                e = quote_sig_parse(s->sig.p, s->sig.len, &sig);
        if (e == QUOTE_OK && s->key)
                e = quote_verify(q, &sig, s->key, scheme_for(s->key));
        if (e == QUOTE_OK)
                e = quote_extra_is(q, s->nonce, s->nonce_len);
        if (e == QUOTE_OK && member(s->json, "pcrs"))
                e = check_pcrs(q, member(s->json, "pcrs"));
        return e;
}

/* Which refusal each derived sample must meet. */
static enum quote_err wanted(const char *file)
{
        static const struct {
                const char *part;
                enum quote_err e;
        } rows[] = {
                { "pcrdigest_bitflip", QUOTE_E_SIGNATURE }, { "sig_bitflip", QUOTE_E_SIGNATURE },
                { "trailing_attest", QUOTE_E_TRAILING },    { "wrong_nonce", QUOTE_E_QUALIFICATION },
                { "sig_alg_null", QUOTE_E_SIG_STRUCT },     { "qsigner_size", QUOTE_E_STRUCT },
                { "bad_magic", QUOTE_E_MAGIC },             { "truncated_attest", QUOTE_E_STRUCT },
                { "trailing_sig", QUOTE_E_SIG_TRAILING },   { "sig_hash_sha1", QUOTE_E_SCHEME },
                { "sig_size_ffff", QUOTE_E_SIG_STRUCT },    { "empty_sig", QUOTE_E_SIG_STRUCT },
                { "certify", QUOTE_E_TYPE },                { "azure_snp_vtpm_quote", QUOTE_E_SIGNATURE },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strstr(file, rows[i].part))
                        return rows[i].e;
        return QUOTE_OK;
}

static void check_sample(const char *top, const char *file, size_t *good, size_t *bad)
{
        struct sample s;
        struct quote q;
        enum quote_err e;
        const char *verdict;

        sample_load(top, file, &s);
        verdict = member_text(s.json, "expected");
        e = judge(&s, &q);
        if (e != wanted(file))
                fail_msg("%s: %s; its JSON says: %s", file, quote_strerror(e), verdict);
        assert_int_equal(strncmp(verdict, "must be rejected", 16) == 0, e != QUOTE_OK);
        if (e == QUOTE_OK) {
                char hex[HEX_LEN(64)];

                hex_encode(q.pcr_digest, q.pcr_digest_len, hex);
                assert_string_equal(hex, member_text(s.json, "pcr_digest"));
                assert_int_equal(q.reset_count, json_object_get_int64(member(s.json, "reset_count")));
                assert_int_equal(q.restart_count, json_object_get_int64(member(s.json, "restart_count")));
                assert_true(q.clock == json_object_get_uint64(member(s.json, "clock")));
                hex_encode(q.signer, q.signer_len, hex);
        }
        *(e == QUOTE_OK ? good : bad) += 1;
        sample_wipe(&s);
}

static void check_all(const char *top, size_t *good, size_t *bad)
{
        char *dir = corpus_path(top, "quotes", "", "");
        DIR *d = opendir(dir);

        assert_non_null(d);
        for (const struct dirent *e; (e = readdir(d));) {
                const char *dot = strrchr(e->d_name, '.');

                if (dot && strcmp(dot, ".json") == 0)
                        check_sample(top, e->d_name, good, bad);
        }
        closedir(d);
        free(dir);
}

static void every_quote_of_the_corpus_gets_its_verdict(void **state)
{
        size_t good = 0, bad = 0;

        (void)state;
        corpus_or_skip();
        check_all(corpus_top(), &good, &bad);
        assert_true(good >= 14 && bad >= 15);
}

static void every_quote_made_by_tpm2_tools_gets_its_verdict(void **state)
{
        size_t good = 0, bad = 0;

        (void)state;
        check_all(MADE, &good, &bad);
        assert_int_equal(good, 4);
        assert_int_equal(bad, 13);
}

static void any_changed_byte_of_quote_or_signature_is_refused(void **state)
{
        struct sample s;
        struct quote q;

        (void)state;
        sample_load(MADE, "ecc.json", &s);
        assert_int_equal(judge(&s, &q), QUOTE_OK);
        for (size_t i = 0; i < s.attest.len; i++) {
                s.attest.p[i] ^= 1;
                assert_int_not_equal(judge(&s, &q), QUOTE_OK);
                s.attest.p[i] ^= 1;
        }
        for (size_t i = 0; i < s.sig.len; i++) {
                s.sig.p[i] ^= 1;
                assert_int_not_equal(judge(&s, &q), QUOTE_OK);
                s.sig.p[i] ^= 1;
        }
        for (size_t n = 0; n < s.attest.len; n++)
                assert_int_not_equal(quote_parse(s.attest.p, n, &q), QUOTE_OK);
        sample_wipe(&s);
}

static void a_signature_of_another_scheme_than_the_pinned_one_is_refused(void **state)
{
        static const struct quote_scheme others[] = {
                { TPM_ALG_RSAPSS, TPM_SHA256 }, { TPM_ALG_RSASSA, TPM_SHA384 },  { TPM_ALG_RSASSA, TPM_SHA1 },
                { TPM_ALG_ECDSA, TPM_SHA256 },  { TPM_ALG_NULL, TPM_SHA256 },    { 0, 0 },
        };
        struct sample s;
        struct quote q;
        struct quote_sig sig;

        (void)state;
        sample_load(MADE, "rsa.json", &s);
        assert_int_equal(quote_parse(s.attest.p, s.attest.len, &q), QUOTE_OK);
        assert_int_equal(quote_sig_parse(s.sig.p, s.sig.len, &sig), QUOTE_OK);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                struct quote_sig forged = sig;

                assert_int_equal(quote_verify(&q, &sig, s.key, others[i]), QUOTE_E_SCHEME);
                forged.scheme = others[i];
                assert_int_not_equal(quote_verify(&q, &forged, s.key, others[i]), QUOTE_OK);
        }
        sample_wipe(&s);
}

static void plain_rsassa_signatures_verify_too(void **state)
{
        struct sample s;
        struct quote q;
        struct quote_sig sig;

        (void)state;
        sample_load(MADE, "rsa.json", &s);
        assert_int_equal(quote_parse(s.attest.p, s.attest.len, &q), QUOTE_OK);
        assert_int_equal(quote_sig_plain(s.sig.p + 6, s.sig.len - 6, scheme_for(s.key), &sig), QUOTE_OK);
        assert_int_equal(quote_verify(&q, &sig, s.key, scheme_for(s.key)), QUOTE_OK);
        s.sig.p[100] ^= 4;
        assert_int_equal(quote_verify(&q, &sig, s.key, scheme_for(s.key)), QUOTE_E_SIGNATURE);
        sample_wipe(&s);
}

static void only_the_exact_selection_is_accepted(void **state)
{
        struct sample s;
        struct quote q;

        (void)state;
        sample_load(MADE, "ecc.json", &s);
        assert_int_equal(quote_parse(s.attest.p, s.attest.len, &q), QUOTE_OK);
        assert_int_equal(quote_selects(&q, TPM_SHA256, q.banks[0].mask), QUOTE_OK);
        assert_int_equal(quote_selects(&q, TPM_SHA256, q.banks[0].mask | 1u << 23), QUOTE_E_SELECTION);
        assert_int_equal(quote_selects(&q, TPM_SHA256, 0), QUOTE_E_SELECTION);
        assert_int_equal(quote_selects(&q, TPM_SHA1, q.banks[0].mask), QUOTE_E_SELECTION);
        sample_wipe(&s);
        sample_load(MADE, "banks.json", &s);
        assert_int_equal(quote_parse(s.attest.p, s.attest.len, &q), QUOTE_OK);
        assert_int_equal(q.n_banks, 3);
        assert_int_equal(quote_selects(&q, TPM_SHA256, 0xffffff), QUOTE_E_SELECTION);
        sample_wipe(&s);
}

/* What counts is which PCRs are quoted: PolicyPCR alone hashes the length too. */
static void a_selection_of_another_length_is_that_of_its_pcrs(void **state)
{
        static const uint8_t head[] = { 0xff, 'T', 'C', 'G', 0x80, 0x18 };

        (void)state;
        for (uint8_t n = 0; n < 6; n++) {
                uint8_t p[80] = { 0 };
                struct quote q;
                size_t at = sizeof(head) + 2 + 2 + 8 + 4 + 4 + 1 + 8; /* no signer, no extra, all counters zero */

                memcpy(p, head, sizeof(head));
                p[at + 3] = 1;
                p[at + 5] = TPM_SHA256;
                p[at + 6] = n;
                memcpy(p + at + 7, "\xff\xfb", n < 2 ? n : 2);
                if (n > 4) {
                        assert_int_equal(quote_parse(p, at + 7 + n + 2, &q), QUOTE_E_STRUCT);
                        continue;
                }
                assert_int_equal(quote_parse(p, at + 7 + n + 2, &q), QUOTE_OK);
                assert_int_equal(quote_selects(&q, TPM_SHA256, 0xfbff), n < 2 ? QUOTE_E_SELECTION : QUOTE_OK);
        }
}

static void every_byte_and_the_length_of_the_binding_count(void **state)
{
        struct sample s;
        struct quote q;
        uint8_t want[65];

        (void)state;
        sample_load(MADE, "ecc.json", &s);
        assert_int_equal(quote_parse(s.attest.p, s.attest.len, &q), QUOTE_OK);
        assert_true(q.extra_len > 0 && q.extra_len < sizeof(want));
        memcpy(want, q.extra, q.extra_len);
        want[q.extra_len] = 0;
        assert_int_equal(quote_extra_is(&q, want, q.extra_len), QUOTE_OK);
        assert_int_equal(quote_extra_is(&q, want, q.extra_len - 1), QUOTE_E_QUALIFICATION);
        assert_int_equal(quote_extra_is(&q, want, q.extra_len + 1), QUOTE_E_QUALIFICATION);
        for (size_t i = 0; i < q.extra_len; i++) {
                want[i] ^= 1;
                assert_int_equal(quote_extra_is(&q, want, q.extra_len), QUOTE_E_QUALIFICATION);
                want[i] ^= 1;
        }
        sample_wipe(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_quote_of_the_corpus_gets_its_verdict),
                cmocka_unit_test(every_quote_made_by_tpm2_tools_gets_its_verdict),
                cmocka_unit_test(any_changed_byte_of_quote_or_signature_is_refused),
                cmocka_unit_test(a_signature_of_another_scheme_than_the_pinned_one_is_refused),
                cmocka_unit_test(plain_rsassa_signatures_verify_too),
                cmocka_unit_test(only_the_exact_selection_is_accepted),
                cmocka_unit_test(a_selection_of_another_length_is_that_of_its_pcrs),
                cmocka_unit_test(every_byte_and_the_length_of_the_binding_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
