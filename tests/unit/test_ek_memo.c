/* SPDX-License-Identifier: Apache-2.0 */
#include "corpus.h"
#include "ek_cas.h"
#include "ek_memo.h"
#include "ekcert.h"

static struct ek_memo *memo;

static int setup(void **state)
{
        (void)state;
        return ek_memo_new(&memo);
}

static int teardown(void **state)
{
        (void)state;
        ek_memo_free(memo);
        memo = NULL;
        return 0;
}

/* ---- what a chain is known by ---------------------------------------------------- */

static void key_of(const char *a, const char *b, uint8_t node, uint8_t ret[DIGEST_LEN])
{
        struct buf v[2] = { { (uint8_t *)(uintptr_t)a, strlen(a) }, { (uint8_t *)(uintptr_t)(b ? b : ""), b ? strlen(b) : 0 } };
        struct jbufs certs = { v, b ? 2 : 1 };
        uint8_t id[DIGEST_LEN] = { node };

        assert_int_equal(ek_memo_key(&certs, id, ret), 0);
}

static void any_other_byte_is_another_chain(void **state)
{
        static const struct { const char *a, *b; uint8_t node; } other[] = {
                { "leaf", "Middle", 1 }, { "leaF", "middle", 1 }, { "leafmiddle", NULL, 1 }, { "leafm", "iddle", 1 },
                { "middle", "leaf", 1 }, { "leaf", NULL, 1 },     { "leaf", "", 1 },         { "leaf", "middle", 2 },
        };
        uint8_t key[DIGEST_LEN];
        uint8_t k[DIGEST_LEN];

        (void)state;
        key_of("leaf", "middle", 1, key);
        key_of("leaf", "middle", 1, k);
        assert_memory_equal(k, key, DIGEST_LEN);
        for (size_t i = 0; i < ELEMENTSOF(other); i++) {
                key_of(other[i].a, other[i].b, other[i].node, k);
                assert_memory_not_equal(k, key, DIGEST_LEN);
        }
}

/* ---- what is kept ------------------------------------------------------------------ */

static const uint8_t *id_of(unsigned i)
{
        static uint8_t id[DIGEST_LEN];

        memset(id, 0, sizeof(id));
        id[0] = (uint8_t)(i >> 8);
        id[1] = (uint8_t)i;
        id[2] = (uint8_t)(i >> 16);
        return id;
}

static void only_the_same_chain_of_the_same_cas_is_good(void **state)
{
        static const uint8_t a[DIGEST_LEN] = { 1 };
        static const uint8_t b[DIGEST_LEN] = { 2 };

        (void)state;
        assert_false(ek_memo_good(memo, 1, id_of(1), a));
        ek_memo_keep(memo, 1, id_of(1), a);
        assert_true(ek_memo_good(memo, 1, id_of(1), a));
        assert_false(ek_memo_good(memo, 1, id_of(1), b));
        assert_false(ek_memo_good(memo, 1, id_of(2), a));
        assert_false(ek_memo_good(memo, 2, id_of(1), a));
        assert_false(ek_memo_good(memo, 0, id_of(1), a));
        ek_memo_keep(memo, 2, id_of(1), b); /* the CAs were read again, and it has another certificate */
        assert_true(ek_memo_good(memo, 2, id_of(1), b));
        assert_false(ek_memo_good(memo, 2, id_of(1), a));
        assert_int_equal(ek_memo_count(memo), 1);
}

static void it_does_not_grow_and_the_least_used_goes(void **state)
{
        static const uint8_t key[DIGEST_LEN] = { 1 };
        const unsigned all = EK_MEMO_SETS * EK_MEMO_WAYS;
        unsigned next = 0;

        (void)state;
        for (unsigned i = 0; i < EK_MEMO_WAYS; i++) /* all of one set */
                ek_memo_keep(memo, 1, id_of(i << 16), key);
        assert_true(ek_memo_good(memo, 1, id_of(0), key));
        ek_memo_keep(memo, 1, id_of(EK_MEMO_WAYS << 16), key);
        assert_true(ek_memo_good(memo, 1, id_of(0), key));
        assert_false(ek_memo_good(memo, 1, id_of(1 << 16), key));
        assert_int_equal(ek_memo_count(memo), EK_MEMO_WAYS);
        for (unsigned i = 0; i < 2 * all; i++)
                ek_memo_keep(memo, 1, id_of(next++ * 7), key);
        assert_true(ek_memo_count(memo) <= all);
}

/* ---- in the place where it is used ---------------------------------------------------- */

static struct {
        char dir[64], link[96], none[96];
        struct ek_cas *cas;
        struct buf cert;
        struct jbufs certs;
        uint8_t node[DIGEST_LEN];
} c;

static void point_at(const char *dir)
{
        (void)unlink(c.link);
        assert_int_equal(symlink(dir, c.link), 0);
        (void)ek_cas_reload(c.cas);
}

static int setup_cas(void **state)
{
        struct ekcert parsed = { 0 };

        (void)state;
        (void)snprintf(c.dir, sizeof(c.dir), "/tmp/test_ek_memo.XXXXXX");
        assert_non_null(mkdtemp(c.dir));
        (void)snprintf(c.link, sizeof(c.link), "%s/cas", c.dir);
        (void)snprintf(c.none, sizeof(c.none), "%s/none", c.dir);
        assert_int_equal(ek_cas_new(c.link, &c.cas), 0);
        c.cert = corpus_get(MADE, "ek-certs", "swtpm_ecc.der", "");
        c.certs = (struct jbufs){ &c.cert, 1 };
        assert_int_equal(ekcert_parse(c.cert.p, c.cert.len, &parsed, NULL), 0);
        memcpy(c.node, parsed.id, DIGEST_LEN);
        ekcert_free(&parsed);
        return 0;
}

static int teardown_cas(void **state)
{
        (void)state;
        ek_cas_free(c.cas);
        buf_wipe(&c.cert);
        (void)unlink(c.link);
        return rmdir(c.dir);
}

static enum ek_chain ask(void)
{
        return ek_cas_check(c.cas, &c.certs, c.node);
}

static void a_good_chain_is_good_for_as_long_as_its_ca_is_there(void **state)
{
        char *cas = realpath(MADE "/ek-certs/ca", NULL);

        (void)state;
        assert_int_equal(ask(), EK_CHAIN_UNMATCHED); /* no CA yet; that is not kept: */
        point_at(cas);
        assert_int_equal(ask(), EK_CHAIN_OK);
        assert_int_equal(ask(), EK_CHAIN_OK);
        point_at(c.none);
        assert_int_equal(ask(), EK_CHAIN_UNMATCHED);
        point_at(cas);
        assert_int_equal(ask(), EK_CHAIN_OK);
        free(cas);
}

static void a_good_chain_makes_no_other_good(void **state)
{
        char *cas = realpath(MADE "/ek-certs/ca", NULL);

        (void)state;
        point_at(cas);
        free(cas);
        assert_int_equal(ask(), EK_CHAIN_OK);
        c.cert.p[c.cert.len - 1] ^= 1; /* of its signature */
        assert_int_equal(ask(), EK_CHAIN_UNMATCHED);
        assert_int_equal(ask(), EK_CHAIN_UNMATCHED);
        c.cert.p[c.cert.len - 1] ^= 1;
        assert_int_equal(ask(), EK_CHAIN_OK);
        c.node[5] ^= 1; /* it is not of this node */
        assert_int_equal(ask(), EK_CHAIN_UNMATCHED);
        c.node[5] ^= 1;
        c.certs.n = 0;
        assert_int_equal(ask(), EK_CHAIN_NONE);
        c.certs.n = 1;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_other_byte_is_another_chain),
                cmocka_unit_test_setup_teardown(only_the_same_chain_of_the_same_cas_is_good, setup, teardown),
                cmocka_unit_test_setup_teardown(it_does_not_grow_and_the_least_used_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(a_good_chain_is_good_for_as_long_as_its_ca_is_there, setup_cas, teardown_cas),
                cmocka_unit_test_setup_teardown(a_good_chain_makes_no_other_good, setup_cas, teardown_cas),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
