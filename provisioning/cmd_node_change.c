/* SPDX-License-Identifier: Apache-2.0 */
/* node approve, revoke, quarantine, remove, assign */
#include "batch.h"
#include "commands.h"

#include <getopt.h>

enum { OPT_NAME = CLI_LONG, OPT_WITHOUT, OPT_LEARN, OPT_NO_LEARN, OPT_EVIDENCE, OPT_REASON, OPT_BOOT, OPT_IMAGE, OPT_DEF_BOOT, OPT_DEF_IMAGE };

static const struct cli_option approve_options[] = {
        { "name", OPT_NAME, "NAMES", "what the nodes are called from now on, as many as NODES" },
        { "without-ek-certificate", OPT_WITHOUT, NULL, "accept it without a certificate of a known TPM maker" },
        { "learn", OPT_LEARN, NULL, "take the firmware of a model's first node as its profile (the default)" },
        { "no-learn", OPT_NO_LEARN, NULL, "refuse a model's first node instead" },
        { "evidence", OPT_EVIDENCE, "DIGEST", "only if this is its evidence, as 'node show' told it" },
        { 0 },
};
static const struct cli_option reason_options[] = {
        { "reason", OPT_REASON, "TEXT", "why, for the journal" },
        { 0 },
};
static const struct cli_option assign_options[] = {
        { "boot", OPT_BOOT, "NAME", "boot this entry" },
        { "image", OPT_IMAGE, "NAME", "run this image" },
        { "default-boot", OPT_DEF_BOOT, NULL, "follow the default boot entry again" },
        { "default-image", OPT_DEF_IMAGE, NULL, "follow the default image again" },
        { 0 },
};
static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command approve_command = { "node approve", "NODES", "Enrols pending nodes",
                                                    approve_options };
static const struct cli_command revoke_command = { "node revoke", "NODES", "Refuses nodes from now on",
                                                   reason_options };
static const struct cli_command quarantine_command = { "node quarantine", "NODES",
                                                       "Refuses nodes until they are approved again", reason_options };
static const struct cli_command remove_command = { "node remove", "NODES", "Forgets nodes and their sealed keys",
                                                   no_options };
static const struct cli_command rename_command = { "node rename", "OLD NEW", "Gives a node another name", no_options };
static const struct cli_command assign_command = { "node assign", "NODES",
                                                   "Chooses what nodes boot, from their next boot on", assign_options };

/* One request for each node, with the same body but for "name" when names
 * are given; said() prints a node's line for people. */
struct job {
        const char *method;
        const char *verb; /* "/approve"; "" for DELETE */
        struct json_object *body;
        const struct noderange *names;
        bool as_seen; /* "evidence" is what the node's document says now */
        void (*said)(const char *node, struct json_object *answer);
};

/* So that what is approved is what was looked at, not what came since. */
static int add_evidence(struct batch *b, const char *node, struct json_object *body, struct fail *f)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        char target[256];
        const char *digest;
        int rc;

        (void)admin_target(target, sizeof(target), "/v1/nodes/", node, "");
        rc = admin_call(b->admin, "GET", target, NULL, &o, f);
        if (rc)
                return rc;
        json_object_object_del(body, "evidence");
        digest = admin_str(admin_get(o, "evidence"), "digest");
        if (digest)
                json_object_object_add(body, "evidence", json_object_new_string(digest));
        return 0;
}

static int run_job(struct batch *b, const struct job *j)
{
        for (size_t i = 0; i < b->nodes.n; i++) {
                const char *node = b->nodes.name[i];
                struct json_object *o = NULL;
                struct fail f = { 0 };
                char target[256];
                int rc;

                if (j->names)
                        json_object_object_add(j->body, "name", json_object_new_string(j->names->name[i]));
                rc = j->as_seen ? add_evidence(b, node, j->body, &f) : 0;
                (void)admin_target(target, sizeof(target), "/v1/nodes/", node, j->verb);
                if (rc == 0)
                        rc = admin_call(b->admin, j->method, target, j->body ? json_object_to_json_string(j->body) : NULL,
                                        &o, &f);
                if (rc == 0)
                        j->said(node, o);
                if (!batch_note(b, node, rc, o, &f))
                        break;
        }
        return batch_close(b);
}

static const char *called(const char *node, struct json_object *o)
{
        const char *name = admin_str(o, "name");

        return name && *name ? name : node;
}

static void said_state(const char *node, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: %s", called(node, o), admin_text(o, "state"));
}

static void said_approved(const char *node, struct json_object *o)
{
        const char *learned = admin_str(o, "learned");

        said_state(node, o);
        if (learned)
                cli_say("%s is the first node of its model: its firmware is now the profile '%s', which later nodes of "
                        "the model must match",
                        called(node, o), learned);
}

static void said_removed(const char *node, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: removed (%s)", node, admin_text(o, "removed"));
}

static void said_assigned(const char *node, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: boot %s%s, image %s%s", called(node, o), admin_text(o, "boot"),
                        admin_str(o, "assigned_boot") ? "" : " (the default)", admin_text(o, "image"),
                        admin_str(o, "assigned_image") ? "" : " (the default)");
}

int cmd_node_approve(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(noderange_wipe) struct noderange names = { 0 };
        _cleanup_(batch_wipe) struct batch b = { 0 };
        bool learn = true;
        bool seen = false;
        int rc = 0;
        int v;

        while ((v = cli_next(&approve_command, argc, argv, &rc)) > 0) {
                if (v == OPT_NAME) {
                        noderange_wipe(&names);
                        rc = batch_parse(&approve_command, optarg, &names);
                        if (rc)
                                return rc;
                } else if (v == OPT_WITHOUT) {
                        json_object_object_add(body, "without_ek_certificate", json_object_new_boolean(1));
                } else if (v == OPT_EVIDENCE) {
                        json_object_object_add(body, "evidence", json_object_new_string(optarg));
                        seen = true;
                } else {
                        learn = v == OPT_LEARN;
                }
        }
        if (v < 0)
                return rc;
        rc = cli_count(&approve_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_open(&b, &approve_command, argv[optind]);
        if (rc)
                return rc;
        if (names.n && names.n != b.nodes.n)
                return cli_usage(&approve_command, "%zu nodes, but %zu names", b.nodes.n, names.n);
        if (seen && b.nodes.n != 1)
                return cli_usage(&approve_command, "--evidence is of one node, not of %zu", b.nodes.n);
        json_object_object_add(body, "learn", json_object_new_boolean(learn));
        return run_job(&b, &(struct job){ "POST", "/approve", body, names.n ? &names : NULL, !seen, said_approved });
}

static int with_reason(const struct cli_command *c, const char *verb, int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(c, argc, argv, &rc)) > 0)
                json_object_object_add(body, "reason", json_object_new_string(optarg));
        if (v < 0)
                return rc;
        rc = cli_count(c, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_open(&b, c, argv[optind]);
        return rc ? rc : run_job(&b, &(struct job){ "POST", verb, body, NULL, false, said_state });
}

int cmd_node_revoke(int argc, char **argv)
{
        return with_reason(&revoke_command, "/revoke", argc, argv);
}

int cmd_node_quarantine(int argc, char **argv)
{
        return with_reason(&quarantine_command, "/quarantine", argc, argv);
}

static void said_renamed(const char *node, struct json_object *o)
{
        if (!cli_json())
                cli_say("%s: renamed to %s; a node that runs keeps its certificates for %s until its next boot", node, called(node, o), node);
}

int cmd_node_rename(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;

        if (cli_next(&rename_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&rename_command, argc, argv, 2, 2);
        if (rc == 0)
                rc = batch_open(&b, &rename_command, argv[optind]);
        if (rc == 0 && b.nodes.n != 1)
                rc = cli_usage(&rename_command, "one node at a time, not %zu", b.nodes.n);
        if (rc)
                return rc;
        json_object_object_add(body, "name", json_object_new_string(argv[optind + 1]));
        return run_job(&b, &(struct job){ "POST", "/rename", body, NULL, false, said_renamed });
}

int cmd_node_remove(int argc, char **argv)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;

        if (cli_next(&remove_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&remove_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_open(&b, &remove_command, argv[optind]);
        return rc ? rc : run_job(&b, &(struct job){ "DELETE", "", NULL, NULL, false, said_removed });
}

int cmd_node_assign(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *body = json_object_new_object();
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;
        int v;

        while ((v = cli_next(&assign_command, argc, argv, &rc)) > 0) {
                bool boot = v == OPT_BOOT || v == OPT_DEF_BOOT;
                bool def = v == OPT_DEF_BOOT || v == OPT_DEF_IMAGE;

                if (json_object_object_get_ex(body, boot ? "boot" : "image", NULL))
                        return cli_usage(&assign_command, "the %s is given twice", boot ? "boot entry" : "image");
                json_object_object_add(body, boot ? "boot" : "image", def ? NULL : json_object_new_string(optarg));
        }
        if (v < 0)
                return rc;
        rc = cli_count(&assign_command, argc, argv, 1, 1);
        if (rc == 0 && json_object_object_length(body) == 0)
                rc = cli_usage(&assign_command, "nothing to assign: give --boot, --image, --default-boot or --default-image");
        if (rc == 0)
                rc = batch_open(&b, &assign_command, argv[optind]);
        return rc ? rc : run_job(&b, &(struct job){ "POST", "/assign", body, NULL, false, said_assigned });
}
