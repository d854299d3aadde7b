/* SPDX-License-Identifier: Apache-2.0 */
/* What the signing process makes, and everything it refuses. */
#include "fixture_signer.h"

#include <openssl/x509v3.h>

static int verified(struct policy_boot boot, enum policy_purpose purpose, uint8_t first, const uint8_t *sig)
{
        uint8_t approved[DIGEST_LEN];
        uint8_t ref[DIGEST_LEN];
        uint8_t node[DIGEST_LEN];

        memcpy(node, q.head.node, sizeof(node));
        node[0] ^= first;
        assert_int_equal(policy_approved(q.release.pcrs, boot, approved), 0);
        assert_int_equal(policy_ref(purpose, node, ref), 0);
        return policy_approval_verify(sg.keys.policy, approved, ref, sig, POLICY_APPROVAL_LEN);
}

static void an_approval_is_for_these_values_this_boot_and_this_node(void **state)
{
        static const uint8_t zero[POLICY_APPROVAL_LEN];
        const struct policy_boot now = { 41, 3 };

        (void)state;
        good(SIGNER_RELEASE);
        assert_int_equal(answer(), 0);
        assert_int_equal(len, sizeof(a.released));
        assert_int_equal(verified(now, POLICY_NV, 0, a.released.nv), 0);
        assert_int_equal(verified(now, POLICY_BUNDLE, 0, a.released.bundle), 0);
        assert_int_equal(verified(now, POLICY_BUNDLE, 0, a.released.nv), -EKEYREJECTED);
        assert_int_equal(verified(now, POLICY_NV, 1, a.released.nv), -EKEYREJECTED);
        assert_int_equal(verified(now, POLICY_BUNDLE, 1, a.released.bundle), -EKEYREJECTED);
        assert_int_equal(verified((struct policy_boot){ 42, 3 }, POLICY_NV, 0, a.released.nv), -EKEYREJECTED);
        assert_int_equal(verified((struct policy_boot){ 41, 4 }, POLICY_NV, 0, a.released.nv), -EKEYREJECTED);
        q.release.purposes = 0;
        assert_int_equal(answer(), 0);
        assert_memory_equal(a.released.bundle, zero, sizeof(zero));
}

static void nothing_is_approved_once_pcr_15_is_capped(void **state)
{
        (void)state;
        for (size_t i = 0; i < DIGEST_LEN; i++) {
                uint8_t pcrs[POLICY_PCRS][DIGEST_LEN];

                memcpy(pcrs, good_pcrs, sizeof(pcrs));
                pcrs[POLICY_PCRS - 1][i] = 1;
                good(SIGNER_RELEASE);
                wish.pcrs = pcrs;
                quote_again();
                assert_int_equal(answer(), -EINVAL);
                wish.pcrs = good_pcrs;
                assert_int_equal(a.released.key[0], 0xee); /* nor is the image's key given */
        }
}

static void purposes_that_do_not_exist_are_refused(void **state)
{
        (void)state;
        for (unsigned bit = 1; bit < 32; bit++) {
                good(SIGNER_RELEASE);
                q.release.purposes |= 1u << bit;
                assert_int_equal(answer(), -EINVAL);
        }
}

static void a_tls_certificate_is_a_nodes_and_nothing_more(void **state)
{
        X509 *cert = NULL;
        time_t from = 0;
        time_t to = 0;

        (void)state;
        good(SIGNER_TLS);
        assert_int_equal(answer(), 0);
        assert_int_equal(pki_cert_from_der(a.cert.blob, a.cert.len, &cert), 0);
        assert_int_equal(X509_check_ca(cert), 0);
        assert_false(pki_is_parent_cert(cert));
        assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER | XKU_SSL_CLIENT);
        assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
        assert_int_equal(X509_check_host(cert, "r1n001", 0, 0, NULL), 1);
        assert_int_equal(pki_cert_times(cert, &from, &to), 0);
        assert_true(from == NOW - 300 && to == NOW + LIFE_MAX && a.cert.from == from && a.cert.to == to);
        assert_int_equal(X509_verify(cert, sg.keys.ca.key), 1);
        X509_free(cert);
}

static void an_ssh_certificate_is_a_host_of_one_name(void **state)
{
        struct sshcert c;

        (void)state;
        good(SIGNER_SSH);
        assert_int_equal(answer(), 0);
        assert_int_equal(sshcert_parse(a.cert.blob, a.cert.len, &c), 0); /* takes host certificates only */
        assert_memory_equal(c.ca_key, ssh_ca, SSH_KEY_LEN);
        assert_memory_equal(c.public_key, q.ssh.key, SSH_KEY_LEN);
        assert_int_equal(c.n_principals, 1);
        assert_int_equal(c.principal_len[0], 6);
        assert_memory_equal(c.principals[0], "r1n001", 6);
        assert_true(c.valid_after == NOW - 300 && c.valid_before == NOW + LIFE_MAX);
}

/* The principals of an SSH certificate, and whether the TLS one is for each. */
static void certificates_name(const char *const *names, size_t n)
{
        struct sshcert c;
        X509 *cert = NULL;

        assert_int_equal(answer(), 0);
        assert_int_equal(sshcert_parse(a.cert.blob, a.cert.len, &c), 0);
        assert_int_equal(c.n_principals, n);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(c.principal_len[i], strlen(names[i]));
                assert_memory_equal(c.principals[i], names[i], strlen(names[i]));
        }
        good(SIGNER_TLS);
        (void)snprintf(q.tls.address, sizeof(q.tls.address), "%s", n > 2 ? names[2] : "");
        assert_int_equal(answer(), 0);
        assert_int_equal(pki_cert_from_der(a.cert.blob, a.cert.len, &cert), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(i < 2 ? X509_check_host(cert, names[i], 0, 0, NULL) : X509_check_ip_asc(cert, names[i], 0), 1);
        assert_int_equal(X509_check_host(cert, "r1n001.other", 0, 0, NULL), 0);
        X509_free(cert);
}

static void certificates_hold_the_name_in_the_domain_and_the_address_if_wanted(void **state)
{
        static const char *const names[] = { "r1n001", "r1n001.hpc.example.org", "10.1.0.7" };
        static const char *const bad[] = { "10.1.0.300", "10.1.0.07", "r1n002", "*", "10.1.0.7 ", "::ffff:1:0:0:0:0:0" };

        (void)state;
        (void)snprintf(sg.domain, sizeof(sg.domain), "hpc.example.org");
        good(SIGNER_SSH);
        certificates_name(names, 2);
        good(SIGNER_SSH);
        (void)snprintf(q.ssh.address, sizeof(q.ssh.address), "10.1.0.7");
        assert_int_equal(answer(), -EINVAL); /* not wanted */
        sg.addresses = true;
        good(SIGNER_SSH);
        (void)snprintf(q.ssh.address, sizeof(q.ssh.address), "10.1.0.7");
        certificates_name(names, 3);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                good(SIGNER_SSH);
                (void)snprintf(q.ssh.address, sizeof(q.ssh.address), "%s", bad[i]);
                assert_int_equal(answer(), -EINVAL);
        }
        sg.domain[0] = '\0';
        sg.addresses = false;
}

static void a_certificate_that_lives_too_long_is_refused(void **state)
{
        static const uint32_t lives[] = { 0, LIFE_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(lives); i++) {
                good(SIGNER_TLS);
                q.tls.life = lives[i];
                assert_int_equal(answer(), -EINVAL);
                good(SIGNER_SSH);
                q.ssh.life = lives[i];
                assert_int_equal(answer(), -EINVAL);
        }
}

static void names_that_are_no_node_names_are_refused(void **state)
{
        static const char *const bad[] = { "", "-a", "a-", "A", "a.b", "*", "a b", "a\n", "a,b", "root@a", "a/../b", "a\xc3\xa9", "a:b" };
        char name[SIGNER_NAME];

        (void)state;
        for (size_t i = 0; i <= ELEMENTSOF(bad) + 1; i++) {
                memset(name, 0, sizeof(name));
                if (i < ELEMENTSOF(bad))
                        (void)snprintf(name, sizeof(name), "%s", bad[i]);
                else if (i == ELEMENTSOF(bad))
                        memset(name, 'a', sizeof(name)); /* no end */
                else
                        memcpy(name, "a\0b", 3); /* something behind the end */
                good(SIGNER_TLS);
                memcpy(q.tls.name, name, sizeof(name));
                assert_int_equal(answer(), -EINVAL);
                good(SIGNER_SSH);
                memcpy(q.ssh.name, name, sizeof(name));
                assert_int_equal(answer(), -EINVAL);
        }
        good(SIGNER_WRAP);
        q.wrap.name[0] = '.';
        assert_int_equal(answer(), -EINVAL);
        good(SIGNER_RELEASE);
        memset(q.release.name, 0, sizeof(q.release.name));
        assert_int_equal(answer(), -EINVAL);
}

static void what_is_no_point_of_the_curve_is_refused(void **state)
{
        (void)state;
        for (unsigned first = 0; first < 256; first++) {
                if (first == 4)
                        continue;
                good(SIGNER_TLS);
                q.tls.point[0] = (uint8_t)first; /* infinity, compressed, hybrid, nothing */
                assert_int_equal(answer(), -EINVAL);
        }
        good(SIGNER_TLS);
        q.tls.point[40] ^= 1;
        assert_int_equal(answer(), -EINVAL);
        good(SIGNER_TLS);
        memset(q.tls.point + 1, 0xff, sizeof(q.tls.point) - 1);
        assert_int_equal(answer(), -EINVAL);
        good(SIGNER_TLS);
        q.tls.zero[2] = 1;
        assert_int_equal(answer(), -EINVAL);
}

static void an_image_key_comes_back_only_unaltered(void **state)
{
        struct signer_wrapped w;
        uint8_t *bytes;

        (void)state;
        good(SIGNER_WRAP);
        assert_int_equal(answer(), 0);
        w = a.wrapped;
        good(SIGNER_RELEASE);
        memcpy(q.release.wrapped, w.wrapped, sizeof(w.wrapped));
        assert_int_equal(answer(), 0);
        assert_int_equal(a.released.key[0], 9);
        bytes = q.release.header; /* the list and the wrapped key follow */
        for (size_t i = 0; i < sizeof(q.release.header) + sizeof(q.release.list) + sizeof(q.release.wrapped); i++) {
                bytes[i] ^= 1;
                assert_int_equal(answer(), -EKEYREJECTED);
                assert_int_equal(a.released.key[0], 0xee); /* nothing of it was written */
                assert_int_equal(a.released.nv[0], 0xee); /* nor an approval made */
                bytes[i] ^= 1;
        }
        q.release.name[0] = 'c';
        assert_int_equal(answer(), -EKEYREJECTED);
}

static void other_operations_and_other_lengths_are_no_requests(void **state)
{
        static const uint32_t ops[] = { 0, SIGNER_OPS, SIGNER_OPS + 1, 0x80000001, 0xffffffff };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(ops); i++) {
                good(SIGNER_SSH);
                q.head.op = ops[i];
                for (size_t n = 0; n <= sizeof(q); n++)
                        assert_int_equal(signer_answer(&sg, NOW, &q, n, &a, &len), -EBADMSG);
        }
        for (int op = SIGNER_RELEASE; op < SIGNER_OPS; op++)
                for (size_t n = 0; n <= sizeof(q) + 1; n++) {
                        if (n == size_of[op])
                                continue;
                        good((enum signer_op)op);
                        assert_int_equal(signer_answer(&sg, NOW, &q, n, &a, &len), -EBADMSG);
                }
}

/* xorshift: the same bytes in each run */
static uint8_t noise(void)
{
        static uint32_t x = 2463534242u;

        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        return (uint8_t)x;
}

static void noise_is_answered_with_an_error(void **state)
{
        (void)state;
        for (int i = 0; i < 5000; i++) {
                enum signer_op op = (enum signer_op)(SIGNER_RELEASE + i % (SIGNER_OPS - 1));

                for (size_t k = 0; k < sizeof(q); k++)
                        ((uint8_t *)&q)[k] = noise();
                q.head.op = op;
                assert_true(answer() < 0);
        }
        good(SIGNER_SSH);
        assert_int_equal(answer(), 0); /* what is no noise is still answered */
}

static void what_was_made_and_refused_is_counted(void **state)
{
        (void)state;
        memset(sg.done, 0, sizeof(sg.done));
        sg.refused = 0;
        good(SIGNER_SSH);
        assert_int_equal(answer(), 0);
        assert_int_equal(answer(), 0);
        q.ssh.life = 0;
        assert_int_equal(answer(), -EINVAL);
        assert_int_equal(sg.done[SIGNER_SSH], 2);
        assert_int_equal(sg.done[SIGNER_TLS], 0);
        assert_int_equal(sg.refused, 1);
        assert_int_equal(signer_self_test(&sg, NOW), 0);
        assert_int_equal(sg.done[SIGNER_SSH], 0); /* its own do not count */
}

static void a_key_that_does_not_work_fails_the_self_test(void **state)
{
        EVP_PKEY *right = sg.keys.ca.key;

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &sg.keys.ca.key), 0);
        assert_true(signer_self_test(&sg, NOW) < 0);
        EVP_PKEY_free(sg.keys.ca.key);
        sg.keys.ca.key = right;
        assert_int_equal(signer_self_test(&sg, NOW), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_approval_is_for_these_values_this_boot_and_this_node),
                cmocka_unit_test(nothing_is_approved_once_pcr_15_is_capped),
                cmocka_unit_test(purposes_that_do_not_exist_are_refused),
                cmocka_unit_test(a_tls_certificate_is_a_nodes_and_nothing_more),
                cmocka_unit_test(an_ssh_certificate_is_a_host_of_one_name),
                cmocka_unit_test(certificates_hold_the_name_in_the_domain_and_the_address_if_wanted),
                cmocka_unit_test(a_certificate_that_lives_too_long_is_refused),
                cmocka_unit_test(names_that_are_no_node_names_are_refused),
                cmocka_unit_test(what_is_no_point_of_the_curve_is_refused),
                cmocka_unit_test(an_image_key_comes_back_only_unaltered),
                cmocka_unit_test(other_operations_and_other_lengths_are_no_requests),
                cmocka_unit_test(noise_is_answered_with_an_error),
                cmocka_unit_test(what_was_made_and_refused_is_counted),
                cmocka_unit_test(a_key_that_does_not_work_fails_the_self_test),
        };

        return cmocka_run_group_tests_name("signer", tests, setup, teardown);
}
