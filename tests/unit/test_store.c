/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <sqlite3.h>

#include "nodes.h"
#include "signer_impl.h"
#include "store_sqlite.h"

static char dir[64];
static char path[96];

static int make(void)
{
        (void)snprintf(dir, sizeof(dir), "/tmp/muster-store.XXXXXX");
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/db", dir);
        return 0;
}

static int unmake(void)
{
        static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
        char file[128];

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                (void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
                (void)unlink(file);
        }
        (void)snprintf(file, sizeof(file), "%s/journal.head", dir);
        (void)unlink(file);
        return rmdir(dir);
}

static int open_it(struct store **ret, struct fail *fail)
{
        return store_sqlite_open(path, ret, fail);
}

static int sql(const char *text)
{
        sqlite3 *db = NULL;
        int rc;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        rc = sqlite3_exec(db, text, NULL, NULL, NULL);
        (void)sqlite3_close(db);
        return rc == SQLITE_OK ? 0 : rc == SQLITE_CONSTRAINT ? -EEXIST : -EIO;
}

static const struct store_backend sqlite_backend = {
        .name = "store on SQLite", .make = make, .open = open_it, .unmake = unmake, .sql = sql,
        .unguard = "DROP TRIGGER IF EXISTS journal_no_update; DROP TRIGGER IF EXISTS journal_no_delete",
        .age = "PRAGMA user_version = 99",
        .first = "DROP TRIGGER nodes_added; DROP TRIGGER nodes_removed; DROP TRIGGER nodes_changed; DROP TABLE counts;"
                 "DROP INDEX nodes_state; DROP INDEX nodes_assigned_boot; DROP INDEX nodes_assigned_image; PRAGMA user_version = 1",
};

static void unreachable_is_fetched_long_ago_and_not_seen_since(void **state)
{
        struct node n = { .state = NODE_OK, .last_seen = 1000, .last_ipxe = 2000 };

        (void)state;
        assert_string_equal(node_shown_state(&n, 2600), "ok");
        assert_string_equal(node_shown_state(&n, 2601), "unreachable");
        n.last_seen = 2100;
        assert_string_equal(node_shown_state(&n, 9999), "ok");
        n.last_seen = 0;
        n.state = NODE_ENROLLED;
        assert_string_equal(node_shown_state(&n, 9999), "unreachable");
        n.state = NODE_REFUSED;
        assert_string_equal(node_shown_state(&n, 9999), "refused");
        n.state = NODE_PENDING;
        assert_string_equal(node_shown_state(&n, 9999), "pending");
}

static void a_wrapped_key_opens_only_with_its_name_header_and_key(void **state)
{
        uint8_t store_key[STORE_KEY_LEN] = { 1 };
        uint8_t header[64] = { 2 };
        uint8_t key[32] = { 3 };
        uint8_t wrapped[WRAPPED_LEN];
        uint8_t got[32];

        (void)state;
        assert_int_equal(image_key_wrap(store_key, "i", header, key, wrapped), 0);
        assert_int_equal(image_key_unwrap(store_key, "i", header, wrapped, got), 0);
        assert_memory_equal(got, key, 32);
        assert_int_equal(image_key_unwrap(store_key, "j", header, wrapped, got), -EKEYREJECTED);
        header[0] ^= 1;
        assert_int_equal(image_key_unwrap(store_key, "i", header, wrapped, got), -EKEYREJECTED);
        header[0] ^= 1;
        wrapped[20] ^= 1;
        assert_int_equal(image_key_unwrap(store_key, "i", header, wrapped, got), -EKEYREJECTED);
        wrapped[20] ^= 1;
        store_key[0] ^= 1;
        assert_int_equal(image_key_unwrap(store_key, "i", header, wrapped, got), -EKEYREJECTED);
}

/* What is looked for among all nodes, or in the journal, has an index. */
static void no_statement_reads_all_of_a_table_that_grows(void **state)
{
        static const char *const growing[] = { "SCAN nodes", "SCAN macs", "SCAN evidence", "SCAN journal", "SCAN settings" };
        struct store *s = NULL;
        struct fail f = { 0 };
        sqlite3 *db = NULL;

        (void)state;
        assert_int_equal(make(), 0);
        assert_int_equal(open_it(&s, &f), 0);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        for (size_t i = 0; i < QUERIES; i++) {
                sqlite3_stmt *q = NULL;
                char text[4096];

                /* the newest event is one row; the other is for `muster store migrate` */
                if (i <= Q_ROLLBACK || i == Q_EVENT_HEAD || i == Q_SETTING_LIST)
                        continue;
                (void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", store_queries[i]);
                assert_int_equal(sqlite3_prepare_v2(db, text, -1, &q, NULL), SQLITE_OK);
                while (sqlite3_step(q) == SQLITE_ROW)
                        for (size_t k = 0; k < ELEMENTSOF(growing); k++)
                                if (strstr((const char *)sqlite3_column_text(q, 3), growing[k]))
                                        fail_msg("%s: %s", growing[k], store_queries[i]);
                (void)sqlite3_finalize(q);
        }
        (void)sqlite3_close(db);
        store_close(s);
        assert_int_equal(unmake(), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unreachable_is_fetched_long_ago_and_not_seen_since),
                cmocka_unit_test(a_wrapped_key_opens_only_with_its_name_header_and_key),
                cmocka_unit_test(no_statement_reads_all_of_a_table_that_grows),
        };
        int failed = store_suite(&sqlite_backend);

        return failed + cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
