/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "ekcert.h"
#include "hex.h"
#include "tpmpub.h"

static struct ekca *load_cas(const char *top, int least)
{
        char *dir = corpus_path(top, "ek-certs/ca", "", "");
        struct ekca *cas = NULL;

        assert_int_equal(ekca_new(&cas), 0);
        assert_true(ekca_load_dir(cas, dir, NULL, NULL) >= least);
        free(dir);
        return cas;
}

/* What each certificate must come to. */
struct row {
        const char *file;
        int parse;
        const char *kind;
        enum ek_chain chain;
        bool is_ek;
        const char *id; /* `openssl x509 -pubkey`, where that can read it */
};

static const struct row of_the_corpus[] = {
        { "ntc_npct_rsa2048_ecc384leafca012111.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "gcp_ecc_enc.der", 0, "ecc-p256", EK_CHAIN_OK, true, NULL },
        { "gcp_rsa_sign.der", 0, "rsa-2048", EK_CHAIN_OK, false, NULL },
        { "ntc_root2111_rsa_nonder_a.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "ifx_optiga_rsa_mfr029.der", 0, "rsa-2048", EK_CHAIN_OK, true,
          "b9fdc589" },
        { "stm_rsa_ica06_a.der", 0, "rsa-2048", EK_CHAIN_OK, true, "3ba1ab07" },
        { "swtpm_fedora33_chain_unknown.der", 0, "rsa-2048", EK_CHAIN_UNMATCHED, true, "3a5aa830" },
        { "ifx_optiga_ecc_mfr035.der", 0, "ecc-p256", EK_CHAIN_OK, true, "202f9ad1" },
        { "hirs_dummy_rsa2041.der", 0, "rsa-2041", EK_CHAIN_OK, true, "72df858d" },
        { "stm_oaep_ica02_a.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "ifx_oaep_ica08_security_assertions.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "stm_oaep_ica02_nuc1.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "swtpm_rsa_a.der", 0, "rsa-2048", EK_CHAIN_OK, true, "55aba6c8" },
        { "raw_ek_cert_untouched.cer", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "attrcert_Intel_nuc_pc.cer", -EBADMSG, NULL, EK_CHAIN_NONE, false, NULL },
        { "neg_ifx_optiga_rsa_mfr029_truncated.der", -EBADMSG, NULL, EK_CHAIN_NONE, false, NULL },
        { "neg_ifx_optiga_rsa_mfr029_sigflip.der", 0, "rsa-2048", EK_CHAIN_UNMATCHED, true, "b9fdc589" },
        { "neg_ifx_optiga_rsa_mfr029_trailing.der", 0, "rsa-2048", EK_CHAIN_OK, true, "b9fdc589" },
};

static const struct row made_here[] = {
        { "swtpm_rsa.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "swtpm_ecc.der", 0, "ecc-p256", EK_CHAIN_OK, true, NULL },
        { "oaep.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "raw_nv_header.bin", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "raw_nv_padded.bin", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "swtpm2_rsa.der", 0, "rsa-2048", EK_CHAIN_OK, true, NULL },
        { "signing.der", 0, "rsa-2048", EK_CHAIN_UNMATCHED, false, NULL },
        { "attribute.der", -EBADMSG, NULL, EK_CHAIN_NONE, false, NULL },
        { "ca/issuer.pem", 0, "rsa-3072", EK_CHAIN_OK, false, NULL },
};

static void check_row(const char *top, const struct ekca *cas, const struct row *row)
{
        struct buf b = corpus_get(top, "ek-certs", row->file, "");
        struct ekcert c = { 0 };
        const char *why = NULL;
        char kind[16], id[HEX_LEN(DIGEST_LEN)];
        int r = ekcert_parse(b.p, b.len, &c, &why);

        if (r != row->parse)
                fail_msg("%s: %d, %s", row->file, r, why ? why : "");
        if (r == 0) {
                hex_encode(c.id, DIGEST_LEN, id);
                assert_string_equal(pkey_kind(c.key, kind), row->kind);
                if (ekcert_chain(&c, cas, NULL, &why) != row->chain)
                        fail_msg("%s: the chain is not %s", row->file, ek_chain_name(row->chain));
                assert_int_equal(c.not_ek == NULL, row->is_ek);
                if (row->id)
                        assert_memory_equal(id, row->id, 8);
                assert_int_equal(c.oaep, strstr(row->file, "oaep") || strstr(row->file, "raw_ek"));
        } else {
                assert_non_null(why);
        }
        ekcert_free(&c);
        buf_wipe(&b);
}

static void every_certificate_of_the_corpus_gets_its_verdict(void **state)
{
        struct ekca *cas;

        (void)state;
        corpus_or_skip();
        cas = load_cas(corpus_top(), 19);
        for (size_t i = 0; i < ELEMENTSOF(of_the_corpus); i++)
                check_row(corpus_top(), cas, &of_the_corpus[i]);
        ekca_free(cas);
}

static void every_certificate_of_swtpms_ca_gets_its_verdict(void **state)
{
        struct ekca *cas = load_cas(MADE, 2);

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(made_here); i++)
                check_row(MADE, cas, &made_here[i]);
        ekca_free(cas);
}

static struct ekcert parse(const char *file)
{
        struct buf b = corpus_get(MADE, "ek-certs", file, "");
        struct ekcert c;

        assert_int_equal(ekcert_parse(b.p, b.len, &c, NULL), 0);
        buf_wipe(&b);
        return c;
}

static void the_tcg_header_does_not_change_the_id(void **state)
{
        struct ekcert raw = parse("raw_nv_header.bin"), der = parse("swtpm_rsa.der");

        (void)state;
        assert_memory_equal(raw.id, der.id, DIGEST_LEN);
        ekcert_free(&raw);
        ekcert_free(&der);
}

static void an_oaep_key_has_the_id_of_the_tpms_public_area(void **state)
{
        struct ekcert c = parse("oaep.der");
        uint8_t area[TPMPUB_MAX], id[DIGEST_LEN];
        struct tpmpub pub;
        size_t n;

        (void)state;
        assert_true(c.oaep);
        assert_int_equal(tpmpub_ek_from_pkey(c.key, area, &n), 0);
        assert_int_equal(tpmpub_parse(area, n, &pub), 0);
        assert_int_equal(tpmpub_id(&pub, id), 0);
        assert_memory_equal(id, c.id, DIGEST_LEN);
        ekcert_free(&c);
}

static void add(struct ekca *set, const char *file, bool trusted)
{
        struct buf b = corpus_get(MADE, "ek-certs", file, "");

        assert_int_equal(ekca_add(set, b.p, b.len, trusted, NULL), 0);
        buf_wipe(&b);
}

static void an_intermediate_given_along_completes_a_chain_but_anchors_none(void **state)
{
        struct ekcert c = parse("swtpm_rsa.der");
        struct ekca *root = NULL, *other = NULL, *extra = NULL;

        (void)state;
        assert_int_equal(ekca_new(&root), 0);
        assert_int_equal(ekca_new(&other), 0);
        assert_int_equal(ekca_new(&extra), 0);
        add(root, "ca/root.pem", true);
        add(other, "another_maker.pem", true);
        add(extra, "ca/issuer.pem", false);
        assert_int_equal(ekcert_chain(&c, root, NULL, NULL), EK_CHAIN_UNMATCHED);
        assert_int_equal(ekcert_chain(&c, root, extra, NULL), EK_CHAIN_OK);
        assert_int_equal(ekcert_chain(&c, other, extra, NULL), EK_CHAIN_UNMATCHED);
        assert_int_equal(ekcert_chain(&c, extra, extra, NULL), EK_CHAIN_UNMATCHED);
        assert_int_equal(ekcert_chain(&c, NULL, extra, NULL), EK_CHAIN_NONE);
        assert_int_equal(ekcert_chain(NULL, root, NULL, NULL), EK_CHAIN_NONE);
        ekca_free(root);
        ekca_free(other);
        ekca_free(extra);
        ekcert_free(&c);
}

static void an_ek_certificate_is_no_ca(void **state)
{
        struct buf b = corpus_get(MADE, "ek-certs", "swtpm_rsa.der", "");
        struct ekcert c = parse("swtpm_rsa.der");
        struct ekca *set = NULL;

        (void)state;
        assert_int_equal(ekca_new(&set), 0);
        assert_int_equal(ekca_add(set, b.p, b.len, true, NULL), 0);
        assert_int_equal(ekcert_chain(&c, set, NULL, NULL), EK_CHAIN_UNMATCHED);
        ekca_free(set);
        ekcert_free(&c);
        buf_wipe(&b);
}

static void damaged_and_foreign_bytes_are_refused(void **state)
{
        struct buf b = corpus_get(MADE, "ek-certs", "swtpm_ecc.der", "");
        struct ekca *set = NULL;
        struct ekcert c;

        (void)state;
        for (size_t n = 0; n < b.len; n++)
                assert_int_equal(ekcert_parse(b.p, n, &c, NULL), -EBADMSG);
        memcpy(b.p + b.len, "\x42\x43", 2); /* no padding: two octets that differ */
        assert_int_equal(ekcert_parse(b.p, b.len + 2, &c, NULL), -EBADMSG);
        assert_int_equal(ekcert_parse("-----BEGIN CERTIFICATE-----\n", 28, &c, NULL), -EBADMSG);
        assert_int_equal(ekca_new(&set), 0);
        assert_int_equal(ekca_add(set, "-----BEGIN CERTIFICATE-----\nAAAA\n", 33, true, NULL), -EBADMSG);
        assert_int_equal(ekca_load_dir(set, "/nonexistent", NULL, NULL), -ENOENT);
        ekca_free(set);
        buf_wipe(&b);
}

static void the_maker_is_read_from_the_certificate(void **state)
{
        static const struct { const char *file, *maker; } of[] = {
                { "ifx_optiga_ecc_mfr035.der", "IFX" }, { "ntc_npct_rsa2048_ecc384leafca012111.der", "NTC" },
                { "stm_rsa_ica06_a.der", "STM" },       { "gcp_ecc_enc.der", "GOOG" },
                { "swtpm_rsa_a.der", "" }, /* id:00001014 */
                { "hirs_dummy_rsa2041.der", NULL },
        };

        (void)state;
        corpus_or_skip();
        for (size_t i = 0; i < ELEMENTSOF(of); i++) {
                struct buf b = corpus_get(corpus_top(), "ek-certs", of[i].file, "");
                struct ekcert c = { 0 };
                char maker[EKCERT_MAKER];

                assert_int_equal(ekcert_parse(b.p, b.len, &c, NULL), 0);
                ekcert_maker(&c, maker);
                if (of[i].maker)
                        assert_string_equal(maker, of[i].maker);
                ekcert_free(&c);
                buf_wipe(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_certificate_of_the_corpus_gets_its_verdict),
                cmocka_unit_test(every_certificate_of_swtpms_ca_gets_its_verdict),
                cmocka_unit_test(the_tcg_header_does_not_change_the_id),
                cmocka_unit_test(an_oaep_key_has_the_id_of_the_tpms_public_area),
                cmocka_unit_test(an_intermediate_given_along_completes_a_chain_but_anchors_none),
                cmocka_unit_test(an_ek_certificate_is_no_ca),
                cmocka_unit_test(damaged_and_foreign_bytes_are_refused),
                cmocka_unit_test(the_maker_is_read_from_the_certificate),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
