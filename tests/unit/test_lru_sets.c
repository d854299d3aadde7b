/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lru_sets.h"

#define SETS 4
#define WAYS 3

struct entry {
        struct lru_entry lru;
        int *owned; /* counts how often it was dropped */
        uint32_t value;
};

static struct lru_sets table;

static void drop(void *entry)
{
        ++*((struct entry *)entry)->owned;
}

static int setup(void **state)
{
        (void)state;
        return lru_sets_init(&table, SETS, WAYS, sizeof(struct entry), drop);
}

static int teardown(void **state)
{
        (void)state;
        lru_sets_done(&table);
        return 0;
}

/* The nth key of a set. */
static const uint8_t *key_of(unsigned set, unsigned nth)
{
        static _Thread_local uint8_t key[DIGEST_LEN];

        key[0] = (uint8_t)(set >> 8);
        key[1] = (uint8_t)set;
        memcpy(key + DIGEST_LEN - sizeof(nth), &nth, sizeof(nth));
        return key;
}

static struct entry *keep(unsigned set, unsigned nth)
{
        static int nobody;
        struct entry *e;

        lru_sets_lock(&table);
        e = lru_sets_place(&table, key_of(set, nth));
        e->value = set << 16 | nth;
        e->owned = &nobody;
        lru_sets_use(&table, e, key_of(set, nth));
        lru_sets_unlock(&table);
        return e;
}

static struct entry *find(unsigned set, unsigned nth)
{
        struct entry *e;

        lru_sets_lock(&table);
        e = lru_sets_find(&table, key_of(set, nth));
        if (e)
                assert_int_equal(e->value, set << 16 | nth);
        lru_sets_unlock(&table);
        return e;
}

static void only_the_whole_key_finds_an_entry(void **state)
{
        uint8_t key[DIGEST_LEN];

        (void)state;
        assert_null(find(1, 0));
        assert_null(find(0, 0)); /* a free entry's key is all zero, too */
        (void)keep(1, 0);
        assert_non_null(find(1, 0));
        assert_null(find(0, 0));
        for (size_t i = 0; i < DIGEST_LEN; i++) {
                memcpy(key, key_of(1, 0), DIGEST_LEN);
                key[i] ^= 1;
                assert_null(lru_sets_find(&table, key));
        }
}

static void a_key_has_one_entry(void **state)
{
        struct entry *e = keep(1, 0);

        (void)state;
        (void)keep(1, 1);
        assert_ptr_equal(keep(1, 0), e);
        assert_int_equal(lru_sets_count(&table), 2);
}

static void the_least_recently_used_of_the_set_goes_first(void **state)
{
        static const unsigned order[] = { 1, 0, 2 };

        (void)state;
        for (unsigned i = 0; i < WAYS; i++)
                (void)keep(1, i);
        (void)keep(1, 0); /* used, so from old to new: 1 2 0 */
        (void)keep(1, 2); /*                           1 0 2 */
        for (unsigned i = 0; i < WAYS; i++) {
                assert_non_null(find(1, order[i])); /* to find is not to use */
                (void)keep(1, 10 + i);
                assert_null(find(1, order[i]));
                for (unsigned k = i + 1; k < WAYS; k++)
                        assert_non_null(find(1, order[k]));
        }
        assert_int_equal(lru_sets_count(&table), WAYS);
}

static void a_full_set_takes_no_place_of_another(void **state)
{
        (void)state;
        for (unsigned set = 0; set < SETS; set++)
                (void)keep(set, 0);
        for (unsigned i = 1; i < 100; i++) {
                (void)keep(2, i);
                (void)keep(2 + SETS, i); /* the same set */
        }
        for (unsigned set = 0; set < SETS; set++)
                assert_int_equal(find(set, 0) != NULL, set != 2);
        assert_int_equal(lru_sets_count(&table), SETS - 1 + WAYS);
}

static void the_table_does_not_grow(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 10000; i++)
                (void)keep(i, i);
        assert_int_equal(lru_sets_count(&table), SETS * WAYS);
        for (unsigned i = 10000 - SETS * WAYS; i < 10000; i++)
                assert_non_null(find(i, i));
}

static void each_entry_in_use_is_dropped_once(void **state)
{
        int dropped[5] = { 0 };

        (void)state;
        assert_int_equal(lru_sets_init(&table, SETS, WAYS, sizeof(struct entry), drop), 0);
        for (unsigned i = 0; i < ELEMENTSOF(dropped); i++)
                keep(i, i)->owned = &dropped[i];
        lru_sets_done(&table); /* a free entry would be dropped at NULL */
        for (unsigned i = 0; i < ELEMENTSOF(dropped); i++)
                assert_int_equal(dropped[i], 1);
}

static void a_table_that_does_not_fit_is_refused(void **state)
{
        struct lru_sets t;

        (void)state;
        assert_int_equal(lru_sets_init(&t, SIZE_MAX / 2, 4, sizeof(struct entry), NULL), -ENOMEM);
        assert_int_equal(lru_sets_init(&t, SIZE_MAX / 64, 4, sizeof(struct entry), NULL), -ENOMEM);
}

static void *crowd(void *arg)
{
        for (unsigned i = 0; i < 20000; i++) {
                unsigned set = i % SETS, nth = (i + *(unsigned *)arg) % 7;

                (void)keep(set, nth);
                (void)find(set, (nth + 1) % 7);
        }
        return NULL;
}

static void threads_share_it(void **state)
{
        unsigned from[4] = { 0, 1, 2, 3 };
        pthread_t t[4];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                assert_int_equal(pthread_create(&t[i], NULL, crowd, &from[i]), 0);
        for (size_t i = 0; i < ELEMENTSOF(t); i++)
                assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(lru_sets_count(&table), SETS * WAYS);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(only_the_whole_key_finds_an_entry),
                CASE(a_key_has_one_entry),
                CASE(the_least_recently_used_of_the_set_goes_first),
                CASE(a_full_set_takes_no_place_of_another),
                CASE(the_table_does_not_grow),
                cmocka_unit_test(each_entry_in_use_is_dropped_once),
                cmocka_unit_test(a_table_that_does_not_fit_is_refused),
                CASE(threads_share_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
