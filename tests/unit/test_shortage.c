/* SPDX-License-Identifier: Apache-2.0 */
/* No memory, at every place: keys, certificates, credentials, seals. What is
 * given is right or nothing is, and nothing is taken for valid. */
#include "shortage.h"

#include "bundle.h"
#include "nvdata.h"
#include "pki.h"
#include "pkikey.h"
#include "policy.h"
#include "seal.h"
#include "sshcert.h"
#include "tpmcrypt.h"
#include "tpmpub.h"

#define NOW 1900000000

static const uint8_t secret[TPMCRYPT_SECRET_LEN] = "a secret of an activation, fresh";
static const uint8_t name34[TPMCRYPT_NAME_LEN] = { 0x00, 0x0B, 1, 2, 3 };
static const uint8_t digest[DIGEST_LEN] = "the node id of integration tests";
static const struct bundle_keys keys = { "ssh seed ssh seed ssh seed seed.", "tls scalar tls scalar tls scalar" };
static EVP_PKEY *p256, *ed25519, *rsa;
static struct buf p256_pem, public_pem, public_der, ca_pem, ca_der;
static X509 *ca;
static uint8_t ek_bytes[2][TPMPUB_MAX];
static struct tpmpub ek[2];
static uint8_t approval[POLICY_APPROVAL_LEN];

static int generate(void)
{
        static const enum pki_type types[] = { PKI_P256, PKI_ED25519 };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(types) && r == 0; i++) {
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL, *again = NULL;
                uint8_t raw[PKI_RAW_LEN];
                enum pki_type type;

                r = pki_key_new(types[i], &key);
                if (r == 0)
                        r = pki_key_raw(key, raw);
                if (r == 0)
                        r = pki_key_from_raw(types[i], raw, &again);
                if (r == 0)
                        r = pki_key_type(again, &type);
                if (r == 0)
                        assert_int_equal(type, types[i]);
        }
        return r;
}

static int key_files(void)
{
        _cleanup_(buf_wipe) struct buf a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *k = NULL, *l = NULL, *m = NULL, *n = NULL;
        uint8_t point[PKI_POINT_LEN], x[PKI_RAW_LEN], y[PKI_RAW_LEN];
        int r = pki_key_to_pem(p256, &a);

        if (r == 0)
                r = pki_public_to_pem(p256, &b);
        if (r == 0)
                r = pki_public_to_der(p256, &c);
        if (r == 0)
                r = pki_key_from_pem(p256_pem.p, p256_pem.len, &k);
        if (r == 0)
                r = pki_public_from_pem(public_pem.p, public_pem.len, &l);
        if (r == 0)
                r = pki_public_from_der(public_der.p, public_der.len, &m);
        if (r == 0)
                r = pki_p256_point(public_der.p, public_der.len, point);
        if (r == 0)
                r = pki_p256_from_point(point, &n);
        if (r == 0)
                r = pki_p256_xy(n, x, y);
        if (r == 0)
                r = pki_pem_read(public_pem.p, public_pem.len, "PUBLIC KEY", &d);
        /* these want memory too */
        if (r == 0 && (EVP_PKEY_eq(k, p256) != 1 || EVP_PKEY_eq(l, p256) != 1 || EVP_PKEY_eq(m, p256) != 1 ||
                       EVP_PKEY_eq(n, p256) != 1))
                r = -ENOMEM;
        return r;
}

static int issue_ca(void)
{
        _cleanup_(X509_freep) X509 *c = NULL;
        int r = pki_ca_new(p256, "test cluster", NOW, &c);

        assert_true(r == 0 || !c);
        return r;
}

static int issue(void)
{
        static const char *const sans[] = { "10.0.0.1", "parent.example", "fd00::1" };
        const struct pki_ca authority = { ca, p256 };
        _cleanup_(X509_freep) X509 *parent = NULL, *node = NULL;
        int r = pki_issue_parent(&authority, p256, "parent", sans, ELEMENTSOF(sans), NOW, NOW + 1000, &parent);

        if (r == 0)
                r = pki_issue_node(&authority, p256, "n1.example", NOW, NOW + 1000, &node);
        assert_true(r == 0 || !node);
        if (r == 0 && (X509_verify(parent, p256) != 1 || X509_verify(node, p256) != 1))
                r = -ENOMEM;
        return r;
}

static int read_certificates(void)
{
        _cleanup_(buf_wipe) struct buf pem = { 0 }, der = { 0 };
        _cleanup_(X509_freep) X509 *a = NULL, *b = NULL;
        time_t from, to;
        int r = pki_cert_to_pem(ca, &pem);

        if (r == 0)
                r = pki_cert_to_der(ca, &der);
        if (r == 0)
                r = pki_cert_from_pem(ca_pem.p, ca_pem.len, &a);
        if (r == 0)
                r = pki_cert_from_der(ca_der.p, ca_der.len, &b);
        if (r == 0)
                r = pki_cert_times(a, &from, &to);
        if (r == 0)
                r = pki_cert_has_key(b, p256);
        assert_false(pki_is_parent_cert(ca));
        return r;
}

static int ssh(void)
{
        static const char *const principals[] = { "n1", "10.0.0.7" };
        _cleanup_(buf_wipe) struct buf blob = { 0 }, text = { 0 }, public = { 0 }, private = { 0 }, authority = { 0 };
        uint8_t public_key[SSH_KEY_LEN];
        struct sshcert_wish wish = { .public_key = public_key, .serial = 7, .key_id = "n1 boot", .principals = principals,
                                     .n_principals = 2, .valid_after = NOW, .valid_before = NOW + 5 };
        struct sshcert got;
        int r = ssh_public_from_pkey(ed25519, public_key);

        if (r == 0)
                r = ssh_public_from_seed(secret, public_key);
        if (r == 0)
                r = sshcert_issue(ed25519, &wish, &blob);
        assert_true(r == 0 || !blob.p);
        if (r == 0)
                r = sshcert_parse(blob.p, blob.len, &got);
        if (r == 0)
                r = sshcert_text(blob.p, blob.len, "n1", &text);
        if (r == 0)
                r = ssh_public_text(public_key, "n1", &public);
        if (r == 0)
                r = ssh_private_text(secret, "n1", &private);
        if (r == 0)
                r = ssh_authority_text(public_key, "*", "cluster", &authority);
        if (r == 0)
                assert_int_equal(got.serial, 7);
        return r;
}

static int credentials(void)
{
        int r = 0;

        for (size_t i = 0; i < 2 && r == 0; i++) {
                _cleanup_(buf_wipe) struct buf a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 }, e = { 0 };

                r = tpmcrypt_make_credential(&ek[i], name34, secret, &a, &b);
                assert_true(r == 0 || (!a.p && !b.p));
                if (r == 0)
                        r = tpmcrypt_duplicate(&ek[i], secret, digest, &c, &d, &e);
                assert_true(r == 0 || (!c.p && !d.p && !e.p));
        }
        return r;
}

static int bundles(void)
{
        struct bundle_wire w = { 0 };
        struct bundle_keys got;
        uint8_t data[BUNDLE_DATA_LEN];
        int r = bundle_make(&ek[0], p256, digest, &keys, &w);

        bundle_wire_wipe(&w);
        if (r == 0)
                r = bundle_seal(secret, digest, &keys, data);
        if (r == 0)
                r = bundle_open(secret, digest, data, sizeof(data), &got);
        if (r == 0)
                assert_memory_equal(&got, &keys, sizeof(got));
        return r;
}

static int names(void)
{
        uint8_t name[TPMPUB_NAME_MAX], id[DIGEST_LEN], bytes[TPMPUB_MAX];
        int r = 0;

        for (size_t i = 0; i < 2 && r == 0; i++) {
                _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
                _cleanup_(buf_wipe) struct buf spki = { 0 };
                size_t n;

                r = tpmpub_pkey(&ek[i], &key);
                if (r == 0)
                        r = tpmpub_spki(&ek[i], &spki);
                if (r == 0)
                        r = tpmpub_name(&ek[i], name, &n);
                if (r == 0)
                        r = tpmpub_id(&ek[i], id);
                if (r == 0)
                        r = pkey_id(key, id);
                if (r == 0)
                        r = tpmpub_ek_from_pkey(key, bytes, &n);
        }
        return r;
}

static const uint8_t nv_ref[DIGEST_LEN] = { 7 };

static int approvals(void)
{
        uint8_t pcrs[POLICY_PCRS][DIGEST_LEN] = { { 0 } }, d[DIGEST_LEN], name[POLICY_NAME_LEN], sig[POLICY_APPROVAL_LEN];
        int r = policy_approved(pcrs, (struct policy_boot){ 3, 0 }, d);

        if (r == 0)
                r = policy_key_name(p256, name);
        if (r == 0)
                r = policy_ref(POLICY_BUNDLE, digest, d);
        if (r == 0)
                r = policy_auth_digest(name, d, d);
        if (r == 0)
                r = policy_approve(p256, digest, nv_ref, sig);
        if (r == 0)
                r = policy_approval_verify(p256, digest, nv_ref, approval, sizeof(approval));
        return r;
}

/* A signature that is wrong stays so when memory is short. */
static int wrong_approval(void)
{
        assert_int_not_equal(policy_approval_verify(p256, digest, digest, approval, sizeof(approval)), 0);
        return 0;
}

static int nv(void)
{
        uint8_t area[NV_SIZE_TLS], name[NV_NAME_LEN], raw[PKI_RAW_LEN];
        struct nvdata got;
        int r = pki_key_raw(p256, raw);

        if (r == 0)
                r = nvdata_name(NV_TLS, digest, NV_ATTR_WRITTEN, name);
        if (r == 0)
                r = nvdata_make(NV_TLS, raw, ca_der.p, ca_der.len, area, sizeof(area));
        if (r == 0)
                r = nvdata_parse(NV_TLS, area, sizeof(area), &got);
        if (r == 0)
                r = nvdata_key_matches(NV_TLS, raw, ca_der.p, ca_der.len);
        return r;
}

static int seals(void)
{
        uint8_t header[SEAL_HEADER_LEN], chunk[100 + SEAL_TAG_LEN] = { 0 }, list[DIGEST_LEN];
        _cleanup_(seal_freep) struct seal *in = NULL, *out = NULL;
        int r = seal_header_make(100, header);

        if (r == 0)
                r = seal_new(secret, header, true, &in);
        if (r == 0)
                r = seal_chunk(in, list, 0, chunk, sizeof(chunk));
        if (r == 0)
                r = seal_new(secret, header, false, &out);
        if (r == 0)
                r = seal_open_chunk(out, list, 0, chunk, sizeof(chunk));
        if (r == 0)
                assert_int_equal(chunk[0] | chunk[99], 0);
        return r;
}

#define OP(f) \
        static void want_of_memory_in_##f(void **state) \
        { \
                (void)state; \
                every_shortage(#f, f, true); \
        }
OP(generate)
OP(key_files)
OP(issue_ca)
OP(issue)
OP(read_certificates)
OP(ssh)
OP(credentials)
OP(bundles)
OP(names)
OP(approvals)
OP(wrong_approval)
OP(nv)
OP(seals)

static int setup(void **state)
{
        EVP_PKEY *of[2];

        (void)state;
        assert_int_equal(pki_key_new(PKI_P256, &p256), 0);
        assert_int_equal(pki_key_new(PKI_ED25519, &ed25519), 0);
        rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
        assert_non_null(rsa);
        assert_int_equal(pki_ca_new(p256, "test cluster", NOW, &ca), 0);
        assert_int_equal(pki_key_to_pem(p256, &p256_pem), 0);
        assert_int_equal(pki_public_to_pem(p256, &public_pem), 0);
        assert_int_equal(pki_public_to_der(p256, &public_der), 0);
        assert_int_equal(pki_cert_to_pem(ca, &ca_pem), 0);
        assert_int_equal(pki_cert_to_der(ca, &ca_der), 0);
        of[0] = p256;
        of[1] = rsa;
        for (size_t i = 0; i < 2; i++) {
                size_t n;

                assert_int_equal(tpmpub_ek_from_pkey(of[i], ek_bytes[i], &n), 0);
                assert_int_equal(tpmpub_parse(ek_bytes[i], n, &ek[i]), 0);
        }
        assert_int_equal(policy_approve(p256, digest, nv_ref, approval), 0);
        return 0;
}

static int teardown(void **state)
{
        struct buf *bufs[] = { &p256_pem, &public_pem, &public_der, &ca_pem, &ca_der };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bufs); i++)
                buf_wipe(bufs[i]);
        X509_free(ca);
        EVP_PKEY_free(p256);
        EVP_PKEY_free(ed25519);
        EVP_PKEY_free(rsa);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(want_of_memory_in_generate),
                cmocka_unit_test(want_of_memory_in_key_files),
                cmocka_unit_test(want_of_memory_in_issue_ca),
                cmocka_unit_test(want_of_memory_in_issue),
                cmocka_unit_test(want_of_memory_in_read_certificates),
                cmocka_unit_test(want_of_memory_in_ssh),
                cmocka_unit_test(want_of_memory_in_credentials),
                cmocka_unit_test(want_of_memory_in_bundles),
                cmocka_unit_test(want_of_memory_in_names),
                cmocka_unit_test(want_of_memory_in_approvals),
                cmocka_unit_test(want_of_memory_in_wrong_approval),
                cmocka_unit_test(want_of_memory_in_nv),
                cmocka_unit_test(want_of_memory_in_seals),
        };

        shortage_init();
        return cmocka_run_group_tests(tests, setup, teardown);
}
