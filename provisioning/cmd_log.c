/* SPDX-License-Identifier: Apache-2.0 */
/* log and log verify: the journal, and why a node was refused */
#include "backup.h"
#include "batch.h"
#include "commands.h"
#include "events.h"
#include "present.h"

#include <getopt.h>
#include <inttypes.h>
#include <time.h>

#define COUNT_DEFAULT 50
#define COUNT_MAX 100000
#define REFUSAL_SEARCH 1000 /* newest events of a node to look through */

enum { OPT_EXPLAIN = CLI_LONG, OPT_DATABASE };

static const struct cli_option log_options[] = {
        { "explain", OPT_EXPLAIN, NULL, "say in words: how each node is now, and its last refusal, first" },
        { "lines", 'n', "N", "the newest N events (50)" },
        { "follow", 'f', NULL, "then show new events as they come, one JSON document a line with -o json" },
        { "database", OPT_DATABASE, "FILE", "verify this database or copy of one, pages too, without musterd" },
        { 0 },
};

static const struct cli_command log_command = {
        "log", "[verify | NODES]",
        "Shows the journal, of all nodes or of a range; verify checks that its hash chain is unbroken", log_options,
};

struct log_args {
        bool explain;
        bool follow;
        unsigned long lines;
        const struct noderange *range; /* NULL: everything */
};

static int verify(void)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        bool ok;
        int rc;

        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "GET", "/v1/events/verify", NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        ok = admin_bool(o, "ok");
        if (cli_json()) {
                rc = cli_print_json(o);
                return ok ? rc : MUSTER_NO;
        }
        if (ok) {
                cli_say("the journal's hash chain holds: %" PRId64 " events", admin_int(o, "count"));
                return MUSTER_OK;
        }
        fail_set(&f, 0, "", "compare with a backup of the journal; find out who changed the database",
                 "verify the journal: event %" PRId64 " was altered, removed or put in", admin_int(o, "bad"));
        return cli_fail(MUSTER_NO, &f);
}

/* Beside a musterd that runs, or without one. */
static int verify_file(const char *path)
{
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        struct fail f = { 0 };
        int rc = access(path, R_OK) < 0 ? fail_set(&f, MUSTER_IO, "", "", "read %s: %s", path, strerror(errno))
                                        : backup_count(path, o, &f);

        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s is undamaged and the journal's hash chain holds: %" PRId64 " events, head %s", path,
                admin_int(admin_get(o, "journal"), "seq"), admin_text(admin_get(o, "journal"), "head"));
        return MUSTER_OK;
}

static int by_seq(const void *a, const void *b)
{
        struct json_object *const *x = a;
        struct json_object *const *y = b;
        int64_t p = admin_int(*x, "seq");
        int64_t q = admin_int(*y, "seq");

        return p < q ? -1 : p > q;
}

/* The newest events in the order in which they happened. */
static int collect(struct admin *a, const struct log_args *args, struct json_object **ret, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *all = json_object_new_array();
        size_t n;
        int rc = 0;

        if (!args->range)
                rc = events_newest(a, NULL, args->lines, all, f);
        for (size_t i = 0; args->range && rc == 0 && i < args->range->n; i++)
                rc = events_newest(a, args->range->name[i], args->lines, all, f);
        if (rc)
                return rc;
        json_object_array_sort(all, by_seq);
        n = json_object_array_length(all);
        if (n > args->lines)
                json_object_array_del_idx(all, 0, n - args->lines);
        *ret = take_ptr(all);
        return 0;
}

/* Of a node that was removed there is no record, but its events are found by its id. */
static int node_now(struct admin *a, const char *name, struct json_object **ret, struct fail *f)
{
        struct fail why = { 0 };
        char target[256];
        int rc;

        (void)admin_target(target, sizeof(target), "/v1/nodes/", name, "?evidence=0");
        rc = admin_call(a, "GET", target, NULL, ret, &why);
        if (rc == MUSTER_UNREACHABLE)
                *f = why;
        return rc == MUSTER_UNREACHABLE ? rc : 0;
}

/* How each node of the range is now, and why it was last refused, before everything else. */
static int explain_nodes(struct admin *a, const struct log_args *args, struct json_object *nodes, struct json_object *ret,
                         struct fail *f)
{
        for (size_t i = 0; args->range && i < args->range->n; i++) {
                _cleanup_(json_putp) struct json_object *some = json_object_new_array();
                _cleanup_(json_putp) struct json_object *now = NULL;
                struct json_object *last;
                int rc = events_newest(a, args->range->name[i], REFUSAL_SEARCH, some, f);

                if (rc == 0)
                        rc = node_now(a, args->range->name[i], &now, f);
                if (rc)
                        return rc;
                if (now)
                        json_object_array_add(nodes, json_object_get(now));
                last = events_last_refusal(some);
                if (last)
                        json_object_array_add(ret, json_object_get(last));
                if (cli_json())
                        continue;
                present_print(args->range->name[i], now, some);
                events_print_refusal(args->range->name[i], last, last && present_passed(last, some));
        }
        return 0;
}

static int follow(struct admin *a, const struct log_args *args, int64_t after, struct fail *f)
{
        for (;;) {
                _cleanup_(json_putp) struct json_object *fresh = json_object_new_array();
                int rc = events_after(a, args->range && args->range->n == 1 ? args->range->name[0] : NULL, &after, fresh,
                                      f);

                if (rc)
                        return rc;
                for (size_t i = 0; i < json_object_array_length(fresh); i++) {
                        struct json_object *e = json_object_array_get_idx(fresh, i);

                        if (args->range && args->range->n > 1 && !events_of_range(e, args->range))
                                continue;
                        if (cli_json())
                                (void)cli_print_json_line(e);
                        else
                                events_print(e, args->explain);
                }
                if (fflush(stdout) != 0)
                        return fail_set(f, MUSTER_IO, "", "", "write standard output: %s", strerror(errno));
                (void)nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
        }
}

static int show(const struct log_args *args)
{
        _cleanup_(json_putp) struct json_object *doc = json_object_new_object();
        _cleanup_(json_putp) struct json_object *refusals = json_object_new_array();
        _cleanup_(json_putp) struct json_object *nodes = json_object_new_array();
        _cleanup_(json_putp) struct json_object *events = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        int64_t last = 0;
        int rc;

        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0 && args->explain)
                rc = explain_nodes(a, args, nodes, refusals, &f);
        if (rc == 0)
                rc = collect(a, args, &events, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json() && !args->follow) {
                if (args->explain) {
                        json_object_object_add(doc, "nodes", json_object_get(nodes));
                        json_object_object_add(doc, "refusals", json_object_get(refusals));
                }
                json_object_object_add(doc, "events", json_object_get(events));
                return cli_print_json(doc);
        }
        for (size_t i = 0; i < json_object_array_length(events); i++) {
                struct json_object *e = json_object_array_get_idx(events, i);

                last = admin_int(e, "seq");
                if (cli_json())
                        (void)cli_print_json_line(e);
                else
                        events_print(e, args->explain);
        }
        if (!args->follow)
                return MUSTER_OK;
        rc = last ? 0 : events_head(a, &last, &f);
        if (rc == 0)
                rc = follow(a, args, last, &f);
        return cli_fail(rc, &f);
}

int cmd_log(int argc, char **argv)
{
        _cleanup_(noderange_wipe) struct noderange range = { 0 };
        struct log_args args = { .lines = COUNT_DEFAULT };
        const char *database = NULL;
        int rc = 0;
        int v;

        while ((v = cli_next(&log_command, argc, argv, &rc)) > 0) {
                if (v == OPT_EXPLAIN)
                        args.explain = true;
                else if (v == 'f')
                        args.follow = true;
                else if (v == OPT_DATABASE)
                        database = optarg;
                else if (cli_number(optarg, 1, COUNT_MAX, &args.lines) < 0)
                        return cli_usage(&log_command, "'%.40s' is no number of events from 1 to %d", optarg, COUNT_MAX);
        }
        if (v < 0)
                return rc;
        rc = cli_count(&log_command, argc, argv, 0, 1);
        if (rc)
                return rc;
        if (argc > optind && strcmp(argv[optind], "verify") == 0)
                return database ? verify_file(database) : verify();
        if (database)
                return cli_usage(&log_command, "--database belongs to log verify");
        if (argc > optind) {
                rc = batch_parse(&log_command, argv[optind], &range);
                if (rc)
                        return rc;
                args.range = &range;
        }
        return show(&args);
}
