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

static const char *const states[] = { "pending", "enrolled", "released", "failed", "refused", "unreachable", "quarantined",
                                      "revoked" };

enum { OPT_STATE = CLI_LONG, OPT_ADVISORY };

static const struct cli_option list_options[] = {
        { "state", OPT_STATE, "STATE", "only nodes in this state" },
        { "tpm-advisory", OPT_ADVISORY, NULL, "only nodes with a TPM that an advisory names" },
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

/* What a listing is made of: a page of nodes at a time, then forgotten. */
struct listing {
        struct admin *admin;
        const char *state; /* NULL: any */
        bool named;        /* only those whose TPM an advisory names */
        struct table table;
        int64_t now;
};

/* An array of texts as one. */
static const char *joined(struct json_object *a, char *out, size_t n)
{
        size_t len = 0;

        out[0] = '\0';
        for (size_t i = 0; json_object_is_type(a, json_type_array) && i < json_object_array_length(a) && len < n; i++)
                len += (size_t)snprintf(out + len, n - len, "%s%s", i ? ", " : "",
                                        json_object_get_string(json_object_array_get_idx(a, i)));
        return out;
}

/* The ids of the advisories that name a node's TPM; "": none. */
static const char *advisories_text(struct json_object *n, char *out, size_t size)
{
        struct json_object *all = admin_get(admin_get(n, "tpm"), "advisories");
        size_t len = 0;

        out[0] = '\0';
        for (size_t i = 0; json_object_is_type(all, json_type_array) && i < json_object_array_length(all) && len < size; i++)
                len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "",
                                        admin_text(json_object_array_get_idx(all, i), "id"));
        return out;
}

/* What an admin should look at. */
static const char *note_text(struct json_object *n, char *out, size_t size)
{
        char changed[64];
        char ids[80];

        (void)snprintf(out, size, "%s", admin_str(n, "why") ? admin_text(n, "why") : "");
        if (strcmp(admin_text(n, "state"), "unreachable") == 0 && admin_get(n, "step"))
                (void)snprintf(out + strlen(out), size - strlen(out), "%sboot came to: %s%s%s", out[0] ? "; " : "",
                               admin_text(admin_get(n, "step"), "reached"),
                               admin_str(admin_get(n, "step"), "alert") ? ", TLS alert " : "", admin_text(admin_get(n, "step"), "alert"));
        if (joined(admin_get(n, "facts_changed"), changed, sizeof(changed))[0])
                (void)snprintf(out + strlen(out), size - strlen(out), "%sfacts changed: %s", out[0] ? "; " : "", changed);
        if (admin_int(n, "tpm_cleared") > 0)
                (void)snprintf(out + strlen(out), size - strlen(out), "%sTPM was cleared or lost its AK", out[0] ? "; " : "");
        if (admin_bool(admin_get(n, "tpm"), "told"))
                (void)snprintf(out + strlen(out), size - strlen(out), "%sTPM: %s", out[0] ? "; " : "",
                               advisories_text(n, ids, sizeof(ids)));
        return out;
}

static void show_one(struct listing *l, struct json_object *n)
{
        char id[13];
        char ok[TIME_TEXT_MAX];
        char seen[TIME_TEXT_MAX];
        char note[420];

        if (l->named && !*advisories_text(n, note, sizeof(note)))
                return;
        if (cli_json()) {
                cli_list_item(n);
                return;
        }
        (void)snprintf(id, sizeof(id), "%s", admin_text(n, "id"));
        table_row(&l->table, (const char *const[]){ admin_str(n, "name"), id, admin_str(n, "state"), admin_str(n, "reason"),
                                                    admin_str(n, "profile"), admin_str(n, "ek_chain"), admin_str(n, "boot"),
                                                    admin_str(n, "image"), ago_text(admin_int(n, "last_ok"), l->now, ok),
                                                    ago_text(admin_int(n, "last_seen"), l->now, seen),
                                                    note_text(n, note, sizeof(note)) });
}

/* All pages of /v1/nodes. */
static int list_all(struct listing *l, struct fail *f)
{
        char after[256] = "";

        for (;;) {
                _cleanup_(json_putp) struct json_object *o = NULL;
                struct json_object *nodes;
                char target[400];
                int rc;

                (void)snprintf(target, sizeof(target), "/v1/nodes?limit=%d%s%s%s%s", PAGE, l->state ? "&state=" : "",
                               l->state ? l->state : "", *after ? "&after=" : "", after);
                rc = admin_call(l->admin, "GET", target, NULL, &o, f);
                if (rc)
                        return rc;
                nodes = admin_get(o, "nodes");
                if (!json_object_is_type(nodes, json_type_array))
                        return fail_set(f, MUSTER_UNREACHABLE, "", "", "list nodes: musterd's answer has no nodes");
                for (size_t i = 0; i < json_object_array_length(nodes); i++)
                        show_one(l, json_object_array_get_idx(nodes, i));
                if (!cli_json())
                        table_print(&l->table, stdout);
                if (!admin_str(o, "next"))
                        return 0;
                if (admin_target(after, sizeof(after), "", admin_str(o, "next"), "") < 0)
                        return fail_set(f, MUSTER_UNREACHABLE, "", "", "list nodes: musterd's next page has no name");
        }
}

/* Each of the range by itself, so that few among many are found at once. */
static int list_range(struct listing *l, const struct noderange *range, struct fail *f)
{
        int missing = 0;

        for (size_t i = 0; i < range->n; i++) {
                _cleanup_(json_putp) struct json_object *o = NULL;
                struct fail said = { 0 };
                char target[256];
                int rc;

                (void)admin_target(target, sizeof(target), "/v1/nodes/", range->name[i], "?evidence=0");
                rc = admin_call(l->admin, "GET", target, NULL, &o, &said);
                if (rc == MUSTER_UNREACHABLE) {
                        *f = said;
                        return rc;
                }
                /* with --state, a node of the range may just be in another state */
                if (rc == 0 && (!l->state || strcmp(l->state, admin_text(o, "state")) == 0))
                        show_one(l, o);
                if (rc == 0 || l->state)
                        continue;
                missing = rc;
                cli_complain(&said);
        }
        if (!cli_json())
                table_print(&l->table, stdout);
        return missing;
}

static int list(const char *state, bool named, const struct noderange *range)
{
        static const char *const headings[] = { "NAME", "ID",   "STATE", "REASON",   "PROFILE",
                                                "EK",   "BOOT", "IMAGE", "LAST OK", "LAST SEEN", "NOTE", NULL };
        struct listing l = { .state = state, .named = named, .now = (int64_t)time(NULL) };
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        int rc = admin_open(cli_socket(), &a, &f);

        if (rc)
                return cli_fail(rc, &f);
        l.admin = a;
        if (cli_json())
                cli_list_begin("nodes");
        else
                table_begin(&l.table, headings);
        rc = range ? list_range(&l, range, &f) : list_all(&l, &f);
        table_wipe(&l.table);
        if (cli_json())
                return cli_list_end(rc, *f.what ? &f : NULL, NULL, NULL);
        return rc && *f.what ? cli_fail(rc, &f) : rc;
}

int cmd_node_list(int argc, char **argv)
{
        _cleanup_(noderange_wipe) struct noderange range = { 0 };
        const char *state = NULL;
        bool named = false;
        int rc = 0;
        int v;

        while ((v = cli_next(&list_command, argc, argv, &rc)) > 0) {
                if (v == OPT_STATE)
                        state = optarg;
                else
                        named = true;
        }
        if (v < 0)
                return rc;
        rc = cli_count(&list_command, argc, argv, 0, 1);
        if (rc)
                return rc;
        if (state && !known_state(state))
                return cli_usage(&list_command,
                                 "unknown state '%.40s' (pending, enrolled, released, failed, refused, unreachable, quarantined, revoked)",
                                 state);
        if (argc > optind)
                rc = batch_parse(&list_command, argv[optind], &range);
        if (rc)
                return rc;
        return list(state, named, argc > optind ? &range : NULL);
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

/* What the node's TPM held when it attested, which was before it wrote the
 * keys that the answer brought. */
static void show_nv(struct json_object *nv, bool bundle)
{
        if (!json_object_is_type(nv, json_type_object))
                return;
        json_object_object_foreach(nv, purpose, state)
        {
                const char *text = as_text(state);
                char name[32];

                (void)snprintf(name, sizeof(name), "NV index %s:", purpose);
                show_line(name, "%s when it last attested%s", text,
                          bundle && strcmp(text, "absent") == 0 ? ", before its keys were sent to it" : "");
        }
}

static void show_time(struct json_object *n, const char *key, const char *label)
{
        char text[TIME_TEXT_MAX];

        show_line(label, "%s", time_text(admin_int(n, key), text));
}

static void show_tpm(struct json_object *tpm)
{
        struct json_object *all = admin_get(tpm, "advisories");

        if (!tpm)
                return;
        show_line("tpm:", "%s, firmware %s", admin_str(tpm, "maker") ? admin_str(tpm, "maker") : "maker unknown",
                  admin_text(tpm, "firmware"));
        for (size_t i = 0; json_object_is_type(all, json_type_array) && i < json_object_array_length(all); i++) {
                struct json_object *a = json_object_array_get_idx(all, i);

                show_line("tpm advisory:", "%s, fixed from %s; what may fall: %s; %s", admin_text(a, "id"),
                          admin_str(a, "fixed") ? admin_str(a, "fixed") : "unknown", admin_text(a, "falls"), admin_text(a, "source"));
        }
}

static void show_node(struct json_object *n)
{
        char changed[64];
        const char *assigned;

        show_line("name:", "%s", admin_text(n, "name"));
        show_line("id:", "%s", admin_text(n, "id"));
        show_line("state:", "%s%s%s%s", admin_text(n, "state"), admin_str(n, "reason") ? " (" : "",
                  admin_text(n, "reason"), admin_str(n, "reason") ? ")" : "");
        if (admin_str(n, "why"))
                show_line("because:", "%s", admin_text(n, "why"));
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
        if (admin_get(n, "step"))
                show_line("boot came to:", "%s%s%s", admin_text(admin_get(n, "step"), "reached"),
                          admin_str(admin_get(n, "step"), "alert") ? ", TLS alert " : "", admin_text(admin_get(n, "step"), "alert"));
        show_line("last address:", "%s", admin_text(n, "address"));
        show_line("attempt before failed:", "%s", admin_text(n, "former"));
        show_line("attestation key:", "%s", admin_text(n, "ak"));
        show_line("reset count:", "%s", as_text(admin_get(n, "reset_count")));
        show_tpm(admin_get(n, "tpm"));
        show_line("keys:", "%s", admin_bool(n, "bundle") ? "made, sealed to this node's TPM" : "none yet");
        show_line("ssh host key:", "%s", admin_text(n, "ssh_host_key"));
        show_time(n, "ssh_expires", "ssh certificate until:");
        show_time(n, "tls_expires", "tls certificate until:");
        show_time(n, "tpm_cleared", "new attestation key:");
        show_members(admin_get(n, "facts"), "fact ");
        if (joined(admin_get(n, "facts_changed"), changed, sizeof(changed))[0]) {
                show_line("facts changed:", "%s; not accepted yet (muster node approve)", changed);
                show_members(admin_get(n, "facts_before"), "fact before ");
        }
        show_members(admin_get(n, "evidence"), "evidence ");
        show_nv(admin_get(admin_get(n, "evidence"), "nv"), admin_bool(n, "bundle"));
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
