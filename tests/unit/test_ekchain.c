/* SPDX-License-Identifier: Apache-2.0 */
/* EK certificate chains that are made here, and what is computed for them:
 * this program's own X509_verify() and d2i_X509() count, and then call the library's. */
#include "corpus.h"
#include "cursor.h"
#include "ekcert.h"

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#define MANY 8

static struct {
        unsigned verified, read;
        EVP_PKEY *with[64]; /* keys that signatures were verified with */
} counted;

int X509_verify(X509 *x, EVP_PKEY *key)
{
        int (*real)(X509 *, EVP_PKEY *) = (int (*)(X509 *, EVP_PKEY *))dlsym(RTLD_NEXT, "X509_verify");

        assert_true(counted.verified < ELEMENTSOF(counted.with));
        counted.with[counted.verified++] = key;
        return real(x, key);
}

X509 *d2i_X509(X509 **to, const unsigned char **p, long len)
{
        X509 *(*real)(X509 **, const unsigned char **, long) =
                (X509 * (*)(X509 **, const unsigned char **, long)) dlsym(RTLD_NEXT, "d2i_X509");

        counted.read++;
        return real(to, p, len);
}

/* ---- a made-up maker ------------------------------------------------------------ */

static EVP_PKEY *keys[MANY + 2];

static int make_keys(void **state)
{
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (!(keys[i] = EVP_EC_gen("P-256")))
                        return -1;
        return 0;
}

static int free_keys(void **state)
{
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                EVP_PKEY_free(keys[i]);
        return 0;
}

enum { NO_CA = -2, ANY = -1 };

static void extension(X509 *x, int nid, const char *text)
{
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, text);

        assert_non_null(e);
        assert_int_equal(X509_add_ext(x, e, -1), 1);
        X509_EXTENSION_free(e);
}

static void name(X509_NAME *n, const char *text)
{
        assert_int_equal(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)"A maker of TPMs, made up here", -1, -1, 0), 1);
        assert_int_equal(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0), 1);
}

/* pathlen: NO_CA: a leaf's; ANY: without a bound. usage: NULL: what fits. */
static struct buf issue(const char *subject, EVP_PKEY *key, const char *issuer, EVP_PKEY *by, int pathlen, const char *usage)
{
        X509 *x = X509_new();
        unsigned char *der = NULL;
        struct buf ret = { 0 };
        char text[64];
        int n;

        assert_non_null(x);
        (void)X509_set_version(x, X509_VERSION_3);
        (void)ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
        name(X509_get_subject_name(x), subject);
        name(X509_get_issuer_name(x), issuer);
        (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
        (void)X509_gmtime_adj(X509_getm_notAfter(x), 1000);
        assert_int_equal(X509_set_pubkey(x, key), 1);
        (void)snprintf(text, sizeof(text), "critical,CA:%s", pathlen == NO_CA ? "FALSE" : "TRUE");
        if (pathlen >= 0)
                (void)snprintf(text, sizeof(text), "critical,CA:TRUE,pathlen:%d", pathlen);
        extension(x, NID_basic_constraints, text);
        extension(x, NID_key_usage, usage ? usage : pathlen == NO_CA ? "keyAgreement" : "keyCertSign");
        assert_true(X509_sign(x, by, EVP_sha256()) > 0);
        n = i2d_X509(x, &der);
        assert_true(n > 256);
        ret = (struct buf){ malloc((size_t)n), (size_t)n };
        memcpy(ret.p, der, (size_t)n);
        OPENSSL_free(der);
        X509_free(x);
        return ret;
}

static struct {
        struct ekca *trusted, *given;
} set;

static int setup(void **state)
{
        (void)state;
        counted.verified = counted.read = 0;
        return ekca_new(&set.trusted) == 0 && ekca_new(&set.given) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        ekca_free(set.trusted);
        ekca_free(set.given);
        set.trusted = set.given = NULL;
        return 0;
}

static void start_anew(void **state)
{
        (void)teardown(state);
        assert_int_equal(setup(state), 0);
}

static void add(bool trusted, struct buf cert)
{
        assert_int_equal(ekca_add(trusted ? set.trusted : set.given, cert.p, cert.len, trusted, NULL), 0);
        buf_wipe(&cert);
}

/* The chain of this leaf, and how many signatures were verified for it. */
static enum ek_chain ask(struct buf leaf, unsigned *ret_verified)
{
        struct ekcert c = { 0 };
        enum ek_chain chain;

        assert_int_equal(ekcert_parse(leaf.p, leaf.len, &c, NULL), 0);
        counted.verified = 0;
        chain = ekcert_chain(&c, set.trusted, set.given, NULL);
        *ret_verified = counted.verified;
        ekcert_free(&c);
        buf_wipe(&leaf);
        return chain;
}

static struct buf root_named(const char *text, EVP_PKEY *key)
{
        return issue(text, key, text, key, ANY, NULL);
}

static const char *level(unsigned i)
{
        static const char *const names[] = { "root", "one", "two", "three", "four", "five", "six", "seven" };

        return names[i];
}

/* `n` CAs given along, each issued by the one before, the first one by the anchor. */
static void given_line(unsigned n)
{
        for (unsigned i = n; i > 0; i--) /* in an order that is of no help */
                add(false, issue(level(i), keys[i], level(i - 1), keys[i - 1], ANY, NULL));
}

static struct buf leaf_of(unsigned i)
{
        return issue("leaf", keys[MANY], level(i), keys[i], NO_CA, NULL);
}

/* ---- chains -------------------------------------------------------------------- */

static void a_chain_of_six_cas_is_good_and_a_longer_one_is_not(void **state)
{
        unsigned n;

        (void)state;
        add(true, root_named("root", keys[0]));
        given_line(5);
        assert_int_equal(ask(leaf_of(5), &n), EK_CHAIN_OK);
        assert_int_equal(n, 6);
        assert_int_equal(ask(leaf_of(2), &n), EK_CHAIN_OK);
        assert_int_equal(n, 3);
        add(false, issue("six", keys[6], "five", keys[5], ANY, NULL));
        assert_int_equal(ask(leaf_of(6), &n), EK_CHAIN_UNMATCHED);
}

static void no_signature_is_verified_with_a_key_that_no_anchor_vouches_for(void **state)
{
        struct buf root = root_named("root", keys[0]);
        unsigned n;

        (void)state;
        add(true, root_named("another root", keys[9]));
        assert_int_equal(ekca_add(set.given, root.p, root.len, false, NULL), 0); /* its owner's, who is nobody */
        given_line(3);
        assert_int_equal(ask(leaf_of(3), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, 0);
        assert_int_equal(ask(leaf_of(0), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, 0);
        add(true, root); /* the same, once the admin trusts it */
        assert_int_equal(ask(leaf_of(3), &n), EK_CHAIN_OK);
        assert_int_equal(n, 4);
        assert_int_equal(ask(leaf_of(0), &n), EK_CHAIN_OK);
        assert_int_equal(n, 1);
}

static void a_ca_whose_own_signature_is_wrong_vouches_for_nothing(void **state)
{
        unsigned n;

        (void)state;
        add(true, root_named("root", keys[0]));
        add(false, issue("one", keys[1], "root", keys[9], ANY, NULL)); /* it names the root, which knows nothing of it */
        assert_int_equal(ask(leaf_of(1), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, 1);
        add(false, issue("one", keys[1], "root", keys[0], ANY, NULL)); /* beside the genuine one it does no harm */
        assert_int_equal(ask(leaf_of(1), &n), EK_CHAIN_OK);
        assert_int_equal(n, 3);
}

static void only_a_few_signatures_are_verified_for_one_chain(void **state)
{
        unsigned n;

        (void)state;
        add(true, root_named("root", keys[0]));
        for (unsigned i = 1; i < MANY; i++) /* all of one name, so each is on a path */
                add(false, issue("one", keys[i], "root", keys[9], ANY, NULL));
        counted.read = 0;
        assert_int_equal(ask(leaf_of(1), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, EKCERT_WRONG);
        assert_int_equal(counted.read, 1 + EKCERT_WRONG); /* the leaf, and no more than were tried */
        for (unsigned i = 0; i < MANY; i++) /* anchors of one name with different keys */
                add(true, root_named("same", keys[i]));
        assert_int_equal(ask(issue("leaf", keys[MANY], "same", keys[9], NO_CA, NULL), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, EKCERT_WRONG);
        assert_int_equal(ask(issue("leaf", keys[MANY], "same", keys[2], NO_CA, NULL), &n), EK_CHAIN_OK);
        assert_int_equal(n, 3);
}

static void a_ca_that_is_given_twice_or_that_no_path_names_costs_nothing(void **state)
{
        struct buf one = issue("one", keys[1], "root", keys[0], ANY, NULL);
        unsigned n;

        (void)state;
        add(true, root_named("root", keys[0]));
        for (unsigned i = 2; i < 6; i++)
                add(false, issue(level(i), keys[i], "root", keys[0], ANY, NULL)); /* genuine, and of other nodes */
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(ekca_add(set.given, one.p, one.len, false, NULL), 0);
        buf_wipe(&one);
        assert_int_equal(ask(issue("leaf", keys[MANY], "one", keys[9], NO_CA, NULL), &n), EK_CHAIN_UNMATCHED);
        assert_int_equal(n, 2);
        assert_int_equal(ask(leaf_of(1), &n), EK_CHAIN_OK);
        assert_int_equal(n, 2);
}

static void what_is_no_ca_issues_nothing(void **state)
{
        static const struct { int pathlen; const char *usage; enum ek_chain chain; } rows[] = {
                { ANY, NULL, EK_CHAIN_OK },
                { 0, NULL, EK_CHAIN_OK },
                { NO_CA, "keyCertSign", EK_CHAIN_UNMATCHED },
                { ANY, "digitalSignature", EK_CHAIN_UNMATCHED },
        };
        unsigned n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_anew(state);
                add(true, root_named("root", keys[0]));
                add(false, issue("one", keys[1], "root", keys[0], rows[i].pathlen, rows[i].usage));
                assert_int_equal(ask(leaf_of(1), &n), rows[i].chain);
                start_anew(state); /* and not as an anchor */
                add(true, issue("one", keys[1], "root", keys[0], rows[i].pathlen, rows[i].usage));
                assert_int_equal(ask(leaf_of(1), &n), rows[i].chain);
        }
}

static void below_a_ca_stand_no_more_cas_than_it_allows(void **state)
{
        static const struct { int root, one; enum ek_chain two, three; } rows[] = {
                { ANY, ANY, EK_CHAIN_OK, EK_CHAIN_OK },
                { 3, 2, EK_CHAIN_OK, EK_CHAIN_OK },
                { 2, ANY, EK_CHAIN_OK, EK_CHAIN_UNMATCHED },
                { ANY, 1, EK_CHAIN_OK, EK_CHAIN_UNMATCHED },
                { ANY, 0, EK_CHAIN_UNMATCHED, EK_CHAIN_UNMATCHED },
                { 1, 5, EK_CHAIN_UNMATCHED, EK_CHAIN_UNMATCHED },
        };
        unsigned n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                start_anew(state);
                add(true, issue("root", keys[0], "root", keys[0], rows[i].root, NULL));
                add(false, issue("one", keys[1], "root", keys[0], rows[i].one, NULL));
                add(false, issue("two", keys[2], "one", keys[1], ANY, NULL));
                add(false, issue("three", keys[3], "two", keys[2], ANY, NULL));
                assert_int_equal(ask(leaf_of(2), &n), rows[i].two);
                assert_int_equal(ask(leaf_of(3), &n), rows[i].three);
        }
}

/* ---- keys ---------------------------------------------------------------------- */

static void put(struct wbuf *w, uint8_t tag, const void *p, size_t n)
{
        wb_u8(w, tag);
        wb_u8(w, 0x82);
        wb_u16be(w, (uint16_t)n);
        wb_put(w, p, n);
}

/* A certificate with this SubjectPublicKeyInfo; signed by nobody. */
static struct buf with_key(const struct buf *spki)
{
        static const uint8_t start[] = { 0xa0, 3, 2, 1, 2, 2, 1, 9 };
        static const uint8_t alg[] = { 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
        static const uint8_t times[] = "\x30\x1e\x17\x0d" "200101000000Z" "\x17\x0d" "300101000000Z";
        static const uint8_t none[140] = { 0 };
        static uint8_t tbs[12000];
        static uint8_t cert[12000];
        struct wbuf t = wb_of(tbs, sizeof(tbs));
        struct wbuf c = wb_of(cert, sizeof(cert));
        struct buf ret = { 0 };
        size_t n;

        wb_put(&t, start, sizeof(start));
        wb_put(&t, alg, sizeof(alg));
        wb_put(&t, "\x30\x00", 2);
        wb_put(&t, times, sizeof(times) - 1);
        wb_put(&t, "\x30\x00", 2);
        wb_put(&t, spki->p, spki->len);
        put(&c, 0x30, tbs, t.len);
        wb_put(&c, alg, sizeof(alg));
        put(&c, 0x03, none, sizeof(none));
        assert_int_equal(t.err, 0);
        assert_int_equal(wb_end(&c, &n), 0);
        ret.p = malloc(n + 4);
        ret.len = n + 4;
        t = wb_of(ret.p, ret.len);
        put(&t, 0x30, cert, n);
        return ret;
}

static struct buf rsa(size_t octets, uint8_t first, uint64_t exponent)
{
        static const uint8_t alg[] = { 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0 };
        static uint8_t number[5000], pair[6000], bits[6000];
        struct wbuf w = wb_of(pair, sizeof(pair));
        struct wbuf b = wb_of(bits, sizeof(bits));
        struct buf ret = { .p = malloc(6000) };
        uint8_t e[9] = { 0 };

        memset(number, 0xa5, sizeof(number));
        number[0] = 0;
        number[1] = first;
        put(&w, 0x02, number + (first < 0x80), octets + (first >= 0x80));
        for (size_t i = 0; i < 8; i++)
                e[8 - i] = (uint8_t)(exponent >> (8 * i));
        put(&w, 0x02, e, sizeof(e));
        wb_u8(&b, 0);
        put(&b, 0x30, pair, w.len);
        w = wb_of(pair, sizeof(pair));
        wb_put(&w, alg, sizeof(alg));
        put(&w, 0x03, bits, b.len);
        b = wb_of(ret.p, 6000);
        put(&b, 0x30, pair, w.len);
        assert_int_equal(wb_end(&b, &ret.len), 0);
        return ret;
}

static struct buf spki_of(EVP_PKEY *key)
{
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(key, &der);
        struct buf ret = { 0 };

        assert_true(n > 0);
        ret = (struct buf){ malloc((size_t)n), (size_t)n };
        memcpy(ret.p, der, (size_t)n);
        OPENSSL_free(der);
        EVP_PKEY_free(key);
        return ret;
}

static EVP_PKEY *as(EVP_PKEY *key, const char *param, const char *value)
{
        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, param, value), 1);
        return key;
}

static struct buf dsa(size_t octets)
{
        static const uint8_t oid[] = { 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1 };
        static uint8_t number[2000], inner[6000], outer[6000];
        struct wbuf w = wb_of(inner, sizeof(inner));
        struct wbuf o = wb_of(outer, sizeof(outer));
        struct buf ret = { .p = malloc(6000) };

        memset(number, 0x71, sizeof(number));
        put(&w, 0x02, number, octets);
        put(&w, 0x02, number, 32);
        put(&w, 0x02, number, octets);
        wb_put(&o, oid, sizeof(oid));
        put(&o, 0x30, inner, w.len);
        w = wb_of(inner, sizeof(inner));
        put(&w, 0x30, outer, o.len);
        o = wb_of(outer, sizeof(outer));
        wb_u8(&o, 0);
        put(&o, 0x02, number, octets);
        put(&w, 0x03, outer, o.len);
        o = wb_of(ret.p, 6000);
        put(&o, 0x30, inner, w.len);
        assert_int_equal(wb_end(&o, &ret.len), 0);
        return ret;
}

static void key_is(struct buf spki, const char *refused)
{
        struct buf cert = with_key(&spki);
        struct ekcert c = { 0 };
        const char *why = NULL;
        struct ekca *ca = NULL;
        unsigned before = counted.read;
        int r = ekcert_parse(cert.p, cert.len, &c, &why);

        if (refused) {
                assert_int_equal(r, -EBADMSG);
                assert_non_null(strstr(why, refused));
        } else {
                if (r < 0)
                        fail_msg("refused: %s", why);
                ekcert_free(&c);
        }
        assert_int_equal(ekca_new(&ca), 0);
        assert_int_equal(ekca_add(ca, cert.p, cert.len, false, &why), refused ? -EBADMSG : 0);
        assert_int_equal(counted.read - before, refused ? 0 : 1); /* one given along is not read yet */
        ekca_free(ca);
        buf_wipe(&cert);
        buf_wipe(&spki);
}

static void a_key_of_another_kind_or_size_is_refused_unread(void **state)
{
        (void)state;
        key_is(rsa(256, 0xc1, 65537), NULL);
        key_is(rsa(256, 0x01, 3), NULL); /* 2041 bits, as a maker's */
        key_is(rsa(512, 0xff, UINT32_MAX), NULL);
        key_is(spki_of(EVP_EC_gen("P-256")), NULL);
        key_is(spki_of(EVP_EC_gen("P-384")), NULL);
        key_is(spki_of(EVP_EC_gen("P-521")), NULL);
        key_is(rsa(255, 0xc1, 65537), "2048 to 4096 bits");
        key_is(rsa(128, 0xc1, 65537), "2048 to 4096 bits");
        key_is(rsa(513, 0xc1, 65537), "2048 to 4096 bits");
        key_is(rsa(2048, 0xc1, 65537), "2048 to 4096 bits");
        key_is(rsa(256, 0xc1, UINT64_C(0x8000000000000001)), "exponent");
        key_is(rsa(256, 0xc1, UINT64_C(0x100000001)), "exponent");
        key_is(rsa(256, 0xc1, 65536), "exponent");
        key_is(rsa(256, 0xc1, 1), "exponent");
        key_is(rsa(256, 0xc1, 0), "exponent");
        key_is(dsa(1200), "neither RSA nor ECC");
        key_is(spki_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")), "neither RSA nor ECC");
        key_is(spki_of(EVP_EC_gen("secp256k1")), "none of P-256");
        key_is(spki_of(EVP_EC_gen("P-224")), "none of P-256");
        key_is(spki_of(as(EVP_EC_gen("P-256"), OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT)), "not given by name");
        key_is(spki_of(as(EVP_EC_gen("P-256"), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed")), "uncompressed");
}

static void the_admins_own_cas_may_have_any_key_and_are_named(void **state)
{
        EVP_PKEY *old = EVP_RSA_gen(1024);
        struct buf cert;
        size_t n = 9;
        unsigned verified;

        (void)state;
        add(true, root_named("root", keys[0]));
        assert_null(ekca_odd(set.trusted, &n));
        assert_int_equal(n, 0);
        add(true, root_named("an old root", old));
        assert_non_null(strstr(ekca_odd(set.trusted, &n), "an old root"));
        assert_int_equal(n, 1);
        assert_int_equal(ask(issue("leaf", keys[MANY], "an old root", old, NO_CA, NULL), &verified), EK_CHAIN_OK);
        cert = root_named("an old root", old);
        assert_int_equal(ekca_add(set.given, cert.p, cert.len, false, NULL), -EBADMSG);
        buf_wipe(&cert);
        EVP_PKEY_free(old);
}

/* ---- serial numbers -------------------------------------------------------------- */

/* The certificate with another serial number, as octets; signed anew by `by`. */
static struct buf renumbered(struct buf cert, EVP_PKEY *by, const void *number, size_t n)
{
        static const uint8_t alg[] = { 0x30, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
        static const uint8_t old[] = { 0xa0, 3, 2, 1, 2, 2, 1, 7 };
        static uint8_t inner[2000], tbs[2000], bits[200], whole[2500];
        const uint8_t *at = memmem(cert.p, cert.len, old, sizeof(old));
        const uint8_t *end = at;
        struct wbuf w = wb_of(inner, sizeof(inner)), t = wb_of(tbs, sizeof(tbs)), c = wb_of(whole, sizeof(whole));
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *md = EVP_MD_CTX_new();
        size_t len = sizeof(bits) - 1;
        struct buf ret;

        assert_non_null(at);
        end += at[-4] == 0x30 && at[-3] == 0x82 ? (size_t)at[-2] << 8 | at[-1] : at[-1];
        wb_put(&w, old, 5);
        wb_u8(&w, 2);
        wb_u8(&w, (uint8_t)n);
        wb_put(&w, number, n);
        wb_put(&w, at + sizeof(old), (size_t)(end - at) - sizeof(old));
        put(&t, 0x30, inner, w.len);
        bits[0] = 0;
        assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, by), 1);
        assert_int_equal(EVP_DigestSign(md, bits + 1, &len, tbs, t.len), 1);
        wb_put(&t, alg, sizeof(alg));
        put(&t, 0x03, bits, len + 1);
        put(&c, 0x30, tbs, t.len);
        assert_int_equal(w.err | t.err | c.err, 0);
        ret = (struct buf){ malloc(c.len), c.len };
        memcpy(ret.p, whole, c.len);
        buf_wipe(&cert);
        return ret;
}

static void a_serial_number_with_needless_octets_is_read_and_its_signature_judged(void **state)
{
        static const struct { const char *octets; size_t n; } of[] = {
                { "\x07", 1 }, { "\x00\x07", 2 }, { "\x00\x00\x00\x00\x12\x34", 6 }, { "\x00\x00\x00\x92\x34", 5 },
                { "\x92\x34", 2 }, { "\xff\xff\x92\x34", 4 }, { "\x00\x00", 2 },
        };
        unsigned n;

        add(true, renumbered(root_named("root", keys[0]), keys[0], "\x00\x00\x09", 3)); /* a CA may have one too */
        for (size_t i = 0; i < ELEMENTSOF(of); i++) {
                struct buf b = renumbered(leaf_of(0), keys[0], of[i].octets, of[i].n);
                struct ekcert c = { 0 };
                uint8_t *number;

                assert_int_equal(ekcert_parse(b.p, b.len, &c, NULL), 0);
                assert_int_equal(ekcert_chain(&c, set.trusted, NULL, NULL), EK_CHAIN_OK);
                ekcert_free(&c);
                /* one octet of what was signed changed, of those that are not kept too */
                number = memmem(b.p, b.len, of[i].octets, of[i].n);
                assert_non_null(number);
                number[of[i].n - 1] ^= 0x40;
                if (ekcert_parse(b.p, b.len, &c, NULL) == 0)
                        assert_int_equal(ekcert_chain(&c, set.trusted, NULL, NULL), EK_CHAIN_UNMATCHED);
                ekcert_free(&c);
                buf_wipe(&b);
                /* signed by another key */
                assert_int_equal(ask(renumbered(leaf_of(0), keys[1], of[i].octets, of[i].n), &n), EK_CHAIN_UNMATCHED);
        }
        start_anew(state);
        add(true, root_named("root", keys[0]));
        add(false, renumbered(issue("one", keys[1], "root", keys[0], ANY, NULL), keys[0], "\x00\x07", 2)); /* and one given along */
        assert_int_equal(ask(leaf_of(1), &n), EK_CHAIN_OK);
}

/* Each length of a certificate made longer or shorter: refused or read, and never more than is there. */
static void a_certificate_with_any_length_changed_is_read_within_its_bytes(void **state)
{
        struct buf good = root_named("root", keys[0]);
        unsigned refused = 0;

        (void)state;
        for (size_t i = 0; i < good.len; i++)
                for (unsigned flip = 1; flip < 256; flip <<= 1) {
                        struct buf b = { malloc(good.len), good.len };
                        struct ekcert c = { 0 };

                        memcpy(b.p, good.p, good.len);
                        b.p[i] ^= (uint8_t)flip;
                        if (ekcert_parse(b.p, b.len, &c, NULL) < 0)
                                refused++;
                        ekcert_free(&c);
                        buf_wipe(&b);
                }
        assert_true(refused > 100);
        buf_wipe(&good);
}

#define CHAIN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CHAIN(a_chain_of_six_cas_is_good_and_a_longer_one_is_not),
                CHAIN(no_signature_is_verified_with_a_key_that_no_anchor_vouches_for),
                CHAIN(a_ca_whose_own_signature_is_wrong_vouches_for_nothing),
                CHAIN(only_a_few_signatures_are_verified_for_one_chain),
                CHAIN(a_ca_that_is_given_twice_or_that_no_path_names_costs_nothing),
                CHAIN(what_is_no_ca_issues_nothing),
                CHAIN(below_a_ca_stand_no_more_cas_than_it_allows),
                CHAIN(a_key_of_another_kind_or_size_is_refused_unread),
                CHAIN(the_admins_own_cas_may_have_any_key_and_are_named),
                CHAIN(a_serial_number_with_needless_octets_is_read_and_its_signature_judged),
                CHAIN(a_certificate_with_any_length_changed_is_read_within_its_bytes),
        };

        return cmocka_run_group_tests(tests, make_keys, free_keys);
}
