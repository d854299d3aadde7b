/* SPDX-License-Identifier: Apache-2.0 */
/* policy learn, promote and show: firmware profiles */
#include "batch.h"
#include "commands.h"
#include "table.h"

#include <getopt.h>

static const struct cli_option no_options[] = { { 0 } };

static const struct cli_command learn_command = {
        "policy learn", "NODES", "Proposes the firmware that nodes last booted with as their models' profile",
        no_options,
};
static const struct cli_command promote_command = {
        "policy promote", "PROFILE", "Makes a proposed profile the current one; the former one stays acceptable",
        no_options,
};
static const struct cli_command show_command = { "policy show", "[PROFILE]", "Shows firmware profiles", no_options };

static const char *const slots[] = { "current", "previous", "proposed" };

/* How many digests stand behind PCR 4's separator: applications that the firmware starts by itself. */
static size_t own_applications(struct json_object *profile)
{
        struct json_object *steps = admin_get(profile, "pcr4");
        bool after = false;
        size_t n = 0;

        for (size_t i = 0; json_object_is_type(steps, json_type_array) && i < json_object_array_length(steps); i++) {
                const char *step = json_object_get_string(json_object_array_get_idx(steps, i));

                n += after && step && step[0] != '@';
                after = after || (step && strcmp(step, "separator") == 0);
        }
        return n;
}

static void say_learnt(const char *node, struct json_object *o)
{
        size_t own = own_applications(admin_get(o, "proposed"));

        cli_say("%s: its firmware is now proposed as profile '%s'. Next: muster policy promote '%s'", node, admin_text(o, "name"),
                admin_text(o, "name"));
        if (own > 0)
                fprintf(stderr, "muster: warning: %s: %zu application%s, which this parent does not serve, ran before iPXE; by its log "
                        "out of the firmware itself, as some makers' theft agents do. Next: compare pcr4 in muster policy show '%s' with "
                        "another machine of this model before you promote it\n", node, own, own == 1 ? "" : "s", admin_text(o, "name"));
}

int cmd_policy_learn(int argc, char **argv)
{
        _cleanup_(batch_wipe) struct batch b = { 0 };
        int rc = 0;

        if (cli_next(&learn_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&learn_command, argc, argv, 1, 1);
        if (rc == 0)
                rc = batch_open(&b, &learn_command, argv[optind]);
        if (rc)
                return rc;
        for (size_t i = 0; i < b.nodes.n; i++) {
                _cleanup_(json_putp) struct json_object *body = json_object_new_object();
                struct json_object *o = NULL;
                struct fail f = { 0 };

                json_object_object_add(body, "node", json_object_new_string(b.nodes.name[i]));
                rc = admin_call(b.admin, "POST", "/v1/profiles/learn", json_object_to_json_string(body), &o, &f);
                if (rc == 0 && !cli_json())
                        say_learnt(b.nodes.name[i], o);
                if (!batch_note(&b, b.nodes.name[i], rc, o, &f))
                        break;
        }
        return batch_close(&b);
}

int cmd_policy_promote(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct fail f = { 0 };
        char target[1024];
        int rc = 0;

        if (cli_next(&promote_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&promote_command, argc, argv, 1, 1);
        if (rc)
                return rc;
        if (!*argv[optind] || admin_target(target, sizeof(target), "/v1/profiles/", argv[optind], "/promote") < 0)
                return cli_usage(&promote_command, "'%.100s' is no profile's name", argv[optind]);
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "POST", target, NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        if (cli_json())
                return cli_print_json(o);
        cli_say("%s: the proposed profile is now current; nodes may match it or the one before", argv[optind]);
        return MUSTER_OK;
}

/* A profile slot in one cell: its firmware's version, or that there is one. */
static const char *slot_text(struct json_object *profile, const char *slot)
{
        struct json_object *s = admin_get(profile, slot);

        if (!s)
                return "";
        return admin_str(s, "firmware") && *admin_str(s, "firmware") ? admin_str(s, "firmware") : "yes";
}

static void print_profiles(struct json_object *profiles)
{
        static const char *const headings[] = { "PROFILE", "CURRENT", "PREVIOUS", "PROPOSED", NULL };
        _cleanup_(table_wipe) struct table t = { 0 };

        table_begin(&t, headings);
        for (size_t i = 0; i < json_object_array_length(profiles); i++) {
                struct json_object *p = json_object_array_get_idx(profiles, i);

                table_row(&t, (const char *const[]){ admin_str(p, "name"), slot_text(p, slots[0]),
                                                     slot_text(p, slots[1]), slot_text(p, slots[2]) });
        }
        table_print(&t, stdout);
}

static const char *plain(struct json_object *v)
{
        if (json_object_is_type(v, json_type_string))
                return json_object_get_string(v);
        return json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

/* Members of objects and elements of arrays on lines of their own. */
static void print_member(const char *label, struct json_object *v)
{
        char name[160];

        if (json_object_is_type(v, json_type_object)) {
                json_object_object_foreach(v, key, inner)
                {
                        (void)snprintf(name, sizeof(name), "%s %s", label, key);
                        print_member(name, inner);
                }
        } else if (json_object_is_type(v, json_type_array)) {
                for (size_t i = 0; i < json_object_array_length(v); i++) {
                        (void)snprintf(name, sizeof(name), "%s %zu", label, i + 1);
                        print_member(name, json_object_array_get_idx(v, i));
                }
        } else if (v) {
                (void)snprintf(name, sizeof(name), "%s:", label);
                show_line(name, "%s", plain(v));
        }
}

static struct json_object *find_profile(struct json_object *profiles, const char *name)
{
        for (size_t i = 0; i < json_object_array_length(profiles); i++) {
                struct json_object *p = json_object_array_get_idx(profiles, i);

                if (strcmp(admin_text(p, "name"), name) == 0)
                        return p;
        }
        return NULL;
}

static int show_one(struct json_object *profiles, const char *name)
{
        struct json_object *p = find_profile(profiles, name);
        struct fail f = { 0 };

        if (!p) {
                fail_set(&f, 0, "", "muster policy show", "show the firmware profile '%s': there is no such profile", name);
                return cli_fail(MUSTER_NO, &f);
        }
        if (cli_json())
                return cli_print_json(p);
        show_line("name:", "%s", admin_text(p, "name"));
        for (size_t i = 0; i < ELEMENTSOF(slots); i++)
                print_member(slots[i], admin_get(p, slots[i]));
        return MUSTER_OK;
}

int cmd_policy_show(int argc, char **argv)
{
        _cleanup_(json_putp) struct json_object *o = NULL;
        _cleanup_(admin_freep) struct admin *a = NULL;
        struct json_object *profiles;
        struct fail f = { 0 };
        int rc = 0;

        if (cli_next(&show_command, argc, argv, &rc) < 0)
                return rc;
        rc = cli_count(&show_command, argc, argv, 0, 1);
        if (rc)
                return rc;
        rc = admin_open(cli_socket(), &a, &f);
        if (rc == 0)
                rc = admin_call(a, "GET", "/v1/profiles", NULL, &o, &f);
        if (rc)
                return cli_fail(rc, &f);
        profiles = admin_get(o, "profiles");
        if (json_object_is_type(profiles, json_type_array) && argc > optind)
                return show_one(profiles, argv[optind]);
        if (cli_json())
                return cli_print_json(o);
        if (json_object_is_type(profiles, json_type_array))
                print_profiles(profiles);
        return MUSTER_OK;
}
