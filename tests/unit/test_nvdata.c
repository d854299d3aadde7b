/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "nvdata.h"
#include "pki.h"
#include "sshcert.h"

static const uint8_t auth_policy[DIGEST_LEN] = "an authPolicy of thirty-two byte";
static const uint8_t seed[32] = "a seed of an ed25519 private key";

static void an_index_that_is_not_ours_has_no_public_area(void **state)
{
        uint8_t public[NV_PUBLIC_LEN];

        (void)state;
        assert_int_equal(nvdata_public((enum nv_purpose)3, auth_policy, 0, public), -EINVAL);
        assert_int_equal(nvdata_public(NV_SSH, auth_policy, 1, public), -EINVAL);
        assert_int_equal(nvdata_index((enum nv_purpose)0), 0);
        assert_int_equal(nvdata_size((enum nv_purpose)3), 0);
}

static void the_public_area_is_that_of_the_protocol(void **state)
{
        static const uint8_t head[12] = { 0x00, 0x2E, 0x01, 0x80, 0x4D, 0x02, 0x00, 0x0B, 0x82, 0x08, 0x40, 0x08 };
        uint8_t public[NV_PUBLIC_LEN];

        (void)state;
        assert_int_equal(nvdata_public(NV_TLS, auth_policy, 0, public), 0);
        assert_memory_equal(public, head, sizeof(head));
        assert_int_equal(public[13], 32);
        assert_memory_equal(public + 14, auth_policy, 32);
        assert_int_equal(public[46] << 8 | public[47], 1536);
}

static void each_state_and_policy_has_its_own_name(void **state)
{
        static const uint32_t states[] = { 0, NV_ATTR_WRITTEN, NV_ATTR_WRITTEN | NV_ATTR_READLOCKED,
                                           NV_ATTR_WRITTEN | NV_ATTR_READLOCKED | NV_ATTR_WRITELOCKED };
        uint8_t names[ELEMENTSOF(states) + 1][NV_NAME_LEN], other[DIGEST_LEN];

        (void)state;
        memcpy(other, auth_policy, sizeof(other));
        other[0] ^= 1;
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                assert_int_equal(nvdata_name(NV_SSH, auth_policy, states[i], names[i]), 0);
        assert_int_equal(nvdata_name(NV_SSH, other, 0, names[ELEMENTSOF(states)]), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_true(names[i][0] == 0x00 && names[i][1] == 0x0B);
                for (size_t j = 0; j < i; j++)
                        assert_memory_not_equal(names[i], names[j], NV_NAME_LEN);
        }
}

static void content_comes_back_as_written(void **state)
{
        uint8_t nv[NV_SIZE_MAX], cert[1456];
        struct nvdata d;

        (void)state;
        memset(cert, 0xC5, sizeof(cert));
        assert_int_equal(nvdata_make(NV_SSH, seed, cert, 944, nv, NV_SIZE_SSH), 0);
        assert_int_equal(nvdata_parse(NV_SSH, nv, NV_SIZE_SSH, &d), 0);
        assert_memory_equal(d.key, seed, 32);
        assert_int_equal(d.certificate_len, 944);
        assert_memory_equal(d.certificate, cert, 944);
        assert_int_equal(nvdata_make(NV_TLS, seed, cert, 1456, nv, NV_SIZE_TLS), 0);
        assert_int_equal(nvdata_parse(NV_TLS, nv, NV_SIZE_TLS, &d), 0);
        assert_int_equal(d.certificate_len, 1456);
}

static void a_certificate_that_does_not_fit_is_refused(void **state)
{
        uint8_t nv[NV_SIZE_MAX], cert[2000] = { 0 };

        (void)state;
        assert_int_equal(nvdata_make(NV_SSH, seed, cert, 945, nv, NV_SIZE_SSH), -E2BIG);
        assert_int_equal(nvdata_make(NV_TLS, seed, cert, 1457, nv, NV_SIZE_TLS), -E2BIG);
        assert_int_equal(nvdata_make(NV_TLS, seed, cert, SIZE_MAX, nv, NV_SIZE_TLS), -E2BIG);
        assert_int_equal(nvdata_make(NV_TLS, seed, cert, 0, nv, NV_SIZE_TLS), -EINVAL);
        assert_int_equal(nvdata_make(NV_TLS, seed, cert, 10, nv, NV_SIZE_SSH), -EINVAL);
}

static void every_flipped_byte_of_content_is_refused(void **state)
{
        uint8_t nv[NV_SIZE_SSH], cert[300] = { 1, 2, 3 };
        struct nvdata d;

        (void)state;
        assert_int_equal(nvdata_make(NV_SSH, seed, cert, sizeof(cert), nv, sizeof(nv)), 0);
        for (size_t i = 0; i < sizeof(nv); i++) {
                nv[i] ^= 0x01;
                assert_int_equal(nvdata_parse(NV_SSH, nv, sizeof(nv), &d), -EBADMSG);
                nv[i] ^= 0x01;
        }
        assert_int_equal(nvdata_parse(NV_SSH, nv, sizeof(nv), &d), 0);
}

static void content_of_another_length_or_purpose_is_refused(void **state)
{
        uint8_t nv[NV_SIZE_MAX], cert[300] = { 1, 2, 3 };
        struct nvdata d;

        (void)state;
        assert_int_equal(nvdata_make(NV_SSH, seed, cert, sizeof(cert), nv, NV_SIZE_SSH), 0);
        for (size_t n = 0; n < NV_SIZE_SSH; n++)
                assert_int_equal(nvdata_parse(NV_SSH, nv, n, &d), -EBADMSG);
        assert_int_equal(nvdata_parse(NV_TLS, nv, NV_SIZE_TLS, &d), -EBADMSG);
        assert_int_equal(nvdata_parse((enum nv_purpose)0, nv, NV_SIZE_SSH, &d), -EINVAL);
        memset(nv, 0, sizeof(nv));
        assert_int_equal(nvdata_parse(NV_SSH, nv, NV_SIZE_SSH, &d), -EBADMSG);
        memset(nv, 0xFF, sizeof(nv)); /* an index as swtpm shows one never written */
        assert_int_equal(nvdata_parse(NV_SSH, nv, NV_SIZE_SSH, &d), -EBADMSG);
}

static void what_is_used_of_an_index_is_what_its_head_says(void **state)
{
        uint8_t head[16] = { 'M', 'U', 'S', 'T', 'E', 'R', 'N', 'V', 1, NV_SSH, 0, NV_KEY_LEN, 0x01, 0x00, 0, 0 };

        (void)state;
        assert_int_equal(nvdata_used(NV_SSH, head, sizeof(head)), 16 + 32 + 256 + 32);
        assert_int_equal(nvdata_len(NV_SSH, 256), 16 + 32 + 256 + 32);
        assert_int_equal(nvdata_len(NV_SSH, SIZE_MAX), NV_SIZE_SSH);
        assert_int_equal(nvdata_len((enum nv_purpose)3, 1), 0);
        head[12] = 0xff; /* never beyond the index */
        assert_int_equal(nvdata_used(NV_SSH, head, sizeof(head)), NV_SIZE_SSH);
        assert_int_equal(nvdata_used(NV_TLS, head, 13), NV_SIZE_TLS);
        head[12] = 1;
        head[0] = 'X';
        assert_int_equal(nvdata_used(NV_SSH, head, sizeof(head)), NV_SIZE_SSH);
}

static void a_certificate_length_beyond_the_index_is_refused(void **state)
{
        uint8_t nv[NV_SIZE_SSH], cert[300] = { 1, 2, 3 };
        struct nvdata d;

        (void)state;
        assert_int_equal(nvdata_make(NV_SSH, seed, cert, sizeof(cert), nv, sizeof(nv)), 0);
        for (unsigned n = 0; n < 0x10000; n += 5) {
                nv[12] = (uint8_t)(n >> 8);
                nv[13] = (uint8_t)n;
                assert_int_equal(nvdata_parse(NV_SSH, nv, sizeof(nv), &d), n == sizeof(cert) ? 0 : -EBADMSG);
        }
}

static void an_ssh_key_matches_only_its_certificate(void **state)
{
        const char *names[] = { "r1n001" };
        uint8_t public[32], other[32];
        struct sshcert_wish wish = { public, 1, "r1n001", names, 1, 1, 2 };
        struct buf cert = { 0 };
        EVP_PKEY *ca;

        (void)state;
        assert_int_equal(pki_key_new(PKI_ED25519, &ca), 0);
        assert_int_equal(ssh_public_from_seed(seed, public), 0);
        assert_int_equal(sshcert_issue(ca, &wish, &cert), 0);
        assert_int_equal(nvdata_key_matches(NV_SSH, seed, cert.p, cert.len), 0);
        memcpy(other, seed, sizeof(other));
        other[5] ^= 1;
        assert_int_equal(nvdata_key_matches(NV_SSH, other, cert.p, cert.len), -EKEYREJECTED);
        assert_int_equal(nvdata_key_matches(NV_SSH, seed, cert.p, cert.len - 1), -EBADMSG);
        assert_int_equal(nvdata_key_matches(NV_TLS, seed, cert.p, cert.len), -EBADMSG);
        assert_int_equal(nvdata_key_matches((enum nv_purpose)9, seed, cert.p, cert.len), -EINVAL);
        buf_wipe(&cert);
        EVP_PKEY_free(ca);
}

static void a_tls_key_matches_only_its_certificate(void **state)
{
        uint8_t scalar[32], zero[32] = { 0 };
        EVP_PKEY *ca_key, *key;
        struct buf der = { 0 };
        struct pki_ca ca;
        X509 *cert;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &ca_key), 0);
        assert_int_equal(pki_key_new(PKI_P256, &key), 0);
        assert_int_equal(pki_key_raw(key, scalar), 0);
        ca.key = ca_key;
        assert_int_equal(pki_ca_new(ca_key, "test", 1700000000, &ca.certificate), 0);
        assert_int_equal(pki_issue_node(&ca, key, "r1n001", 1700000000, 1800000000, &cert), 0);
        assert_int_equal(pki_cert_to_der(cert, &der), 0);
        assert_true(der.len < 700);
        assert_int_equal(nvdata_key_matches(NV_TLS, scalar, der.p, der.len), 0);
        assert_int_equal(nvdata_key_matches(NV_TLS, zero, der.p, der.len), -EKEYREJECTED);
        scalar[31] ^= 1;
        assert_int_equal(nvdata_key_matches(NV_TLS, scalar, der.p, der.len), -EKEYREJECTED);
        assert_int_equal(nvdata_key_matches(NV_TLS, scalar, der.p, der.len - 1), -EBADMSG);
        assert_int_equal(nvdata_key_matches(NV_TLS, scalar, der.p, 0), -EBADMSG);
        buf_wipe(&der);
        X509_free(cert);
        X509_free(ca.certificate);
        EVP_PKEY_free(key);
        EVP_PKEY_free(ca_key);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_index_that_is_not_ours_has_no_public_area),
                cmocka_unit_test(the_public_area_is_that_of_the_protocol),
                cmocka_unit_test(each_state_and_policy_has_its_own_name),
                cmocka_unit_test(content_comes_back_as_written),
                cmocka_unit_test(a_certificate_that_does_not_fit_is_refused),
                cmocka_unit_test(every_flipped_byte_of_content_is_refused),
                cmocka_unit_test(content_of_another_length_or_purpose_is_refused),
                cmocka_unit_test(what_is_used_of_an_index_is_what_its_head_says),
                cmocka_unit_test(a_certificate_length_beyond_the_index_is_refused),
                cmocka_unit_test(an_ssh_key_matches_only_its_certificate),
                cmocka_unit_test(a_tls_key_matches_only_its_certificate),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
