/* SPDX-License-Identifier: Apache-2.0 */
/* How PostgreSQL would run each statement of the store. */
#include "../unit/store_suite.h"

#include "store-postgresql.h"
#include "store_pg.h"

static PGresult *ask(PGconn *c, const char *text)
{
        PGresult *res = PQexec(c, text);

        if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
                fail_msg("%s: %s", text, PQresultErrorMessage(res));
        return res;
}

/* Does the plan read a table that grows from its first row to its last? */
static bool reads_all(PGconn *c, const struct pg_statement *st)
{
        static const char *const growing[] = { "Seq Scan on nodes", "Seq Scan on macs", "Seq Scan on evidence",
                                               "Seq Scan on journal", "Seq Scan on settings" };
        Oid types[PG_PARAMS];
        PGresult *res;
        char text[400] = "EXPLAIN EXECUTE planned";
        bool all = false;

        for (size_t i = 0; st->types[i]; i++)
                types[i] = st->types[i] == 'i' ? 20 : st->types[i] == 'b' ? 17 : 25;
        res = PQprepare(c, "planned", st->sql, (int)strlen(st->types), types);
        if (PQresultStatus(res) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", st->sql, PQresultErrorMessage(res));
        assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
        PQclear(res);
        for (size_t i = 0; st->types[i]; i++)
                (void)strcat(text, i == 0 ? "(NULL" : ", NULL");
        if (st->types[0])
                (void)strcat(text, ")");
        res = ask(c, text);
        for (int r = 0; r < PQntuples(res); r++)
                for (size_t k = 0; k < ELEMENTSOF(growing); k++)
                        all = all || strstr(PQgetvalue(res, r, 0), growing[k]);
        PQclear(res);
        PQclear(ask(c, "DEALLOCATE planned"));
        return all;
}

void no_statement_reads_all_of_a_table_that_grows(void **state)
{
        PGconn *c = PQconnectdb(conninfo);

        (void)state;
        PQclear(ask(c, "SET search_path = muster; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"));
        for (int i = PQ_NODE_GET; i < PQ_QUERIES; i++)
                /* all of them, for `muster store migrate` */
                if (i != PQ_SETTING_LIST && reads_all(c, &pg_statements[i]))
                        fail_msg("reads all: %s", pg_statements[i].sql);
        PQfinish(c);
}
