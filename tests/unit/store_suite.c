/* SPDX-License-Identifier: Apache-2.0 */
/* What every backend of store.h does alike; store_suite.h. */
#include "store_suite.h"

#include "journal.h"

const struct store_backend *backend;

int suite_make(void **state)
{
        struct store *s = NULL;
        struct fail f = { 0 };

        assert_int_equal(backend->make(), 0);
        if (backend->open(&s, &f) < 0)
                fail_msg("%s", f.what);
        *state = s;
        return 0;
}

int suite_unmake(void **state)
{
        store_close(*state);
        return backend->unmake();
}

void suite_id(char c, char ret[NODE_ID_HEX + 1])
{
        memset(ret, c, NODE_ID_HEX);
        ret[NODE_ID_HEX] = '\0';
}

struct node suite_node(char c, const char *name)
{
        struct node n = { .state = NODE_ENROLLED, .chain = EK_CHAIN_UNMATCHED, .first_seen = 5, .reset_count = 4000000000u };

        suite_id(c, n.id);
        (void)snprintf(n.name, sizeof(n.name), "%s", name);
        n.has_ak = true;
        memset(n.ak_name, c, sizeof(n.ak_name));
        (void)snprintf(n.uuid, sizeof(n.uuid), "6d757374-6572-4000-8000-00000000000%c", c);
        return n;
}

static void what_is_not_committed_did_not_happen(void **state)
{
        struct store *s = *state;
        struct node a = suite_node('a', "n1");
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

static int keep_boot(void *ctx, const struct boot_row *b)
{
        char *all = ctx;

        (void)snprintf(all + strlen(all), 200, "%s %s %s %llu %d;", b->name, b->file, b->cmdline, (unsigned long long)b->size,
                       b->allow_shell);
        return 0;
}

static void boots_are_listed_as_they_were_added(void **state)
{
        struct store *s = *state;
        char cmdline[] = "console=ttyS0 x=\"a b\"";
        struct boot_row b = { .name = "z", .file = "z.efi", .cmdline = cmdline, .size = 1ull << 40, .added = 1, .allow_shell = true };
        char all[800] = "";

        assert_int_equal(s->ops->boot_put(s, &b), 0);
        assert_int_equal(s->ops->boot_put(s, &b), -EEXIST);
        (void)snprintf(b.name, sizeof(b.name), "a");
        b.added = 2;
        assert_int_equal(s->ops->boot_put(s, &b), 0);
        assert_int_equal(s->ops->boot_list(s, keep_boot, all), 0);
        assert_string_equal(all, "z z.efi console=ttyS0 x=\"a b\" 1099511627776 1;a z.efi console=ttyS0 x=\"a b\" 1099511627776 1;");
        assert_int_equal(s->ops->boot_delete(s, "a"), 0);
        assert_int_equal(s->ops->boot_delete(s, "a"), -ENOENT);
}

static int keep_image(void *ctx, const struct image_row *i)
{
        *(struct image_row *)ctx = *i;
        return 0;
}

static void an_image_comes_back_to_the_byte(void **state)
{
        struct store *s = *state;
        struct image_row i = { .name = "i", .file = "i.img", .format = "squashfs", .size = 7, .plain_size = 8, .added = 9 };
        struct image_row got = { 0 };

        for (size_t k = 0; k < sizeof(i.header); k++)
                i.header[k] = (uint8_t)(k * 37); /* 0 and what is no text */
        memset(i.wrapped_key, 0xff, sizeof(i.wrapped_key));
        memset(i.list, 0xa0, sizeof(i.list));
        assert_int_equal(s->ops->image_put(s, &i), 0);
        assert_int_equal(s->ops->image_put(s, &i), -EEXIST);
        assert_int_equal(s->ops->image_list(s, keep_image, &got), 0);
        assert_memory_equal(got.header, i.header, sizeof(i.header));
        assert_memory_equal(got.list, i.list, sizeof(i.list));
        assert_memory_equal(got.wrapped_key, i.wrapped_key, sizeof(i.wrapped_key));
        assert_true(got.size == 7 && got.plain_size == 8 && got.added == 9);
        assert_int_equal(s->ops->image_delete(s, "i"), 0);
        assert_int_equal(s->ops->image_delete(s, "i"), -ENOENT);
}

static int keep_profile(void *ctx, const char *name, const char *const json[PROFILE_SLOTS])
{
        (void)snprintf(ctx, 200, "%s %s %s", name, json[PROFILE_CURRENT], json[PROFILE_PREVIOUS] ? "?" : "-");
        return 0;
}

static int keep_texts(void *ctx, const char *a, const char *b)
{
        char *all = ctx;

        (void)snprintf(all + strlen(all), 60, "%s=%s;", a, b);
        return 0;
}

static void macs_and_settings_are_listed_in_order(void **state)
{
        static const char *const macs[] = { "52:54:00:00:00:02", "52:54:00:00:00:01", "52:54:00:00:00:02" };
        struct store *s = *state;
        struct node n = suite_node('a', "n1");
        char all[400] = "";

        assert_int_equal(s->ops->node_put(s, &n, macs, 3), 0);
        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0); /* keeps them */
        assert_int_equal(store_same_macs(s, n.id, macs, 3), 1);
        assert_int_equal(store_same_macs(s, n.id, macs, 2), 1);
        assert_int_equal(store_same_macs(s, n.id, macs, 1), 0);
        assert_int_equal(store_same_macs(s, n.id, NULL, 0), 0);
        assert_int_equal(s->ops->node_put(s, &n, macs + 1, 1), 0);
        assert_int_equal(store_same_macs(s, n.id, macs + 1, 1), 1);
        assert_int_equal(s->ops->node_put(s, &n, macs, 3), 0);
        assert_int_equal(s->ops->mac_list(s, n.id, keep_texts, all), 0);
        assert_string_equal(all, "52:54:00:00:00:01=;52:54:00:00:00:02=;");
        all[0] = '\0';
        assert_int_equal(s->ops->setting_put(s, "b", "2"), 0);
        assert_int_equal(s->ops->setting_put(s, "B", "1"), 0);
        assert_int_equal(s->ops->setting_list(s, keep_texts, all), 0);
        assert_string_equal(all, "B=1;b=2;");
}

static void profiles_settings_and_evidence_come_back(void **state)
{
        static const char *const json[PROFILE_SLOTS] = { "{\"a\":\"\xc3\xa9\"}", NULL, "" };
        static const uint8_t body[] = { 0, 1, 0xff, 0 };
        _cleanup_(buf_wipe) struct buf got = { 0 };
        struct store *s = *state;
        char text[200] = "";
        char id[NODE_ID_HEX + 1];

        suite_id('a', id);
        assert_int_equal(s->ops->profile_put(s, "p", json), 0);
        assert_int_equal(s->ops->profile_list(s, "q", keep_profile, text), 0);
        assert_string_equal(text, "");
        assert_int_equal(s->ops->profile_list(s, NULL, keep_profile, text), 0);
        assert_string_equal(text, "p {\"a\":\"\xc3\xa9\"} -");
        assert_int_equal(s->ops->setting_put(s, "k", "v"), 0);
        assert_int_equal(s->ops->setting_put(s, "k", "w'); --"), 0);
        assert_int_equal(s->ops->setting_get(s, "k", text, sizeof(text)), 0);
        assert_string_equal(text, "w'); --");
        assert_int_equal(s->ops->setting_put(s, "k", NULL), 0);
        assert_int_equal(s->ops->setting_get(s, "k", text, sizeof(text)), 0);
        assert_string_equal(text, "");
        assert_int_equal(s->ops->evidence_get(s, id, &got), -ENOENT);
        assert_int_equal(s->ops->evidence_put(s, id, 1, body, sizeof(body)), 0);
        assert_int_equal(s->ops->evidence_get(s, id, &got), 0);
        assert_int_equal(got.len, sizeof(body));
        assert_memory_equal(got.p, body, sizeof(body));
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

static int keep_seq(void *ctx, const struct event_row *e)
{
        uint64_t *k = ctx;

        k[0]++;
        if (k[0] == 1)
                k[1] = e->seq;
        k[2] = e->seq;
        return k[0] == k[3] ? -ECANCELED : 0;
}

static void events_are_listed_in_both_directions_and_to_a_limit(void **state)
{
        struct store *s = *state;
        struct event_filter f = { .after = 2, .limit = STORE_ALL };
        uint64_t k[4] = { 0 };

        assert_int_equal(store_begin(s), 0);
        for (int i = 0; i < 1203; i++) { /* more than two pages */
                struct journal_entry e = { .node = i % 2 ? "x" : "y", .event = "ok" };

                assert_int_equal(journal_append(s, 5, &e, NULL), 0);
        }
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(s->ops->event_list(s, &f, keep_seq, k), 0);
        assert_true(k[0] == 1201 && k[1] == 3 && k[2] == 1203);
        f = (struct event_filter){ .node = "x", .limit = 600, .newest = true };
        memset(k, 0, sizeof(k));
        assert_int_equal(s->ops->event_list(s, &f, keep_seq, k), 0);
        assert_true(k[0] == 600 && k[1] == 1202 && k[2] == 4);
        f = (struct event_filter){ .node = "y", .after = 1000, .limit = 2 };
        memset(k, 0, sizeof(k));
        assert_int_equal(s->ops->event_list(s, &f, keep_seq, k), 0);
        assert_true(k[0] == 2 && k[1] == 1001 && k[2] == 1003);
        f.newest = true;
        memset(k, 0, sizeof(k));
        assert_int_equal(s->ops->event_list(s, &f, keep_seq, k), 0);
        assert_true(k[0] == 2 && k[1] == 999 && k[2] == 997);
        memset(k, 0, sizeof(k));
        k[3] = 2;
        assert_int_equal(s->ops->event_list(s, &f, keep_seq, k), -ECANCELED);
        assert_true(k[0] == 2);
}

static void the_journal_cannot_be_changed_and_a_change_is_found(void **state)
{
        static const char *const changes[] = {
                "UPDATE journal SET time = time + 1 WHERE seq = 3",  "UPDATE journal SET code = 'x' WHERE seq = 3",
                "UPDATE journal SET detail = '{}' WHERE seq = 3",    "UPDATE journal SET hash = (SELECT hash FROM journal WHERE seq = 2) WHERE seq = 3",
                "UPDATE journal SET node = 'y' WHERE seq = 3",       "UPDATE journal SET name = 'y' WHERE seq = 3",
                "UPDATE journal SET event = 'y' WHERE seq = 3",      "UPDATE journal SET incident = 'y' WHERE seq = 3",
                "UPDATE journal SET explain = '[1]' WHERE seq = 3",  "UPDATE journal SET name = event, event = name WHERE seq = 3",
        };
        struct store *s = *state;
        uint64_t count;
        uint64_t bad;

        (void)add_events(s, 5);
        assert_int_equal(backend->sql("UPDATE journal SET code = 'x' WHERE seq = 3"), -EEXIST);
        assert_int_equal(backend->sql("DELETE FROM journal WHERE seq = 5"), -EEXIST);
        for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
                char text[600];

                (void)snprintf(text, sizeof(text),
                               "%s; DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM journal WHERE seq = 3; %s",
                               backend->unguard, changes[i]);
                assert_int_equal(backend->sql(text), 0);
                assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
                if (bad != 3)
                        fail_msg("not found: %s", changes[i]);
                assert_int_equal(backend->sql("DELETE FROM journal WHERE seq = 3; INSERT INTO journal SELECT * FROM kept"), 0);
                assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
                assert_int_equal(bad, 0);
        }
        assert_int_equal(backend->sql("DELETE FROM journal WHERE seq = 2"), 0);
        assert_int_equal(journal_verify(s, 0, &count, &bad), 0);
        assert_int_equal(bad, 3);
}

static void a_store_of_another_version_is_refused_in_words(void **state)
{
        struct store *other = NULL;
        struct fail f = { 0 };

        store_close(*state);
        *state = NULL;
        assert_int_equal(backend->sql(backend->age), 0);
        assert_int_equal(backend->open(&other, &f), -EPROTO);
        assert_non_null(strstr(f.what, "version 99"));
}

static void what_another_connection_commits_is_seen(void **state)
{
        struct store *s = *state;
        struct node n = suite_node('a', "n1");
        struct node got = { 0 };

        assert_int_equal(s->ops->node_put(s, &n, NULL, 0), 0);
        assert_int_equal(backend->sql("UPDATE nodes SET state = 5"), 0);
        assert_int_equal(s->ops->node_get(s, n.id, &got), 0);
        assert_int_equal(got.state, NODE_REVOKED);
        node_wipe(&got);
}

static void a_transaction_given_up_leaves_the_next_one_whole(void **state)
{
        struct store *s = *state;
        struct node a = suite_node('a', "n1");
        struct node b = suite_node('b', "n1");

        assert_int_equal(s->ops->node_put(s, &a, NULL, 0), 0);
        assert_int_equal(store_begin(s), 0);
        assert_int_equal(s->ops->node_put(s, &b, NULL, 0), -EEXIST);
        store_rollback(s);
        assert_int_equal(add_events(s, 1), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, suite_make, suite_unmake)

int store_suite(const struct store_backend *b)
{
        const struct CMUnitTest tests[] = {
                T(what_is_not_committed_did_not_happen),
                T(boots_are_listed_as_they_were_added),
                T(an_image_comes_back_to_the_byte),
                T(profiles_settings_and_evidence_come_back),
                T(macs_and_settings_are_listed_in_order),
                T(the_journal_is_a_chain),
                T(events_are_listed_in_both_directions_and_to_a_limit),
                T(the_journal_cannot_be_changed_and_a_change_is_found),
                T(a_store_of_another_version_is_refused_in_words),
                T(what_another_connection_commits_is_seen),
                T(a_transaction_given_up_leaves_the_next_one_whole),
        };

        backend = b;
        return cmocka_run_group_tests_name(b->name, tests, NULL, NULL) + store_suite_nodes();
}
