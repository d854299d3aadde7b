/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of store.h on PostgreSQL, and what only it has: started by
 * test-store-postgresql.sh with a conninfo of a server for it alone. */
#include "../unit/store_suite.h"

#include <postgresql/libpq-fe.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "journal.h"
#include "store-postgresql.h"
#include "store_pg.h"

const char *conninfo;

static int sql(const char *text)
{
        PGconn *c = PQconnectdb(conninfo);
        PGresult *res = PQexec(c, "SET client_min_messages = error; SET search_path = muster;"
                                    "SET default_transaction_read_only = off");
        const char *state;
        int r = 0;

        PQclear(res);
        res = PQexec(c, text);
        state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
                r = state && strncmp(state, "23", 2) == 0 ? -EEXIST : -EIO;
        if (r == -EIO)
                (void)fprintf(stderr, "# %s: %s", text, PQresultErrorMessage(res));
        PQclear(res);
        PQfinish(c);
        return r;
}

static int make(void)
{
        return sql("DROP SCHEMA IF EXISTS muster CASCADE");
}

static int unmake(void)
{
        return 0;
}

static int open_it(struct store **ret, struct fail *fail)
{
        return store_pg_open(conninfo, ret, fail);
}

static const struct store_backend pg_backend = {
        .name = "store on PostgreSQL", .make = make, .open = open_it, .unmake = unmake, .sql = sql,
        .unguard = "DROP TRIGGER IF EXISTS journal_no_update ON journal; DROP TRIGGER IF EXISTS journal_no_delete ON journal",
        .age = "UPDATE schema_version SET version = 99",
        .first = "DROP TRIGGER nodes_added ON nodes; DROP TRIGGER nodes_changed ON nodes; DROP FUNCTION count_nodes; DROP TABLE counts;"
                 "DROP INDEX nodes_state; DROP INDEX nodes_assigned_boot; DROP INDEX nodes_assigned_image;"
                 "ALTER TABLE nodes DROP COLUMN restart_count, DROP COLUMN clock, DROP COLUMN ak_token, DROP COLUMN cleared,"
                 " DROP COLUMN firmware_version, DROP COLUMN tpm_maker, DROP COLUMN facts_before, DROP COLUMN former,"
                 " DROP COLUMN policy_key, DROP COLUMN address, DROP COLUMN why;"
                 "ALTER TABLE images DROP COLUMN list; ALTER TABLE macs DROP COLUMN since;"
                 "UPDATE schema_version SET version = 1",
};

static int begin_test(void **state)
{
        struct store *s = NULL;
        struct fail f = { 0 };

        assert_int_equal(make(), 0);
        assert_int_equal(open_it(&s, &f), 0);
        *state = s;
        return 0;
}

static int end_test(void **state)
{
        store_close(*state);
        return 0;
}

static int append(struct store *s, uint64_t *seq)
{
        struct journal_entry e = { .event = "ok" };
        _cleanup_(store_tx_end) struct store_tx tx = { 0 };
        int r = store_tx_begin(&tx, s);

        if (r == 0)
                r = journal_append(s, 1, &e, seq);
        return r < 0 ? r : store_tx_commit(&tx);
}

#define WRITERS 4
#define EACH 50

static void *writer(void *ctx)
{
        struct store *s = NULL;
        struct fail f = { 0 };
        int *done = ctx;

        if (open_it(&s, &f) < 0)
                return NULL;
        for (int i = 0; i < EACH; i++)
                if (append(s, NULL) == 0)
                        ++*done;
        store_close(s);
        return NULL;
}

static void several_writers_make_one_chain(void **state)
{
        pthread_t t[WRITERS];
        int done[WRITERS] = { 0 };
        uint64_t count = 0;
        uint64_t bad = 9;

        for (int i = 0; i < WRITERS; i++)
                assert_int_equal(pthread_create(&t[i], NULL, writer, &done[i]), 0);
        for (int i = 0; i < WRITERS; i++) {
                assert_int_equal(pthread_join(t[i], NULL), 0);
                assert_int_equal(done[i], EACH);
        }
        assert_int_equal(journal_verify(*state, 0, &count, &bad), 0);
        assert_true(count == WRITERS * EACH && bad == 0);
}

static const char kick[] = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'musterd'";

static void the_call_that_loses_the_connection_fails_and_the_next_goes_on(void **state)
{
        struct store *s = *state;
        uint8_t hash[DIGEST_LEN];
        uint64_t seq = 0;

        assert_int_equal(append(s, &seq), 0);
        (void)store_pg_news(s);
        assert_int_equal(sql(kick), 0);
        assert_int_equal(s->ops->event_head(s, &seq, hash), -EIO);
        assert_int_equal(s->ops->event_head(s, &seq, hash), 0);
        assert_int_equal(seq, 1);
        assert_true(store_pg_news(s)); /* some may have been missed */
        assert_false(store_pg_news(s));
        assert_false(atomic_load(&s->unsure));
}

static void a_transaction_whose_connection_is_lost_fails_to_its_end(void **state)
{
        struct journal_entry e = { .event = "ok" };
        struct store *s = *state;
        uint8_t hash[DIGEST_LEN];
        uint64_t seq = 9;

        assert_int_equal(store_begin(s), 0);
        assert_int_equal(journal_append(s, 1, &e, NULL), 0);
        assert_int_equal(sql(kick), 0);
        assert_int_equal(s->ops->setting_put(s, "a", "1"), -EIO);
        assert_int_equal(s->ops->setting_put(s, "a", "2"), -EIO); /* not on a new connection, outside of it */
        assert_int_equal(store_commit(s), -EIO);
        assert_int_equal(s->ops->event_head(s, &seq, hash), 0);
        assert_int_equal(seq, 0);
        assert_int_equal(append(s, &seq), 0);
}

static void a_commit_after_an_error_is_none(void **state)
{
        struct store *s = *state;
        char got[8] = "";

        assert_int_equal(store_begin(s), 0);
        assert_int_equal(s->ops->setting_put(s, "a", "1"), 0);
        assert_int_equal(s->ops->setting_put(s, "b", "\xff not UTF-8"), -EIO);
        assert_int_equal(store_commit(s), -EIO);
        assert_int_equal(s->ops->setting_get(s, "a", got, sizeof(got)), 0);
        assert_string_equal(got, "");
}

static uint64_t append_soon(struct store *s)
{
        struct journal_entry e = { .event = "ok" };
        uint64_t ticket = 99;

        assert_int_equal(store_begin(s), 0);
        assert_int_equal(journal_append(s, 1, &e, NULL), 0);
        assert_int_equal(s->ops->commit_soon(s, &ticket), 0);
        return ticket;
}

static void commits_share_a_sync_of_a_second_session(void **state)
{
        struct store *s = *state;
        uint8_t hash[DIGEST_LEN];
        uint64_t seq = 0;
        uint64_t lost = 9;
        uint64_t upto = 9;
        uint64_t first;
        uint64_t last;

        assert_int_equal(append_soon(s), 0); /* there is none yet: it was waited for */
        (void)store_pg_news(s);
        first = append_soon(s);
        last = append_soon(s);
        assert_true(first > 0 && last > first);
        assert_int_equal(s->ops->event_head(s, &seq, hash), 0);
        assert_int_equal(seq, 3);
        assert_int_equal(s->ops->sync(s, &lost, &upto), 0);
        assert_true(lost == 0 && upto == last);
        assert_int_equal(append(s, NULL), 0);
}

static void what_was_not_synced_when_a_session_is_lost_counts_as_lost(void **state)
{
        struct store *s = *state;
        uint64_t lost = 9;
        uint64_t upto = 9;
        uint64_t gone;
        uint64_t later;

        (void)store_pg_news(s);
        gone = append_soon(s);
        assert_true(gone > 0);
        assert_int_equal(sql(kick), 0);
        assert_int_equal(s->ops->sync(s, &lost, &upto), -EIO);
        while (s->ops->setting_put(s, "a", "1") < 0) /* the first session notices too */
                ;
        assert_int_equal(append_soon(s), 0);
        (void)store_pg_news(s);
        later = append_soon(s);
        assert_true(later > gone);
        assert_int_equal(s->ops->sync(s, &lost, &upto), 0);
        assert_true(lost == gone && upto == later);
}

static void a_lock_held_elsewhere_is_not_waited_for_for_ever(void **state)
{
        struct store *other = NULL;
        struct fail f = { 0 };
        struct timespec a;
        struct timespec b;

        assert_int_equal(open_it(&other, &f), 0);
        assert_int_equal(store_begin(other), 0);
        (void)clock_gettime(CLOCK_MONOTONIC, &a);
        assert_int_equal(store_begin(*state), -EIO);
        (void)clock_gettime(CLOCK_MONOTONIC, &b);
        assert_in_range(b.tv_sec - a.tv_sec, 2, 30);
        store_rollback(other);
        store_close(other);
        assert_int_equal(store_begin(*state), 0);
        store_rollback(*state);
}

static void a_server_that_may_lose_a_commit_is_refused(void **state)
{
        struct store *s = NULL;
        struct fail f = { 0 };

        (void)state;
        assert_int_equal(sql("ALTER ROLE CURRENT_USER SET synchronous_commit = off"), 0);
        assert_int_equal(open_it(&s, &f), -EINVAL);
        assert_non_null(strstr(f.what, "synchronous_commit is off"));
        assert_int_equal(sql("ALTER ROLE CURRENT_USER RESET synchronous_commit"), 0);
        assert_int_equal(sql("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"), 0);
        assert_int_equal(open_it(&s, &f), -EINVAL);
        assert_non_null(strstr(f.what, "takes no changes"));
        assert_int_equal(sql("ALTER ROLE CURRENT_USER RESET default_transaction_read_only"), 0);
}

static void a_conninfo_with_a_password_is_refused_and_not_shown(void **state)
{
        static const char *const bad[] = { "host=/x password=hunter2", "postgresql://u:hunter2@h/d", "host=/x nonsense=hunter2",
                                           "host=/x options=-csynchronous_commit=off" };
        struct store *s = NULL;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct fail f = { 0 };

                assert_int_equal(store_pg_open(bad[i], &s, &f), -EBADMSG);
                assert_null(strstr(f.what, "hunter2"));
                assert_null(strstr(f.next, "hunter2"));
        }
}

/* Begins to connect to where nobody answers. */
static void *begin_at_silence(void *ctx)
{
        return store_begin(ctx) == 0 ? ctx : NULL;
}

static void a_silent_server_holds_one_thread(void **state)
{
        struct sockaddr_un sun = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        struct store *s = NULL;
        struct fail f = { 0 };
        char text[160];
        void *got = *state;
        pthread_t t;

        (void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/.s.PGSQL.7777", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        (void)unlink(sun.sun_path);
        assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
        assert_int_equal(listen(fd, 8), 0);
        (void)snprintf(text, sizeof(text), "host=%s port=7777 user=x", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
        assert_int_equal(store_pg_new(text, &s, &f), 0);
        assert_int_equal(pthread_create(&t, NULL, begin_at_silence, s), 0);
        while (!atomic_load(&pg_of(s)->linking))
                (void)sched_yield();
        assert_int_equal(store_begin(s), -EIO);
        assert_false(store_pg_news(s));
        assert_true(atomic_load(&pg_of(s)->linking)); /* none of them waited for it */
        assert_int_equal(pthread_join(t, &got), 0);
        assert_null(got);
        store_close(s);
        (void)close(fd);
        (void)unlink(sun.sun_path);
}

/* It comes by itself, a moment after the commit. */
static bool news_comes(struct store *s)
{
        const struct timespec moment = { .tv_nsec = 20000000 };

        for (int i = 0; i < 500; i++) {
                if (store_pg_news(s))
                        return true;
                (void)nanosleep(&moment, NULL);
        }
        return false;
}

static void news_is_what_others_changed(void **state)
{
        struct store *s = *state;

        assert_false(store_pg_news(s));
        assert_int_equal(s->ops->setting_put(s, "default_boot", "own"), 0);
        assert_false(store_pg_news(s));
        assert_int_equal(sql("UPDATE settings SET value = 'other'"), 0);
        assert_true(news_comes(s));
        assert_false(store_pg_news(s));
        assert_int_equal(sql("INSERT INTO settings VALUES ('kept', '')"), 0);
        assert_false(store_pg_news(s));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin_test, end_test)

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                T(several_writers_make_one_chain),
                T(the_call_that_loses_the_connection_fails_and_the_next_goes_on),
                T(a_transaction_whose_connection_is_lost_fails_to_its_end),
                T(a_commit_after_an_error_is_none),
                T(commits_share_a_sync_of_a_second_session),
                T(what_was_not_synced_when_a_session_is_lost_counts_as_lost),
                T(a_lock_held_elsewhere_is_not_waited_for_for_ever),
                T(a_server_that_may_lose_a_commit_is_refused),
                T(a_conninfo_with_a_password_is_refused_and_not_shown),
                T(news_is_what_others_changed),
                T(no_statement_reads_all_of_a_table_that_grows),
                T(a_silent_server_holds_one_thread),
        };
        int failed;

        if (argc != 2)
                return 2;
        conninfo = argv[1];
        failed = store_suite(&pg_backend);
        return failed + cmocka_run_group_tests_name("PostgreSQL", tests, NULL, NULL);
}
