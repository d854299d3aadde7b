/* SPDX-License-Identifier: Apache-2.0 */
/* node list and node show */
#include "admin_client.h"
#include "batch.h"
#include "commands.h"
#include "noderange.h"
#include "table.h"

#include <getopt.h>
#include <time.h>

#define PAGE 500

static const char *const states[] = { "pending", "enrolled", "ok", "refused", "unreachable", "quarantined", "revoked" };

enum { OPT_STATE = CLI_LONG };

static const struct cli_option list_options[] = {
        { "state", OPT_STATE, "STATE", "only nodes in this state" },
        { 0 },
};

static const struct cli_command list_command = {
        "node list", "[NODES]", "Lists nodes: all, or those of a range of names or node ids", list_options,
};

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command show_command = {
        "node show", "NODES", "Shows nodes with their evidence", no_options,
};

static bool known_state(const char *s)
{
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (strcmp(states[i], s) == 0)
                        return true;
        return false;
}

/* Marks in seen[] which of the wanted names this node answers to: its name,
 * its id, or the beginning of its id. */
static bool wanted(const struct noderange *range, bool *seen, struct json_object *node)
{
        const char *name = admin_text(node, "name");
        const char *id = admin_text(node, "id");
        bool hit = false;

        for (size_t i = 0; i < range->n; i++) {
                const char *w = range->name[i];
                size_t n = strlen(w);

                if (strcmp(w, name) == 0 || (n >= 8 && strncmp(w, id, n) == 0))
                        hit = seen[i] = true;
        }
        return hit;
}

/* All pages of /v1/nodes into `out`, those of the range only when there is one. */
static int fetch(struct admin *a, const char *state, const struct noderange *range, bool *seen, struct json_object *out,
                 struct fail *f)
{
        char after[128] = "";

        for (;;) {
                _cleanup_(json_putp) struct json_object *o = NULL;
                struct json_object *nodes;
                char target[320];
                int rc;

                (void)snprintf(target, sizeof(target), "/v1/nodes?limit=%d%s%s%s%s", PAGE, state ? "&state=" : "",
                               state ? state : "", *after ? "&after=" : "", after);
                rc = admin_call(a, "GET", target, NULL, &o, f);
                if (rc)
                        return rc;
                nodes = admin_get(o, "nodes");
                if (!json_object_is_type(nodes, json_type_array))
                        return fail_set(f, MUSTER_UNREACHABLE, "", "", "list nodes: musterd's answer has no nodes");
                for (size_t i = 0; i < json_object_array_length(nodes); i++) {
                        struct json_object *node = json_object_array_get_idx(nodes, i);

                        if (!range || wanted(range, seen, node))
                                json_object_array_add(out, json_object_get(node));
                }
                if (!admin_str(o, "next") || json_object_array_length(nodes) == 0)
                        return 0;
                if (admin_target(after, sizeof(after), "", admin_str(o, "next"), "") < 0)
                        return fail_set(f, MUSTER_UNREACHABLE, "", "", "list nodes: musterd's next page has no name");
        }
}

static void print_table(struct json_object *nodes)
{
        static const char *const headings[] = { "NAME", "ID",   "STATE", "REASON",   "PROFILE",
                                                "EK",   "BOOT", "IMAGE", "LAST OK", "LAST SEEN", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };
        int64_t now = (int64_t)time(NULL);

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(nodes); i++) {
                struct json_object *n = json_object_array_get_idx(nodes, i);
                char id[13];
                char ok[TIME_TEXT_MAX];
                char seen[TIME_TEXT_MAX];

                (void)snprintf(id, sizeof(id), "%s", admin_text(n, "id"));
                table_row(&t, (const char *const[]){ admin_str(n, "name"), id, admin_str(n, "state"),
                                                     admin_str(n, "reason"), admin_str(n, "profile"),
                                                     admin_str(n, "ek_chain"), admin_str(n, "boot"),
                                                     admin_str(n, "image"), ago_text(admin_int(n, "last_ok"), now, ok),
                                                     ago_text(admin_int(n, "last_seen"), now, seen) });
        }
        table_print(&t, stdout);
}

/* Names of the range that no node has: 0 or MUSTER_NO, told. */
static int tell_missing(const struct noderange *range, const bool *seen)
{
        int rc = 0;

        for (size_t i = 0; i < range->n; i++) {
                struct fail f = { 0 };

                if (seen[i])
                        continue;
                rc = fail_set(&f, MUSTER_NO, "", "muster node list", "list node %s: there is no such node",
                              range->name[i]);
                cli_complain(&f);
        }
        return rc;
}

static int list(const char *state, const struct noderange *range)
{
        _cleanup_(json_putp) struct json_object *nodes = json_object_new_array();
        _cleanup_(json_putp) struct json_object *o = json_object_new_object();
        _cleanup_(admin_freep) struct admin *a = NULL;
        _cleanup_(freep) bool *seen = calloc(range ? range->n : 1, sizeof(*seen));
        struct fail f = { 0 };
        int rc;

        if (!nodes || !o || !seen)
                return MUSTER_IO;
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = fetch(a, state, range, seen, nodes, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json()) {
                json_object_object_add(o, "nodes", json_object_get(nodes));
                rc = cli_print_json(o);
        } else {
                print_table(nodes);
        }
        /* with --state, a node of the range may just be in another state */
        return rc == 0 && range && !state ? tell_missing(range, seen) : rc;
}

int cmd_node_list(int argc, char **argv)
{
        _cleanup_(noderange_wipe) struct noderange range = { 0 };
        const char *state = NULL;
        int rc = 0;
        int v;

        while ((v = cli_next(&list_command, argc, argv, &rc)) > 0)
                state = optarg;
        if (v < 0)
                return rc;
        rc = cli_count(&list_command, argc, argv, 0, 1);
        if (rc)
                return rc;
        if (state && !known_state(state))
                return cli_usage(&list_command,
                                 "unknown state '%.40s' (pending, enrolled, ok, refused, unreachable, quarantined, revoked)",
                                 state);
        if (argc > optind)
                rc = batch_parse(&list_command, argv[optind], &range);
        if (rc)
                return rc;
        return list(state, argc > optind ? &range : NULL);
}

/* Any JSON value as one text for show_line(). */
static const char *as_text(struct json_object *v)
{
        if (!v)
                return "-";
        if (json_object_is_type(v, json_type_string))
                return json_object_get_string(v);
        return json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void show_members(struct json_object *o, const char *prefix)
{
        if (!json_object_is_type(o, json_type_object))
                return;
        json_object_object_foreach(o, key, v)
        {
                char name[96];
                const char *text = as_text(v);

                (void)snprintf(name, sizeof(name), "%s%s:", prefix, key);
                /* keys, certificates and event logs are for -o json; what is
                 * nested is shown by others */
                if (strlen(text) > 100 || json_object_is_type(v, json_type_object))
                        continue;
                show_line(name, "%s", text);
        }
}

static void show_time(struct json_object *n, const char *key, const char *label)
{
        char text[TIME_TEXT_MAX];

        show_line(label, "%s", time_text(admin_int(n, key), text));
}

static void show_node(struct json_object *n)
{
        const char *assigned;

        show_line("name:", "%s", admin_text(n, "name"));
        show_line("id:", "%s", admin_text(n, "id"));
        show_line("state:", "%s%s%s%s", admin_text(n, "state"), admin_str(n, "reason") ? " (" : "",
                  admin_text(n, "reason"), admin_str(n, "reason") ? ")" : "");
        show_line("ek certificate:", "%s%s", admin_text(n, "ek_chain"),
                  strcmp(admin_text(n, "ek_mode"), "without") == 0 ? "; ENROLLED WITHOUT an EK certificate" : "");
        show_line("firmware profile:", "%s", admin_text(n, "profile"));
        assigned = admin_str(n, "assigned_boot");
        show_line("boot:", "%s (%s)", admin_text(n, "boot"), assigned ? "assigned" : "the default");
        assigned = admin_str(n, "assigned_image");
        show_line("image:", "%s (%s)", admin_text(n, "image"), assigned ? "assigned" : "the default");
        show_time(n, "first_seen", "first seen:");
        show_time(n, "last_ipxe", "last asked by iPXE:");
        show_time(n, "last_seen", "last seen:");
        show_time(n, "last_ok", "last ok:");
        show_line("attestation key:", "%s", admin_text(n, "ak"));
        show_line("reset count:", "%s", as_text(admin_get(n, "reset_count")));
        show_line("keys:", "%s", admin_bool(n, "bundle") ? "made, sealed to this node's TPM" : "none yet");
        show_line("ssh host key:", "%s", admin_text(n, "ssh_host_key"));
        show_time(n, "ssh_expires", "ssh certificate until:");
        show_time(n, "tls_expires", "tls certificate until:");
        show_members(admin_get(n, "facts"), "fact ");
        show_members(admin_get(n, "evidence"), "evidence ");
        show_members(admin_get(admin_get(n, "evidence"), "nv"), "NV index ");
        if (admin_get(n, "evidence"))
                show_line("more evidence:", "quote, event log, PCRs, EK certificates: -o json");
}

int cmd_node_show(int argc, char **argv)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;
        int v;

        v = cli_next(&show_command, argc, argv, &rc);
        if (v < 0)
                return rc;
        rc = cli_count(&show_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_open(&b, &show_command, argv[optind]);
        if (rc)
                return rc;
        for (size_t i = 0; i < b.nodes.n; i++) {
                struct json_object *o = NULL;
                struct fail f = { 0 };
                char target[256];

                (void)admin_target(target, sizeof(target), "/v1/nodes/", b.nodes.name[i], "");
                rc = admin_call(b.admin, "GET", target, NULL, &o, &f);
                if (rc == 0 && !cli_json()) {
                        if (i > 0)
                                putchar('\n');
                        show_node(o);
                }
                if (!batch_note(&b, b.nodes.name[i], rc, o, &f))
                        break;
        }
        return batch_close(&b);
}
