/* SPDX-License-Identifier: Apache-2.0 */
#include "store_suite.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "journal.h"
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
                 "DROP INDEX nodes_state; DROP INDEX nodes_assigned_boot; DROP INDEX nodes_assigned_image;"
                 "ALTER TABLE nodes DROP COLUMN restart_count; ALTER TABLE nodes DROP COLUMN clock;"
                 "ALTER TABLE nodes DROP COLUMN ak_token; ALTER TABLE nodes DROP COLUMN cleared;"
                 "ALTER TABLE nodes DROP COLUMN firmware_version; ALTER TABLE nodes DROP COLUMN tpm_maker;"
                 "ALTER TABLE nodes DROP COLUMN facts_before; ALTER TABLE nodes DROP COLUMN former;"
                 "ALTER TABLE nodes DROP COLUMN policy_key; ALTER TABLE nodes DROP COLUMN address;"
                 "ALTER TABLE images DROP COLUMN list; ALTER TABLE macs DROP COLUMN since; ALTER TABLE nodes DROP COLUMN why;"
                 "PRAGMA user_version = 1",
};

static off_t size_of(const char *end)
{
        char file[128];
        struct stat st;

        (void)snprintf(file, sizeof(file), "%s%s", path, end);
        return stat(file, &st) == 0 ? st.st_size : 0;
}

/* The event that journal.head names. */
static unsigned noted(void)
{
        char text[128] = "";
        char file[128];
        unsigned seq = 0;
        FILE *f;

        (void)snprintf(file, sizeof(file), "%s/journal.head", dir);
        f = fopen(file, "r");
        assert_non_null(f);
        assert_true(fread(text, 1, sizeof(text), f) <= sizeof(text)); /* nothing: no event yet */
        (void)fclose(f);
        text[sizeof(text) - 1] = '\0';
        (void)sscanf(text, "muster journal head v1 %u", &seq);
        return seq;
}

/* What an auditor may note down. */
static unsigned shown(struct store *s)
{
        uint8_t hash[DIGEST_LEN];
        uint64_t seq = 99;

        assert_int_equal(s->ops->event_synced(s, &seq, hash), 0);
        return (unsigned)seq;
}

static uint64_t commit_soon(struct store *s)
{
        struct journal_entry e = { .event = "ok" };
        uint64_t ticket = 0;

        assert_int_equal(store_begin(s), 0);
        assert_int_equal(journal_append(s, 1, &e, NULL), 0);
        assert_int_equal(s->ops->commit_soon(s, &ticket), 0);
        assert_true(ticket > 0);
        return ticket;
}

/* What a process that only reads finds there. */
static unsigned head_on_disk(void)
{
        uint8_t hash[DIGEST_LEN];
        struct store *s = NULL;
        struct fail f = { 0 };
        uint64_t seq = 0;

        assert_int_equal(store_sqlite_view(path, &s, &f), 0);
        assert_int_equal(s->ops->event_head(s, &seq, hash), 0);
        store_close(s);
        return (unsigned)seq;
}

static int remake(void **state)
{
        struct fail f = { 0 };

        return make() < 0 ? -1 : store_sqlite_open(path, (struct store **)state, &f);
}

static int close_it(void **state)
{
        store_close(*state);
        return unmake();
}

static void a_commit_is_seen_before_its_sync_and_noted_after_it(void **state)
{
        struct store *s = *state;
        uint64_t first;
        uint64_t last;
        uint64_t on_disk = 0;
        uint64_t lost;

        assert_int_equal(s->ops->sync(s, &lost, &on_disk), 0);
        first = commit_soon(s);
        last = commit_soon(s);
        assert_true(last > first);
        assert_int_equal(head_on_disk(), 2);
        assert_int_equal(noted(), 0);
        assert_int_equal(shown(s), 0);
        assert_int_equal(s->ops->sync(s, &lost, &on_disk), 0);
        assert_true(on_disk == last);
        assert_int_equal(noted(), 2);
        assert_int_equal(shown(s), 2);
        last = commit_soon(s);
        assert_int_equal(noted(), 2);
        assert_int_equal(store_begin(s), 0);
        assert_int_equal(store_commit(s), 0); /* any commit that waits makes those before it durable */
        assert_int_equal(noted(), 3);
        assert_int_equal(s->ops->sync(s, &lost, &on_disk), 0);
        assert_true(on_disk > last);
}

/* Opens a copy of the store whose log ends there, as after a power cut. */
static int opened_with_log_of(off_t size, unsigned *ret_seq)
{
        struct store *s = NULL;
        struct fail f = { 0 };
        uint8_t hash[DIGEST_LEN];
        char cut[80];
        char text[600];
        uint64_t seq = 0;
        int r;

        (void)snprintf(cut, sizeof(cut), "%s/cut", dir);
        (void)snprintf(text, sizeof(text), "mkdir %s && cp %s/db %s/db-wal %s/journal.head %s", cut, dir, dir, dir, cut);
        assert_int_equal(system(text), 0);
        (void)snprintf(text, sizeof(text), "%s/db-wal", cut);
        assert_int_equal(truncate(text, size), 0);
        (void)snprintf(text, sizeof(text), "%s/db", cut);
        r = store_sqlite_open(text, &s, &f);
        if (r == 0)
                assert_int_equal(s->ops->event_head(s, &seq, hash), 0);
        *ret_seq = (unsigned)seq;
        store_close(s);
        (void)snprintf(text, sizeof(text), "rm -r %s", cut);
        assert_int_equal(system(text), 0);
        return r;
}

static void losing_what_was_not_synced_is_no_alarm_and_what_was_is_one(void **state)
{
        struct store *s = *state;
        uint64_t on_disk;
        uint64_t lost;
        unsigned seq = 0;
        off_t size[3];

        for (size_t i = 0; i < 3; i++) {
                (void)commit_soon(s);
                size[i] = size_of("-wal");
                if (i == 1)
                        assert_int_equal(s->ops->sync(s, &lost, &on_disk), 0);
        }
        assert_true(size[0] < size[1] && size[1] < size[2]);
        assert_int_equal(opened_with_log_of(size[2], &seq), 0);
        assert_int_equal(seq, 3);
        assert_int_equal(opened_with_log_of(size[2] - 1, &seq), 0);
        assert_int_equal(seq, 2);
        assert_int_equal(opened_with_log_of(size[1], &seq), 0);
        assert_int_equal(seq, 2);
        assert_int_equal(opened_with_log_of(size[1] - 1, &seq), -EUCLEAN);
        assert_int_equal(opened_with_log_of(size[0], &seq), -EUCLEAN);
}

static void the_log_is_written_back_and_begins_anew(void **state)
{
        struct store *s = *state;
        uint64_t on_disk;
        uint64_t lost;
        off_t most = 0;

        for (unsigned i = 0; i < 3000; i++) {
                (void)commit_soon(s);
                if (i % 50 == 0) {
                        assert_int_equal(s->ops->sync(s, &lost, &on_disk), 0);
                        s->ops->tidy(s);
                }
                most = size_of("-wal") > most ? size_of("-wal") : most;
        }
        assert_true(most < 1500 * 4120);
        assert_true(size_of("") > 100000);
        assert_int_equal(head_on_disk(), 3000);
}

#define THREADS 6
#define EACH 60

struct committer {
        struct store *s;
        unsigned done;
};

/* Commits, half of them waited for, and reads; each is on disk when sync() says so. */
static void *commits(void *arg)
{
        struct committer *me = arg;
        struct store *s = me->s;

        for (unsigned i = 0; i < EACH; i++) {
                struct journal_entry e = { .event = "ok" };
                _cleanup_(store_tx_end) struct store_tx tx = { 0 };
                uint8_t hash[DIGEST_LEN];
                uint64_t ticket = 0;
                uint64_t upto = 0;
                uint64_t lost = 9;
                uint64_t seq = 0;

                if (store_tx_begin(&tx, s) < 0 || journal_append(s, 1, &e, &seq) < 0)
                        return NULL;
                if (i % 2 ? store_tx_commit(&tx) < 0 : store_tx_commit_soon(&tx, &ticket) < 0)
                        return NULL;
                if (i % 2 == 0 && (s->ops->sync(s, &lost, &upto) < 0 || lost != 0 || upto < ticket))
                        return NULL;
                s->ops->tidy(s);
                if (s->ops->event_synced(s, &upto, hash) < 0 || upto < seq)
                        return NULL;
                me->done++;
        }
        return NULL;
}

static void many_threads_commit_and_each_event_is_there_once(void **state)
{
        struct committer c[THREADS];
        pthread_t t[THREADS];
        uint64_t count = 0;
        uint64_t bad = 9;

        for (size_t i = 0; i < THREADS; i++) {
                c[i] = (struct committer){ .s = *state };
                assert_int_equal(pthread_create(&t[i], NULL, commits, &c[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
                assert_int_equal(pthread_join(t[i], NULL), 0);
                assert_int_equal(c[i].done, EACH);
        }
        assert_int_equal(journal_verify(*state, 0, &count, &bad), 0);
        assert_true(count == THREADS * EACH && bad == 0);
        assert_int_equal(noted(), THREADS * EACH);
}

static void unreachable_is_fetched_long_ago_and_not_seen_since(void **state)
{
        struct node n = { .state = NODE_RELEASED, .last_seen = 1000, .last_ipxe = 2000 };

        (void)state;
        assert_string_equal(node_shown_state(&n, 2600), "released");
        assert_string_equal(node_shown_state(&n, 2601), "unreachable");
        n.last_seen = 2100;
        assert_string_equal(node_shown_state(&n, 9999), "released");
        n.last_seen = 0;
        n.state = NODE_ENROLLED;
        assert_string_equal(node_shown_state(&n, 9999), "unreachable");
        n.state = NODE_REFUSED;
        assert_string_equal(node_shown_state(&n, 9999), "refused");
        n.state = NODE_PENDING;
        assert_string_equal(node_shown_state(&n, 9999), "pending");
}

static void a_wrapped_key_opens_only_with_its_name_header_list_and_key(void **state)
{
        uint8_t store_key[STORE_KEY_LEN] = { 1 };
        uint8_t header[64] = { 2 };
        uint8_t list[DIGEST_LEN] = { 4 };
        uint8_t key[32] = { 3 };
        uint8_t wrapped[WRAPPED_LEN];
        uint8_t got[32];
        struct image_ref i = { "i", header, list };
        uint8_t *const parts[] = { header, list, wrapped + 20, store_key };

        (void)state;
        assert_int_equal(image_key_wrap(store_key, &i, key, wrapped), 0);
        i.name = "j";
        assert_int_equal(image_key_unwrap(store_key, &i, wrapped, got), -EKEYREJECTED);
        i.name = "i";
        for (size_t n = 0; n < ELEMENTSOF(parts); n++) {
                *parts[n] ^= 1;
                assert_int_equal(image_key_unwrap(store_key, &i, wrapped, got), -EKEYREJECTED);
                *parts[n] ^= 1;
                assert_int_equal(image_key_unwrap(store_key, &i, wrapped, got), 0);
                assert_memory_equal(got, key, 32);
        }
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

#define T(f) cmocka_unit_test_setup_teardown(f, remake, close_it)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(a_commit_is_seen_before_its_sync_and_noted_after_it),
                T(losing_what_was_not_synced_is_no_alarm_and_what_was_is_one),
                T(many_threads_commit_and_each_event_is_there_once),
                T(the_log_is_written_back_and_begins_anew),
                cmocka_unit_test(unreachable_is_fetched_long_ago_and_not_seen_since),
                cmocka_unit_test(a_wrapped_key_opens_only_with_its_name_header_list_and_key),
                cmocka_unit_test(no_statement_reads_all_of_a_table_that_grows),
        };
        int failed = store_suite(&sqlite_backend);

        return failed + cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
