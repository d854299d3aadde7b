/* SPDX-License-Identifier: Apache-2.0 */
#include "store_pg.h"

#include <poll.h>
#include <time.h>

/* What every session begins with; the figures are those of store_pg.h. */
static const char session[] =
        "SET search_path = muster, pg_catalog, pg_temp; SET client_encoding = 'UTF8'; SET statement_timeout = '5s';"
        "SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = warning";
static const char facts[] =
        "SELECT current_setting('synchronous_commit'), current_setting('fsync'), current_setting('server_encoding'),"
        " current_setting('transaction_read_only'), extract(epoch FROM pg_postmaster_start_time())::text";

static int64_t now_ms(void)
{
        struct timespec t = { 0 };

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0, or -ETIMEDOUT. */
static int wait_fd(int fd, short events, int64_t until)
{
        struct pollfd p = { .fd = fd, .events = events };
        int64_t left = until - now_ms();
        int n;

        if (left <= 0)
                return -ETIMEDOUT;
        n = poll(&p, 1, (int)left);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        return n == 0 ? -ETIMEDOUT : 0;
}

void pg_drop(struct pg_store *s)
{
        PQfinish(s->conn);
        s->conn = NULL;
        s->stale = true;
        if (s->tx)
                s->lost = true;
        memset(s->prepared, 0, sizeof(s->prepared));
}

static int flush(struct pg_store *s, int64_t until)
{
        int n;

        while ((n = PQflush(s->conn)) > 0) {
                int r = wait_fd(PQsocket(s->conn), POLLIN | POLLOUT, until);

                if (r < 0)
                        return r;
                if (PQconsumeInput(s->conn) != 1)
                        return -EIO;
        }
        return n < 0 ? -EIO : 0;
}

static int result(struct pg_store *s, int64_t until, PGresult **ret)
{
        while (PQisBusy(s->conn)) {
                int r = wait_fd(PQsocket(s->conn), POLLIN, until);

                if (r < 0)
                        return r;
                if (PQconsumeInput(s->conn) != 1)
                        return -EIO;
        }
        *ret = PQgetResult(s->conn);
        return 0;
}

static bool good(const PGresult *res)
{
        return PQresultStatus(res) == PGRES_COMMAND_OK || PQresultStatus(res) == PGRES_TUPLES_OK;
}

int pg_wait(struct pg_store *s, PGresult **ret)
{
        int64_t until = now_ms() + PG_ANSWER_MS;
        _cleanup_(PQclearp) PGresult *kept = NULL;
        int r = flush(s, until);

        while (r == 0) {
                PGresult *next = NULL;

                r = result(s, until, &next);
                if (r < 0 || !next)
                        break;
                if (kept && !good(kept)) {
                        PQclear(next);
                        continue;
                }
                PQclear(kept);
                kept = next;
        }
        if (r == 0 && !good(kept))
                r = -EIO;
        *ret = take_ptr(kept);
        return r;
}

/* The server's words have no data of ours in them but a key, escaped here. */
static void log_failure(const struct pg_store *s, const PGresult *res, const char *what)
{
        const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
        char word[200];

        if (!text || !text[0])
                text = s->conn && PQerrorMessage(s->conn)[0] ? PQerrorMessage(s->conn) : "no answer";
        log_err("store: %.60s: %s. Next: " PG_NEXT, what, log_escape(text, strcspn(text, "\n"), word, sizeof(word)));
}

int pg_errno(struct pg_store *s, const PGresult *res, const char *what)
{
        const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

        if (s->tx)
                s->lost = true;
        if (state && strncmp(state, "23", 2) == 0)
                return -EEXIST;
        log_failure(s, res, what);
        /* class 57P: the server ends the session; no state: it said nothing */
        if (!state || strncmp(state, "57P", 3) == 0 || PQstatus(s->conn) != CONNECTION_OK)
                pg_drop(s);
        return -EIO;
}

static int connect_step(PGconn *c, int64_t until)
{
        PostgresPollingStatusType at = PGRES_POLLING_WRITING;

        while (at == PGRES_POLLING_READING || at == PGRES_POLLING_WRITING) {
                int r = wait_fd(PQsocket(c), at == PGRES_POLLING_READING ? POLLIN : POLLOUT, until);

                if (r < 0)
                        return r;
                at = PQconnectPoll(c);
        }
        return at == PGRES_POLLING_OK && PQsetnonblocking(c, 1) == 0 ? 0 : -EIO;
}

static int refuse(struct fail *fail, const char *next, const char *what)
{
        return fail_set(fail, -EINVAL, "", next, "PostgreSQL: %s", what);
}

/* Is a commit on disk when it returns? */
static int check_server(struct pg_store *s, struct fail *fail)
{
        _cleanup_(PQclearp) PGresult *res = NULL;
        int r = pg_plain(s, facts, &res);

        if (r < 0)
                return r;
        (void)snprintf(s->instance, sizeof(s->instance), "%s", PQgetvalue(res, 0, 4));
        if (strcmp(PQgetvalue(res, 0, 0), "off") == 0)
                return refuse(fail, "set synchronous_commit = on for musterd's role or database",
                              "synchronous_commit is off, so a commit may be lost");
        if (strcmp(PQgetvalue(res, 0, 1), "on") != 0)
                return refuse(fail, "set fsync = on", "fsync is off, so a commit may be lost");
        if (strcmp(PQgetvalue(res, 0, 2), "UTF8") != 0)
                return refuse(fail, "make the database with ENCODING 'UTF8'", "the database's encoding is not UTF8");
        if (!s->view && strcmp(PQgetvalue(res, 0, 3), "off") != 0)
                return refuse(fail, "name all servers in `database`, as host=a,b,c", "this server takes no changes: it is a standby");
        return 0;
}

static int refused(struct pg_store *s, int r, struct fail *fail)
{
        char word[200];
        const char *text = PQerrorMessage(s->conn);

        if (r == -ETIMEDOUT)
                text = "no answer in time";
        return fail_set(fail, -EIO, "", PG_NEXT, "cannot use PostgreSQL: %s", log_escape(text, strcspn(text, "\n"), word, sizeof(word)));
}

int pg_link(struct pg_store *s, struct fail *fail)
{
        _cleanup_(PQclearp) PGresult *res = NULL;
        int r;

        if (s->conn)
                return 0;
        if (now_ms() < s->next_try)
                return fail_set(fail, -EAGAIN, "", "", "PostgreSQL was tried just now");
        s->conn = pg_params_connect(s->params);
        if (!s->conn)
                return -ENOMEM;
        atomic_store(&s->linking, true);
        r = PQstatus(s->conn) == CONNECTION_BAD ? -EIO : connect_step(s->conn, now_ms() + PG_CONNECT_MS);
        if (r == 0)
                r = PQsendQuery(s->conn, session) == 1 ? pg_wait(s, &res) : -EIO;
        if (r == 0 && !s->quiet) {
                PQclear(take_ptr(res));
                r = PQsendQuery(s->conn, "LISTEN muster_changed") == 1 ? pg_wait(s, &res) : -EIO;
        }
        if (r < 0)
                r = refused(s, r, fail);
        else
                r = check_server(s, fail);
        if (r < 0) {
                pg_drop(s);
                s->next_try = now_ms() + PG_PAUSE_MS;
        }
        atomic_store(&s->linking, false);
        return r;
}

void pg_hurry(struct pg_store *s)
{
        if (!s->conn && s->next_try - now_ms() < PG_PAUSE_MS - PG_PAUSE_NEWS_MS)
                s->next_try = 0;
}

int pg_ready(struct pg_store *s)
{
        struct fail f = { 0 };
        int r;

        if (s->tx && s->lost)
                return -EIO;
        if (s->conn)
                return 0;
        if (s->tx) { /* what came before it is gone */
                s->lost = true;
                return -EIO;
        }
        r = pg_link(s, &f);
        if (r < 0 && r != -EAGAIN)
                log_err("store: %s. Next: %s", f.what, f.next);
        if (r == 0)
                log_info("store: connected to PostgreSQL again");
        return r < 0 && r != -ENOMEM ? -EIO : r;
}

int pg_plain(struct pg_store *s, const char *sql, PGresult **ret)
{
        int r = PQsendQuery(s->conn, sql) == 1 ? pg_wait(s, ret) : -EIO;

        return r < 0 ? pg_errno(s, *ret, sql) : 0;
}
