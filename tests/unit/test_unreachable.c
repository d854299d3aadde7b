/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fetches.h"
#include "nodes.h"
#include "unreachable.h"

static char dir[64];
static struct store *store;

static int make(void **state)
{
        struct fail f = { 0 };
        char path[96];

        (void)state;
        (void)snprintf(dir, sizeof(dir), "/tmp/muster-unreachable.XXXXXX");
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/db", dir);
        return store_sqlite_open(path, &store, &f);
}

static int unmake(void **state)
{
        static const char *const files[] = { "db", "db-lock", "journal.head" };

        (void)state;
        store_close(store);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                char path[96];

                (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
                (void)unlink(path);
        }
        return rmdir(dir);
}

static void put(char c, enum node_state state, int64_t last_seen, int64_t fetched)
{
        struct node n = { .state = state, .last_seen = last_seen };

        memset(n.id, c, NODE_ID_HEX);
        assert_int_equal(store->ops->node_put(store, &n, NULL, 0), 0);
        if (fetched)
                fetch_note(n.id, NULL, fetched);
}

static int keep(void *ctx, const struct node *n)
{
        char *all = ctx;

        all[strlen(all)] = n->id[0];
        return 0;
}

static const char *listed(int64_t now, char after)
{
        static char all[20];
        char id[NODE_ID_HEX + 1] = "";

        memset(all, 0, sizeof(all));
        memset(id, after, NODE_ID_HEX);
        assert_int_equal(unreachable_list(store, now, after ? id : NULL, keep, all), 0);
        return all;
}

static void only_who_asked_and_did_not_attest_is_unreachable(void **state)
{
        struct shown_counts c;
        char none[NODE_ID_HEX + 1];

        (void)state;
        put('9', NODE_ENROLLED, 0, 1000);
        put('a', NODE_RELEASED, 900, 1000);
        put('b', NODE_RELEASED, 1200, 1000);
        put('c', NODE_PENDING, 0, 1000);
        put('d', NODE_RELEASED, 900, 0);
        put('e', NODE_RELEASED, 900, 1000);
        memset(none, 'f', NODE_ID_HEX);
        none[NODE_ID_HEX] = '\0';
        fetch_note(none, NULL, 1000); /* of a node that is not there */
        assert_string_equal(listed(1600, 0), "");
        assert_string_equal(listed(1601, 0), "9ae");
        assert_string_equal(listed(1601, '9'), "ae");
        assert_string_equal(listed(1601, 'e'), "");
        assert_int_equal(unreachable_counts(store, 1601, &c), 0);
        assert_true(c.shown[NODE_RELEASED] == 2 && c.shown[NODE_ENROLLED] == 0 && c.shown[NODE_PENDING] == 1);
        assert_int_equal(c.unreachable, 3);
}

static void let_in_at(char c, enum node_state state, int64_t when)
{
        struct node n = { .state = state, .last_seen = when, .last_ok = when };

        memset(n.id, c, NODE_ID_HEX);
        assert_int_equal(store->ops->node_put(store, &n, NULL, 0), 0);
}

static void a_failed_node_that_does_not_come_again_counts_as_released(void **state)
{
        struct node n = { .state = NODE_FAILED, .last_seen = 5000, .last_ok = 5000 };
        struct shown_counts c;

        (void)state;
        assert_string_equal(node_shown_state(&n, 5000 + FAILED_FOR), "failed");
        assert_string_equal(node_shown_state(&n, 5001 + FAILED_FOR), "released");
        n.last_ipxe = 5600; /* it was restarted */
        assert_string_equal(node_shown_state(&n, 6201), "unreachable");
        let_in_at('1', NODE_FAILED, 5000);
        let_in_at('2', NODE_FAILED, 5200);
        let_in_at('3', NODE_RELEASED, 5000);
        assert_int_equal(unreachable_counts(store, 5000 + FAILED_FOR, &c), 0);
        assert_true(c.shown[NODE_FAILED] == 2 && c.shown[NODE_RELEASED] == 1);
        assert_int_equal(unreachable_counts(store, 5001 + FAILED_FOR, &c), 0);
        assert_true(c.shown[NODE_FAILED] == 1 && c.shown[NODE_RELEASED] == 2);
}

static const struct sockaddr *address(const char *text)
{
        static struct sockaddr_in in;

        in = (struct sockaddr_in){ .sin_family = AF_INET };
        assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
        return (const struct sockaddr *)(const void *)&in;
}

static void how_far_a_boot_came_is_known_by_the_address_that_asked(void **state)
{
        char id[NODE_ID_HEX + 1] = "";
        struct fetch_trace t;

        (void)state;
        memset(id, '7', NODE_ID_HEX);
        assert_false(fetch_trace(id, &t));
        fetch_note(id, address("10.1.0.7"), 1000);
        assert_true(fetch_trace(id, &t) && t.step == FETCH_SCRIPT && t.asked == 1000);
        assert_string_equal(t.from, "10.1.0.7");
        fetch_step(address("10.1.0.8"), FETCH_UKI, 0, 1001); /* of another machine */
        assert_true(fetch_trace(id, &t) && t.step == FETCH_SCRIPT);
        fetch_step(address("10.1.0.7"), FETCH_UKI, 0, 1002);
        assert_true(fetch_trace(id, &t) && t.step == FETCH_UKI && t.when == 1002);
        fetch_step(address("10.1.0.7"), FETCH_DISTRUST, 48, 1060);
        fetch_step(address("10.1.0.7"), FETCH_CONNECTED, 0, 1061); /* it tries again */
        assert_true(fetch_trace(id, &t) && t.step == FETCH_DISTRUST && t.alert == 48 && t.when == 1060);
        fetch_note(id, address("10.1.0.7"), 2000); /* it was restarted */
        assert_true(fetch_trace(id, &t) && t.step == FETCH_SCRIPT && t.alert == 0 && t.asked == 2000);
}

static void only_what_followed_a_release_in_the_same_boot_is_a_failure(void **state)
{
        struct node n = { .state = NODE_RELEASED, .has_ak = true, .reset_count = 7, .restart_count = 2, .last_ok = 5000 };

        (void)state;
        assert_true(node_failed_since(&n, (struct policy_boot){ 7, 2 }, "E-MOUNT"));
        assert_false(node_failed_since(&n, (struct policy_boot){ 7, 2 }, ""));          /* it may have lost the answer */
        assert_false(node_failed_since(&n, (struct policy_boot){ 7, 2 }, "M-FIRMWARE")); /* a refusal is the parent's */
        assert_false(node_failed_since(&n, (struct policy_boot){ 8, 0 }, "E-NET"));     /* another boot */
        assert_false(node_failed_since(&n, (struct policy_boot){ 7, 3 }, "E-NET"));
        n.last_ok = 0;
        assert_false(node_failed_since(&n, (struct policy_boot){ 7, 2 }, "E-MOUNT"));
}

static void a_later_question_counts_again(void **state)
{
        char id[NODE_ID_HEX + 1];

        (void)state;
        put('b', NODE_RELEASED, 1200, 1000);
        assert_string_equal(listed(5000, 0), "");
        memset(id, 'b', NODE_ID_HEX);
        id[NODE_ID_HEX] = '\0';
        fetch_note(id, NULL, 3000);
        assert_string_equal(listed(5000, 0), "b");
        put('b', NODE_RELEASED, 3100, 0);
        assert_string_equal(listed(5000, 0), "");
        assert_int_equal(fetch_last(id), 3000); /* still shown */
}

static void a_reset_without_a_script_is_told_and_with_one_is_not(void **state)
{
        struct node n = { .state = NODE_RELEASED, .has_ak = true, .reset_count = 7, .last_ok = 5000 };

        (void)state;
        memset(n.id, 'e', NODE_ID_HEX);
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 7, 1 }, 1000));
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 7, 0 }, 1000)); /* again in the same boot */
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 5001)); /* what was asked before the start is not known */
        n.last_ok = 0;
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 0)); /* never let in before */
        n.last_ok = 5000;
        fetch_note(n.id, NULL, 4999); /* the script of the boot before */
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
        fetch_note(n.id, NULL, 5000);
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(only_who_asked_and_did_not_attest_is_unreachable, make, unmake),
                cmocka_unit_test_setup_teardown(a_later_question_counts_again, make, unmake),
                cmocka_unit_test_setup_teardown(a_failed_node_that_does_not_come_again_counts_as_released, make, unmake),
                cmocka_unit_test(how_far_a_boot_came_is_known_by_the_address_that_asked),
                cmocka_unit_test(only_what_followed_a_release_in_the_same_boot_is_a_failure),
                cmocka_unit_test(a_reset_without_a_script_is_told_and_with_one_is_not),
        };

        return cmocka_run_group_tests_name("unreachable", tests, NULL, NULL);
}
