/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "places.h"

#include <stdio.h>
#include <time.h>

static unsigned take(struct places *p, const char *address, unsigned most, unsigned times)
{
        unsigned n = 0;

        for (unsigned i = 0; i < times; i++)
                if (!places_full(p, address, most)) {
                        assert_int_equal(places_add(p, address), 0);
                        n++;
                }
        return n;
}

static void an_address_has_its_share_and_no_more(void **state)
{
        struct places p = { 0 };

        (void)state;
        assert_int_equal(take(&p, "10.0.0.1", 5, 9), 5);
        assert_int_equal(take(&p, "::ffff:10.0.0.1", 5, 9), 0);
        assert_int_equal(take(&p, "10.0.0.2", 5, 9), 5);
        assert_int_equal(take(&p, "2001:db8::1", 5, 9), 5);
        assert_int_equal(take(&p, "", 5, 9), 5); /* an address that is not known */
        places_clear(&p);
        assert_int_equal(take(&p, "10.0.0.1", 5, 9), 5);
        assert_int_equal(take(&p, "10.0.0.3", 0, 9), 0);
        places_free(&p);
        assert_int_equal(take(&p, "10.0.0.1", 0, 9), 0);
        places_free(&p);
}

static void all_addresses_of_a_64_have_the_share_of_four(void **state)
{
        struct places p = { 0 };
        char address[64];
        unsigned n = 0;

        (void)state;
        assert_int_equal(take(&p, "2001:db8::1", 5, 5), 5);
        assert_int_equal(take(&p, "2001:db8::2", 5, 5), 5); /* a neighbour has its own */
        for (unsigned i = 3; i < 1000; i++) {
                (void)snprintf(address, sizeof(address), "2001:db8::%x", i);
                n += take(&p, address, 5, 1);
        }
        assert_int_equal(n, PLACES_NET * 5 - 10);
        assert_int_equal(take(&p, "2001:db8:0:1::1", 5, 9), 5);
        assert_int_equal(take(&p, "2001:db8::", 5, 9), 0);
        places_free(&p);
}

static void a_hundred_thousand_addresses_are_counted_in_a_moment(void **state)
{
        struct places p = { 0 };
        char address[64];
        clock_t began = clock();

        (void)state;
        for (unsigned i = 0; i < 100000; i++) {
                (void)snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
                assert_int_equal(take(&p, address, 2, 1), 1);
                if (i % 1000 == 0) /* of this process: others' load does not count */
                        assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
        }
        for (unsigned i = 0; i < 100000; i += 1000) {
                (void)snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
                assert_int_equal(take(&p, address, 2, 9), 1);
        }
        assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
        places_free(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_address_has_its_share_and_no_more),
                cmocka_unit_test(all_addresses_of_a_64_have_the_share_of_four),
                cmocka_unit_test(a_hundred_thousand_addresses_are_counted_in_a_moment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
