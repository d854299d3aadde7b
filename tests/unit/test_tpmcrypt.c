/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "tpmcrypt.h"
#include "bundle.h"
#include "cursor.h"
#include "nvdata.h"
#include "pki.h"
#include "policy.h"
#include "tpmpub.h"

static const uint8_t secret[TPMCRYPT_SECRET_LEN] = "a secret of an activation, fresh";
static const uint8_t ak_name[TPMCRYPT_NAME_LEN] = { 0x00, 0x0B, 1, 2, 3 };
static uint8_t node[DIGEST_LEN] = "the node id of integration tests"; /* NODE_ID in the environment is another */
static const struct bundle_keys keys = { "ssh seed ssh seed ssh seed seed.", "tls scalar tls scalar tls scalar" };

static void make_ek(EVP_PKEY *key, uint8_t bytes[TPMPUB_MAX], struct tpmpub *ret)
{
        size_t n;

        assert_non_null(key);
        assert_int_equal(tpmpub_ek_from_pkey(key, bytes, &n), 0);
        assert_int_equal(tpmpub_parse(bytes, n, ret), 0);
        EVP_PKEY_free(key);
}

static void credential_sizes_are_those_a_tpm_expects(void **state)
{
        EVP_PKEY *eks[] = { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048) };
        static const size_t secret_len[] = { 2 + 68, 2 + 256 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(eks); i++) {
                struct buf a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
                uint8_t bytes[TPMPUB_MAX];
                struct tpmpub ek;

                make_ek(eks[i], bytes, &ek);
                assert_int_equal(tpmcrypt_make_credential(&ek, ak_name, secret, &a, &b), 0);
                assert_int_equal(a.len, 2 + 2 + 32 + 2 + 32);
                assert_int_equal(a.p[0] << 8 | a.p[1], a.len - 2);
                assert_int_equal(b.len, secret_len[i]);
                assert_int_equal(b.p[0] << 8 | b.p[1], b.len - 2);
                assert_int_equal(tpmcrypt_make_credential(&ek, ak_name, secret, &c, &d), 0);
                assert_memory_not_equal(a.p + 4, c.p + 4, 32); /* nothing is used twice */
                assert_memory_not_equal(b.p + 4, d.p + 4, 32);
                buf_wipe(&a);
                buf_wipe(&b);
                buf_wipe(&c);
                buf_wipe(&d);
        }
}

/* Refused with nothing returned. */
static void no_parent(const struct tpmpub *ek, int want)
{
        struct buf a = { 0 }, b = { 0 }, c = { 0 };

        assert_int_equal(tpmcrypt_make_credential(ek, ak_name, secret, &a, &b), want);
        assert_int_equal(tpmcrypt_duplicate(ek, secret, node, &a, &b, &c), want);
        assert_true(!a.p && !b.p && !c.p);
}

static void keys_that_are_no_low_range_storage_keys_are_refused(void **state)
{
        uint8_t bytes[TPMPUB_MAX];
        struct tpmpub ek, bad;

        (void)state;
        make_ek(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), bytes, &ek);
        bad = ek;
        bad.name_alg = 0x000C;
        no_parent(&bad, -EPROTONOSUPPORT);
        bad = ek;
        bad.sym_bits = 256;
        no_parent(&bad, -EPROTONOSUPPORT);
        bad = ek;
        bad.sym_alg = TPM_ALG_NULL; /* a signing key */
        no_parent(&bad, -EPROTONOSUPPORT);
        bad = ek;
        bad.sym_mode = 0x0044;
        no_parent(&bad, -EPROTONOSUPPORT);
        bad = ek;
        bad.curve = TPM_ECC_P384;
        no_parent(&bad, -EPROTONOSUPPORT);
        bad = ek;
        bad.type = TPM_ALG_RSA;
        bad.bits = 3072;
        no_parent(&bad, -EPROTONOSUPPORT);
        bytes[ek.raw_len - 1] ^= 1; /* off the curve */
        no_parent(&ek, -EBADMSG);
}

/* The other half: with arguments this program makes and opens files for
 * tests/integration/test-tpmcrypt.sh, where swtpm and tpm2-tools judge. */
static uint8_t *slurp(const char *path, size_t *ret_len)
{
        static uint8_t files[4][8192];
        static unsigned next;
        uint8_t *p = files[next++ % 4];
        FILE *f = fopen(path, "r");

        if (!f) {
                perror(path);
                exit(2);
        }
        *ret_len = fread(p, 1, sizeof(files[0]), f);
        (void)fclose(f);
        return p;
}

static int spit(const char *path, const void *p, size_t n)
{
        FILE *f = fopen(path, "w");

        if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
                perror(path);
                return -EIO;
        }
        return 0;
}

static int load(const char *path, EVP_PKEY **ret)
{
        size_t n;
        const uint8_t *p = slurp(path, &n);

        return pki_key_from_pem(p, n, ret);
}

/* The policyRef of nv or bundle for the node. */
static const uint8_t *ref_of(const char *s)
{
        static uint8_t ref[DIGEST_LEN];

        if (policy_ref(strcmp(s, "nv") == 0 ? POLICY_NV : POLICY_BUNDLE, node, ref) < 0)
                abort();
        return ref;
}

static struct policy_boot boot_of(const char *reset, const char *restart)
{
        return (struct policy_boot){ (uint32_t)strtoul(reset, NULL, 10), (uint32_t)strtoul(restart, NULL, 10) };
}

static int do_credential(char **a) /* EK NAME SECRET OUT */
{
        uint8_t head[8] = { 0xBA, 0xDC, 0xC0, 0xDE, 0, 0, 0, 1 }, out[1024];
        struct wbuf w = wb_of(out, sizeof(out));
        struct buf id = { 0 }, enc = { 0 };
        size_t n, name_len, secret_len;
        const uint8_t *ek_bytes = slurp(a[0], &n), *name = slurp(a[1], &name_len), *sec = slurp(a[2], &secret_len);
        struct tpmpub ek;
        int r;

        if (name_len != TPMCRYPT_NAME_LEN || secret_len != TPMCRYPT_SECRET_LEN)
                return -EBADMSG;
        if ((r = tpmpub_parse_any(ek_bytes, n, &ek)) < 0 ||
            (r = tpmcrypt_make_credential(&ek, name, sec, &id, &enc)) < 0)
                return r;
        wb_put(&w, head, sizeof(head)); /* tpm2-tools' own file format */
        wb_put(&w, id.p, id.len);
        wb_put(&w, enc.p, enc.len);
        buf_wipe(&id);
        buf_wipe(&enc);
        return w.err < 0 ? w.err : spit(a[3], out, w.len);
}

static int do_bundle(char **a) /* EK POLICY-KEY PUBLIC DUPLICATE SEED DATA */
{
        struct bundle_wire w = { 0 };
        size_t n;
        const uint8_t *ek_bytes = slurp(a[0], &n);
        EVP_PKEY *key;
        struct tpmpub ek;
        int r;

        if ((r = tpmpub_parse_any(ek_bytes, n, &ek)) < 0 || (r = load(a[1], &key)) < 0)
                return r;
        if ((r = bundle_make(&ek, key, node, &keys, &w)) == 0 && (r = spit(a[2], w.public.p, w.public.len)) == 0 &&
            (r = spit(a[3], w.duplicate.p, w.duplicate.len)) == 0 && (r = spit(a[4], w.seed.p, w.seed.len)) == 0)
                r = spit(a[5], w.data.p, w.data.len);
        bundle_wire_wipe(&w);
        EVP_PKEY_free(key);
        return r;
}

static int do_open(char **a) /* K DATA */
{
        struct bundle_keys got;
        size_t nk, n;
        const uint8_t *k = slurp(a[0], &nk), *data = slurp(a[1], &n);
        int r;

        if (nk != BUNDLE_K_LEN)
                return -EBADMSG;
        r = bundle_open(k, node, data, n, &got);
        return r < 0 ? r : memcmp(&got, &keys, sizeof(keys)) == 0 ? 0 : -EKEYREJECTED;
}

static int do_key(char **a) /* POLICY-KEY PUBLIC NAME */
{
        uint8_t public[POLICY_KEY_PUBLIC_LEN], name[POLICY_NAME_LEN];
        EVP_PKEY *key;
        int r;

        if ((r = load(a[0], &key)) < 0)
                return r;
        if ((r = policy_key_public(key, public)) == 0 && (r = policy_key_name(key, name)) == 0 &&
            (r = spit(a[1], public, sizeof(public))) == 0)
                r = spit(a[2], name, sizeof(name));
        EVP_PKEY_free(key);
        return r;
}

static int do_approved(char **a) /* PCRS RESET-COUNT RESTART-COUNT OUT */
{
        uint8_t digest[DIGEST_LEN];
        size_t n;
        const uint8_t *p = slurp(a[0], &n);
        int r;

        if (n != (size_t)POLICY_PCRS * DIGEST_LEN)
                return -EBADMSG;
        r = policy_approved((const uint8_t(*)[DIGEST_LEN])p, boot_of(a[1], a[2]), digest);
        return r < 0 ? r : spit(a[3], digest, sizeof(digest));
}

static int do_auth(char **a) /* KEY-NAME nv|bundle OUT */
{
        uint8_t digest[DIGEST_LEN];
        size_t n;
        const uint8_t *name = slurp(a[0], &n);
        int r = n == POLICY_NAME_LEN ? policy_auth_digest(name, ref_of(a[1]), digest) : -EBADMSG;

        return r < 0 ? r : spit(a[2], digest, sizeof(digest));
}

static int do_approve(char **a) /* POLICY-KEY APPROVED nv|bundle AHASH SIGNATURE */
{
        uint8_t ahash[DIGEST_LEN], sig[POLICY_APPROVAL_LEN];
        size_t n;
        const uint8_t *approved = slurp(a[1], &n);
        EVP_PKEY *key;
        int r;

        if (n != DIGEST_LEN)
                return -EBADMSG;
        if ((r = load(a[0], &key)) < 0)
                return r;
        if ((r = policy_approve(key, approved, ref_of(a[2]), sig)) == 0 &&
            (r = policy_ahash(approved, ref_of(a[2]), ahash)) == 0 && (r = spit(a[3], ahash, sizeof(ahash))) == 0)
                r = spit(a[4], sig, sizeof(sig));
        EVP_PKEY_free(key);
        return r;
}

static int do_nv(char **a) /* AUTH-POLICY ssh|tls STATE NAME */
{
        uint8_t name[NV_NAME_LEN];
        size_t n;
        const uint8_t *policy = slurp(a[0], &n);
        int r = -EBADMSG;

        if (n == DIGEST_LEN)
                r = nvdata_name(strcmp(a[1], "ssh") == 0 ? NV_SSH : NV_TLS, policy, (uint32_t)strtoul(a[2], NULL, 16), name);
        return r < 0 ? r : spit(a[3], name, sizeof(name));
}

static const struct verb {
        const char *name;
        int args;
        int (*run)(char **args);
} verbs[] = {
        { "credential", 4, do_credential }, { "bundle", 6, do_bundle }, { "open", 2, do_open },
        { "key", 3, do_key },               { "approved", 4, do_approved }, { "auth", 3, do_auth },
        { "approve", 5, do_approve },       { "nv", 4, do_nv },
};

static int drive(int argc, char **argv)
{
        const char *other = getenv("NODE_ID");

        if (other && strlen(other) == sizeof(node))
                memcpy(node, other, sizeof(node));
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0 && argc == 2 + verbs[i].args) {
                        int r = verbs[i].run(argv + 2);

                        if (r < 0)
                                (void)fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
                        return r < 0;
                }
        (void)fprintf(stderr, "no such verb with so many arguments: %s\n", argv[1]);
        return 2;
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(credential_sizes_are_those_a_tpm_expects),
                cmocka_unit_test(keys_that_are_no_low_range_storage_keys_are_refused),
        };

        if (argc > 1)
                return drive(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
