/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as files and NV indices hold them: what may stand behind one, and
 * directories of CAs in which a file is of no use. All of it is made here. */
#include "corpus.h"
#include "ekcert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

static EVP_PKEY *key, *other;
static struct buf ca_der, other_der, leaf_der; /* leaf: issued by ca */

static void extension(X509 *x, int nid, const char *text)
{
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, text);

        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
}

static struct buf issue(const char *name, EVP_PKEY *of, const char *issuer, EVP_PKEY *by, const char *usage)
{
        X509 *x = X509_new();
        unsigned char *der = NULL;
        struct buf ret;
        int n;

        (void)X509_set_version(x, X509_VERSION_3);
        (void)ASN1_INTEGER_set(X509_get_serialNumber(x), 5);
        (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
        (void)X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1, 0);
        (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
        (void)X509_gmtime_adj(X509_getm_notAfter(x), 1000);
        assert_int_equal(X509_set_pubkey(x, of), 1);
        extension(x, NID_basic_constraints, strcmp(usage, "keyCertSign") == 0 ? "critical,CA:TRUE" : "critical,CA:FALSE");
        extension(x, NID_key_usage, usage);
        assert_true(X509_sign(x, by, EVP_sha256()) > 0);
        n = i2d_X509(x, &der);
        assert_true(n > 0);
        ret = (struct buf){ malloc((size_t)n + 3000), (size_t)n };
        memcpy(ret.p, der, (size_t)n);
        OPENSSL_free(der);
        X509_free(x);
        return ret;
}

static int make(void **state)
{
        (void)state;
        key = EVP_EC_gen("P-256");
        other = EVP_EC_gen("P-256");
        if (!key || !other)
                return -1;
        ca_der = issue("a maker", key, "a maker", key, "keyCertSign");
        other_der = issue("another maker", other, "another maker", other, "keyCertSign");
        leaf_der = issue("a TPM", other, "a maker", key, "keyAgreement");
        return 0;
}

static int unmake(void **state)
{
        (void)state;
        buf_wipe(&ca_der);
        buf_wipe(&other_der);
        buf_wipe(&leaf_der);
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
        return 0;
}

/* ---- what may stand behind a certificate ------------------------------------------ */

/* 0 or what ekcert_parse() and ekca_add() both say of the leaf and the CA with this behind it. */
static int with_behind(const void *p, size_t n)
{
        struct ekca *ca = NULL;
        struct ekcert c = { 0 };
        const char *why = NULL;
        int r, k;

        memcpy(leaf_der.p + leaf_der.len, p, n);
        r = ekcert_parse(leaf_der.p, leaf_der.len + n, &c, &why);
        ekcert_free(&c);
        assert_int_equal(ekca_new(&ca), 0);
        memcpy(ca_der.p + ca_der.len, p, n);
        k = ekca_add(ca, ca_der.p, ca_der.len + n, true, &why);
        assert_int_equal(r, k);
        assert_int_equal(ekca_count(ca), k == 0);
        ekca_free(ca);
        if (r < 0)
                assert_non_null(strstr(why, "no padding"));
        return r;
}

static void behind_a_certificate_may_be_any_one_octet_again_and_again_or_line_breaks(void **state)
{
        uint8_t pad[2000];

        (void)state;
        assert_int_equal(with_behind("", 0), 0);
        for (unsigned octet = 0; octet < 256; octet++) {
                memset(pad, (int)octet, sizeof(pad));
                assert_int_equal(with_behind(pad, sizeof(pad)), 0);
                assert_int_equal(with_behind(pad, 1), 0);
                pad[sizeof(pad) - 1] ^= 1;
                assert_int_equal(with_behind(pad, sizeof(pad)), -EBADMSG);
        }
        assert_int_equal(with_behind("\r\n", 2), 0);
        assert_int_equal(with_behind("\n\r\n", 3), 0);
        assert_int_equal(with_behind("\r\n ", 3), -EBADMSG);
        assert_int_equal(with_behind("\x30\x82", 2), -EBADMSG);
}

/* ---- a wrong use ------------------------------------------------------------------- */

static void reason_is(EVP_PKEY *of, const char *usage, const char *why)
{
        struct buf b = issue("a TPM", of, "a maker", key, usage);
        struct ekcert c = { 0 };

        assert_int_equal(ekcert_parse(b.p, b.len, &c, NULL), 0);
        if (!why)
                assert_null(c.not_ek);
        else if (!c.not_ek || !strstr(c.not_ek, why))
                fail_msg("%s: '%s' lacks '%s'", usage, c.not_ek ? c.not_ek : "", why);
        ekcert_free(&c);
        buf_wipe(&b);
}

static void the_reason_names_the_key_usage_that_is_wrong(void **state)
{
        EVP_PKEY *rsa = EVP_RSA_gen(2048);

        (void)state;
        reason_is(other, "keyAgreement", NULL);
        reason_is(other, "digitalSignature,keyAgreement", NULL);
        reason_is(rsa, "keyEncipherment", NULL);
        reason_is(other, "keyEncipherment", "has keyEncipherment and not keyAgreement");
        reason_is(other, "digitalSignature,keyEncipherment", "has keyEncipherment and not keyAgreement");
        reason_is(rsa, "keyAgreement", "has keyAgreement and not keyEncipherment");
        reason_is(rsa, "digitalSignature", "for signing only");
        reason_is(other, "digitalSignature", "for signing only");
        reason_is(other, "dataEncipherment", "neither keyEncipherment nor keyAgreement");
        EVP_PKEY_free(rsa);
}

static void an_ek_of_a_kind_that_no_client_uses_is_refused(void **state)
{
        EVP_PKEY *rsa[] = { EVP_RSA_gen(2048), EVP_RSA_gen(3072) };
        EVP_PKEY *ecc[] = { EVP_EC_gen("P-384"), EVP_EC_gen("P-521") };

        (void)state;
        reason_is(rsa[0], "keyEncipherment", NULL);
        reason_is(rsa[1], "keyEncipherment", "neither ECC P-256 nor RSA-2048");
        for (size_t i = 0; i < 2; i++) {
                reason_is(ecc[i], "keyAgreement", "neither ECC P-256 nor RSA-2048");
                EVP_PKEY_free(ecc[i]);
                EVP_PKEY_free(rsa[i]);
        }
}

static void of_the_corpus_each_certificate_comes_to_what_is_right_for_it(void **state)
{
        static const struct { const char *file, *not_ek; enum ek_chain chain; } of[] = {
                { "good-ecc.der", NULL, EK_CHAIN_OK },
                { "serial-leading-zeros.der", NULL, EK_CHAIN_OK },
                { "serial-21-bytes.der", NULL, EK_CHAIN_OK },
                { "pad-ff-1600.bin", NULL, EK_CHAIN_OK },
                { "wrong-ca.der", NULL, EK_CHAIN_UNMATCHED },
                { "ecc-p384.der", "no node comes with another EK", EK_CHAIN_OK },
                { "ku-ecc-keyencipherment.der", "keyEncipherment and not keyAgreement", EK_CHAIN_OK },
        };
        struct ekca *ca = NULL;
        struct buf b;

        (void)state;
        corpus_or_skip();
        assert_int_equal(ekca_new(&ca), 0);
        b = corpus_get(corpus_top(), "cases/ek/ca", "test-root.pem", "");
        assert_int_equal(ekca_add(ca, b.p, b.len, true, NULL), 0);
        buf_wipe(&b);
        for (size_t i = 0; i < ELEMENTSOF(of); i++) {
                struct ekcert c = { 0 };

                b = corpus_get(corpus_top(), "cases/ek", of[i].file, "");
                assert_int_equal(ekcert_parse(b.p, b.len, &c, NULL), 0);
                assert_int_equal(ekcert_chain(&c, ca, NULL, NULL), of[i].chain);
                assert_int_equal(c.not_ek == NULL, of[i].not_ek == NULL);
                if (of[i].not_ek)
                        assert_non_null(strstr(c.not_ek, of[i].not_ek));
                ekcert_free(&c);
                buf_wipe(&b);
        }
        ekca_free(ca);
}

/* ---- directories ------------------------------------------------------------------- */

static char dir[64];
static char named[1000]; /* FILE: WHY; ... */

static void note(void *ctx, const char *file, const char *why)
{
        size_t n = strlen(named);

        assert_ptr_equal(ctx, &dir);
        (void)snprintf(named + n, sizeof(named) - n, "%s: %s; ", file, why);
}

static void write_file(const char *name, const void *p, size_t n)
{
        char path[200];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(p, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

static struct buf pem_of(const struct buf *der)
{
        BIO *bio = BIO_new(BIO_s_mem());
        struct buf ret;
        char *p;

        assert_true(PEM_write_bio(bio, "CERTIFICATE", "", der->p, (long)der->len) > 0);
        ret.len = (size_t)BIO_get_mem_data(bio, &p);
        ret.p = malloc(2 * ret.len + 4000);
        memcpy(ret.p, p, ret.len);
        BIO_free(bio);
        return ret;
}

static int open_dir(void **state)
{
        (void)state;
        named[0] = '\0';
        (void)snprintf(dir, sizeof(dir), "/tmp/muster-ekfiles.XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int close_dir(void **state)
{
        char command[100];

        (void)state;
        (void)snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

/* How many CAs were read, and whether the leaf chains to one of them. */
static int load(bool *ret_chains)
{
        struct ekcert c = { 0 };
        struct ekca *ca = NULL;
        int n;

        assert_int_equal(ekca_new(&ca), 0);
        n = ekca_load_dir(ca, dir, note, &dir);
        assert_int_equal(ekca_count(ca), n);
        assert_int_equal(ekcert_parse(leaf_der.p, leaf_der.len, &c, NULL), 0);
        *ret_chains = ekcert_chain(&c, ca, NULL, NULL) == EK_CHAIN_OK;
        ekcert_free(&c);
        ekca_free(ca);
        return n;
}

static void a_file_that_is_of_no_use_is_named_and_no_other_ca_is_lost(void **state)
{
        struct buf pem = pem_of(&other_der);
        BIO *bio = BIO_new(BIO_s_mem());
        bool chains;
        char *text;
        long n;

        (void)state;
        write_file("m.crt", ca_der.p, ca_der.len); /* between the others in any order */
        write_file("z.pem", pem.p, pem.len);
        assert_int_equal(load(&chains), 2);
        assert_true(chains);
        assert_string_equal(named, "");
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
        n = BIO_get_mem_data(bio, &text);
        write_file("a.pem", text, (size_t)n);
        write_file("b.der", "", 0);
        write_file("n.cer", ca_der.p, ca_der.len - 1);
        write_file("zz.pem", "-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n", 53);
        write_file("readme.txt", "not looked at", 13);
        assert_int_equal(load(&chains), 2);
        assert_true(chains);
        assert_string_equal(named, "a.pem: it holds a private key and no certificate; "
                                   "b.der: it is empty, or no regular file; "
                                   "n.cer: it is no certificate in DER, or cut short; "
                                   "zz.pem: it holds no certificate in PEM; ");
        BIO_free(bio);
        buf_wipe(&pem);
}

static void of_a_bundle_the_certificates_that_are_whole_are_kept(void **state)
{
        struct buf pem = pem_of(&other_der);
        struct buf second = pem_of(&ca_der);
        size_t first = pem.len;
        bool chains;

        (void)state;
        memcpy(pem.p + pem.len, second.p, second.len);
        pem.len += second.len;
        write_file("bundle.pem", pem.p, pem.len);
        assert_int_equal(load(&chains), 2);
        assert_true(chains);
        assert_string_equal(named, "");
        pem.p[first / 2] = '*'; /* in the first one */
        write_file("bundle.pem", pem.p, pem.len);
        assert_int_equal(load(&chains), 1);
        assert_true(chains);
        assert_string_equal(named, "bundle.pem: a certificate in it is damaged; the others in it are used; ");
        buf_wipe(&pem);
        buf_wipe(&second);
}

static void a_ca_in_der_with_a_line_break_behind_it_is_read(void **state)
{
        bool chains;

        (void)state;
        memcpy(ca_der.p + ca_der.len, "\r\n", 2);
        write_file("maker.crt", ca_der.p, ca_der.len + 2);
        assert_int_equal(load(&chains), 1);
        assert_true(chains);
        memcpy(ca_der.p + ca_der.len, "\n?", 2); /* the control: more than a line break */
        write_file("maker.crt", ca_der.p, ca_der.len + 2);
        assert_int_equal(load(&chains), 0);
        assert_false(chains);
        assert_string_equal(named, "maker.crt: there are bytes after the certificate that are no padding; ");
}

#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_dir, close_dir)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(behind_a_certificate_may_be_any_one_octet_again_and_again_or_line_breaks),
                cmocka_unit_test(the_reason_names_the_key_usage_that_is_wrong),
                cmocka_unit_test(an_ek_of_a_kind_that_no_client_uses_is_refused),
                cmocka_unit_test(of_the_corpus_each_certificate_comes_to_what_is_right_for_it),
                DIR_TEST(a_file_that_is_of_no_use_is_named_and_no_other_ca_is_lost),
                DIR_TEST(of_a_bundle_the_certificates_that_are_whole_are_kept),
                DIR_TEST(a_ca_in_der_with_a_line_break_behind_it_is_read),
        };

        return cmocka_run_group_tests(tests, make, unmake);
}
