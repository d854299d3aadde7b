/* SPDX-License-Identifier: Apache-2.0 */
/* store migrate: from SQLite to PostgreSQL */
#include "below.h"
#include "cli.h"
#include "commands.h"
#include "store_move.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>

enum { OPT_STATE = CLI_LONG };

static const struct cli_option migrate_options[] = {
        { "state", OPT_STATE, "DIR", "the state directory; without it, the configuration's" },
        { 0 },
};

static const struct cli_command migrate_command = {
        "store migrate", "", "Moves the state from SQLite to the PostgreSQL database that musterd.conf names; musterd must not run",
        migrate_options,
};

static int migrate(const char *state, struct store_moved *ret, struct fail *f)
{
        _cleanup_(store_closep) struct store *from = NULL;
        _cleanup_(store_closep) struct store *to = NULL;
        char db[PATH_MAX];
        int rc;

        if (!cli_database()[0])
                return fail_set(f, MUSTER_USAGE, "", "set database = postgresql://USER@HOST/NAME; see musterd(8)",
                                "musterd.conf names no PostgreSQL database");
        (void)snprintf(db, sizeof(db), "%.3000s/muster.db", state);
        if (access(db, R_OK) < 0)
                return fail_set(f, MUSTER_IO, "", "give --state DIR", "cannot read %s: %s", db, strerror(errno));
        rc = below_state(state, f);
        if (rc)
                return rc;
        if (store_sqlite_open(db, &from, f) < 0 || store_pg_open(cli_database(), &to, f) < 0)
                return MUSTER_NO;
        return store_move(from, to, ret, f);
}

int cmd_store_migrate(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        struct store_moved moved = { 0 };
        const char *state = NULL;
        struct fail f = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&migrate_command, argc, argv, &rc)) > 0)
                state = optarg;
        if (v == 0)
                rc = cli_count(&migrate_command, argc, argv, 0, 0);
        if (v < 0 || rc)
                return rc;
        rc = migrate(state ? state : cli_state_dir(), &moved, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (!cli_json()) {
                cli_say("moved to PostgreSQL: %" PRIu64 " nodes, %" PRIu64 " events; the journal's hash chain holds", moved.nodes,
                        moved.events);
                return MUSTER_OK;
        }
        o = json_object_new_object();
        json_object_object_add(o, "nodes", json_object_new_int64((int64_t)moved.nodes));
        json_object_object_add(o, "events", json_object_new_int64((int64_t)moved.events));
        return cli_print_json(o);
}
