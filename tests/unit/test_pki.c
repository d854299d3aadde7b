/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "pki.h"

#include <openssl/x509v3.h>

#define NOW ((time_t)1800000000)
#define DAY 86400

static EVP_PKEY *ca_key, *node_key;
static struct pki_ca ca;

static int setup(void **state)
{
        (void)state;
        if (pki_key_new(PKI_P256, &ca_key) < 0 || pki_key_new(PKI_P256, &node_key) < 0 ||
            pki_ca_new(ca_key, "Muster test", NOW, &ca.certificate) < 0)
                return -1;
        ca.key = ca_key;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        X509_free(ca.certificate);
        EVP_PKEY_free(ca_key);
        EVP_PKEY_free(node_key);
        return 0;
}

/* X509_verify_cert as a TLS client of `host` does it. */
static int verify(X509 *cert, X509 *root, const char *host, const char *ip, int purpose, time_t at)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        X509_VERIFY_PARAM *p;
        int r;

        assert_int_equal(X509_STORE_add_cert(store, root), 1);
        assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
        p = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(p, at);
        X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT);
        assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
        if (host)
                assert_int_equal(X509_VERIFY_PARAM_set1_host(p, host, 0), 1);
        if (ip)
                assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(p, ip), 1);
        r = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        return r;
}

static void a_parent_certificate_holds_for_its_names_only(void **state)
{
        static const char *const sans[] = { "parent1.example", "p1", "10.0.0.1", "fd00::1" };
        X509 *cert;

        (void)state;
        assert_int_equal(pki_issue_parent(&ca, node_key, "parent1", sans, 4, NOW, NOW + DAY, &cert), 0);
        assert_true(pki_is_parent_cert(cert));
        assert_int_equal(verify(cert, ca.certificate, "parent1.example", NULL, X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        assert_int_equal(verify(cert, ca.certificate, "p1", NULL, X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        assert_int_equal(verify(cert, ca.certificate, NULL, "10.0.0.1", X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        assert_int_equal(verify(cert, ca.certificate, NULL, "fd00::1", X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        assert_int_equal(verify(cert, ca.certificate, "parent1", NULL, X509_PURPOSE_SSL_SERVER, NOW),
                         X509_V_ERR_HOSTNAME_MISMATCH);
        assert_int_equal(verify(cert, ca.certificate, NULL, "10.0.0.2", X509_PURPOSE_SSL_SERVER, NOW),
                         X509_V_ERR_IP_ADDRESS_MISMATCH);
        assert_int_equal(verify(cert, ca.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW),
                         X509_V_ERR_INVALID_PURPOSE);
        X509_free(cert);
}

static void a_node_certificate_never_passes_for_a_parent(void **state)
{
        X509 *cert;

        (void)state;
        assert_int_equal(pki_issue_node(&ca, node_key, "r1n001", NOW, NOW + DAY, &cert), 0);
        assert_false(pki_is_parent_cert(cert));
        assert_false(pki_is_parent_cert(ca.certificate));
        assert_int_equal(verify(cert, ca.certificate, "r1n001", NULL, X509_PURPOSE_SSL_SERVER, NOW), X509_V_OK);
        assert_int_equal(verify(cert, ca.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
        assert_int_equal(X509_check_ca(cert), 0);
        assert_int_equal(pki_cert_has_key(cert, node_key), 0);
        assert_int_equal(pki_cert_has_key(cert, ca_key), -EKEYREJECTED);
        X509_free(cert);
}

static void certificates_hold_in_their_time_only(void **state)
{
        time_t from = 0, to = 0;
        X509 *cert;

        (void)state;
        assert_int_equal(pki_issue_node(&ca, node_key, "r1n001", NOW, NOW + DAY, &cert), 0);
        assert_int_equal(pki_cert_times(cert, &from, &to), 0);
        assert_true(from == NOW && to == NOW + DAY);
        assert_int_equal(verify(cert, ca.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW - 1),
                         X509_V_ERR_CERT_NOT_YET_VALID);
        assert_int_equal(verify(cert, ca.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW + DAY + 1),
                         X509_V_ERR_CERT_HAS_EXPIRED);
        X509_free(cert);
        assert_int_equal(pki_issue_node(&ca, node_key, "r1n001", NOW, NOW, &cert), -EINVAL);
        assert_int_equal(pki_cert_times(ca.certificate, &from, &to), 0);
        assert_true(from == NOW - 3600 && (to - NOW) / (365 * DAY) == 20);
}

static void another_ca_s_certificate_is_refused(void **state)
{
        EVP_PKEY *key;
        struct pki_ca other;
        X509 *cert;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        other.key = key;
        assert_int_equal(pki_ca_new(key, "Muster test", NOW, &other.certificate), 0);
        assert_int_equal(pki_issue_node(&other, node_key, "r1n001", NOW, NOW + DAY, &cert), 0);
        assert_int_not_equal(verify(cert, ca.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
        assert_int_equal(verify(cert, other.certificate, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
        X509_free(cert);
        other.key = ca_key; /* a CA certificate with another's key issues nothing */
        assert_int_equal(pki_issue_node(&other, node_key, "r1n001", NOW, NOW + DAY, &cert), -EKEYREJECTED);
        X509_free(other.certificate);
        EVP_PKEY_free(key);
}

static void a_node_s_certificate_issues_nothing(void **state)
{
        X509 *cert, *second;
        struct pki_ca node;

        (void)state;
        assert_int_equal(pki_issue_node(&ca, node_key, "r1n001", NOW, NOW + DAY, &cert), 0);
        node.certificate = cert;
        node.key = node_key;
        assert_int_equal(pki_issue_node(&node, ca_key, "r1n002", NOW, NOW + DAY, &second), 0);
        assert_int_not_equal(verify(second, cert, NULL, NULL, X509_PURPOSE_SSL_CLIENT, NOW), X509_V_OK);
        X509_free(second);
        X509_free(cert);
}

static void names_that_are_no_hosts_are_refused(void **state)
{
        static const char *const bad[] = { "", "*.example", "a b", "a..b", ".a", "a.", "-a", "a-", "a-.b", "a_b", "10.0.0.300",
                                           "10.0.0", "a\nb", "http://a", "fd00::g", "n\xC3\xA9",
                                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
        X509 *cert;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(pki_issue_parent(&ca, node_key, "p", &bad[i], 1, NOW, NOW + DAY, &cert), -EINVAL);
                assert_int_equal(pki_issue_node(&ca, node_key, bad[i], NOW, NOW + DAY, &cert), -EINVAL);
        }
        assert_int_equal(pki_issue_parent(&ca, node_key, "p", bad, 0, NOW, NOW + DAY, &cert), -EINVAL);
        assert_int_equal(pki_issue_parent(&ca, node_key, "p", bad, 33, NOW, NOW + DAY, &cert), -EINVAL);
        assert_int_equal(pki_issue_node(&ca, node_key, "001", NOW, NOW + DAY, &cert), 0);
        X509_free(cert);
}

static void serials_differ_and_are_long(void **state)
{
        X509 *a, *b;

        (void)state;
        assert_int_equal(pki_issue_node(&ca, node_key, "a", NOW, NOW + DAY, &a), 0);
        assert_int_equal(pki_issue_node(&ca, node_key, "a", NOW, NOW + DAY, &b), 0);
        assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)), 0);
        assert_true(ASN1_STRING_length(X509_get0_serialNumber(a)) >= 12); /* 2^-32 to be shorter by chance */
        assert_true(ASN1_STRING_length(X509_get0_serialNumber(a)) <= 16);
        X509_free(a);
        X509_free(b);
}

static void certificates_survive_pem_and_der(void **state)
{
        struct buf pem = { 0 }, der = { 0 };
        X509 *a = NULL, *b = NULL;

        (void)state;
        assert_int_equal(pki_cert_to_pem(ca.certificate, &pem), 0);
        assert_int_equal(pem.p[pem.len], '\0');
        assert_int_equal(pki_cert_from_pem(pem.p, pem.len, &a), 0);
        assert_int_equal(pki_cert_to_der(a, &der), 0);
        assert_int_equal(pki_cert_from_der(der.p, der.len, &b), 0);
        assert_int_equal(X509_cmp(b, ca.certificate), 0);
        for (size_t n = 0; n < der.len; n++) {
                X509 *none = NULL;

                assert_int_equal(pki_cert_from_der(der.p, n, &none), -EBADMSG);
        }
        assert_int_equal(pki_cert_from_pem(pem.p, pem.len / 2, &a), -EBADMSG);
        assert_int_equal(pki_cert_from_pem("", 0, &a), -EBADMSG);
        buf_wipe(&pem);
        buf_wipe(&der);
        X509_free(a);
        X509_free(b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_parent_certificate_holds_for_its_names_only),
                cmocka_unit_test(a_node_certificate_never_passes_for_a_parent),
                cmocka_unit_test(certificates_hold_in_their_time_only),
                cmocka_unit_test(another_ca_s_certificate_is_refused),
                cmocka_unit_test(a_node_s_certificate_issues_nothing),
                cmocka_unit_test(names_that_are_no_hosts_are_refused),
                cmocka_unit_test(serials_differ_and_are_long),
                cmocka_unit_test(certificates_survive_pem_and_der),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
