/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
                fetch_note(n.id, fetched);
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
        uint64_t all[NODE_STATES];
        uint64_t gone[NODE_STATES];
        char none[NODE_ID_HEX + 1];

        (void)state;
        put('9', NODE_ENROLLED, 0, 1000);
        put('a', NODE_OK, 900, 1000);
        put('b', NODE_OK, 1200, 1000);
        put('c', NODE_PENDING, 0, 1000);
        put('d', NODE_OK, 900, 0);
        put('e', NODE_OK, 900, 1000);
        memset(none, 'f', NODE_ID_HEX);
        none[NODE_ID_HEX] = '\0';
        fetch_note(none, 1000); /* of a node that is not there */
        assert_string_equal(listed(1600, 0), "");
        assert_string_equal(listed(1601, 0), "9ae");
        assert_string_equal(listed(1601, '9'), "ae");
        assert_string_equal(listed(1601, 'e'), "");
        assert_int_equal(unreachable_counts(store, 1601, all, gone), 0);
        assert_true(all[NODE_OK] == 4 && all[NODE_ENROLLED] == 1 && all[NODE_PENDING] == 1);
        assert_true(gone[NODE_OK] == 2 && gone[NODE_ENROLLED] == 1 && gone[NODE_PENDING] == 0);
}

static void a_later_question_counts_again(void **state)
{
        char id[NODE_ID_HEX + 1];

        (void)state;
        put('b', NODE_OK, 1200, 1000);
        assert_string_equal(listed(5000, 0), "");
        memset(id, 'b', NODE_ID_HEX);
        id[NODE_ID_HEX] = '\0';
        fetch_note(id, 3000);
        assert_string_equal(listed(5000, 0), "b");
        put('b', NODE_OK, 3100, 0);
        assert_string_equal(listed(5000, 0), "");
        assert_int_equal(fetch_last(id), 3000); /* still shown */
}

static void a_reset_without_a_script_is_told_and_with_one_is_not(void **state)
{
        struct node n = { .state = NODE_OK, .has_ak = true, .reset_count = 7, .last_ok = 5000 };

        (void)state;
        memset(n.id, 'e', NODE_ID_HEX);
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 7, 1 }, 1000));
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 7, 0 }, 1000)); /* again in the same boot */
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 5001)); /* what was asked before the start is not known */
        n.last_ok = 0;
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 0)); /* never let in before */
        n.last_ok = 5000;
        fetch_note(n.id, 4999); /* the script of the boot before */
        assert_true(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
        fetch_note(n.id, 5000);
        assert_false(node_reset_unasked(&n, (struct policy_boot){ 8, 0 }, 1000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(only_who_asked_and_did_not_attest_is_unreachable, make, unmake),
                cmocka_unit_test_setup_teardown(a_later_question_counts_again, make, unmake),
                cmocka_unit_test(a_reset_without_a_script_is_told_and_with_one_is_not),
        };

        return cmocka_run_group_tests_name("unreachable", tests, NULL, NULL);
}
