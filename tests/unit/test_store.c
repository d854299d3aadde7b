/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "journal.h"
#include "signer_impl.h"
#include "nodes.h"
#include "store.h"

static char dir[64];
static char path[96];

static int make(void **state)
{
        struct store *s = NULL;
        struct fail f;

        (void)snprintf(dir, sizeof(dir), "/tmp/muster-store.XXXXXX");
        assert_non_null(mkdtemp(dir));
        (void)snprintf(path, sizeof(path), "%s/db", dir);
        assert_int_equal(store_sqlite_open(path, &s, &f), 0);
        *state = s;
        return 0;
}

static int unmake(void **state)
{
        static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
        char file[128];

        store_close(*state);
        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                (void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
                (void)unlink(file);
        }
        (void)snprintf(file, sizeof(file), "%s/journal.head", dir);
        (void)unlink(file);
        return rmdir(dir);
}

static void id_of(char c, char ret[NODE_ID_HEX + 1])
{
        memset(ret, c, NODE_ID_HEX);
        ret[NODE_ID_HEX] = '\0';
}

static struct node sample(char c, const char *name)
{
        struct node n = { .state = NODE_ENROLLED, .chain = EK_CHAIN_UNMATCHED, .first_seen = 5, .reset_count = 4000000000u };

        id_of(c, n.id);
        (void)snprintf(n.name, sizeof(n.name), "%s", name);
        n.has_ak = true;
        memset(n.ak_name, c, sizeof(n.ak_name));
        (void)snprintf(n.uuid, sizeof(n.uuid), "6d757374-6572-4000-8000-00000000000%c", c);
        return n;
}

static void a_node_comes_back_as_it_went_in(void **state)
{
        static const uint8_t blob[] = { 1, 0, 2 };
        struct store *s = *state;
        struct node n = sample('a', "r1n001");
        struct node got = { 0 };

        n.bundle[2].p = malloc(sizeof(blob));
        memcpy(n.bundle[2].p, blob, sizeof(blob));
        n.bundle[2].len = sizeof(blob);
        n.facts = strdup("{\"serial\":\"x\"}");
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(s->ops->node_get(s, n.id, &got), 0);
        assert_string_equal(got.name, "r1n001");
        assert_int_equal(got.chain, EK_CHAIN_UNMATCHED);
        assert_true(got.reset_count == 4000000000u && got.has_ak && got.state == NODE_ENROLLED);
        assert_int_equal(got.bundle[2].len, sizeof(blob));
        assert_memory_equal(got.bundle[2].p, blob, sizeof(blob));
        assert_int_equal(got.bundle[0].len, 0);
        assert_string_equal(got.facts, "{\"serial\":\"x\"}");
        node_wipe(&got);
        node_wipe(&n);
}

static void names_are_of_one_node_and_ids_of_one_record(void **state)
{
        struct store *s = *state;
        struct node a = sample('a', "n1");
        struct node b = sample('b', "n1");
        struct node got = { 0 };

        assert_int_equal(s->ops->node_put(s, &a, NULL, 0), 0);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), -EEXIST);
        b.name[0] = '\0';
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        id_of('c', b.id);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0); /* two without a name */
        assert_int_equal(node_lookup(s, "n1", &got), 0);
        node_wipe(&got);
        assert_int_equal(node_lookup(s, "aaaaaaaa", &got), 0);
        node_wipe(&got);
        assert_int_equal(node_lookup(s, "aaaaaaa", &got), -ENOENT);
        assert_int_equal(node_lookup(s, "dddddddd", &got), -ENOENT);
        (void)snprintf(b.id, sizeof(b.id), "%s", a.id);
        b.id[63] = 'f';
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), 0);
        assert_int_equal(node_lookup(s, "aaaaaaaa", &got), -ENOTUNIQ);
}

static void of_claims_to_a_mac_the_approved_node_wins(void **state)
{
        static const char *const macs[] = { "52:54:00:00:00:01" };
        struct store *s = *state;
        struct node good = sample('b', "good");
        struct node fake = sample('a', "");
        struct node got = { 0 };

        fake.state = NODE_PENDING;
        fake.uuid[0] = '\0';
        assert_int_equal(s->ops->node_put(s, &fake, macs, 1), 0);
        assert_int_equal(s->ops->node_put(s, &good, macs, 1), 0);
        assert_int_equal(s->ops->node_by_facts(s, macs[0], "", &got), 0);
        assert_string_equal(got.name, "good");
        node_wipe(&got);
        assert_int_equal(s->ops->node_by_facts(s, "", good.uuid, &got), 0);
        node_wipe(&got);
        assert_int_equal(s->ops->node_by_facts(s, "", "", &got), -ENOENT);
        assert_int_equal(s->ops->node_delete(s, good.id), 0);
        assert_int_equal(s->ops->node_delete(s, good.id), -ENOENT);
        assert_int_equal(s->ops->node_by_facts(s, macs[0], "", &got), 0);
        assert_string_equal(got.name, "");
        node_wipe(&got);
}

static void what_is_not_committed_did_not_happen(void **state)
{
        struct store *s = *state;
        struct node a = sample('a', "n1");
        struct node got = { 0 };

        {
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };

                assert_int_equal(store_tx_begin(&tx, s), 0);
                assert_int_equal(s->ops->node_put(s, &a, NULL, 0), 0);
        }
        assert_int_equal(s->ops->node_get(s, a.id, &got), -ENOENT);
}

static uint64_t add_events(struct store *s, int n)
{
        struct journal_entry e = { .node = "x", .event = "ok", .detail = "{\"a\":1}" };
        uint64_t seq = 0;

        for (int i = 0; i < n; i++) {
                assert_int_equal(store_begin(s), 0);
                assert_int_equal(journal_append(s, 1000 + i, &e, &seq), 0);
                assert_int_equal(store_commit(s), 0);
        }
        return seq;
}

static void the_journal_is_a_chain(void **state)
{
        struct store *s = *state;
        uint64_t count = 9;
        uint64_t bad = 9;

        assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
        assert_true(count == 0 && bad == 0);
        assert_int_equal(add_events(s, 5), 5);
        assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
        assert_true(count == 5 && bad == 0);
}

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

static int sql(const char *text)
{
        sqlite3 *db = NULL;
        int rc;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        rc = sqlite3_exec(db, text, NULL, NULL, NULL);
        (void)sqlite3_close(db);
        return rc;
}

static void the_journal_cannot_be_changed_and_a_change_is_found(void **state)
{
        static const char *const changes[] = {
                "UPDATE journal SET time = time + 1 WHERE seq = 3",  "UPDATE journal SET code = 'x' WHERE seq = 3",
                "UPDATE journal SET detail = '{}' WHERE seq = 3",    "UPDATE journal SET hash = zeroblob(32) WHERE seq = 3",
                "UPDATE journal SET node = 'y' WHERE seq = 3",       "UPDATE journal SET name = 'y' WHERE seq = 3",
                "UPDATE journal SET event = 'y' WHERE seq = 3",      "UPDATE journal SET incident = 'y' WHERE seq = 3",
                "UPDATE journal SET explain = '[1]' WHERE seq = 3",  "UPDATE journal SET name = event, event = name WHERE seq = 3",
        };
        struct store *s = *state;
        uint64_t count;
        uint64_t bad;

        (void)add_events(s, 5);
        assert_int_equal(sql("UPDATE journal SET code = 'x' WHERE seq = 3"), SQLITE_CONSTRAINT);
        assert_int_equal(sql("DELETE FROM journal WHERE seq = 5"), SQLITE_CONSTRAINT);
        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                char text[600];

                (void)snprintf(text, sizeof(text),
                               "DROP TRIGGER IF EXISTS journal_no_update; DROP TABLE IF EXISTS kept;"
                               "CREATE TABLE kept AS SELECT * FROM journal WHERE seq = 3; %s", changes[i]);
                assert_int_equal(sql(text), SQLITE_OK);
                assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
                if (bad != 3)
                        fail_msg("not found: %s", changes[i]);
                assert_int_equal(sql("INSERT OR REPLACE INTO journal SELECT * FROM kept"), SQLITE_OK);
                assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
                assert_int_equal(bad, 0);
        }
        assert_int_equal(sql("DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq = 2"), SQLITE_OK);
        assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
        assert_int_equal(bad, 3);
}

static void a_file_of_another_version_is_refused_in_words(void **state)
{
        struct store *other = NULL;
        struct fail f = { 0 };

        store_close(*state);
        *state = NULL;
        assert_int_equal(sql("PRAGMA user_version = 99"), SQLITE_OK);
        assert_int_equal(store_sqlite_open(path, &other, &f), -EPROTO);
        assert_non_null(strstr(f.what, "version 99"));
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

#define T(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_node_comes_back_as_it_went_in),
                T(names_are_of_one_node_and_ids_of_one_record),
                T(of_claims_to_a_mac_the_approved_node_wins),
                T(what_is_not_committed_did_not_happen),
                T(unreachable_is_fetched_long_ago_and_not_seen_since),
                T(the_journal_is_a_chain),
                T(the_journal_cannot_be_changed_and_a_change_is_found),
                T(a_file_of_another_version_is_refused_in_words),
                T(a_wrapped_key_opens_only_with_its_name_header_and_key),
        };

        return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
